"""Runs one pod: carries out what the lifecycle plans, on this machine, until nothing of the pod runs any more."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

from footplate.errors import FootplateError
from footplate_local.node import lifecycle, volumes
from footplate_local.node.downward import ConfigError, Place
from footplate_local.node.environment import Objects, Reference, references
from footplate_local.node.folders import NodeHome, PodFolder, PodRecord
from footplate_local.node.images import Image, ImageError, resolve
from footplate_local.node.launch import CommandError, Setting, kinds, process_spec, share_gpus
from footplate_local.node.lifecycle import Kind, RestartPolicy
from footplate_local.node.machine import Machine
from footplate_local.node.slot import Backoff, Slot, StartShim
from footplate_local.node.status import Detail, Observed, Verdict, Waiting
from footplate_local.node.volumes import VolumeError, make_volumes

log = logging.getLogger(__name__)

Json = dict[str, Any]
DEFAULT_GRACE = 30


@dataclass(frozen=True, slots=True)
class Timing:
    """The node's waits, in seconds. ``retry``: until something missing (a ConfigMap, an image) is looked for again."""

    backoff: Backoff = field(default_factory=Backoff)
    minimum_grace: float = 2.0  # kubelet: minimumGracePeriodInSeconds
    retry: float = 1.0
    retry_maximum: float = 10.0


@dataclass(frozen=True, slots=True)
class Hooks:
    """What a runner needs from outside.

    ``objects`` reads ConfigMaps and Secrets of a namespace (raises FootplateError while the API server is away);
    ``start`` starts the shim of a run (``Shims.start``); ``changed`` hears that the status is another; ``warn``
    records an event on the pod (reason, sentence).
    """

    objects: Callable[[str, set[Reference]], Awaitable[Objects]]
    start: StartShim
    changed: Callable[[], None]
    warn: Callable[[str, str], None]


class PodRunner:
    """The containers of one pod. ``run`` does everything; ``stop`` and ``update`` tell it of what happens outside."""

    def __init__(
        self,
        record: PodRecord,
        home: NodeHome,
        machine: Machine,
        timing: Timing,
        hooks: Hooks,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.record = record
        self.folder: PodFolder = home.pod(record.pod["metadata"]["uid"])
        self.finished = False
        self._home = home
        self._machine = machine
        self._timing = timing
        self._hooks = hooks
        self._now = now
        self._wake = asyncio.Event()
        self._slots = {
            container["name"]: Slot(container, kind, self.folder, timing.backoff, hooks.start, self._wake.set)
            for container, kind in kinds(record.pod)
        }
        self._gpus = share_gpus(record.pod, record.gpus)
        self._warned: set[str] = set()
        self._shown: Observed | None = None

    @property
    def pod(self) -> Json:
        return self.record.pod

    def update(self, pod: Json) -> None:
        """The pod's object has changed (labels, annotations); what runs is not touched."""
        self.record = self.record.with_pod(pod)

    def stop(self, by: float, verdict: Verdict | None = None) -> None:
        """Stops the pod within its grace period, which ends at BY (unix seconds); an earlier end stays."""
        if self.record.stop_by is not None and self.record.stop_by <= by:
            return
        self.record = replace(self.record, stop_by=by, verdict=verdict or self.record.verdict)
        if self.folder.path.exists():
            self.record.save(self.folder)
        self._wake.set()

    async def run(self) -> None:
        """Until the pod has ended. Cancelled, it leaves the containers running for the next node to adopt."""
        try:
            for slot in self._slots.values():
                await slot.adopt(self._now)
            while not await self._step():
                pass
        finally:
            for slot in self._slots.values():
                slot.release()

    async def _step(self) -> bool:
        """Does what is due and waits for what comes next; True at the pod's end."""
        self._wake.clear()
        for slot in self._slots.values():
            await slot.collect(self._now, self.pod)
        now = self._now()
        expires = self._expires()
        if expires is not None and now >= expires:
            message = "Pod was active on the node longer than the specified deadline"
            self.stop(now + self._grace(), Verdict("DeadlineExceeded", message))
            expires = None
        plan = lifecycle.plan(self.snapshot(), now)
        self.finished = plan.finished
        for name in plan.terminate:
            self._slots[name].terminate(now)
        for name in plan.kill:
            self._slots[name].kill()
        if plan.start is not None:
            await self._start(self._slots[plan.start])
            if lifecycle.plan(self.snapshot(), self._now()).start is not None:
                return False  # the next one starts at once: one write of the status tells of both
        self._shown = self._observe()
        self._hooks.changed()
        if plan.finished or plan.start is not None:
            return plan.finished
        moments = [moment for moment in (plan.wake_at, expires) if moment is not None]
        timeout = max(0.0, min(moments) - self._now()) if moments else None
        try:
            await asyncio.wait_for(self._wake.wait(), timeout)
        except TimeoutError:
            pass
        return False

    def snapshot(self) -> lifecycle.Pod:
        return lifecycle.Pod(
            containers=tuple(slot.container() for slot in self._slots.values()),
            restart_policy=RestartPolicy(self.pod["spec"].get("restartPolicy", "Always")),
            grace=self._grace(),
            minimum_grace=self._timing.minimum_grace,
            stop_by=self.record.stop_by,
        )

    def observed(self) -> Observed:
        """All that the pod's status is made of, as it was at the last ``changed``: never between two starts."""
        return self._shown or self._observe()

    def _observe(self) -> Observed:
        pod = self.snapshot()
        ending = pod.stop_by is not None or pod.settled_at is not None
        return Observed(
            pod=pod,
            details={name: self._detail(slot, pod, ending) for name, slot in self._slots.items()},
            pod_ip=self.record.ip,
            host_ip=self._machine.host_ip,
            start_time=self.record.start_time,
            finished=self.finished,
            verdict=self.record.verdict,
        )

    def latest_run(self, container: str) -> int | None:
        """The number of the container's latest run, for its log; None before the first, or for an unknown name."""
        slot = self._slots.get(container)
        return None if slot is None else slot.latest_run

    def is_running(self, container: str, number: int) -> bool:
        """Whether the container's log of that run may still grow."""
        slot = self._slots[container]
        return slot.latest_run == number and slot.container().running

    def waiting_reason(self, container: str) -> str:
        slot = self._slots.get(container)
        if slot is None:
            return "there is no such container"
        return slot.waiting.reason if slot.waiting is not None else "PodInitializing"

    def _detail(self, slot: Slot, pod: lifecycle.Pod, ending: bool) -> Detail:
        """A container that ended for good waits for nothing."""
        detail = slot.detail(self.folder.uid)
        ended = slot.container().ended
        if ended is None or detail.waiting is None:
            return detail
        again = slot.kind is Kind.SIDECAR or (pod.restarts(ended) if slot.kind is Kind.MAIN else ended.exit_code != 0)
        return detail if again and not ending else replace(detail, waiting=None)

    def _grace(self) -> float:
        grace = self.pod["spec"].get("terminationGracePeriodSeconds")
        return float(DEFAULT_GRACE if grace is None else grace)

    def _expires(self) -> float | None:
        """When activeDeadlineSeconds is over, while that still matters."""
        seconds = self.pod["spec"].get("activeDeadlineSeconds")
        if seconds is None or self.record.stop_by is not None or self.snapshot().settled_at is not None:
            return None
        return self.record.start_time + float(seconds)

    async def _start(self, slot: Slot) -> None:
        try:
            image = resolve(slot.spec["image"], self._home.environments)
            slot.image_id = image.id
            self._warn_of(image, slot)
            run = slot.next_run()
            spec = process_spec(slot.spec, run, await self._setting(slot, image))
            await slot.start(run, spec, self._now)
        except ImageError as error:
            again = error.reason == "ErrImagePull" and slot.refusals > 0
            self._refuse(slot, "ImagePullBackOff" if again else error.reason, error.message, "Failed")
        except VolumeError as error:
            self._refuse(slot, "ContainerCreating", str(error), "FailedMount")
        except ConfigError as error:
            self._refuse(slot, "CreateContainerConfigError", str(error), "Failed")
        except (CommandError, ValueError) as error:
            self._refuse(slot, "CreateContainerError", str(error), "Failed")
        except (OSError, TimeoutError) as error:
            log.exception("container %s of pod %s could not be started", slot.name, self._name)
            self._refuse(slot, "RunContainerError", f"the process could not be started: {error}", "Failed")
        except FootplateError as error:  # the API server is away
            log.warning("container %s of pod %s has to wait: %s", slot.name, self._name, error)
            slot.refuse(Waiting("ContainerCreating", str(error)), self._now() + self._timing.retry)

    async def _setting(self, slot: Slot, image: Image) -> Setting:
        wanted = references(slot.spec)
        named = {volume["name"] for volume in self.pod["spec"].get("volumes") or []}
        if not all((self.folder.volumes / name).exists() for name in named):
            wanted |= volumes.references(self.pod)
        objects = await self._hooks.objects(self.pod["metadata"]["namespace"], wanted) if wanted else {}
        place = Place(self.record.ip, self._machine.host_ip, self._machine.name, self._machine.allocatable)
        return Setting(
            pod=self.pod,
            place=place,
            home=self._home,
            folder=self.folder,
            volumes=make_volumes(self.pod, place, objects, self.folder.volumes),
            objects=objects,
            machine=self._machine.environ,
            image=image,
            gpus=self._gpus[slot.name],
        )

    def _refuse(self, slot: Slot, reason: str, message: str, event: str) -> None:
        delay = min(self._timing.retry_maximum, self._timing.retry * 2 ** min(slot.refusals, 16))
        slot.refuse(Waiting(reason, message), self._now() + delay)
        self._warn(event, message)

    def _warn_of(self, image: Image, slot: Slot) -> None:
        if image.on_host:
            name = slot.spec["image"]
            self._warn(
                "ImageNotPulled",
                f"image {name} is not pulled by the embedded cluster: the command runs on this machine",
            )

    def _warn(self, reason: str, message: str) -> None:
        """Each sentence once."""
        if message not in self._warned:
            self._warned.add(message)
            self._hooks.warn(reason, message)

    @property
    def _name(self) -> str:
        return f"{self.pod['metadata']['namespace']}/{self.pod['metadata']['name']}"

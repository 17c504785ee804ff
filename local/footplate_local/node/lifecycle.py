"""What the kubelet does next with a pod: a pure function of what is known of its containers.

The rules, in their order (Kubernetes documentation, "Pod Lifecycle", "Init Containers", "Sidecar Containers"; seen on
a kubelet of 1.34):

1. A pod that is being stopped (deleted, past its deadline): the init and main containers that run get SIGTERM; when
   they have ended the sidecars get it, the last first, each after the one behind it has ended. What still runs at the
   end of the grace period is killed, but nobody gets less than the minimum grace after his SIGTERM.
2. An init container that failed for good (restartPolicy Never), or main containers that have all ended for good: the
   sidecars are stopped the same way, with the pod's whole grace period from that moment.
3. Otherwise init containers start in their order, each when the one before has succeeded or, a sidecar, runs; then
   all main containers. What ended and may be restarted starts again when its back-off is over.

A node that was restarted finds the same answer from the same facts, so nothing here is remembered.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    INIT = "init"
    SIDECAR = "sidecar"
    MAIN = "main"


class RestartPolicy(Enum):
    ALWAYS = "Always"
    ON_FAILURE = "OnFailure"
    NEVER = "Never"


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended. Times in unix seconds; ``started_at`` is None when it could not be started."""

    exit_code: int
    finished_at: float
    reason: str
    message: str = ""
    started_at: float | None = None


@dataclass(frozen=True, slots=True)
class Container:
    """What is known of a container now.

    ``ended`` is the end of its latest run, when it does not run. ``not_before``: it may not start earlier (back-off).
    ``asked_at``: when its running process got SIGTERM. ``killed``: it got SIGKILL, its end is about to be seen.
    """

    name: str
    kind: Kind
    running: bool = False
    ended: Ended | None = None
    not_before: float = 0.0
    asked_at: float | None = None
    killed: bool = False

    @property
    def has_run(self) -> bool:
        return self.running or self.ended is not None


@dataclass(frozen=True, slots=True)
class Pod:
    """Containers in the order of the spec, init containers first. ``stop_by``: the pod is being stopped, until then."""

    containers: tuple[Container, ...]
    restart_policy: RestartPolicy
    grace: float  # terminationGracePeriodSeconds
    minimum_grace: float = 2.0  # kubelet: minimumGracePeriodInSeconds
    stop_by: float | None = None

    def of(self, *kinds: Kind) -> tuple[Container, ...]:
        return tuple(container for container in self.containers if container.kind in kinds)

    @property
    def mains(self) -> tuple[Container, ...]:
        return self.of(Kind.MAIN)

    @property
    def initialized(self) -> bool:
        """All init containers have done their part once; a sidecar that is restarted later does not undo that."""
        if any(main.has_run for main in self.mains):
            return True
        return all(
            container.running
            if container.kind is Kind.SIDECAR
            else container.ended is not None and container.ended.exit_code == 0
            for container in self.of(Kind.INIT, Kind.SIDECAR)
        )

    @property
    def settled_at(self) -> float | None:
        """When it was decided how the pod ends, if it was: the last end of a main container, or of a failed init."""
        for container in self.of(Kind.INIT):
            failed = container.ended is not None and container.ended.exit_code != 0
            if failed and self.restart_policy is RestartPolicy.NEVER and not any(m.has_run for m in self.mains):
                assert container.ended is not None
                return container.ended.finished_at
        last = 0.0
        for main in self.mains:
            if main.ended is None or self.restarts(main.ended):
                return None
            last = max(last, main.ended.finished_at)
        return last

    def restarts(self, ended: Ended) -> bool:
        """Whether a main container that ended so is started again."""
        if self.restart_policy is RestartPolicy.ON_FAILURE:
            return ended.exit_code != 0
        return self.restart_policy is RestartPolicy.ALWAYS


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do now, and at which time (unix seconds) to ask again if nothing happens before."""

    start: str | None = None
    terminate: tuple[str, ...] = ()
    kill: tuple[str, ...] = ()
    wake_at: float | None = None
    finished: bool = False


def plan(pod: Pod, now: float) -> Plan:
    """The next step; ``finished`` when nothing runs and nothing will. One container is started at a time."""
    if pod.stop_by is not None:
        return _stop(pod, pod.stop_by, now)
    settled_at = pod.settled_at
    if settled_at is not None:
        return _stop(pod, settled_at + pod.grace, now)
    wake_at = math.inf
    for container in _due(pod):
        if now >= container.not_before:
            return Plan(start=container.name)
        wake_at = min(wake_at, container.not_before)
    return Plan(wake_at=None if wake_at == math.inf else wake_at)


def _due(pod: Pod) -> Iterator[Container]:
    """The containers that should run but do not, in the order in which they may start."""
    initialized = pod.initialized
    for container in pod.of(Kind.INIT, Kind.SIDECAR):
        if container.kind is Kind.SIDECAR:
            if not container.running:
                yield container
                if not initialized:
                    return
        elif not initialized and (container.ended is None or container.ended.exit_code != 0):
            if not container.running:
                yield container
            return
    for main in pod.mains:
        if not main.running and (main.ended is None or pod.restarts(main.ended)):
            yield main


def _stop(pod: Pod, deadline: float, now: float) -> Plan:
    running = [container for container in pod.containers if container.running]
    if not running:
        return Plan(finished=True)
    others = [container for container in running if container.kind is not Kind.SIDECAR]
    # Sidecars wait for the others, then end from the back; out of time, all that are left at once.
    stage = others or (running[-1:] if now < deadline else running)
    terminate, kill = [], []
    wake_at = deadline if now < deadline else math.inf
    for container in stage:
        if container.asked_at is None:
            terminate.append(container.name)
            wake_at = min(wake_at, max(deadline, now + pod.minimum_grace))
        elif not container.killed:
            kill_at = max(deadline, container.asked_at + pod.minimum_grace)
            if now >= kill_at:
                kill.append(container.name)
            else:
                wake_at = min(wake_at, kill_at)
    return Plan(terminate=tuple(terminate), kill=tuple(kill), wake_at=None if wake_at == math.inf else wake_at)

"""The node: binds the pods that fit, runs those that are bound to it, and keeps its objects true.

A watch brings changes at once; a sweep lists everything again every few seconds, so that nothing that a watch may
miss (a deletion while the API server was away) is missed for long. Everything can be derived again from the API
server and the pods' folders: the node keeps nothing else.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import time
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

from aiohttp import web

from footplate.engine.clock import SystemClock
from footplate.errors import ApiError
from footplate.events import warning
from footplate.kube.client import KubeClient
from footplate.kube.events import Recorder
from footplate.kube.resources import CONFIG_MAPS, PODS, SECRETS, Resource
from footplate_local.node import scheduler, server
from footplate_local.node.environment import Objects, Reference
from footplate_local.node.folders import NodeHome, PodRecord, recorded_pods
from footplate_local.node.machine import Machine
from footplate_local.node.network import Addresses, hosts_text, write_hosts
from footplate_local.node.registration import heartbeat, labels_of
from footplate_local.node.resources import GPU, pod_requests
from footplate_local.node.runner import DEFAULT_GRACE, Hooks, PodRunner, Timing
from footplate_local.node.shims import Shims
from footplate_local.node.status import Verdict, merge_conditions
from footplate_local.node.worker import TERMINAL, PodWorker

log = logging.getLogger(__name__)

Json = dict[str, Any]
HEARTBEAT_SECONDS = 10.0
SWEEP_SECONDS = 10.0
RETRY_SECONDS = 0.5
CRASH_SECONDS = 5.0
HOSTS_SECONDS = 0.02
FORGOTTEN = 2000  # uids of removed pods that are remembered, so that an old answer does not start them again


class Node:
    def __init__(self, home: NodeHome, client: KubeClient, machine: Machine, timing: Timing | None = None) -> None:
        self.machine = machine
        self.port = 0  # of the HTTP server, once it listens
        self._home = home
        self._client = client
        self._timing = timing or Timing()
        self._recorder = Recorder(client, clock=SystemClock(), component="footplate-node", instance=machine.name)
        self._shims = Shims()
        self._addresses = Addresses(home.path)
        self._workers: dict[str, PodWorker] = {}
        self._records: dict[str, PodRecord] = {}  # of pods that an earlier node ran, until they are adopted
        self._pending: dict[str, Json] = {}
        self._removed: dict[str, None] = {}
        self._labels: dict[str, str] = {}
        self._cordoned = False
        self._schedule_now = asyncio.Event()
        self._hosts_write: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Until cancelled; the containers then run on."""
        runner = web.AppRunner(server.application(self._find), access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        site = web.TCPSite(runner, self.machine.host_ip, 0)
        await site.start()
        self.port = runner.addresses[0][1]
        self._load_records()
        self._write_hosts()
        try:
            await self._beat_once()
            await self._first_listing()
            async with asyncio.TaskGroup() as group:
                group.create_task(self._watch())
                group.create_task(self._sweep())
                group.create_task(self._beat())
                group.create_task(self._schedule())
                group.create_task(self._recorder.run())
        finally:
            if self._hosts_write is not None:
                self._hosts_write.cancel()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await runner.cleanup()
            await self._shims.close()

    # What the API server says

    async def _first_listing(self) -> None:
        while True:
            try:
                await self._list_once()
                break
            except ApiError as error:
                log.warning("the pods could not be listed: %s", error)
                await asyncio.sleep(RETRY_SECONDS)
        for uid, record in list(self._records.items()):  # deleted while no node ran
            log.info("pod %s is gone: its containers are ended", _name(record.pod))
            self._start_worker(record)
            grace = record.pod["spec"].get("terminationGracePeriodSeconds")
            self._workers[uid].vanish(DEFAULT_GRACE if grace is None else grace)
        self._records.clear()

    async def _watch(self) -> None:
        while True:
            try:
                async for event in self._client.watch(PODS):
                    if event["type"] == "DELETED":
                        self._vanished(event["object"])
                    else:
                        self._saw(event["object"])
            except ApiError as error:
                log.warning("the watch of pods has ended: %s", error)
            await asyncio.sleep(RETRY_SECONDS)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            try:
                await self._list_once()
            except ApiError as error:
                log.warning("the pods could not be listed: %s", error)
            self._schedule_now.set()

    async def _list_once(self) -> None:
        before = set(self._workers) | set(self._pending)
        listed = {pod["metadata"]["uid"]: pod for pod in await self._client.list(PODS)}
        for pod in listed.values():
            self._saw(pod)
        for uid in before - set(listed):
            self._pending.pop(uid, None)
            if uid in self._workers:
                self._vanished(self._workers[uid].pod)

    def _saw(self, pod: Json) -> None:
        uid = pod["metadata"]["uid"]
        if uid in self._removed:
            return
        mine = pod["spec"].get("nodeName") == self.machine.name
        if uid in self._workers:
            if _is_newer(pod, self._workers[uid].pod):
                self._workers[uid].update(pod)
        elif mine:
            self._pending.pop(uid, None)
            self._bound(pod)
        elif scheduler.wants_scheduling(pod):
            self._pending[uid] = pod
            self._schedule_now.set()
        else:
            self._pending.pop(uid, None)

    def _vanished(self, pod: Json) -> None:
        uid = pod["metadata"]["uid"]
        self._pending.pop(uid, None)
        worker = self._workers.get(uid)
        if worker is not None:
            worker.vanish(float(pod["metadata"].get("deletionGracePeriodSeconds") or 0))

    # Pods of this node

    def _bound(self, pod: Json) -> None:
        uid = pod["metadata"]["uid"]
        record = self._records.pop(uid, None)
        if record is None:
            record = self._new_record(pod)
            record.save(self._home.pod(uid))
        else:
            record = record.with_pod(pod)
        self._start_worker(record)
        self._workers[uid].update(pod)

    def _new_record(self, pod: Json) -> PodRecord:
        record = PodRecord(pod=pod, ip=self._addresses.take(), start_time=time.time(), gpus=self._take_gpus(pod))
        status = pod.get("status") or {}
        if status.get("startTime") and status.get("phase") not in TERMINAL:
            # It has run here, but its folder is gone: nothing may be started twice.
            verdict = Verdict("PodFolderLost", "the pod's folder is gone: it cannot be said how its containers ended")
            return replace(record, stop_by=time.time(), verdict=verdict)
        if status.get("phase") in TERMINAL:
            return replace(record, stop_by=time.time())
        return record

    def _take_gpus(self, pod: Json) -> tuple[str, ...]:
        count = int(pod_requests(pod).get(GPU, 0))
        taken = {gpu for worker in self._running() for gpu in worker.runner.record.gpus}
        return tuple(gpu for gpu in self.machine.gpus if gpu not in taken)[:count]

    def _start_worker(self, record: PodRecord) -> None:
        pod = record.pod
        uid = pod["metadata"]["uid"]
        hooks = Hooks(
            objects=self._objects,
            start=self._shims.start,
            changed=lambda: self._workers[uid].status_changed(),
            warn=lambda reason, message: self._recorder.tell(pod, warning(reason, message, "Run")),
        )
        runner = PodRunner(record, self._home, self.machine, self._timing, hooks)
        self._workers[uid] = PodWorker(runner, self._client, self._pod_ended)
        self._names_changed()
        self._background(self._work(self._workers[uid]))

    async def _work(self, worker: PodWorker) -> None:
        uid = worker.uid
        try:
            await worker.run()
        except Exception:  # one pod must not be the end of all: begin again as a new node would
            log.exception("pod %s could not be run, it is adopted again", _name(worker.pod))
            await asyncio.sleep(CRASH_SECONDS)
            self._start_worker(worker.runner.record)
            self._workers[uid].update(worker.pod)
            return
        self._removed[uid] = None
        if len(self._removed) > FORGOTTEN:
            del self._removed[next(iter(self._removed))]
        del self._workers[uid]
        self._addresses.release(worker.runner.record.ip)
        self._pod_ended()
        await asyncio.to_thread(shutil.rmtree, worker.runner.folder.path, ignore_errors=True)

    def _pod_ended(self) -> None:
        self._names_changed()
        self._schedule_now.set()

    def _running(self) -> list[PodWorker]:
        return [worker for worker in self._workers.values() if not worker.runner.finished]

    def _load_records(self) -> None:
        for folder, record in recorded_pods(self._home):
            if record is None:
                shutil.rmtree(folder.path, ignore_errors=True)
            else:
                self._records[folder.uid] = record
                self._addresses.hold(record.ip)

    def _names_changed(self) -> None:
        """Pods that come or go together make one write: it costs as much as there are pods."""
        if self._hosts_write is None:
            self._hosts_write = asyncio.get_running_loop().call_later(HOSTS_SECONDS, self._write_hosts)

    def _write_hosts(self) -> None:
        self._hosts_write = None
        pods = [(worker.pod, worker.runner.record.ip) for worker in self._running()]
        pods += [(record.pod, record.ip) for record in self._records.values()]
        write_hosts(self._home.hosts, hosts_text(pods))

    async def _objects(self, namespace: str, wanted: set[Reference]) -> Objects:
        ordered = sorted(wanted)
        found = await asyncio.gather(*(self._client.get(_KINDS[kind], name, namespace) for kind, name in ordered))
        return {
            (kind, name): None if value is None else {"kind": kind, **value}
            for (kind, name), value in zip(ordered, found, strict=True)
        }

    def _find(self, namespace: str, name: str) -> PodRunner | None:
        return next((w.runner for w in self._workers.values() if _name(w.pod) == f"{namespace}/{name}"), None)

    # Scheduling

    async def _schedule(self) -> None:
        while True:
            await self._schedule_now.wait()
            self._schedule_now.clear()
            for pod in scheduler.in_order(self._pending.values()):
                try:
                    await self._place(pod)
                except ApiError as error:
                    log.warning("pod %s could not be bound: %s", _name(pod), error)

    async def _place(self, pod: Json) -> None:
        uid = pod["metadata"]["uid"]
        if uid not in self._pending:
            return
        obstacle = scheduler.why_not(pod, self._node_now())
        if obstacle is not None:
            await self._unschedulable(pod, obstacle)
            return
        metadata = pod["metadata"]
        body = {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": metadata["name"], "namespace": metadata["namespace"], "uid": uid},
            "target": {"apiVersion": "v1", "kind": "Node", "name": self.machine.name},
        }
        await self._client.create(_binding(metadata["name"]), body)
        self._pending.pop(uid, None)
        if uid not in self._workers and uid not in self._removed:
            # The watch will say so too; not to wait for it saves a round trip.
            self._bound({**pod, "spec": {**pod["spec"], "nodeName": self.machine.name}})

    def _node_now(self) -> scheduler.Node:
        running = [worker.pod for worker in self._running()]
        return scheduler.Node(
            allocatable=self.machine.allocatable,
            labels=self._labels,
            cordoned=self._cordoned,
            used=scheduler.total_requests(running),
            pods=len(running),
        )

    async def _unschedulable(self, pod: Json, message: str) -> None:
        conditions = (pod.get("status") or {}).get("conditions") or []
        if any(c["type"] == "PodScheduled" and c.get("message") == message for c in conditions):
            return
        wanted = {"PodScheduled": {"status": "False", "reason": "Unschedulable", "message": message}}
        metadata = pod["metadata"]
        patch = {
            "metadata": {"uid": metadata["uid"]},
            "status": {"conditions": merge_conditions(wanted, conditions, time.time())},
        }
        written = await self._client.patch(PODS, metadata["name"], metadata["namespace"], patch, subresource="status")
        if metadata["uid"] in self._pending:
            self._pending[metadata["uid"]] = written
        self._recorder.tell(pod, warning("FailedScheduling", message, "Schedule"))

    # The node's own object

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            await self._beat_once(tries=1)

    async def _beat_once(self, tries: int | None = None) -> None:
        while tries is None or tries > 0:
            tries = None if tries is None else tries - 1
            try:
                node = await heartbeat(self._client, self.machine, self.port)
            except ApiError as error:
                log.warning("the node's status could not be written: %s", error)
                await asyncio.sleep(RETRY_SECONDS)
                continue
            self._labels = labels_of(node)
            self._cordoned = bool((node.get("spec") or {}).get("unschedulable"))
            return

    def _background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("a task of the node failed", exc_info=task.exception())


_KINDS: dict[str, Resource] = {"ConfigMap": CONFIG_MAPS, "Secret": SECRETS}


def _binding(name: str) -> Resource:
    """A pod's binding subresource, written with a POST (Kubernetes: Binding v1 core)."""
    return Resource("", "v1", f"pods/{name}/binding", "Binding")


def _is_newer(pod: Json, known: Json) -> bool:
    """Not older than what is known. Versions that are no numbers cannot be compared: then the latest word counts."""
    try:
        return int(pod["metadata"]["resourceVersion"]) >= int(known["metadata"]["resourceVersion"])
    except ValueError:
        return True


def _name(pod: Json) -> str:
    return f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"

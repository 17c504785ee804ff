"""Stopping all pods of a home without an API server: for ``footplate local down``."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path

from footplate_local.node.environment import Objects, Reference
from footplate_local.node.folders import NodeHome, PodRecord, recorded_pods
from footplate_local.node.machine import inspect
from footplate_local.node.process import Process
from footplate_local.node.rundir import RunDir
from footplate_local.node.runner import Hooks, PodRunner, Timing
from footplate_local.node.status import Verdict

log = logging.getLogger(__name__)

NODE_GONE_SECONDS = 10.0


def shutdown(now: float) -> Verdict:
    """Kubernetes: graceful node shutdown. The operator counts it as a fault of the infrastructure, not of the program.

    NOW (unix seconds) tells programs that ended because of it from those that had ended already.
    """
    return Verdict(
        reason="Terminated",
        message="Pod was terminated because the embedded cluster was stopped.",
        disrupted=now,
    )


class NodeRunning(Exception):
    """A node of this home is running."""


def hold_node_lock(home: NodeHome, seconds: float = 0.0) -> int:
    """The lock that one node of a home holds while it lives. Raises NodeRunning after so many seconds."""
    home.run.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(home.run / "node.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except BlockingIOError:
            if time.monotonic() >= deadline:
                os.close(descriptor)
                raise NodeRunning(f"a node of {home.path} is running: stop it first") from None
            time.sleep(0.05)


def stop_all_pods(home: Path, maximum_grace: float = 30.0) -> int:
    """Ends the containers of all pods under FOOTPLATE_HOME as a deletion would, and returns how many pods ran.

    Each pod gets its grace period, at most MAXIMUM_GRACE seconds. The pods' objects stay: the next node reports
    them as Failed, Terminated, with a DisruptionTarget condition. Raises NodeRunning when a node runs.
    """
    place = NodeHome(home)
    lock = hold_node_lock(place, NODE_GONE_SECONDS)
    try:
        return asyncio.run(_stop(place, maximum_grace))
    finally:
        os.close(lock)


async def _stop(home: NodeHome, maximum_grace: float) -> int:
    machine = inspect("stopping", os.environ, home.path)
    runners = []
    for folder, record in recorded_pods(home):
        if record is None or not _runs(home, record):
            continue
        log.info("stopping pod %s", folder.uid)
        runner = PodRunner(record, home, machine, Timing(), Hooks(_no_objects, _no_start, _nothing, _ignore))
        grace = record.pod["spec"].get("terminationGracePeriodSeconds")
        now = time.time()
        runner.stop(now + min(maximum_grace, 30 if grace is None else grace), shutdown(now))
        runners.append(runner)
    await asyncio.gather(*(runner.run() for runner in runners))
    return len(runners)


def _runs(home: NodeHome, record: PodRecord) -> bool:
    """Whether a container of the pod runs. A pod that waits for its next container just goes on waiting."""
    folder = home.pod(record.pod["metadata"]["uid"])
    spec = record.pod["spec"]
    names = [container["name"] for container in [*(spec.get("initContainers") or []), *spec["containers"]]]
    return any(run.alive() for name in names for run in folder.runs(name)[-1:])


async def _no_objects(namespace: str, wanted: set[Reference]) -> Objects:
    return dict.fromkeys(wanted)


async def _no_start(run: RunDir, on_exit: Callable[[], None]) -> Process:
    raise RuntimeError(f"{run.marker} is being stopped, it starts nothing")


def _nothing() -> None:
    """Nobody reads the status while pods are stopped; the next node writes it."""


def _ignore(reason: str, message: str) -> None:
    log.warning("%s: %s", reason, message)

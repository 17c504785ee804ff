"""An embedded node in the test's own event loop, with what tests ask of pods."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from api_server import ApiServerInThread

from footplate.engine.clock import SystemClock
from footplate.kube.client import KubeClient
from footplate.kube.resources import NODES, PODS
from footplate_local.node.folders import NodeHome
from footplate_local.node.machine import Machine, inspect
from footplate_local.node.node import Node
from footplate_local.node.process import kill_leftovers
from footplate_local.node.rundir import RunDir
from footplate_local.node.runner import Timing
from footplate_local.node.slot import Backoff

Json = dict[str, Any]
WAIT_SECONDS = 30.0
NODE_NAME = "test-node"
QUICK = Timing(backoff=Backoff(initial=0.3, maximum=1.0), minimum_grace=0.3, retry=0.1, retry_maximum=0.2)


class NodeHarness:
    """A node at a test's API server. ``stop`` leaves its containers running, ``start`` begins a new node."""

    def __init__(self, server: ApiServerInThread, client: KubeClient, machine: Machine, timing: Timing) -> None:
        self.server = server
        self.client = client
        self.home = NodeHome(server.home)
        self.machine = machine
        self.timing = timing
        self.node: Node | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self.node = Node(self.home, self.client, self.machine, self.timing)
        self._task = asyncio.create_task(self.node.run())

    async def stop(self) -> None:
        assert self._task is not None
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def create(self, name: str = "p", **spec: Any) -> Json:
        """A pod of SPEC, restartPolicy Never unless it says otherwise."""
        body = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": "default"},
            "spec": {"restartPolicy": "Never", "terminationGracePeriodSeconds": 5, **spec},
        }
        return await self.client.create(PODS, body)

    async def get(self, name: str = "p") -> Json:
        pod = await self.client.get(PODS, name, "default")
        assert pod is not None, f"pod {name} is gone"
        return pod

    async def until(self, condition: Callable[[Json], Any], name: str = "p") -> Json:
        """The pod as soon as CONDITION holds for it."""
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            pod = await self.get(name)
            if condition(pod):
                return pod
            assert time.monotonic() < deadline, f"pod {name} stays as it is: {pod['status']}"
            await asyncio.sleep(0.03)

    async def until_phase(self, phase: str, name: str = "p") -> Json:
        return await self.until(lambda pod: pod["status"]["phase"] == phase, name)

    async def until_gone(self, name: str = "p") -> None:
        deadline = time.monotonic() + WAIT_SECONDS
        while await self.client.get(PODS, name, "default") is not None:
            assert time.monotonic() < deadline, f"pod {name} does not go"
            await asyncio.sleep(0.03)

    async def until_registered(self) -> None:
        deadline = time.monotonic() + WAIT_SECONDS
        while "status" not in (await self.client.get(NODES, self.machine.name) or {}):
            assert time.monotonic() < deadline, "the node does not register"
            await asyncio.sleep(0.03)

    async def until_true(self, condition: Callable[[], Any], what: str) -> None:
        deadline = time.monotonic() + WAIT_SECONDS
        while not condition():
            assert time.monotonic() < deadline, f"it does not happen: {what}"
            await asyncio.sleep(0.03)

    def log(self, pod: Json, container: str = "main", number: int = 0) -> str:
        return self.home.pod(pod["metadata"]["uid"]).log(container, number).read_text()


@contextlib.asynccontextmanager
async def running_node(
    server: ApiServerInThread, machine: Machine | None = None, timing: Timing = QUICK
) -> AsyncIterator[NodeHarness]:
    """A node that runs; at the end every container it started is ended."""
    client = await KubeClient.connect(kubeconfig=str(server.kubeconfig), clock=SystemClock(), qps=1000, burst=1000)
    machine = machine or inspect(NODE_NAME, dict(os.environ), server.home)
    harness = NodeHarness(server, client, machine, timing)
    harness.start()
    try:
        await harness.until_registered()
        yield harness
    finally:
        await harness.stop()
        kill_containers(harness.home)
        await client.close()


def kill_containers(home: NodeHome) -> None:
    """Kills every shim that lives under HOME, by the pid in its run's folder; its container dies with it."""
    for path in home.pods.glob("*/containers/*/*"):
        pod, container = path.parents[2].name, path.parent.name
        run = RunDir(path, f"{pod}/{container}/{path.name}")
        started = run.started()
        if started is not None and run.alive():
            os.kill(started.shim, 9)
        kill_leftovers(run)


def container(*command: str, name: str = "main", **fields: Any) -> Json:
    return {"name": name, "image": "footplate/runtime:0.1.0", "command": list(command), **fields}


def shell(script: str, name: str = "main", **fields: Any) -> Json:
    return container("sh", "-c", script, name=name, **fields)


def sidecar(script: str, name: str = "agent", **fields: Any) -> Json:
    return shell(script, name, restartPolicy="Always", **fields)


def state_of(pod: Json, name: str = "main") -> Json:
    """The state of a container: {"running": {…}} or {"terminated": {…}} or {"waiting": {…}}."""
    return dict(status_of(pod, name)["state"])


def status_of(pod: Json, name: str = "main") -> Json:
    status = pod["status"]
    every = [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]
    return next((entry for entry in every if entry["name"] == name), {"state": {}})


def ended(pod: Json, name: str = "main") -> Json | None:
    found = state_of(pod, name).get("terminated")
    return None if found is None else dict(found)

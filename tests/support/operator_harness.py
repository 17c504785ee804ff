"""The real operator, kopf included, against the embedded API server and a kubelet that runs nothing.

The operator has the rights that the chart gives it and no others: a call beyond them is refused, and fails the test.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import rights
from api_server import ApiServerInThread
from fake_kubelet import FakeKubelet, Script
from prometheus_client import CollectorRegistry

from footplate.__main__ import watches_of
from footplate.app import Operator, together
from footplate.constants import FINALIZER, LABEL_RECORDER
from footplate.engine.clock import SystemClock
from footplate.kube.client import KubeClient
from footplate.metrics import OperatorMetrics
from footplate.settings import Settings

JOBS = "/apis/footplate.dev/v1alpha1/namespaces/default/trainingjobs"
PODS = "/api/v1/namespaces/default/pods"
EVENTS = "/api/v1/namespaces/default/events"
SECONDS = 20.0

SETTINGS = Settings.model_validate(
    {
        "store": {"uri": "s3://runs", "secretName": "store"},
        "builder": {"image": "builder", "command": ["build"]},
        "leaderElection": False,
        "sweepSeconds": 300,
        "workers": 4,
    }
)

Wrap = Callable[[KubeClient], KubeClient]


class OperatorThread:
    """An operator on an event loop of its own: kopf, when it ends, cancels every other task of its loop."""

    def __init__(self, kubeconfig: Path, wrap: Wrap) -> None:
        self.metrics = CollectorRegistry()
        self._kubeconfig = str(kubeconfig)
        self._wrap = wrap
        self._loop = asyncio.new_event_loop()
        self._task = self._loop.create_task(self._run())
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def kill(self) -> None:
        self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(SECONDS)
        assert not self._thread.is_alive(), "the operator does not end"

    def _serve(self) -> None:
        try:
            with contextlib.suppress(asyncio.CancelledError):
                self._loop.run_until_complete(self._task)
        finally:
            self._loop.close()

    async def _run(self) -> None:
        clock = SystemClock()
        metrics = OperatorMetrics(self.metrics, clock)
        client = await KubeClient.connect(
            kubeconfig=self._kubeconfig, clock=clock, user_agent="footplate", observer=metrics.api
        )
        operator = Operator(self._wrap(client), SETTINGS, clock, metrics)
        try:
            await together(operator.look_on(), operator.work(), watches_of(operator).run())
        finally:
            await client.close()


class Cluster:
    """What a test holds in its hands."""

    def __init__(
        self, server: ApiServerInThread, kubelet_pause: float = 0.02, values: dict[str, Any] | None = None
    ) -> None:
        """`values` are the chart's: they say which rights the operator has."""
        self.server = server
        self.kubeconfig = rights.granted(server, values)  # the operator's
        self.scripts: dict[str, Script] = {}  # by pod name
        self.kubelet = FakeKubelet(server, self._script, kubelet_pause)
        self.build_report: dict[str, Any] = {}  # what every build pod says at its end
        self.kubelet_task: asyncio.Task[None] | None = None
        self._operator: OperatorThread | None = None

    def _script(self, pod: dict[str, Any]) -> Script:
        name = pod["metadata"]["name"]
        if name.startswith("environment-build-"):
            return Script(exit_code=1 if "error" in self.build_report else 0, message=self.build_report)
        return self.scripts.get(name, Script())

    async def start_operator(self, wrap: Wrap = lambda client: client) -> None:
        self._operator = OperatorThread(self.kubeconfig, wrap)

    async def kill_operator(self) -> None:
        """Nothing is written or finished on the way out, as with SIGKILL."""
        if self._operator is not None:
            await asyncio.to_thread(self._operator.kill)
            self._operator = None

    def metric(self, name: str, **labels: str) -> float:
        """The value of a series of the operator that runs; 0 when it has none."""
        assert self._operator is not None
        return self._operator.metrics.get_sample_value(name, labels) or 0.0

    def within_its_rights(self) -> None:
        """Raises AssertionError with each call that the chart's rights do not allow."""
        assert rights.beyond(self.server.requests, rights.rights()) == []

    async def call(self, method: str, path: str, body: Any = None, content_type: str | None = None) -> Any:
        status, answer = await asyncio.to_thread(self.server.request, method, path, body, content_type)
        assert status < 300, answer
        return answer

    async def create(self, name: str = "digits", **spec: Any) -> None:
        body = {
            "apiVersion": "footplate.dev/v1alpha1",
            "kind": "TrainingJob",
            "metadata": {"name": name},
            "spec": {"image": "python:3.12", "entrypoint": {"script": "train.py"}, **spec},
        }
        await self.call("POST", JOBS, body)

    async def patch(self, name: str, **spec: Any) -> None:
        await self.call("PATCH", f"{JOBS}/{name}", {"spec": spec}, "application/merge-patch+json")

    async def job(self, name: str = "digits") -> dict[str, Any]:
        found: dict[str, Any] = await self.call("GET", f"{JOBS}/{name}")
        return found

    async def pods(self) -> list[str]:
        """Names of the pods of replicas and of builds."""
        found = (await self.call("GET", PODS))["items"]
        return [p["metadata"]["name"] for p in found if LABEL_RECORDER not in p["metadata"].get("labels", {})]

    async def recorded(self, name: str = "digits", seconds: float = SECONDS) -> None:
        """The job's record is right, as far as the operator is concerned."""

        async def released() -> bool:
            return FINALIZER not in ((await self.job(name))["metadata"].get("finalizers") or ())

        await self.until(released, seconds, f"the record of {name} is written")

    async def exists(self, name: str = "digits") -> bool:
        status, _ = await asyncio.to_thread(self.server.request, "GET", f"{JOBS}/{name}")
        return status != 404

    async def phase(self, *wanted: str, name: str = "digits", seconds: float = SECONDS) -> dict[str, Any]:
        """The status, once the job is in one of these phases."""

        async def reached() -> dict[str, Any] | None:
            status: dict[str, Any] = (await self.job(name)).get("status") or {}
            return status if status.get("phase") in wanted else None

        return await self.until(reached, seconds, f"{name} in {wanted}")

    async def events(self, reason: str, name: str = "digits") -> list[dict[str, Any]]:
        """The events of a job, oldest first, once one with this reason is there: they are written in the background."""

        async def told() -> list[dict[str, Any]] | None:
            found = [e for e in (await self.call("GET", EVENTS))["items"] if e["involvedObject"]["name"] == name]
            found.sort(key=lambda e: int(e["metadata"]["resourceVersion"]))
            return found if any(e["reason"] == reason for e in found) else None

        events: list[dict[str, Any]] = await self.until(told, what=f"an event {reason} of {name}")
        return events

    async def until(self, ask: Callable[[], Awaitable[Any]], seconds: float = SECONDS, what: str = "") -> Any:
        deadline = asyncio.get_running_loop().time() + seconds
        while True:
            found = await ask()
            if found:
                return found
            if asyncio.get_running_loop().time() > deadline:
                pytest.fail(f"not after {seconds} s: {what}\n{await self._scene()}")
            await asyncio.sleep(0.03)

    async def _scene(self) -> str:
        """What a person would look at first."""
        jobs = [(j["metadata"]["name"], j.get("status")) for j in (await self.call("GET", JOBS))["items"]]
        pods = [
            (p["metadata"]["name"], p["status"].get("phase"), p["metadata"].get("deletionTimestamp"))
            for p in (await self.call("GET", PODS))["items"]
        ]
        if self.kubelet_task and self.kubelet_task.done():
            self.kubelet_task.result()
        return f"jobs: {jobs}\npods: {pods}\nwrites: {self.writes()[-12:]}"

    def writes(self, agent: str = "footplate") -> list[str]:
        """Writes that the operator made so far."""
        return [
            f"{r.method} {r.path}"
            for r in self.server.requests
            if r.user_agent.startswith(agent) and r.method != "GET" and r.status < 300
        ]

"""The API server answers wrongly, late and not at all under a load of jobs: all end as they should, nothing is made
twice, and the operator does not call much more often than on a calm day."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from api_server import ApiServerInThread
from fake_kubelet import Script
from job_factory import ddp
from operator_harness import Cluster
from operator_process import OperatorProcess, holder, until
from request_record import RequestRecord

OPERATOR = "^(footplate/|kopf)"
WRITE, ANY = "POST|PUT|PATCH|DELETE", "POST|PUT|PATCH|DELETE|GET"
WORK = "^(?!.*/leases)"  # what becomes of leadership in trouble is told by other tests
FOREVER = 1 << 30
# What goes wrong with which share of an operator's calls.
TROUBLE: dict[str, tuple[str, str, dict[str, Any]]] = {
    "conflicts": (WRITE, WORK, {"code": 409, "chance": 0.04}),
    "throttling": (ANY, WORK, {"code": 429, "retry_after": 1, "chance": 0.03}),
    "errors": (ANY, WORK, {"code": 500, "chance": 0.03}),
    "lost answers": (WRITE, WORK, {"action": "drop", "after": True, "chance": 0.02}),
    "lost requests": (ANY, WORK, {"action": "drop", "chance": 0.02}),
    "hanging writes": (WRITE, WORK, {"action": "hang", "chance": 0.01}),
    "hanging reads": ("GET", r"^(?!.*(/leases|[?&]limit=|watch=))", {"action": "hang", "chance": 0.01}),
    "watches from too long ago": ("GET", "watch=true", {"code": 410, "chance": 0.03}),
    "lists from too long ago": ("GET", "[?&]limit=", {"code": 410, "chance": 0.03}),
}
DROP_WATCHES_SECONDS = 4.0
LONG_SECONDS = 600.0  # an object that met with trouble often waits minutes for its next turn


@dataclass
class Expected:
    """A job and how it should end."""

    spec: dict[str, Any]
    pods: list[str]
    phase: str = "Completed"
    attempts: list[str] = field(default_factory=lambda: ["Completed"])
    cancel: bool = False


def job(cluster: Cluster, name: str, number: int) -> Expected:
    """Of one node, of two, with a failure that is retried, with one that is not, and one that is canceled."""
    first, again = f"{name}-1-worker-0", f"{name}-2-worker-0"
    match number % 5:
        case 0:
            return Expected({}, [first])
        case 1:
            return Expected(ddp(2), [first, f"{name}-1-worker-1"])
        case 2:
            cluster.scripts[first] = Script(exit_code=3)
            return Expected({"retry": {"user": 1}}, [first, again], attempts=["UserError", "Completed"])
        case 3:
            cluster.scripts[first] = Script(exit_code=3)
            return Expected({}, [first], "Failed", ["UserError"])
    cluster.scripts[first] = Script(serves=True)
    return Expected({}, [first], "Canceled", ["Canceled"], cancel=True)


async def load(cluster: Cluster, prefix: str, count: int) -> None:
    """So many jobs, and their ends."""
    before = len(cluster.kubelet.seen)
    jobs = {f"{prefix}-{n}": job(cluster, f"{prefix}-{n}", n) for n in range(count)}
    for name, expected in jobs.items():
        await cluster.create(name, **expected.spec)
    for name, expected in jobs.items():
        if expected.cancel:
            await cluster.phase("Running", name=name, seconds=LONG_SECONDS)
            await cluster.patch(name, cancel=True)
    for name, expected in jobs.items():
        status = await cluster.phase("Completed", "Failed", "Canceled", name=name, seconds=LONG_SECONDS)
        assert (status["phase"], [a["reason"] for a in status["attempts"]]) == (expected.phase, expected.attempts), name
        await cluster.recorded(name, seconds=LONG_SECONDS)
    assert sorted(cluster.kubelet.seen[before:]) == sorted(pod for e in jobs.values() for pod in e.pods)


@contextlib.asynccontextmanager
async def trouble(server: ApiServerInThread) -> AsyncIterator[None]:
    async def drop() -> None:
        while True:
            await asyncio.sleep(DROP_WATCHES_SECONDS)
            server.drop_watches()

    for method, path, more in TROUBLE.values():
        server.faults.add(method, path, agent=OPERATOR, count=FOREVER, **more)
    dropping = asyncio.create_task(drop())
    try:
        yield
    finally:
        dropping.cancel()
        server.faults.clear()


def calls(record: RequestRecord) -> int:
    """Of the operator and of its watches; the Lease is renewed by the clock, whatever there is to do."""
    seen = [r for r in record.collect() if "fake-kubelet" not in r.user_agent and "tests" not in r.user_agent]
    return len([r for r in seen if "/leases" not in r.path])


@pytest.mark.parametrize("count", [30, pytest.param(200, marks=pytest.mark.all_takeovers)])
async def test_jobs_under_trouble(cluster: Cluster, tmp_path: Path, count: int) -> None:
    operator = OperatorProcess(cluster.server, tmp_path, "operator")
    await operator.started()
    try:
        await until(lambda: holder(cluster.server) == operator.identity(), operator.said)
        calm = RequestRecord(cluster.server)
        await load(cluster, "calm", count)
        in_calm = calls(calm)
        troubled = RequestRecord(cluster.server)
        async with trouble(cluster.server):
            await load(cluster, "troubled", count)
        in_trouble = calls(troubled)
        struck = sum(bool(r.fault) for r in troubled.requests)
        print(f"\n{count} jobs: {in_calm} calls, in trouble {in_trouble}, of which {struck} met with it")
        assert operator.running, operator.said()
        made = calm.created("pods")  # of both loads, as it goes on collecting
        assert made == len(cluster.kubelet.seen) + len(cluster.kubelet.recorders)
        assert len(set(cluster.kubelet.recorders)) == len(cluster.kubelet.recorders)
        assert struck > count / 2
        assert in_trouble <= 2 * in_calm
    finally:
        await operator.kill()

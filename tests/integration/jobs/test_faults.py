"""The operator dies at any call, and the API server answers wrongly: the job completes, and no pod is made twice."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
from fake_kubelet import Script
from job_factory import ddp
from mortal_client import Mortal
from operator_harness import Cluster

from footplate.kube.client import KubeClient


def check(cluster: Cluster, attempts: int, nodes: int) -> None:
    wanted = [f"digits-{a}-worker-{i}" for a in range(1, attempts + 1) for i in range(nodes)]
    assert sorted(cluster.kubelet.seen) == wanted


@pytest.mark.parametrize("sent", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("number", range(1, 12))
async def test_the_operator_dies_at_any_write(cluster: Cluster, number: int, sent: bool) -> None:
    """Two nodes, a failure and a restart: a dozen writes, at each of which it dies once."""
    cluster.scripts["digits-1-worker-1"] = Script(exit_code=3)
    mortal: list[Mortal] = []

    def wrap(client: KubeClient) -> KubeClient:
        mortal.append(Mortal(client, number, sent))
        return cast(KubeClient, mortal[-1])

    await cluster.start_operator(wrap)
    await cluster.create(retry={"user": 1}, **ddp(2))

    async def dead_or_done() -> object:
        phase = ((await cluster.job()).get("status") or {}).get("phase")
        return (mortal and mortal[0].dead) or phase in ("Completed", "Failed")

    await cluster.until(dead_or_done)
    await cluster.kill_operator()
    await cluster.start_operator()
    status = await cluster.phase("Completed")
    assert [a["reason"] for a in status["attempts"]] == ["UserError", "Completed"]
    check(cluster, attempts=2, nodes=2)


FAULTS: dict[str, list[tuple[str, str, dict[str, Any]]]] = {
    "creating pods fails with 500": [("POST", "/pods$", {"code": 500, "count": 2})],
    "creating pods is throttled": [("POST", "/pods$", {"code": 429, "count": 3, "retry_after": 0})],
    "the status conflicts": [("PUT", "/status$", {"code": 409, "count": 2})],
    "the status fails with 500": [("PUT", "/status$", {"code": 500, "count": 2})],
    "deleting pods fails": [("DELETE", "/pods/", {"code": 500, "count": 2})],
    "the listing is gone": [("GET", "/pods", {"code": 410, "count": 1})],
}


@pytest.mark.parametrize("name", FAULTS)
async def test_the_api_server_has_trouble(operated: Cluster, name: str) -> None:
    operated.kubelet.hold("start")
    await operated.create("other")
    await operated.phase("Scaling", name="other")
    for method, path, more in FAULTS[name]:
        operated.server.faults.add(method, path, **more)
    operated.kubelet.release("start")
    await operated.create(**ddp(2))
    await operated.phase("Completed", seconds=40)
    await operated.phase("Completed", name="other", seconds=40)
    assert sorted(operated.kubelet.seen) == ["digits-1-worker-0", "digits-1-worker-1", "other-1-worker-0"]


async def test_watches_are_dropped_all_the_time(operated: Cluster) -> None:
    async def drop() -> None:
        while True:
            operated.server.drop_watches()
            await asyncio.sleep(0.1)

    dropping = asyncio.create_task(drop())
    try:
        for n in range(5):
            await operated.create(f"job-{n}", **ddp(2))
        for n in range(5):
            await operated.phase("Completed", name=f"job-{n}", seconds=40)
    finally:
        dropping.cancel()
    assert len(operated.kubelet.seen) == 10


async def test_watches_that_an_answer_has_ended_are_begun_anew(operated: Cluster) -> None:
    """HTTP 410 to a watch is nothing that kopf expects: it ends."""
    await operated.create("other")
    await operated.phase("Completed", name="other")
    fault = operated.server.faults.add("GET", r"/trainingjobs\?watch=true", code=410)
    operated.server.drop_watches()

    async def struck() -> bool:
        return fault.count == 0

    await operated.until(struck)
    await operated.create()
    await operated.phase("Completed", seconds=60)


async def test_the_api_server_restarts(operated: Cluster) -> None:
    operated.kubelet.hold("end")
    await operated.create(**ddp(2))
    await operated.phase("Running")
    await asyncio.to_thread(operated.server.restart)
    operated.kubelet.release("end")
    await operated.phase("Completed", seconds=60)
    check(operated, attempts=1, nodes=2)


async def test_a_deletion_that_nobody_saw_is_noticed_by_the_sweep(cluster: Cluster) -> None:
    """The operator is down while the only pod vanishes: the next one finds out with a GET and restarts the job."""
    cluster.kubelet.hold("end")
    await cluster.start_operator()
    await cluster.create()
    await cluster.phase("Running")
    await cluster.kill_operator()
    await cluster.call("DELETE", "/api/v1/namespaces/default/pods/digits-1-worker-0", {"gracePeriodSeconds": 0})
    cluster.kubelet.release("end")
    await cluster.start_operator()
    status = await cluster.phase("Completed")
    assert [a["reason"] for a in status["attempts"]] == ["NodeLost", "Completed"]

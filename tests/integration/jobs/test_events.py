"""The events of jobs and Environments in a cluster: who reads them is `kubectl describe`."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from pathlib import Path

import pytest
from api_server import ApiServerInThread
from fake_kubelet import Script
from job_factory import ddp
from kubectl_runner import Kubectl
from operator_harness import EVENTS, Cluster
from operator_process import OperatorProcess

ENVIRONMENTS = "/apis/footplate.dev/v1alpha1/namespaces/default/environments"
TORCH = {
    "apiVersion": "footplate.dev/v1alpha1",
    "kind": "Environment",
    "metadata": {"name": "torch"},
    "spec": {"pip": ["torch"]},
}


async def test_a_retry_from_its_cause_to_the_end(operated: Cluster) -> None:
    operated.scripts["digits-1-worker-1"] = Script(exit_code=3, message={"error": "ValueError: bad"})
    await operated.create(retry={"user": 1}, **ddp(2))
    events = await operated.events("Completed")
    told = [(e["type"], e["reason"]) for e in events if e["reason"] not in ("AllReplicasRunning", "StoppingReplicas")]
    assert told == [
        ("Normal", "PodsCreated"),
        ("Warning", "UserError"),
        ("Normal", "PodsCreated"),
        ("Normal", "Completed"),
    ]
    [cause] = [e["message"] for e in events if e["reason"] == "UserError"]
    assert cause == "attempt 1 failed (worker-1 exited with code 3: ValueError: bad); retry 1 of 1 follows"


async def test_an_operator_that_is_started_again_repeats_nothing(cluster: Cluster) -> None:
    await cluster.start_operator()
    cluster.kubelet.hold("end")
    await cluster.create()
    await cluster.phase("Running")
    await cluster.events("AllReplicasRunning")
    for _ in range(2):
        await cluster.kill_operator()
        await cluster.start_operator()
    cluster.kubelet.release("end")
    events = await cluster.events("Completed")
    await cluster.recorded()
    assert Counter(e["reason"] for e in events) == {"PodsCreated": 1, "AllReplicasRunning": 1, "Completed": 1}
    assert all(e["count"] == 1 for e in events)


async def test_an_environment_is_told_of_as_well(operated: Cluster) -> None:
    operated.build_report = {"version": 1, "image": "torch@sha256:" + "1" * 64}
    await operated.call("POST", ENVIRONMENTS, TORCH)
    events = await operated.events("ImageReady", name="torch")
    assert [(e["type"], e["reason"], e["involvedObject"]["kind"]) for e in events] == [
        ("Normal", "Building", "Environment"),
        ("Normal", "ImageReady", "Environment"),
    ]


@pytest.mark.parametrize("code", [403, 500])
async def test_a_job_does_not_wait_for_its_events(api_server: ApiServerInThread, operated: Cluster, code: int) -> None:
    api_server.faults.add("POST", "/events", code=code, count=1000)
    await operated.create()
    await operated.phase("Completed")
    await operated.recorded()
    assert (await operated.call("GET", EVENTS))["items"] == []


async def test_kubectl_shows_them(operated: Cluster, tmp_path: Path) -> None:
    await operated.create()
    await operated.events("Completed")
    kubectl = Kubectl(operated.server, tmp_path)
    described = await asyncio.to_thread(kubectl, "describe", "trainingjob", "digits")
    events = described[described.index("Events:") :].splitlines()[3:]
    told = [(kind, reason, teller) for kind, reason, _, teller, *_ in map(str.split, events)]
    assert ("Normal", "PodsCreated", "footplate") in told
    assert ("Normal", "Completed", "footplate") in told
    listed = await asyncio.to_thread(kubectl, "events", "--for", "trainingjob/digits")
    assert "2 files (1.5 kB) in s3://runs/default/digits-" in listed


async def test_what_was_told_is_recorded_before_the_operator_ends(
    api_server: ApiServerInThread, cluster: Cluster, tmp_path: Path
) -> None:
    operator = OperatorProcess(api_server, tmp_path, "operator")
    await operator.started()
    try:
        api_server.faults.add("POST", "/events", action="delay", seconds=1)
        await cluster.create(source={"configMap": {"name": "nowhere"}})
        await cluster.phase("Preparing")
        assert (await cluster.call("GET", EVENTS))["items"] == []
        operator.send(signal.SIGTERM)
        assert await operator.ended() == 0
    finally:
        await operator.kill()
    assert [e["reason"] for e in (await cluster.call("GET", EVENTS))["items"]] == ["SourceNotFound"]

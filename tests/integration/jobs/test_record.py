"""The record of a job, whatever becomes of the job: when a pod is made to write it, and what that is told."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
from fake_kubelet import Script
from job_factory import agent_report, ddp
from mortal_client import Mortal
from operator_harness import JOBS, Cluster

from footplate.kube.client import KubeClient

RECORDER = "/api/v1/namespaces/default/pods/digits-record"


def agrees(told: dict[str, Any], status: dict[str, Any]) -> None:
    """The record says what the status says."""
    assert {name: told[name] for name in ("phase", "reason", "message")} == {
        name: status[name] for name in ("phase", "reason", "message")
    }
    named = ("number", "reason", "replica", "exitCode", "startTime", "endTime")
    shown = [[[attempt.get(name) for name in named] for attempt in of["attempts"]] for of in (told, status)]
    assert shown[0] == shown[1]
    assert told["endTime"] == status.get("completionTime")
    run = status.get("run") or {}
    assert all(told["outputs"][name] == run.get(name) for name in ("files", "bytes", "manifestDigest"))


async def no_recorder(cluster: Cluster) -> bool:
    status, _ = await asyncio.to_thread(cluster.server.request, "GET", RECORDER)
    return status == 404


async def test_a_job_of_one_pod_that_completes_needs_no_pod_for_its_record(operated: Cluster) -> None:
    await operated.create()
    await operated.phase("Completed")
    await operated.recorded()
    assert operated.kubelet.records == []
    assert sum("/pods" in write and write.startswith("POST") for write in operated.writes()) == 1


@pytest.mark.parametrize(
    ("spec", "script"),
    [
        ({}, Script(exit_code=3, message={"error": "ValueError: bad"})),
        ({}, Script(report=agent_report(record=None))),
        ({}, Script(report=agent_report(complete=False, error="the store is full"))),
        (ddp(2), Script()),
        ({"podTemplate": {"spec": {"restartPolicy": "Sometimes"}}}, Script()),
        ({"entrypoint": {"script": "train.py", "args": ["$(inputs.none)"]}}, Script()),
        ({"startTimeoutSeconds": 1}, Script(stuck={"waiting": {"reason": "CreateContainerError"}})),
    ],
    ids=["failed", "not written", "not stored", "two pods", "no pod can be made", "invalid", "never started"],
)
async def test_any_other_end_is_written_by_a_pod(operated: Cluster, spec: dict[str, Any], script: Script) -> None:
    operated.scripts["digits-1-worker-0"] = script
    await operated.create(**spec)
    status = await operated.phase("Completed", "Failed")
    await operated.recorded()
    (told,) = operated.kubelet.records
    agrees(told, status)
    await operated.until(lambda: no_recorder(operated), what="the recorder is gone")


async def test_an_image_that_cannot_be_built(operated: Cluster) -> None:
    operated.build_report = {"version": 1, "error": {"message": "no such package"}}
    environment = {
        "apiVersion": "footplate.dev/v1alpha1",
        "kind": "Environment",
        "metadata": {"name": "torch"},
        "spec": {"pip": ["nope"]},
    }
    await operated.call("POST", "/apis/footplate.dev/v1alpha1/namespaces/default/environments", environment)
    await operated.create(image=None, environment={"name": "torch"})
    status = await operated.phase("Failed")
    assert status["reason"] == "EnvironmentBuildFailed"
    await operated.recorded()
    (told,) = operated.kubelet.records
    agrees(told, status)
    assert told["environment"] == {"name": "torch", "version": None, "image": None}
    assert told["uri"].startswith("s3://runs/default/digits-")


async def test_all_attempts_are_told_also_those_whose_agents_never_ran(operated: Cluster) -> None:
    operated.scripts["digits-1-worker-0"] = Script(stuck={"waiting": {"reason": "CreateContainerError"}})
    operated.scripts["digits-2-worker-0"] = Script(exit_code=4)
    await operated.create(retry={"user": 1}, startTimeoutSeconds=1)
    status = await operated.phase("Failed")
    await operated.recorded()
    (told,) = operated.kubelet.records
    agrees(told, status)
    assert [a["reason"] for a in told["attempts"]] == ["StartTimeout", "UserError"]


async def test_canceled(operated: Cluster) -> None:
    operated.kubelet.hold("end")
    await operated.create()
    await operated.phase("Running")
    await operated.patch("digits", cancel=True)
    status = await operated.phase("Canceled")
    await operated.recorded()
    agrees(operated.kubelet.records[-1], status)


async def test_suspended_then_completed(operated: Cluster) -> None:
    operated.kubelet.hold("end")
    await operated.create()
    await operated.phase("Running")
    await operated.patch("digits", suspend=True)
    status = await operated.phase("Suspended")

    async def told() -> bool:
        return bool(operated.kubelet.records)

    await operated.until(told)
    agrees(operated.kubelet.records[0], status)
    operated.kubelet.release("end")
    await operated.patch("digits", suspend=False)
    await operated.phase("Completed")
    await operated.recorded()
    assert len(operated.kubelet.records) == 1, "the second attempt's agent has the first one's end from its environment"
    await operated.until(lambda: no_recorder(operated), what="the recorder is gone")


async def test_suspended_then_canceled(operated: Cluster) -> None:
    operated.kubelet.hold("end")
    await operated.create()
    await operated.phase("Running")
    await operated.patch("digits", suspend=True)
    await operated.phase("Suspended")
    await operated.patch("digits", cancel=True)
    status = await operated.phase("Canceled")
    await operated.recorded()
    agrees(operated.kubelet.records[-1], status)


async def test_deleted_while_it_runs(operated: Cluster) -> None:
    """The job stays until its agents have uploaded and its record is written."""
    for stage in ("end", "upload", "record"):
        operated.kubelet.hold(stage)
    await operated.create(**ddp(2))
    await operated.phase("Running")
    await operated.call("DELETE", f"{JOBS}/digits")
    status = await operated.phase("Finalizing")
    assert status["reason"] == "Deleting"
    operated.kubelet.release("upload")
    status = await operated.phase("Canceled")
    assert (status["reason"], status["run"]["files"]) == ("Deleted", 4)
    assert await operated.exists()
    operated.kubelet.release("record")

    async def gone() -> bool:
        return not await operated.exists() and not await operated.pods() and await no_recorder(operated)

    await operated.until(gone, what="the job and its pods are gone")
    (told,) = operated.kubelet.records
    agrees(told, status)


async def test_deleted_before_anything_was_made(operated: Cluster) -> None:
    await operated.create(image=None, environment={"name": "none"})
    await operated.phase("Preparing")
    await operated.call("DELETE", f"{JOBS}/digits")

    async def gone() -> bool:
        return not await operated.exists()

    await operated.until(gone)
    assert [(r["phase"], r["reason"]) for r in operated.kubelet.records] == [("Canceled", "Deleted")]


async def test_deleted_when_it_has_ended(operated: Cluster) -> None:
    await operated.create()
    await operated.phase("Completed")
    await operated.call("DELETE", f"{JOBS}/digits")

    async def gone() -> bool:
        return not await operated.exists()

    await operated.until(gone)
    assert operated.kubelet.records == []


async def test_a_store_that_takes_no_record_keeps_no_job(operated: Cluster) -> None:
    operated.kubelet.recorder_exit = 1
    operated.scripts["digits-1-worker-0"] = Script(exit_code=3)
    await operated.create()
    await operated.phase("Failed")
    await operated.recorded()
    events = (await operated.call("GET", "/api/v1/namespaces/default/events"))["items"]
    (said,) = [e["message"] for e in events if e["reason"] == "RecordNotWritten"]
    assert said == "run.json does not tell of the job's end: so it is"
    assert (await operated.phase("Failed"))["reason"] == "UserError"


async def test_a_recorder_that_is_killed_is_made_again(operated: Cluster) -> None:
    operated.kubelet.hold("record")
    operated.scripts["digits-1-worker-0"] = Script(exit_code=3)
    await operated.create()
    status = await operated.phase("Failed")

    async def made() -> bool:
        return not await no_recorder(operated)

    await operated.until(made)
    await operated.call("DELETE", RECORDER)
    operated.kubelet.release("record")
    await operated.recorded()
    agrees(operated.kubelet.records[-1], status)


@pytest.mark.parametrize("sent", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("number", range(4, 11))
async def test_the_operator_dies_while_the_job_is_deleted(cluster: Cluster, number: int, sent: bool) -> None:
    """From the deletion on: the pod is deleted, statuses, the recorder, the finalizer."""
    cluster.kubelet.hold("end")
    mortal: list[Mortal] = []

    def wrap(client: KubeClient) -> KubeClient:
        mortal.append(Mortal(client, number, sent))
        return cast(KubeClient, mortal[-1])

    await cluster.start_operator(wrap)
    await cluster.create()

    async def ready() -> object:
        status = (await cluster.job()).get("status") or {}
        return mortal[0].dead or status.get("phase") == "Running"

    await cluster.until(ready)
    await cluster.call("DELETE", f"{JOBS}/digits")

    async def dead_or_gone() -> object:
        return mortal[0].dead or not await cluster.exists()

    await cluster.until(dead_or_gone)
    await cluster.kill_operator()
    await cluster.start_operator()

    async def gone() -> bool:
        return not await cluster.exists() and not await cluster.pods() and await no_recorder(cluster)

    await cluster.until(gone, what="nothing is left")
    assert cluster.kubelet.seen == ["digits-1-worker-0"]
    assert [(r["phase"], r["reason"]) for r in cluster.kubelet.records[-1:]] == [("Canceled", "Deleted")]

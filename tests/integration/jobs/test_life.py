"""Jobs from creation to their end, with the real operator against a real API server."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from fake_kubelet import Script
from job_factory import agent_report, ddp
from operator_harness import Cluster


async def test_one_pod_job_makes_at_most_six_writes_and_three_events(operated: Cluster) -> None:
    await operated.create()
    status = await operated.phase("Completed")
    writes = [write for write in operated.writes() if not write.endswith("/events")]
    events = await operated.events("Completed")
    assert status["run"]["files"] == 2
    assert len(writes) <= 6, writes
    assert sum("/pods" in w for w in writes) == 1
    assert len(events) <= 3
    assert {event["type"] for event in events} == {"Normal"}


async def test_phases_in_their_order(operated: Cluster) -> None:
    for stage in ("start", "end", "upload"):
        operated.kubelet.hold(stage)
    await operated.create(**ddp(2))
    await operated.phase("Scaling")
    operated.kubelet.release("start")
    status = await operated.phase("Running")
    assert status["replicas"] == {"worker": {"desired": 2, "running": 2, "succeeded": 0, "failed": 0}}
    operated.kubelet.release("end")
    await operated.phase("Finalizing")
    operated.kubelet.release("upload")
    status = await operated.phase("Completed")
    conditions = {c["type"]: c["status"] for c in status["conditions"]}
    assert conditions == {
        "EnvironmentReady": "True",
        "Admitted": "True",
        "Running": "False",
        "OutputsPersisted": "True",
        "Complete": "True",
    }
    assert operated.kubelet.seen == ["digits-1-worker-0", "digits-1-worker-1"]
    await operated.until(lambda: gone(operated))


async def gone(cluster: Cluster) -> bool:
    return await cluster.pods() == []


async def test_a_failed_attempt_is_followed_by_a_whole_new_one(operated: Cluster) -> None:
    operated.scripts["digits-1-worker-1"] = Script(exit_code=3, message={"error": "ValueError: bad"})
    operated.kubelet.hold("upload")
    await operated.create(retry={"user": 1}, **ddp(2))
    await operated.phase("Finalizing")
    operated.kubelet.release("upload")
    status = await operated.phase("Completed")
    assert [(a["number"], a["reason"]) for a in status["attempts"]] == [(1, "UserError"), (2, "Completed")]
    assert status["retries"] == {"user": 1, "infrastructure": 0}
    assert sorted(operated.kubelet.seen) == [f"digits-{a}-worker-{i}" for a in (1, 2) for i in (0, 1)]


async def test_suspend_and_resume(operated: Cluster) -> None:
    operated.kubelet.hold("end")
    await operated.create()
    await operated.phase("Running")
    await operated.patch("digits", suspend=True)
    status = await operated.phase("Suspended")
    assert status["attempts"][0]["reason"] == "Suspended"
    assert await operated.pods() == []
    operated.kubelet.release("end")
    await operated.patch("digits", suspend=False)
    status = await operated.phase("Completed")
    assert status["attempt"] == 2


async def test_cancel_keeps_the_outputs(operated: Cluster) -> None:
    operated.kubelet.hold("end")
    await operated.create()
    await operated.phase("Running")
    await operated.patch("digits", cancel=True)
    status = await operated.phase("Canceled")
    assert status["run"]["files"] == 2
    assert {"type": "OutputsPersisted", "status": "True"}.items() <= next(
        c for c in status["conditions"] if c["type"] == "OutputsPersisted"
    ).items()


async def test_a_deleted_job_takes_its_children_with_it(operated: Cluster) -> None:
    operated.kubelet.hold("end")
    await operated.create(**ddp(2))
    await operated.phase("Running")
    await operated.call("DELETE", "/apis/footplate.dev/v1alpha1/namespaces/default/trainingjobs/digits")
    await operated.until(lambda: gone(operated))


async def test_an_environment_is_built_once_and_serves_two_jobs(operated: Cluster) -> None:
    environment = {
        "apiVersion": "footplate.dev/v1alpha1",
        "kind": "Environment",
        "metadata": {"name": "torch"},
        "spec": {"pip": ["torch"], "variables": {"A": "b"}},
    }
    image = "torch@sha256:" + "1" * 64
    await operated.create("first", image=None, environment={"name": "torch"})
    status = await operated.phase("Preparing", name="first")
    assert status["reason"] == "EnvironmentNotFound"
    operated.build_report = {"version": 1, "image": image, "lock": "file:///lock", "python": "3.11.7"}
    await operated.call("POST", "/apis/footplate.dev/v1alpha1/namespaces/default/environments", environment)
    await operated.phase("Completed", name="first")
    await operated.create("second", image=None, environment={"name": "torch"})
    status = await operated.phase("Completed", name="second")
    assert status["environment"] == {"name": "torch", "version": 1, "image": image}
    assert sum(name.startswith("environment-build-") for name in operated.kubelet.seen) == 1


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ({"restartPolicy": "Sometimes"}, "restartPolicy"),  # 422: a value that is not allowed
        ({"activeDeadlineSeconds": "soon"}, "activeDeadlineSeconds"),  # 400: no pod can be read from this
    ],
)
async def test_pods_that_the_api_server_refuses_fail_the_job(
    operated: Cluster, spec: dict[str, Any], told: str
) -> None:
    await operated.create(podTemplate={"spec": spec})
    status = await operated.phase("Failed")
    assert status["reason"] == "InvalidPod"
    assert told in status["message"]


async def test_a_name_that_someone_else_has(operated: Cluster) -> None:
    config_map: dict[str, Any] = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "digits-launch"}}
    await operated.call("POST", "/api/v1/namespaces/default/configmaps", config_map)
    await operated.create()
    status = await operated.phase("Scaling")
    assert status["reason"] == "NameTaken"
    assert "digits-launch" in status["message"]
    await operated.call("DELETE", "/api/v1/namespaces/default/configmaps/digits-launch")
    await operated.phase("Completed")


async def test_time_to_live(operated: Cluster) -> None:
    await operated.create(ttlSecondsAfterFinished=1)

    async def deleted() -> bool:
        status, _ = await asyncio.to_thread(
            operated.server.request, "GET", "/apis/footplate.dev/v1alpha1/namespaces/default/trainingjobs/digits"
        )
        return status == 404

    await operated.until(deleted)


async def test_outputs_that_are_incomplete_are_no_success(operated: Cluster) -> None:
    report = agent_report(complete=False, missing=["outputs/model"], error="the store is full")
    operated.scripts["digits-1-worker-0"] = Script(report=report)
    await operated.create()
    status = await operated.phase("Failed")
    assert status["reason"] == "OutputUploadFailed"
    assert "outputs/model" in status["message"]


@pytest.mark.parametrize("jobs", [40])
async def test_many_jobs_at_once(operated: Cluster, jobs: int) -> None:
    await asyncio.gather(*(operated.create(f"job-{n}") for n in range(jobs)))
    for n in range(jobs):
        await operated.phase("Completed", name=f"job-{n}", seconds=60)
    assert len(operated.kubelet.seen) == jobs


async def test_a_job_that_cannot_be_read_is_failed_and_not_tried_for_ever(operated: Cluster) -> None:
    """The CRD in the cluster may be older, or looser, than the operator."""
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/trainingjobs.footplate.dev"
    definition = await operated.call("GET", path)
    loose = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    definition["spec"]["versions"][0]["schema"] = {"openAPIV3Schema": loose}
    await operated.call("PUT", path, definition)
    await operated.create(nodes="two")
    status = await operated.phase("Failed")
    assert status["reason"] == "InvalidSpec"
    assert "spec.nodes" in status["message"]
    before = len(operated.writes())
    await operated.create("fine")
    await operated.phase("Completed", name="fine")
    assert not any("digits/status" in write for write in operated.writes()[before:])

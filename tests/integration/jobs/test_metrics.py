"""What the real operator tells of jobs, of the API server and of kopf's watches; also after it was replaced."""

from __future__ import annotations

from job_factory import ddp
from operator_harness import Cluster

COUNT = "footplate_job_phase_seconds_count"


async def test_each_phase_is_told_once_by_the_operator_that_saw_its_end(cluster: Cluster) -> None:
    phases = ("Preparing", "Scaling", "Running", "Finalizing")

    async def told(*wanted: str) -> None:
        """The operator hears of its own write a moment after we can see it."""

        async def these() -> bool:
            return tuple(p for p in phases if cluster.metric(COUNT, phase=p, framework="pytorch")) == wanted

        await cluster.until(these, what=f"{wanted} were told of")

    for stage in ("start", "end", "upload"):
        cluster.kubelet.hold(stage)
    await cluster.start_operator()
    await cluster.create(**ddp(2))
    await cluster.phase("Scaling")
    cluster.kubelet.release("start")
    await cluster.phase("Running")
    await told("Preparing", "Scaling")
    assert cluster.metric("footplate_jobs", phase="Running", reason="AllReplicasRunning", framework="pytorch") == 1
    await cluster.kill_operator()
    await cluster.start_operator()
    cluster.kubelet.release("end")
    since = (await cluster.phase("Finalizing"))["phaseTime"]
    await told("Running")
    await cluster.kill_operator()
    await cluster.start_operator()
    cluster.kubelet.release("upload")
    status = await cluster.phase("Completed")
    assert status["phaseTime"] >= since
    await cluster.recorded()
    await told("Finalizing")
    assert cluster.metric(COUNT, phase="Finalizing", framework="pytorch") == 1
    labels = {"outcome": "Completed", "reason": "Completed", "framework": "pytorch"}
    assert cluster.metric("footplate_jobs_finished_total", **labels) == 1
    await cluster.kill_operator()
    await cluster.start_operator()
    await cluster.create("next")
    await cluster.phase("Completed", name="next")
    assert cluster.metric("footplate_jobs_finished_total", **labels) == 0, "the job was told of"


async def test_the_watches_and_their_events_are_counted(operated: Cluster) -> None:
    await operated.create()
    await operated.phase("Completed")
    for resource in ("trainingjobs", "environments", "pods"):
        assert operated.metric("footplate_watch_lists_total", resource=resource) == 1
        assert operated.metric("footplate_watch_starts_total", resource=resource) == 1
    events = [operated.metric("footplate_watch_events_total", kind="TrainingJob", type=t) for t in ("LISTED", "ADDED")]
    assert sum(events) == 1, "it was there before the watch began, or not"
    assert operated.metric("footplate_api_calls_total", verb="watch", code="200") == 3
    assert operated.metric("footplate_api_calls_total", verb="create", code="201") >= 2

    async def opened_again() -> bool:
        return operated.metric("footplate_watch_starts_total", resource="pods") >= 2

    operated.server.drop_watches()
    await operated.until(opened_again, what="a watch that broke is opened again")
    assert operated.metric("footplate_watch_lists_total", resource="pods") == 1, "it goes on where it was"


async def test_a_build_is_timed(operated: Cluster) -> None:
    operated.build_report = {"version": 1, "image": "registry/torch@sha256:" + "a" * 64}
    body = {
        "apiVersion": "footplate.dev/v1alpha1",
        "kind": "Environment",
        "metadata": {"name": "torch"},
        "spec": {"pip": ["torch"]},
    }
    path = "/apis/footplate.dev/v1alpha1/namespaces/default/environments"
    await operated.call("POST", path, body)

    async def ready() -> bool:
        return operated.metric("footplate_environments", state="Ready") == 1

    await operated.until(ready, what="the environment is ready")
    assert operated.metric("footplate_environment_build_seconds_count", outcome="Succeeded") == 1

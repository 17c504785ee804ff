"""The life of a job as plans: what is created, deleted and told, from what is seen."""

from __future__ import annotations

from typing import Any

import pytest
from job_factory import (
    CONTEXT,
    after,
    agent_report,
    at,
    ddp,
    ended,
    failed_pod,
    make_job,
    make_pod,
    pending_pod,
    running,
    seen,
    succeeded_pod,
    waiting,
)

from footplate.api.conditions import get_condition
from footplate.api.phases import Phase
from footplate.api.training_job import TrainingJob
from footplate.jobs.observe import AgentStatus, EnvironmentImage, Observed, agent_status
from footplate.jobs.plan import plan
from footplate.jobs.scene import Plan, expected_pods

NOTHING = Observed()


def go(job: TrainingJob, observed: Observed, seconds: float = 3) -> Plan:
    return plan(job, observed, CONTEXT, at(seconds))


def started(**spec: Any) -> TrainingJob:
    """A job whose first attempt has been created."""
    job = make_job(**spec)
    return after(job, go(job, NOTHING, 1))


def is_true(job: TrainingJob, kind: str) -> bool:
    condition = get_condition(job.status.conditions, kind)
    return condition is not None and condition.status == "True"


def names(step: Plan) -> list[str]:
    return [f"{m['kind']}/{m['metadata']['name']}" for m in step.create]


def test_one_node_needs_a_config_map_and_a_pod_and_no_service() -> None:
    step = go(make_job(), NOTHING)
    assert names(step) == ["ConfigMap/digits-launch", "Pod/digits-1-worker-0"]
    assert step.status.phase == Phase.SCALING
    assert step.status.attempt == 1
    assert step.status.run is not None
    assert step.status.run.uri == "s3://runs/prefix/default/digits-1a2b3c4d/"


def test_several_nodes_get_a_service_for_their_names() -> None:
    step = go(make_job(**ddp(3)), NOTHING)
    assert names(step) == [
        "ConfigMap/digits-launch",
        "Service/digits",
        "Pod/digits-1-worker-0",
        "Pod/digits-1-worker-1",
        "Pod/digits-1-worker-2",
    ]


def test_running_when_all_replicas_run() -> None:
    job = started(**ddp())
    step = go(job, seen(make_pod(0), make_pod(1, train=running(5))), 6)
    assert step.status.phase == Phase.RUNNING
    assert step.status.reason == "AllReplicasRunning"
    assert step.status.message == "2 of 2 replicas running"
    assert step.status.start_time == at(5)
    assert is_true(after(job, step), "Running")


def test_scaling_while_one_is_missing() -> None:
    job = started(**ddp())
    step = go(job, seen(make_pod(0), pending_pod(1)))
    assert step.status.phase == Phase.SCALING
    assert step.status == job.status.model_copy(update={"replicas": step.status.replicas, "source": step.status.source})


def test_a_pod_that_was_not_created_before_a_crash_is_created_with_the_same_attempt() -> None:
    job = started(**ddp())
    step = go(job, seen(pending_pod(0)))
    assert "Pod/digits-1-worker-1" in names(step)
    assert "Pod/digits-1-worker-0" not in names(step)
    assert step.status.attempt == 1


def test_pods_created_before_the_status_was_written_are_found_again() -> None:
    step = go(make_job(), seen(make_pod(0)))
    assert step.create == ()
    assert step.status.attempt == 1
    assert step.status.phase == Phase.RUNNING


def test_a_reason_to_wait_is_told_only_when_it_lasts() -> None:
    job = started()
    pod = pending_pod(0, fetch=waiting("ImagePullBackOff", "no such image"))
    early, late = go(job, seen(pod), 3), go(job, seen(pod), 8)
    assert early.status.reason == "PodsStarting"
    assert (late.status.reason, late.status.message) == ("ImagePullFailed", "worker-0: no such image")


def test_unschedulable_is_told_in_the_schedulers_words() -> None:
    job = started()
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes"}
    step = go(job, seen(pending_pod(0, conditions=[condition])), 20)
    assert (step.status.phase, step.status.reason) == (Phase.SCALING, "Unschedulable")
    assert step.status.message == "worker-0: 0/1 nodes"


def test_start_timeout_fails_with_the_kubelets_reason() -> None:
    job = started(startTimeoutSeconds=60)
    pod = pending_pod(0, fetch=waiting("ImagePullBackOff", "no such image"))
    step = go(job, seen(pod), 62)
    assert (step.status.phase, step.status.reason) == (Phase.FAILED, "ImagePullFailed")
    cleanup = go(after(job, step), seen(pod), 63)
    assert [d.name for d in cleanup.delete] == ["digits-1-worker-0"]


def test_an_image_name_that_is_none_fails_at_once() -> None:
    pod = pending_pod(0, train=waiting("InvalidImageName", "couldn't parse image"), fetch=ended(0))
    step = go(started(), seen(pod))
    assert (step.status.phase, step.status.reason) == (Phase.FAILED, "InvalidImage")


def test_finalizing_while_the_agent_uploads() -> None:
    job = started()
    agent = AgentStatus(pending_files=3, pending_bytes=2_500_000)
    pods = [make_pod(0, train=ended(0, end=10))]
    step = go(job, Observed(pods=pods, agent=agent), 12)
    assert (step.status, step.after) == (job.status, 3), "uploads that are over in a moment cost no write"
    step = go(job, Observed(pods=pods, agent=agent), 15)
    assert (step.status.phase, step.status.reason) == (Phase.FINALIZING, "UploadingOutputs")
    assert step.status.message == "uploading outputs: 3 files (2.5 MB) left"
    agent = agent_status({"pending": {"files": 3, "bytes": 2_500_000}, "lastError": "The store did\nnot answer."})
    told = go(job, Observed(pods=pods, agent=agent), 15).status.message
    assert told == "uploading outputs: 3 files (2.5 MB) left; the last error: The store did not answer."


def test_completed_only_with_a_complete_manifest() -> None:
    job = started()
    step = go(job, seen(succeeded_pod(0)), 12)
    done = after(job, step)
    assert (done.status.phase, done.status.reason) == (Phase.COMPLETED, "Completed")
    assert is_true(done, "Complete")
    assert is_true(done, "OutputsPersisted")
    assert done.status.run is not None
    assert (done.status.run.files, done.status.run.bytes) == (2, 1500)
    assert done.status.attempts[0].exit_code == 0
    assert done.status.completion_time == at(12)
    assert done.status.source is not None
    assert done.status.source.revision == "abc"


def test_outputs_that_are_not_in_the_store_fail_the_job() -> None:
    report = agent_report(complete=False, missing=["outputs/a"], error="store is full")
    pod = make_pod(0, phase="Succeeded", train=ended(0), agent=ended(1, message=report))
    step = go(started(), seen(pod), 12)
    assert (step.status.phase, step.status.reason) == (Phase.FAILED, "OutputUploadFailed")
    assert "store is full (missing: outputs/a)" in (step.status.message or "")
    assert not is_true(after(started(), step), "OutputsPersisted")


def test_a_failed_replica_stops_the_others_and_keeps_its_own_pod() -> None:
    job = started(**ddp())
    pods = seen(make_pod(0), failed_pod(1))
    step = go(job, pods, 12)
    assert step.status.phase == Phase.FINALIZING
    assert [d.name for d in step.delete] == ["digits-1-worker-0"]


def test_the_first_failure_is_the_cause() -> None:
    job = started(**ddp())
    first = failed_pod(1, train=ended(3, end=9, message={"error": "ValueError: bad", "lastLines": ["a", "b"]}))
    second = failed_pod(0, train=ended(143, end=10))
    step = go(job, seen(second, first), 12)
    assert (step.status.phase, step.status.reason) == (Phase.FAILED, "UserError")
    assert step.status.message == "worker-1 exited with code 3: ValueError: bad\nlast lines:\n  a\n  b"
    attempt = step.status.attempts[0]
    assert (attempt.replica, attempt.exit_code, attempt.node) == ("worker-1", 3, "node-1")


@pytest.mark.parametrize("report", [{"endTime": "2026-11-21T10:00:09.120Z"}, None], ids=["earlier", "no report"])
def test_within_a_second_the_launchers_know_which_failure_was_first(report: dict[str, str] | None) -> None:
    """A rank that lost its peer fails milliseconds after the one that is the cause, whatever its index."""
    first = failed_pod(1, train=ended(137, end=9, message=report))
    second = failed_pod(0, train=ended(1, end=9, message={"endTime": "2026-11-21T10:00:09.480Z"}))
    step = go(started(**ddp()), seen(second, first), 12)
    assert step.status.attempts[0].replica == "worker-1"


@pytest.mark.parametrize(
    ("train", "reason", "text"),
    [
        (ended(3), "UserError", "worker-0 exited with code 3"),
        (ended(137), "Signal", "worker-0 was killed by SIGKILL"),
        (ended(137, reason="OOMKilled"), "OutOfMemory", "worker-0 ran out of memory"),
        (ended(128, reason="StartError", message="no such file"), "UserError", "could not start: no such file"),
        (ended(255), "UserError", "worker-0 exited with code 255"),
        (ended(128 + 40), "Signal", "worker-0 was killed by signal 40"),
    ],
)
def test_why_a_program_failed(train: dict[str, Any], reason: str, text: str) -> None:
    step = go(started(), seen(failed_pod(0, train=train)), 12)
    assert (step.status.phase, step.status.reason) == (Phase.FAILED, reason)
    assert text in (step.status.message or "")


def test_a_source_that_cannot_be_had() -> None:
    message = {"error": {"reason": "SourceUnavailable", "message": "git: no revision nope"}}
    pod = make_pod(0, phase="Failed", fetch=ended(1, message=message), train=waiting("PodInitializing"))
    step = go(started(), seen(pod))
    assert (step.status.phase, step.status.reason) == (Phase.FAILED, "SourceUnavailable")
    assert step.status.message == "worker-0: git: no revision nope"


def test_retry_closes_the_attempt_first_then_deletes_then_starts_the_next() -> None:
    job = started(retry={"user": 1})
    pod = failed_pod(0)
    closing = go(job, seen(pod), 12)
    assert (closing.delete, closing.create) == ((), ())
    assert (closing.status.phase, closing.status.reason) == (Phase.SCALING, "Restarting")
    assert closing.status.retries is not None
    assert closing.status.retries.user == 1
    job = after(job, closing)

    deleting = go(job, seen(pod), 13)
    assert [d.name for d in deleting.delete] == ["digits-1-worker-0"]
    assert deleting.create == ()
    job = after(job, deleting)

    step = go(job, NOTHING, 14)
    assert "Pod/digits-2-worker-0" in names(step)
    assert step.status.attempt == 2
    job = after(job, step)

    failed = go(job, seen(failed_pod(0, attempt=2)), 20)
    assert failed.status.phase == Phase.FAILED
    assert [a.reason for a in failed.status.attempts] == ["UserError", "UserError"]
    assert "all 1 of retry.user are spent" in (failed.status.message or "")


def test_only_retryable_exit_codes_are_retried() -> None:
    job = started(retry={"user": 5, "retryableExitCodes": [42]})
    assert go(job, seen(failed_pod(0, code=3)), 12).status.phase == Phase.FAILED
    assert go(job, seen(failed_pod(0, code=42)), 12).status.reason == "Restarting"


def test_an_evicted_replica_spends_the_infrastructure_budget() -> None:
    job = started()
    condition = {"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI", "message": "drain"}
    pod = failed_pod(0, train=ended(143), conditions=[condition])
    step = go(job, seen(pod), 12)
    assert step.status.reason == "Restarting"
    assert step.status.retries is not None
    assert (step.status.retries.user, step.status.retries.infrastructure) == (0, 1)
    assert step.status.attempts[0].reason == "Evicted"


def test_a_pod_that_someone_deleted_is_an_eviction() -> None:
    job = after(started(), go(started(), seen(make_pod(0)), 5))
    terminating = go(job, seen(make_pod(0, deleted=40)), 6)
    assert terminating.status.phase == Phase.FINALIZING
    gone = go(after(job, terminating), Observed(gone=[make_pod(0, deleted=40)]), 30)
    assert gone.status.attempts[0].reason == "NodeLost"
    assert gone.status.reason == "Restarting"


def test_a_pod_that_vanished_unseen_is_lost_only_once_a_get_confirmed_it() -> None:
    job = after(started(), go(started(), seen(make_pod(0)), 5))
    assert expected_pods(job) == ["digits-1-worker-0"]
    step = go(job, Observed(lost=frozenset({"digits-1-worker-0"})), 6)
    assert step.status.attempts[0].reason == "NodeLost"
    assert step.status.reason == "Restarting"


def test_a_pod_stuck_on_a_dead_node_is_forced() -> None:
    job = started(cancel=True)
    stuck = make_pod(0, deleted=20)
    assert go(job, seen(stuck), 40).delete == []
    assert [(d.name, d.force) for d in go(job, seen(stuck), 51).delete] == [("digits-1-worker-0", True)]


def test_cancel_stops_all_and_keeps_the_outputs() -> None:
    job = started()
    job = make_job(cancel=True, status=job.status.to_json())
    step = go(job, seen(make_pod(0)), 5)
    assert (step.status.phase, step.status.reason) == (Phase.FINALIZING, "Canceling")
    assert [d.name for d in step.delete] == ["digits-1-worker-0"]
    gone = failed_pod(0, train=ended(143), deleted=40)
    step = go(after(job, step), Observed(gone=[gone]), 8)
    assert (step.status.phase, step.status.reason) == (Phase.CANCELED, "Canceled")
    assert is_true(after(job, step), "OutputsPersisted")
    assert step.status.attempts[0].reason == "Canceled"


def test_cancel_before_anything_started() -> None:
    step = go(make_job(cancel=True), NOTHING)
    assert step.status.phase == Phase.CANCELED
    assert step.create == ()


def test_suspend_and_resume_is_the_next_attempt() -> None:
    status = started().status.to_json()
    job = make_job(suspend=True, status=status)
    step = go(job, seen(make_pod(0)), 5)
    assert (step.status.phase, step.status.reason) == (Phase.FINALIZING, "Suspending")
    job = after(job, step)
    step = go(job, Observed(gone=[failed_pod(0, train=ended(143), deleted=40)]), 8)
    assert step.status.phase == Phase.SUSPENDED
    assert step.status.retries is None
    job = make_job(suspend=False, status=step.status.to_json())
    step = go(job, NOTHING, 100)
    assert step.status.attempt == 2
    assert "Pod/digits-2-worker-0" in names(step)


def test_suspended_from_the_beginning_creates_nothing() -> None:
    step = go(make_job(suspend=True), NOTHING)
    assert (step.status.phase, step.create) == (Phase.SUSPENDED, ())


def test_timeout_counts_only_what_ran() -> None:
    job = started(timeoutSeconds=60)
    job = after(job, go(job, seen(make_pod(0, train=running(1000))), 1001))
    assert go(job, seen(make_pod(0, train=running(1000))), 1059).status.phase == Phase.RUNNING
    step = go(job, seen(make_pod(0, train=running(1000))), 1061)
    assert (step.status.phase, step.status.reason) == (Phase.FINALIZING, "Timeout")
    assert [d.name for d in step.delete] == ["digits-1-worker-0"]
    gone = failed_pod(0, train=ended(143, start=1000, end=1062), deleted=1100)
    step = go(after(job, step), Observed(gone=[gone]), 1063)
    assert (step.status.phase, step.status.reason) == (Phase.FAILED, "Timeout")
    assert "timeoutSeconds (60 s)" in (step.status.message or "")


def test_environment_that_is_being_built() -> None:
    image = EnvironmentImage("torch", reason="EnvironmentBuilding", message="pod x builds it")
    job = make_job(image=None, environment={"name": "torch"})
    step = go(job, Observed(environment=image))
    assert (step.status.phase, step.status.reason) == (Phase.PREPARING, "EnvironmentBuilding")
    assert step.create == ()


def test_environment_that_cannot_be_built_fails_the_job() -> None:
    image = EnvironmentImage("torch", reason="EnvironmentBuildFailed", message="no matching distribution")
    step = go(make_job(image=None, environment={"name": "torch"}), Observed(environment=image))
    assert (step.status.phase, step.status.reason) == (Phase.FAILED, "EnvironmentBuildFailed")
    assert step.status.message == "no matching distribution"


def test_later_attempts_keep_the_image_of_the_first() -> None:
    job = make_job(image=None, environment={"name": "torch"}, retry={"user": 1})
    job = after(job, go(job, Observed(environment=EnvironmentImage("torch", 1, "torch@sha256:one"))))
    newer = EnvironmentImage("torch", 2, "torch@sha256:two")
    job = after(job, go(job, Observed(pods=[failed_pod(0)], environment=newer), 12))
    step = go(job, Observed(environment=newer), 14)
    pod = next(m for m in step.create if m["kind"] == "Pod")
    assert pod["spec"]["containers"][0]["image"] == "torch@sha256:one"
    assert step.status.environment is not None
    assert step.status.environment.version == 1


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"computePool": "gpu"}, "spec.computePool"),
        ({"inputs": [{"name": "a", "dataset": "mnist"}]}, "spec.inputs[a].dataset"),
        ({"inputs": [{"name": "a", "model": "net:3"}]}, "spec.inputs[a].model"),
        ({"registerModels": [{"name": "net"}]}, "spec.registerModels"),
    ],
)
def test_what_is_not_there_yet_fails_with_the_name_of_the_field(spec: dict[str, Any], field: str) -> None:
    step = go(make_job(**spec), NOTHING)
    assert (step.status.phase, step.status.reason) == (Phase.FAILED, "NotSupported")
    assert (step.status.message or "").startswith(field)
    assert is_true(after(make_job(), step), "Failed")


@pytest.mark.parametrize(
    ("policy", "pods_after_success", "pods_after_failure"),
    [("OnSuccess", 0, 1), ("Always", 0, 0), ("Never", 1, 1)],
)
def test_cleanup_of_pods(policy: str, pods_after_success: int, pods_after_failure: int) -> None:
    job = started(cleanup={"pods": policy})
    for pod, kept in ((succeeded_pod(0), pods_after_success), (failed_pod(0), pods_after_failure)):
        done = after(job, go(job, seen(pod), 12))
        assert len(go(done, seen(pod), 13).delete) == 1 - kept


def test_time_to_live_deletes_the_job_itself() -> None:
    job = started(ttlSecondsAfterFinished=100)
    done = after(job, go(job, seen(succeeded_pod(0)), 12))
    early = go(done, NOTHING, 50)
    assert (early.delete_job, early.after) == (False, 62)
    assert go(done, NOTHING, 112).delete_job


def test_a_finished_job_never_runs_again() -> None:
    job = started()
    done = after(job, go(job, seen(succeeded_pod(0)), 12))
    step = go(done, NOTHING, 500)
    assert (step.create, step.delete, step.status) == ((), [], done.status)


def test_the_same_scene_gives_the_same_status() -> None:
    job = started(**ddp())
    pods = seen(make_pod(0), make_pod(1))
    once = after(job, go(job, pods, 5))
    assert go(once, pods, 9).status.to_json() == once.status.to_json()


def test_metrics_of_the_agent_reach_the_status_and_its_column() -> None:
    job = started()
    metrics = {
        "loss": {"value": 0.3125, "step": 7, "time": "2026-11-21T12:00:05Z"},
        "accuracy": {"value": 0.9, "step": 7, "time": "2026-11-21T12:00:05Z"},
    }
    step = go(job, Observed(pods=[make_pod(0)], agent=AgentStatus(metrics=metrics)), 6)
    assert step.status.metrics["loss"].value == 0.3125
    assert step.status.metric == "loss=0.3125"
    final = ended(0, message=agent_report(metrics={"loss": {"value": 0.25, "step": 9, "time": None}}))
    step = go(job, seen(make_pod(0, phase="Succeeded", train=ended(0), agent=final)), 12)
    assert step.status.metrics["loss"].value == 0.25


def test_silence_is_not_responding() -> None:
    job = started(progressTimeoutSeconds=60)
    quiet = AgentStatus(last_activity=at(5))
    step = go(job, Observed(pods=[make_pod(0)], agent=quiet), 70)
    assert step.status.phase == Phase.RUNNING
    assert is_true(after(job, step), "NotResponding")
    loud = go(after(job, step), Observed(pods=[make_pod(0)], agent=AgentStatus(last_activity=at(71))), 72)
    assert not is_true(after(job, loud), "NotResponding")


def test_only_the_last_ten_attempts_are_kept_and_their_time_still_counts() -> None:
    job = started(retry={"user": 1000}, timeoutSeconds=10_000)
    for number in range(1, 13):
        start = number * 100
        pod = failed_pod(0, attempt=number, train=ended(3, start=start, end=start + 10))
        job = after(job, go(job, seen(pod), start + 10))
        job = after(job, go(job, NOTHING, start + 20))
    assert [a.number for a in job.status.attempts] == list(range(4, 14))
    assert job.status.earlier_running_seconds == 30


def test_a_job_whose_code_is_not_there_waits_without_pods() -> None:
    job = make_job(source={"configMap": {"name": "digits-code"}})
    step = go(job, Observed(source_found=False))
    assert (step.status.phase, step.status.reason) == (Phase.PREPARING, "SourceNotFound")
    assert "no ConfigMap digits-code in namespace default" in (step.status.message or "")
    assert (step.create, step.after) == ((), CONTEXT.poll_seconds)
    job = after(job, step)
    assert names(go(job, NOTHING)) == ["ConfigMap/digits-launch", "Pod/digits-1-worker-0"]


def test_a_failed_job_says_that_it_is_not_complete() -> None:
    job = started()
    step = go(job, seen(failed_pod()), 11)
    conditions = {c.type: (c.status, c.reason) for c in step.status.conditions}
    assert (conditions["Failed"], conditions["Complete"]) == (("True", "UserError"), ("False", "UserError"))

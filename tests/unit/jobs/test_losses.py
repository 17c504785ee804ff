"""Elastic jobs: three workers of which two are enough. What is lost, what is replaced, what it spends, how it ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from job_factory import (
    CONTEXT,
    DONE,
    after,
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

from footplate.api.phases import Phase
from footplate.api.training_job import TrainingJob
from footplate.api.training_job_status import LostReplica, RetryCounts
from footplate.jobs.observe import Observed, PodView
from footplate.jobs.plan import plan
from footplate.jobs.scene import Plan, expected_pods

KILLED = ended(137, end=20)
OOM = ended(137, end=20, reason="OOMKilled")


def elastic(**spec: Any) -> TrainingJob:
    """The job once all three run."""
    job = make_job(**ddp(3, min_nodes=2), **spec)
    job = after(job, plan(job, Observed(), CONTEXT, at(1)))
    return after(job, look(job, make_pod(0), make_pod(1), make_pod(2), time=4))


def look(job: TrainingJob, *pods: PodView, time: float = 30, **observed: Any) -> Plan:
    return plan(job, seen(*pods, **observed), CONTEXT, at(time))


def lost(job: TrainingJob, *pods: PodView, time: float = 30, **observed: Any) -> TrainingJob:
    """The job after a pass that writes down a loss and does nothing else."""
    step = look(job, *pods, time=time, **observed)
    assert (step.create, step.delete) == ((), ())
    assert step.status.phase == Phase.RUNNING
    return after(job, step)


def entry(job: TrainingJob) -> LostReplica:
    (found,) = job.status.attempts[-1].lost or ()
    return found


def made(step: Plan) -> dict[str, str | None]:
    """Names of the pods that the step makes -> FOOTPLATE_REPLACEMENT of the agent."""
    pods = [m for m in step.create if m["kind"] == "Pod"]
    return {
        pod["metadata"]["name"]: next(
            (e["value"] for e in pod["spec"]["initContainers"][1]["env"] if e["name"] == "FOOTPLATE_REPLACEMENT"), None
        )
        for pod in pods
    }


def test_a_killed_worker_is_replaced_while_the_others_go_on() -> None:
    job = elastic()
    zero, one = make_pod(0), make_pod(1)
    uploading = make_pod(2, train=KILLED)
    job = lost(job, zero, one, uploading)
    sentence = "worker-2 was killed by SIGKILL; infrastructure retry 1 of 3 replaces it"
    assert (job.status.reason, job.status.message) == ("RunningWithFewer", f"2 of 3 replicas running; {sentence}")
    assert job.status.replicas["worker"].model_dump() == {"desired": 3, "running": 2, "succeeded": 0, "failed": 0}
    assert job.status.retries is not None
    assert (job.status.retries.infrastructure, job.status.retries.user) == (1, 0)
    assert entry(job) == LostReplica(
        replica="worker-2", times=1, time=at(20), reason="Signal", message=sentence, pod_uid=uploading.uid,
        replaced=True,
    )  # fmt: skip

    step = look(job, zero, one, uploading)
    assert (step.create, step.delete) == ((), ()), "its agent uploads what it had"
    stopped = failed_pod(2, 137, train=KILLED)
    step = look(job, zero, one, stopped)
    assert [(d.name, d.uid, d.force) for d in step.delete] == [("digits-1-worker-2", stopped.uid, False)]
    assert made(step) == {}
    step = look(job, zero, one, gone=[stopped])
    assert (made(step), step.delete) == ({"digits-1-worker-2": "1"}, ())
    (pod,) = (m for m in step.create if m["kind"] == "Pod")
    for container in (*pod["spec"]["initContainers"], *pod["spec"]["containers"]):
        assert {"name": "FOOTPLATE_RESUME", "value": "1"} in container["env"]
    assert look(job, zero, one, gone=[stopped]).status == job.status, "nothing is charged twice"

    fresh = pending_pod(2, replacement=1, created=33)
    step = look(job, zero, one, fresh, gone=[stopped], time=34)
    assert (made(step), step.status.reason) == ({}, "RunningWithFewer")
    job = after(job, step)
    assert entry(job).replacement_uid == fresh.uid
    job = after(job, look(job, zero, one, make_pod(2, replacement=1, train=running(36)), time=37))
    assert (job.status.reason, job.status.message) == ("AllReplicasRunning", "3 of 3 replicas running")
    assert job.status.attempts[0].start_time == at(2), "the attempt is the same one"


def test_the_replacement_may_be_lost_as_well() -> None:
    job = lost(elastic(), make_pod(0), make_pod(1), make_pod(2, train=KILLED))
    first = failed_pod(2, 137, train=KILLED)
    job = after(job, look(job, make_pod(0), make_pod(1), make_pod(2, replacement=1, created=33), gone=[first]))
    second = failed_pod(2, 137, train=ended(137, end=40), replacement=1, created=33)
    job = lost(job, make_pod(0), make_pod(1), second, gone=[first], time=41)
    assert (entry(job).times, entry(job).pod_uid) == (2, second.uid)
    assert entry(job).message.endswith("infrastructure retry 2 of 3 replaces it")
    step = look(job, make_pod(0), make_pod(1), gone=[second, first], time=45)
    assert made(step) == {"digits-1-worker-2": "2"}
    assert after(job, step).status == job.status


@pytest.mark.parametrize(
    ("pod", "reason", "user", "infrastructure"),
    [
        (make_pod(2, train=KILLED), "Signal", 0, 1),
        (make_pod(2, train=ended(143, end=20)), "Signal", 0, 1),
        (make_pod(2, train=ended(139, end=20)), "Signal", 1, 0),  # SIGSEGV: a fault of the program
        (make_pod(2, train=OOM), "OutOfMemory", 1, 0),
        (make_pod(2, deleted=650, grace=630), "Evicted", 0, 1),
        (make_pod(2, phase="Failed", reason="NodeLost"), "NodeLost", 0, 1),
        (
            make_pod(
                2,
                phase="Failed",
                train=ended(143, end=20),
                conditions=[{"type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler"}],
            ),
            "Preempted",
            0,
            1,
        ),
        (make_pod(2, train=ended(1, end=20, message={"replica": "worker-0"})), "NodeLost", 0, 1),
    ],
)
def test_what_a_loss_spends(pod: PodView, reason: str, user: int, infrastructure: int) -> None:
    job = lost(elastic(retry={"user": 1, "infrastructure": 1}), make_pod(0), make_pod(1), pod)
    assert (entry(job).reason, entry(job).replaced) == (reason, True)
    assert job.status.retries is not None
    assert (job.status.retries.user, job.status.retries.infrastructure) == (user, infrastructure)


@pytest.mark.parametrize(
    ("train", "why"),
    [(KILLED, "it is not replaced (all 1 of retry.infrastructure are spent)"), (OOM, "it is not replaced")],
)
def test_without_a_budget_it_goes_on_without_as_long_as_enough_are_left(train: dict[str, Any], why: str) -> None:
    job = elastic(retry={"infrastructure": 1})
    job = after(job, replace(look(job, make_pod(0), make_pod(1), make_pod(2)), status=spent(job)))
    job = lost(job, make_pod(0), make_pod(1), make_pod(2, train=train))
    assert entry(job).message.endswith(why)
    stopped = failed_pod(2, 137, train=train)
    assert made(look(job, make_pod(0), make_pod(1), gone=[stopped])) == {}
    assert look(job, make_pod(0), make_pod(1)).status == job.status
    step = look(job, make_pod(0), make_pod(1, train=ended(137, end=50)), time=51)
    assert (step.status.phase, step.status.reason) == (Phase.FINALIZING, "Signal"), "one alone is not enough"


def spent(job: TrainingJob) -> Any:
    return job.status.model_copy(update={"retries": RetryCounts(infrastructure=1)})


@pytest.mark.parametrize(
    ("pods", "reason", "replica"),
    [
        ([make_pod(0, train=KILLED), make_pod(1), make_pod(2)], "Signal", "worker-0"),
        ([make_pod(0), make_pod(1), make_pod(2, train=ended(1, end=20))], "UserError", "worker-2"),
        ([make_pod(0), make_pod(1, train=ended(137, end=21)), make_pod(2, train=KILLED)], "Signal", "worker-2"),
        ([make_pod(0), make_pod(1, deleted=700), make_pod(2, train=KILLED)], "Signal", "worker-2"),
        ([make_pod(0, train=KILLED), make_pod(1, train=ended(1, end=20, message={"replica": "worker-0"})), make_pod(2)],
         "Signal", "worker-0"),
    ],
)  # fmt: skip
def test_what_ends_the_attempt_as_ever(pods: list[PodView], reason: str, replica: str) -> None:
    step = look(elastic(), *pods)
    assert (step.status.phase, step.status.reason) == (Phase.FINALIZING, reason)
    assert step.status.message is not None
    assert step.status.message.startswith(replica)
    assert step.status.retries is None


def test_a_program_that_fails_later_is_not_hidden_by_the_loss_before() -> None:
    job = lost(elastic(), make_pod(0), make_pod(1), make_pod(2, train=KILLED))
    step = look(job, make_pod(0), make_pod(1, train=ended(3, end=40)), failed_pod(2, 137, train=KILLED), time=41)
    assert (step.status.phase, step.status.reason) == (Phase.FINALIZING, "UserError")
    assert step.status.message is not None
    told = "worker-1 exited with code 3; shortly before worker-2 was killed by SIGKILL"
    assert step.status.message.startswith(told), "which may be why"


def test_a_pod_that_vanished_unseen_is_a_loss_and_its_replacement_is_expected_once_seen() -> None:
    job = elastic()
    assert expected_pods(job) == [f"digits-1-worker-{n}" for n in range(3)]
    job = lost(job, make_pod(0), make_pod(1), lost=frozenset({"digits-1-worker-2"}))
    assert (entry(job).reason, entry(job).pod_uid) == ("NodeLost", None)
    assert expected_pods(job) == ["digits-1-worker-0", "digits-1-worker-1"]
    assert made(look(job, make_pod(0), make_pod(1))) == {"digits-1-worker-2": "1"}
    job = after(job, look(job, make_pod(0), make_pod(1), make_pod(2, replacement=1)))
    assert expected_pods(job) == [f"digits-1-worker-{n}" for n in range(3)]
    job = lost(job, make_pod(0), make_pod(1), lost=frozenset({"digits-1-worker-2"}))
    assert entry(job).times == 2


def test_it_runs_as_soon_as_enough_do_and_says_what_keeps_the_rest() -> None:
    job = make_job(**ddp(3, min_nodes=2), startTimeoutSeconds=60)
    job = after(job, plan(job, Observed(), CONTEXT, at(1)))
    late = pending_pod(2, conditions=[unschedulable("0/2 nodes are available")])
    step = look(job, make_pod(0), make_pod(1), late, time=4)
    assert step.status.phase == Phase.SCALING, "in a moment all may run"
    assert look(job, make_pod(0), pending_pod(1), late, time=20).status.phase == Phase.SCALING
    assert look(job, pending_pod(0), make_pod(1), make_pod(2), time=20).status.phase == Phase.SCALING, "worker 0 must"
    job = after(job, look(job, make_pod(0), make_pod(1), late, time=7))
    assert (job.status.phase, job.status.reason) == (Phase.RUNNING, "RunningWithFewer")
    assert job.status.message == "2 of 3 replicas running; worker-2: 0/2 nodes are available"
    assert look(job, make_pod(0), make_pod(1), late, time=500).status.phase == Phase.RUNNING, "the start is over"
    job = after(job, look(job, make_pod(0), make_pod(1), make_pod(2), time=501))
    assert (job.status.reason, job.status.attempts[0].start_time) == ("AllReplicasRunning", at(2))


def test_it_has_not_run_before_worker_0_did() -> None:
    job = make_job(**ddp(3, min_nodes=2))
    job = after(job, plan(job, Observed(), CONTEXT, at(1)))
    step = look(job, make_pod(0, train=running(80)), make_pod(1), make_pod(2), time=81)
    assert step.status.start_time == step.status.attempts[0].start_time == at(80)


def test_too_few_by_the_start_timeout_is_a_failure() -> None:
    job = make_job(**ddp(3, min_nodes=2), startTimeoutSeconds=60)
    job = after(job, plan(job, Observed(), CONTEXT, at(1)))
    assert look(job, make_pod(0), pending_pod(1), pending_pod(2), time=70).status.reason == "StartTimeout"


def unschedulable(message: str) -> dict[str, str]:
    return {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}


FETCH_FAILED = {"fetch": ended(1, end=5, message={"error": {"reason": "InputUnavailable", "message": "gone"}})}


def test_what_keeps_a_worker_from_starting_fails_the_first_start_but_not_a_running_group() -> None:
    starting = make_job(**ddp(3, min_nodes=2))
    starting = after(starting, plan(starting, Observed(), CONTEXT, at(1)))
    refused = pending_pod(2, **FETCH_FAILED)
    step = look(starting, pending_pod(0), pending_pod(1), refused, time=6)
    assert (step.status.phase, step.status.reason) == (Phase.FINALIZING, "InputUnavailable")
    job = lost(elastic(), make_pod(0), make_pod(1), make_pod(2, train=KILLED))
    job = after(job, look(job, make_pod(0), make_pod(1), pending_pod(2, replacement=1)))
    job = lost(job, make_pod(0), make_pod(1), pending_pod(2, replacement=1, **FETCH_FAILED))
    assert (entry(job).reason, entry(job).replaced) == ("InputUnavailable", False)


def test_a_worker_that_is_killed_while_others_still_start_is_replaced_too() -> None:
    job = make_job(**ddp(3, min_nodes=2))
    job = after(job, plan(job, Observed(), CONTEXT, at(1)))
    step = look(job, make_pod(0), pending_pod(1), make_pod(2, train=ended(137, end=3)), time=4)
    assert step.status.phase == Phase.SCALING
    job = after(job, step)
    assert (entry(job).reason, entry(job).replaced) == ("Signal", True)
    step = look(job, make_pod(0), pending_pod(1), gone=[failed_pod(2, 137)], time=5)
    assert made(step) == {"digits-1-worker-2": "1"}


def without_a_replacement(job: TrainingJob) -> list[PodView]:
    return []


def one_that_waits_for_a_node(job: TrainingJob) -> list[PodView]:
    return [pending_pod(2, replacement=1, train=waiting("PodInitializing"))]


@pytest.mark.parametrize("third", [without_a_replacement, one_that_waits_for_a_node])
def test_it_completes_with_those_that_took_part(third: Callable[[TrainingJob], list[PodView]]) -> None:
    job = lost(elastic(), make_pod(0), make_pod(1), make_pod(2, train=KILLED))
    pods = [succeeded_pod(0), succeeded_pod(1)]
    waits = third(job)
    step = look(job, *pods, *waits, time=60)
    if waits:
        assert (step.status.phase, [d.name for d in step.delete]) == (Phase.FINALIZING, ["digits-1-worker-2"])
        step = look(after(job, step), *pods, gone=waits, time=61)
    assert step.status.phase == Phase.COMPLETED, step.status.message
    persisted = next(c for c in step.status.conditions if c.type == "OutputsPersisted")
    assert persisted.status == "True"
    assert made(step) == {}


def test_a_worker_lost_when_others_are_done_is_not_replaced() -> None:
    job = lost(elastic(), succeeded_pod(0), succeeded_pod(1), make_pod(2, train=KILLED))
    assert entry(job).message == "worker-2 was killed by SIGKILL; it is not replaced (the others are done)"
    assert job.status.retries is None or job.status.retries.infrastructure == 0
    step = look(job, succeeded_pod(0), succeeded_pod(1), failed_pod(2, 137, train=KILLED))
    assert step.status.phase == Phase.COMPLETED


def test_a_worker_that_came_too_late_to_join_is_stopped_soon_after_worker_0_is_done() -> None:
    job = elastic()
    done = [succeeded_pod(0, train=ended(0, end=50)), succeeded_pod(1, train=ended(0, end=50))]
    step = look(job, *done, make_pod(2), time=55)
    assert (step.status.phase, step.delete) == (Phase.RUNNING, ())
    assert step.after == 10
    step = look(job, *done, make_pod(2), time=65)
    assert (step.status.phase, [d.name for d in step.delete]) == (Phase.FINALIZING, ["digits-1-worker-2"])
    stopped = make_pod(2, phase="Failed", train=ended(143, end=66), agent=DONE, deleted=665, grace=600)
    step = look(after(job, step), *done, gone=[stopped], time=67)
    assert step.status.phase == Phase.COMPLETED
    assert not step.status.attempts[0].lost


def test_a_worker_that_fails_after_worker_0_is_done_fails_the_attempt() -> None:
    done = [succeeded_pod(0, train=ended(0, end=50)), succeeded_pod(1, train=ended(0, end=50))]
    step = look(elastic(), *done, failed_pod(2, 3, train=ended(3, end=51)), time=70)
    assert (step.status.phase, step.status.reason) == (Phase.FAILED, "UserError")


def test_it_has_not_completed_while_worker_0_is_not_done() -> None:
    job = elastic()
    step = look(job, make_pod(0), succeeded_pod(1), succeeded_pod(2), time=60)
    assert step.status.phase == Phase.RUNNING


def test_cancel_reaches_lost_pods_as_well() -> None:
    job = lost(elastic(), make_pod(0), make_pod(1), make_pod(2, deleted=700))
    canceled = TrainingJob.model_validate({**job.to_json(), "spec": {**job.to_json()["spec"], "cancel": True}})
    step = look(canceled, make_pod(0), make_pod(1), make_pod(2, deleted=700))
    assert sorted(d.name for d in step.delete) == ["digits-1-worker-0", "digits-1-worker-1"]
    pods = [make_pod(n, phase="Failed", train=ended(143), agent=DONE, deleted=640, grace=600) for n in (0, 1)]
    step = look(after(canceled, step), gone=[*pods, make_pod(2, deleted=700)])
    assert step.status.phase == Phase.CANCELED


def test_a_lost_pod_on_a_dead_node_is_forced_so_that_its_name_is_free() -> None:
    dead = make_pod(2, deleted=100)
    job = lost(elastic(), make_pod(0), make_pod(1), dead)
    step = look(job, make_pod(0), make_pod(1), dead, time=131)
    assert [(d.name, d.force) for d in step.delete] == [("digits-1-worker-2", True)]


def test_the_next_attempt_begins_with_all_replicas_as_the_first_did() -> None:
    job = lost(elastic(retry={"user": 1}), make_pod(0), make_pod(1), make_pod(2, train=KILLED))
    job = after(job, look(job, failed_pod(0, 3), failed_pod(1, 3), gone=[failed_pod(2, 137, train=KILLED)], time=50))
    assert job.status.attempts[0].reason == "UserError"
    step = look(job, time=55)
    assert made(step) == {f"digits-2-worker-{n}": None for n in range(3)}
    assert step.status.attempts[0].lost, "the record of the first attempt stays"

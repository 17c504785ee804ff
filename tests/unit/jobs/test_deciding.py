"""Replicas that serve the deciding ones: parameter servers, evaluators, workers under a chief."""

from __future__ import annotations

from typing import Any

import pytest
from job_factory import (
    CONTEXT,
    DONE,
    after,
    agent_report,
    at,
    ended,
    make_job,
    make_pod,
    parameter_servers,
    pending_pod,
    seen,
    succeeded_pod,
    waiting,
)

from footplate.api.conditions import OUTPUTS_PERSISTED, RUNNING, get_condition
from footplate.api.phases import Phase
from footplate.api.training_job import TrainingJob
from footplate.jobs.observe import Observed, PodView
from footplate.jobs.plan import plan
from footplate.jobs.scene import Plan

CHIEF = succeeded_pod(role="chief")  # its program ended at 10
UPLOADING_CHIEF = make_pod(role="chief", train=ended(0))
WORKER, PS = make_pod(role="worker"), make_pod(role="ps")
STOPPED = {"phase": "Failed", "train": ended(143, end=12), "deleted": 642, "grace": 630}


def running_job(**spec: Any) -> TrainingJob:
    """A chief, a worker and a parameter server, all of which have started."""
    job = make_job(**{**parameter_servers(), **spec})
    job = after(job, plan(job, Observed(), CONTEXT, at(1)))
    return after(job, go(job, seen(make_pod(role="chief"), WORKER, PS), 3))


def go(job: TrainingJob, observed: Observed, seconds: float = 13) -> Plan:
    return plan(job, observed, CONTEXT, at(seconds))


def stopped(role: str, **report: Any) -> PodView:
    """Deleted at 12, its program killed by SIGTERM."""
    return make_pod(role=role, **STOPPED, agent=ended(0, end=13, message=agent_report(**report)))


@pytest.mark.parametrize("chief", [CHIEF, UPLOADING_CHIEF])
def test_when_the_chief_has_ended_well_the_others_are_stopped(chief: PodView) -> None:
    step = go(running_job(), seen(chief, WORKER, PS))
    assert [d.name for d in step.delete] == ["digits-1-ps-0", "digits-1-worker-0"]
    assert not any(d.force for d in step.delete)
    assert (step.status.phase, step.status.reason) == (Phase.FINALIZING, "StoppingReplicas")
    assert step.status.message == "the program has ended; stopping ps-0, worker-0 and saving their outputs"
    condition = get_condition(step.status.conditions, RUNNING)
    assert condition is not None
    assert condition.status == "False"


def test_they_are_waited_for_and_not_deleted_twice() -> None:
    leaving = make_pod(role="ps", deleted=642, grace=630)
    uploading = make_pod(role="worker", train=ended(0, end=9))
    step = go(running_job(), seen(CHIEF, uploading, leaving))
    assert not step.delete
    assert step.status.phase == Phase.FINALIZING
    assert step.after is not None, "a deletion that is missed or a node that is dead must not be waited for in vain"


def test_one_on_a_dead_node_is_forced() -> None:
    leaving = make_pod(role="ps", deleted=642, grace=630)
    step = go(running_job(), Observed(pods=(CHIEF, leaving), gone=(stopped("worker"),)), 700)
    assert [(d.name, d.force) for d in step.delete] == [("digits-1-ps-0", True)]


@pytest.mark.parametrize(
    "ending",
    [
        ended(143, end=12),
        ended(137, end=12),
        ended(1, end=12),
        ended(0, end=12),
        ended(1, end=10),  # its server noticed that the chief had gone, within the same second
    ],
)
def test_how_they_end_then_does_not_count(ending: dict[str, Any]) -> None:
    pods = [make_pod(role=role, **{**STOPPED, "train": ending}, agent=DONE) for role in ("worker", "ps")]
    step = go(running_job(), Observed(pods=(CHIEF,), gone=tuple(pods)))
    assert step.status.phase == Phase.COMPLETED
    assert step.status.attempts[0].reason == "Completed"
    assert step.status.run is not None
    assert step.status.run.files == 6, "the outputs of all"
    condition = get_condition(step.status.conditions, OUTPUTS_PERSISTED)
    assert condition is not None
    assert condition.status == "True"


def test_all_roles_count_as_nodes() -> None:
    assert running_job().status.nodes == 3


def test_the_stopped_ones_do_not_count_as_failed() -> None:
    step = go(running_job(), Observed(pods=(CHIEF,), gone=(stopped("worker"), stopped("ps"))))
    assert {role: counts.failed for role, counts in step.status.replicas.items()} == {"chief": 0, "worker": 0, "ps": 0}


def test_an_eviction_while_they_are_stopped_does_not_count() -> None:
    evicted = make_pod(
        role="ps",
        phase="Failed",
        train=ended(137, end=12),
        agent=DONE,
        conditions=[{"type": "DisruptionTarget", "status": "True", "reason": "TerminationByKubelet"}],
    )
    assert go(running_job(), seen(CHIEF, evicted, succeeded_pod(role="worker"))).status.phase == Phase.COMPLETED


def test_an_upload_of_theirs_that_failed_is_told_and_costs_nothing() -> None:
    step = go(running_job(), Observed(pods=(CHIEF,), gone=(stopped("worker"), stopped("ps", complete=False))))
    assert step.status.phase == Phase.COMPLETED
    condition = get_condition(step.status.conditions, OUTPUTS_PERSISTED)
    assert condition is not None
    assert (condition.status, condition.message) == ("False", "no complete manifest of ps-0 was seen")


def test_which_outputs_are_not_stored_and_why_is_told() -> None:
    refused = stopped("ps", complete=False, error="The store refused access.", missing=["ranks/ps-0/outputs/a", "b"])
    step = go(running_job(), Observed(pods=(CHIEF,), gone=(stopped("worker", complete=False), refused)))
    condition = get_condition(step.status.conditions, OUTPUTS_PERSISTED)
    assert condition is not None
    assert condition.message == (
        "ps-0: The store refused access. (missing: ranks/ps-0/outputs/a, b); no complete manifest of worker-0 was seen"
    )


def test_outputs_that_no_operator_saw_being_stored_are_named() -> None:
    """It was restarted while they were stopped, and does not know what their agents said."""
    step = go(running_job(), Observed(pods=(CHIEF,), lost=frozenset({"digits-1-ps-0", "digits-1-worker-0"})))
    assert step.status.phase == Phase.COMPLETED
    assert step.create == ()
    condition = get_condition(step.status.conditions, OUTPUTS_PERSISTED)
    assert condition is not None
    assert condition.message == "no complete manifest of ps-0, worker-0 was seen"


def test_one_that_never_started_is_stopped_and_has_no_outputs() -> None:
    job = running_job()
    pending = pending_pod(role="ps")
    step = go(job, seen(CHIEF, succeeded_pod(role="worker"), pending))
    assert [d.name for d in step.delete] == ["digits-1-ps-0"]
    step = go(job, Observed(pods=(CHIEF, succeeded_pod(role="worker")), gone=(pending,)))
    assert step.status.phase == Phase.COMPLETED
    condition = get_condition(step.status.conditions, OUTPUTS_PERSISTED)
    assert condition is not None
    assert condition.status == "True"


@pytest.mark.parametrize("role", ["ps", "worker"])
def test_one_that_fails_while_the_chief_runs_is_the_cause(role: str) -> None:
    other = {"ps": "worker", "worker": "ps"}[role]
    failed = make_pod(role=role, phase="Failed", train=ended(137, end=9), agent=DONE)
    step = go(running_job(), seen(make_pod(role="chief"), failed, make_pod(role=other)))
    assert [d.name for d in step.delete] == ["digits-1-chief-0", f"digits-1-{other}-0"]
    assert (step.status.reason, step.status.message) == (
        "Signal",
        f"{role}-0 was killed by SIGKILL; saving the outputs of 2 replicas",
    )
    assert step.status.replicas[role].failed == 1


def test_one_that_failed_before_the_chief_ended_well_is_a_failure() -> None:
    failed = make_pod(role="ps", phase="Failed", train=ended(1, end=9), agent=DONE)
    step = go(running_job(), seen(CHIEF, failed, succeeded_pod(role="worker")))
    assert step.status.phase == Phase.FAILED
    assert step.status.attempts[0].replica == "ps-0"


@pytest.mark.parametrize("end", [5, 11])
def test_one_that_ends_by_itself_with_0_is_done(end: float) -> None:
    done = succeeded_pod(role="ps", train=ended(0, end=end))
    step = go(running_job(), seen(make_pod(role="chief"), WORKER, done))
    assert (step.status.phase, step.delete) == (Phase.RUNNING, ())
    unsaved = make_pod(role="ps", phase="Succeeded", train=ended(0, end=5), agent=ended(1, message=agent_report(False)))
    assert go(running_job(), seen(make_pod(role="chief"), WORKER, unsaved)).status.phase == Phase.RUNNING


def test_a_deleted_one_is_an_eviction_while_the_chief_runs() -> None:
    leaving = make_pod(role="ps", deleted=642, grace=630)
    step = go(running_job(), seen(make_pod(role="chief"), WORKER, leaving))
    assert (step.status.phase, step.status.reason) == (Phase.FINALIZING, "Evicted")


def test_the_outputs_of_the_chief_decide() -> None:
    unsaved = make_pod(role="chief", phase="Succeeded", train=ended(0), agent=ended(1, message=agent_report(False)))
    step = go(running_job(), Observed(pods=(unsaved,), gone=(stopped("worker"), stopped("ps"))))
    assert (step.status.phase, step.status.reason) == (Phase.FAILED, "OutputUploadFailed")


def test_without_a_chief_all_workers_decide() -> None:
    job = make_job(**parameter_servers(chief=False, workers=2))
    job = after(job, plan(job, Observed(), CONTEXT, at(1)))
    step = go(job, seen(succeeded_pod(0), make_pod(1), PS))
    assert (step.status.phase, step.delete) == (Phase.RUNNING, ())
    step = go(job, seen(succeeded_pod(0), succeeded_pod(1), PS))
    assert [d.name for d in step.delete] == ["digits-1-ps-0"]


def test_without_parameter_servers_the_workers_decide_too() -> None:
    job = make_job(**parameter_servers(servers=0, evaluator=True))
    job = after(job, plan(job, Observed(), CONTEXT, at(1)))
    evaluator = make_pod(role="evaluator")
    assert go(job, seen(CHIEF, WORKER, evaluator)).status.phase == Phase.RUNNING
    step = go(job, seen(CHIEF, succeeded_pod(role="worker"), evaluator))
    assert [d.name for d in step.delete] == ["digits-1-evaluator-0"]


def test_cancel_comes_too_late_once_the_chief_has_ended_well() -> None:
    job = running_job()
    job = job.model_copy(update={"spec": job.spec.model_copy(update={"cancel": True})})
    assert go(job, seen(CHIEF, WORKER, PS)).status.reason == "StoppingReplicas"
    assert go(job, seen(make_pod(role="chief"), WORKER, PS)).status.reason == "Canceling"


def test_one_that_cannot_start_delays_nothing_once_the_chief_has_ended_well() -> None:
    job = make_job(**parameter_servers())
    job = after(job, plan(job, Observed(), CONTEXT, at(1)))
    stuck = pending_pod(role="worker", train=waiting("ImagePullBackOff", "no such image"))
    step = go(job, seen(CHIEF, stuck), 3700)
    assert [d.name for d in step.delete] == ["digits-1-worker-0"]
    assert step.create == (), "what is not there is not made any more"

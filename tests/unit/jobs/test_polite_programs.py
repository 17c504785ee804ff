"""A program that saves a checkpoint on SIGTERM and ends with 0 is not done: who asked it to stop decides what it is."""

from __future__ import annotations

from typing import Any

import pytest
from job_factory import CONTEXT, after, at, ended, make_job, make_pod, seen, stamp, succeeded_pod

from footplate.api.phases import Phase
from footplate.api.training_job import TrainingJob
from footplate.jobs.blame import first_failure
from footplate.jobs.observe import Observed, PodView
from footplate.jobs.plan import plan
from footplate.jobs.scene import Plan

ASKED, GRACE = 20, 600


def judged(pod: PodView, gone: bool = False, **spec: Any) -> Plan:
    """The next step of a job that ran, was changed to `spec`, and whose only pod is now so."""
    created = make_job(timeoutSeconds=spec.pop("timeoutSeconds", 2592000))
    job = after(created, plan(created, Observed(), CONTEXT, at(1)))
    job = after(job, plan(job, seen(make_pod(0)), CONTEXT, at(3)))
    job = TrainingJob.model_validate({**job.to_json(), "spec": {**job.to_json()["spec"], **spec}})
    return plan(job, Observed(gone=[pod]) if gone else seen(pod), CONTEXT, at(40))


def deleted(end: float) -> PodView:
    """Its deletion was asked for at 20 s; the program ended with 0."""
    return succeeded_pod(0, train=ended(0, end=end), deleted=ASKED + GRACE, grace=GRACE)


def disrupted(end: float) -> PodView:
    """A node that was shut down says that the pod has failed, whatever its exit codes."""
    condition = {
        "type": "DisruptionTarget",
        "status": "True",
        "reason": "TerminationByKubelet",
        "message": "the node was shut down",
        "lastTransitionTime": stamp(ASKED),
    }
    return succeeded_pod(0, phase="Failed", train=ended(0, end=end), reason="Terminated", conditions=[condition])


@pytest.mark.parametrize("gone", [False, True])
@pytest.mark.parametrize("end", [ASKED, ASKED + 5])
def test_canceled_and_suspended(end: float, gone: bool) -> None:
    assert judged(deleted(end), gone, cancel=True).status.phase == Phase.CANCELED
    assert judged(deleted(end), gone, suspend=True).status.phase == Phase.SUSPENDED


@pytest.mark.parametrize("pod", [deleted(ASKED + 5), disrupted(ASKED), disrupted(ASKED + 5)])
def test_stopped_from_outside_it_starts_again(pod: PodView) -> None:
    step = judged(pod)
    assert (step.status.phase, step.status.reason) == (Phase.SCALING, "Restarting")
    assert step.status.attempts[0].reason == "Evicted"
    assert step.status.retries is not None
    assert step.status.retries.infrastructure == 1


@pytest.mark.parametrize("pod", [deleted(ASKED - 1), disrupted(ASKED - 1)])
def test_one_that_had_ended_before_is_done(pod: PodView) -> None:
    assert judged(pod).status.phase == Phase.COMPLETED
    assert judged(pod, cancel=True).status.phase == Phase.COMPLETED


def test_out_of_time() -> None:
    assert judged(deleted(ASKED + 1), timeoutSeconds=10).status.reason == "Timeout"


def test_a_program_that_failed_before_its_pod_was_deleted_is_to_blame_itself() -> None:
    pod = make_pod(0, phase="Failed", train=ended(3, end=ASKED - 1), deleted=ASKED + GRACE, grace=GRACE)
    assert judged(pod).status.reason == "UserError"


def test_the_cause_comes_before_what_it_stopped_in_the_same_second() -> None:
    stopped = make_pod(0, phase="Failed", train=ended(143, end=ASKED), deleted=ASKED + GRACE, grace=GRACE)
    cause = make_pod(1, phase="Failed", train=ended(3, end=ASKED))
    found = first_failure([stopped, cause], frozenset())
    assert found is not None
    assert (found.cause, str(found.replica)) == ("UserError", "worker-1")

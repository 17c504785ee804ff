"""Attempts of which some replica never runs: what is told meanwhile, and what becomes of them."""

from __future__ import annotations

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
    waiting,
)

from footplate.api.phases import Phase
from footplate.api.training_job import TrainingJob
from footplate.jobs.observe import Hindrance, Observed, PodView
from footplate.jobs.plan import plan
from footplate.jobs.scene import Plan
from footplate.jobs.waiting import late

LIMIT = 60
GRACE = 630
NO_NODE = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/9 nodes"}


def started(**spec: Any) -> TrainingJob:
    job = make_job(startTimeoutSeconds=LIMIT, **ddp(3), **spec)
    return after(job, plan(job, Observed(), CONTEXT, at(1)))


def go(job: TrainingJob, pods: list[PodView], seconds: float, **more: Any) -> Plan:
    return plan(job, Observed(pods=pods, **more), CONTEXT, at(seconds))


def unscheduled_pod(index: int, **more: Any) -> PodView:
    return pending_pod(index, conditions=[NO_NODE], **more)


def stopped_pod(index: int) -> PodView:
    """One that was stopped because the attempt was given up."""
    train = ended(143, end=LIMIT + 3)
    return make_pod(index, phase="Failed", train=train, agent=DONE, deleted=LIMIT + 1 + GRACE, grace=GRACE)


def initialized_pod(index: int, reason: str, message: str) -> PodView:
    """One whose own two containers have started, and its program has not."""
    return make_pod(index, phase="Pending", train=waiting(reason, message))


@pytest.mark.parametrize(
    ("stuck", "hindrance", "reason", "said"),
    [
        (pending_pod(1, fetch=waiting("ImagePullBackOff", "no such image")), None, "ImagePullFailed", "no such image"),
        (initialized_pod(1, "ErrImagePull", "denied"), None, "ImagePullFailed", "denied"),
        (unscheduled_pod(1), None, "Unschedulable", "0/9 nodes"),
        (
            pending_pod(1, fetch=waiting("CreateContainerConfigError", 'secret "keys" not found')),
            None,
            "CreateContainerConfigError",
            'secret "keys" not found',
        ),
        (initialized_pod(1, "CreateContainerError", "bad mount"), None, "CreateContainerError", "bad mount"),
        (pending_pod(1), Hindrance("FailedMount", "no secret"), "FailedMount", "no secret"),
        (pending_pod(1), Hindrance("FailedAttachVolume", "busy"), "FailedMount", "busy"),
        (
            pending_pod(1),
            Hindrance("FailedCreatePodSandBox", "no address left"),
            "FailedCreatePodSandBox",
            "no address left",
        ),
    ],
)
def test_one_of_three(stuck: PodView, hindrance: Hindrance | None, reason: str, said: str) -> None:
    hindrances = {stuck.key.name: hindrance} if hindrance else {}
    job = started(retry={"user": 1})
    pods = [make_pod(0), stuck, make_pod(2)]

    meanwhile = go(job, pods, 20, hindrances=hindrances)
    assert (meanwhile.status.phase, meanwhile.status.reason) == (Phase.SCALING, reason)
    assert meanwhile.status.message == f"worker-1: {said}"
    assert meanwhile.delete == ()
    job = after(job, meanwhile)

    stopping = go(job, pods, 1 + LIMIT, hindrances=hindrances)
    limit = f"worker-1: {said}; not all replicas ran within startTimeoutSeconds ({LIMIT} s)"
    assert (stopping.status.phase, stopping.status.reason) == (Phase.FINALIZING, reason)
    assert stopping.status.message == f"{limit}; saving the outputs of 3 replicas"
    assert len(stopping.delete) == 3
    job = after(job, stopping)

    late_start = make_pod(1, deleted=LIMIT + 1 + GRACE, grace=GRACE)  # into the room that another left
    assert go(job, [make_pod(0), late_start], LIMIT + 2, gone=[stopped_pod(2)]).status.reason == reason
    closed = go(job, [], LIMIT + 4, gone=[stopped_pod(0), stopped_pod(1), stopped_pod(2)])
    assert (closed.status.phase, closed.status.reason) == (Phase.SCALING, "Restarting")
    attempt = closed.status.attempts[0]
    assert (attempt.reason, attempt.replica, attempt.message, attempt.node) == (reason, "worker-1", limit, "node-1")
    assert closed.status.retries is not None
    assert (closed.status.retries.user, closed.status.retries.infrastructure) == (1, 0)


def test_nobody_knows_why() -> None:
    step = go(started(), [make_pod(0), pending_pod(1), pending_pod(2)], 1 + LIMIT)
    assert (step.status.phase, step.status.reason) == (Phase.FINALIZING, "StartTimeout")
    step = go(started(), [pending_pod(0), pending_pod(1), pending_pod(2)], 1 + LIMIT)
    assert (step.status.phase, step.status.reason) == (Phase.FAILED, "StartTimeout")


def test_an_image_name_that_is_none_stops_those_that_run_at_once() -> None:
    job = started()
    stuck = initialized_pod(1, "InvalidImageName", "what")
    stopping = go(job, [make_pod(0), stuck, pending_pod(2)], 5)
    assert (stopping.status.reason, len(stopping.delete)) == ("InvalidImage", 3)
    closed = go(after(job, stopping), [], 8, gone=[stopped_pod(0)])
    assert (closed.status.phase, closed.status.reason) == (Phase.FAILED, "InvalidImage")
    assert closed.status.attempts[0].replica == "worker-1"


@pytest.mark.parametrize(
    "said",
    [
        'container has runAsNonRoot and image will run as root (pod: "digits", container: train)',
        "container has runAsNonRoot and image has non-numeric user (jovyan), cannot verify user is non-root",
        "container's runAsUser breaks non-root policy",
    ],
)
def test_a_user_that_may_not_be_is_told_with_what_to_write(said: str) -> None:
    """The kubelet would try for ever, and calls it what it calls a Secret that is missing."""
    stuck = initialized_pod(1, "CreateContainerConfigError", said)
    step = go(started(), [make_pod(0), stuck, make_pod(2)], 20)
    assert (step.status.reason, len(step.delete)) == ("InvalidPod", 3)
    assert step.status.message.startswith(f"worker-1: {said}; name a user in spec.podTemplate.spec.securityContext")


def test_the_worst_is_told_first() -> None:
    pods = [
        unscheduled_pod(0),
        pending_pod(1, fetch=waiting("ImagePullBackOff", "no such image")),
        pending_pod(2, fetch=running()),
    ]
    assert go(started(), pods, 20).status.reason == "ImagePullFailed"


@pytest.mark.parametrize("seconds", [10, 1 + LIMIT, 3 * LIMIT])
def test_a_replica_that_fails_while_others_start_ends_the_attempt_at_once(seconds: float) -> None:
    """Also when the operator sees it only after the start's time is up."""
    pods = [failed_pod(0, train=ended(3, end=9)), pending_pod(1, fetch=running()), make_pod(2)]
    step = go(started(), pods, seconds)
    assert (step.status.phase, step.status.reason) == (Phase.FINALIZING, "UserError")
    assert [d.name for d in step.delete] == ["digits-1-worker-1", "digits-1-worker-2"]


def test_a_replica_that_fails_after_the_start_was_given_up_is_not_the_cause() -> None:
    stuck = pending_pod(1, fetch=waiting("ImagePullBackOff", "no such image"))
    step = go(started(), [failed_pod(0, train=ended(3, end=LIMIT + 2)), stuck], LIMIT + 3)
    assert (step.status.reason, step.status.attempts[0].replica) == ("ImagePullFailed", "worker-1")


def test_an_attempt_that_has_run_whole_is_no_late_start() -> None:
    """An operator that comes back late finds a pod gone, not one that never started."""
    job = started()
    job = after(job, go(job, [make_pod(0), make_pod(1), make_pod(2)], 5))
    step = go(job, [make_pod(0), make_pod(1)], 2 * LIMIT, lost=frozenset({"digits-1-worker-2"}))
    assert (step.status.reason, len(step.delete)) == ("NodeLost", 2)


@pytest.mark.parametrize("field", ["cancel", "suspend"])
def test_stopping_in_the_middle_of_a_start(field: str) -> None:
    job = started()
    asked = make_job(startTimeoutSeconds=LIMIT, status=job.status.to_json(), **{field: True}, **ddp(3))
    pods = [make_pod(0), unscheduled_pod(1), pending_pod(2, fetch=running())]

    stopping = go(asked, pods, 10)
    assert (stopping.status.phase, len(stopping.delete)) == (Phase.FINALIZING, 3)
    assert stopping.create == ()
    asked = after(asked, stopping)
    over = [
        make_pod(0, phase="Failed", train=ended(143, end=12), agent=DONE, deleted=10 + GRACE, grace=GRACE),
        unscheduled_pod(1, deleted=10),
        pending_pod(2, deleted=10 + GRACE, grace=GRACE, fetch=ended(143, end=11)),
    ]
    closed = go(asked, [], 1 + LIMIT, gone=over)
    wanted = {"cancel": Phase.CANCELED, "suspend": Phase.SUSPENDED}[field]
    assert (closed.status.phase, closed.create) == (wanted, ())


@pytest.mark.parametrize(
    ("pod", "seconds", "expected"),
    [
        (pending_pod(0), 4, False),
        (pending_pod(0), 12, True),
        (pending_pod(0, fetch=waiting("ContainerCreating")), 12, True),
        (pending_pod(0, fetch=waiting("ImagePullBackOff")), 12, False),
        (pending_pod(0, fetch=running()), 12, False),
        (pending_pod(0, deleted=20), 12, False),
        (make_pod(0), 12, False),
    ],
)
def test_whose_events_are_worth_a_look(pod: PodView, seconds: float, expected: bool) -> None:
    assert late(pod, at(seconds)) is expected

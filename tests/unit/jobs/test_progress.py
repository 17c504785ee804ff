"""A program that has gone silent: the condition, and the restart where it is asked for."""

from __future__ import annotations

from typing import Any

import pytest
from job_factory import CONTEXT, after, agent_report, at, ddp, ended, make_job, make_pod, told

from footplate.api.conditions import get_condition
from footplate.api.phases import Phase
from footplate.api.training_job import TrainingJob
from footplate.jobs.observe import AgentStatus, Observed, PodView, agent_status
from footplate.jobs.plan import plan
from footplate.jobs.scene import Plan

LIMIT = 60
GRACE = 630


def started(**spec: Any) -> TrainingJob:
    job = make_job(**{"progressTimeoutSeconds": LIMIT, **spec})
    return after(job, plan(job, Observed(), CONTEXT, at(1)))


def go(job: TrainingJob, seconds: float, *pods: PodView, active: float | None = None, agent: bool = True) -> Plan:
    """A pass at a time; the program was last active then."""
    status = AgentStatus(last_activity=at(active) if active is not None else None) if agent else None
    return plan(job, Observed(pods=pods or (make_pod(0),), agent=status), CONTEXT, at(seconds))


def condition(job: TrainingJob) -> tuple[str, str] | None:
    found = get_condition(job.status.conditions, "NotResponding")
    return (found.status, found.reason) if found is not None else None


@pytest.mark.parametrize(
    ("seconds", "active", "agent", "wanted"),
    [
        (30, 5, True, ("False", "Progressing")),
        (64, 5, True, ("False", "Progressing")),
        (65, 5, True, ("True", "NoProgress")),
        (61, None, True, ("False", "Progressing")),  # silent since the program's start, at 2
        (62, None, True, ("True", "NoProgress")),
        (62, 1, True, ("True", "NoProgress")),  # what fetch put back is older than the start
        (999, None, False, None),  # the agent has not been heard
    ],
)
def test_when_a_job_is_not_responding(
    seconds: float, active: float | None, agent: bool, wanted: tuple[str, str] | None
) -> None:
    job = started()
    step = go(job, seconds, active=active, agent=agent)
    assert condition(after(job, step)) == wanted
    assert step.status.phase == Phase.RUNNING
    assert not step.delete


def test_it_is_told_once_and_over_when_the_program_goes_on() -> None:
    job = started()
    job = after(job, go(job, 6, active=5))
    step = go(job, 70, active=5)
    assert told(job, step) == [("NotResponding", "no output and no metric for over 60 s")]
    job = after(job, step)
    assert told(job, go(job, 80, active=5)) == []
    step = go(job, 90, active=85)
    assert told(job, step) == [("Progressing", "the program writes again")]
    assert condition(after(job, step)) == ("False", "Progressing")
    assert step.after is not None
    assert step.after <= CONTEXT.poll_seconds


def test_the_pass_comes_when_it_would_become_true() -> None:
    assert go(started(), 63, active=5).after == pytest.approx(2)


def stopping(job: TrainingJob, pod: PodView, seconds: float, active: float) -> tuple[TrainingJob, Plan]:
    step = go(job, seconds, pod, active=active)
    return after(job, step), step


def test_asked_to_it_stops_the_job_and_spends_a_retry() -> None:
    job = started(retry={"user": 1, "notResponding": True})
    job, step = stopping(job, make_pod(0), 70, active=5)
    assert not step.delete, "the cause is on record before anything is stopped"
    job, step = stopping(job, make_pod(0), 71, active=5)
    assert [deletion.name for deletion in step.delete] == ["digits-1-worker-0"]
    assert (step.status.phase, step.status.reason) == (Phase.FINALIZING, "NotResponding")

    # It prints something while it is being stopped, which changes nothing any more.
    leaving = make_pod(0, deleted=71 + GRACE, grace=GRACE)
    job, step = stopping(job, leaving, 80, active=79)
    assert (step.status.phase, step.status.reason) == (Phase.FINALIZING, "NotResponding")
    agent = ended(0, end=82, message=agent_report())
    gone = make_pod(0, phase="Failed", train=ended(143, end=81), agent=agent, deleted=71 + GRACE, grace=GRACE)
    job, step = stopping(job, gone, 83, active=79)
    attempt = step.status.attempts[0]
    assert (attempt.reason, attempt.replica) == ("NotResponding", "worker-0")
    assert attempt.message == "no output and no metric for over 60 s"
    assert step.status.retries is not None
    assert step.status.retries.user == 1
    assert (step.status.phase, step.status.reason) == (Phase.SCALING, "Restarting")
    assert condition(job) == ("False", "NotResponding")


def test_without_a_retry_left_it_fails() -> None:
    job = started(retry={"notResponding": True})
    for seconds in (70, 71):
        job = after(job, go(job, seconds, active=5))
    agent = ended(0, end=82, message=agent_report())
    gone = make_pod(0, phase="Failed", train=ended(137, end=81), agent=agent, deleted=71 + GRACE, grace=GRACE)
    job = after(job, go(job, 83, gone, active=5))
    assert (job.status.phase, job.status.reason) == (Phase.FAILED, "NotResponding")


def test_an_operator_that_dies_after_the_note_goes_on() -> None:
    """The agent is no longer there to be asked, and still the cause is the silence."""
    job = started(retry={"user": 1, "notResponding": True})
    job = after(job, go(job, 70, active=5))
    step = go(job, 71, agent=False)
    assert [deletion.name for deletion in step.delete] == ["digits-1-worker-0"]
    assert step.status.reason == "NotResponding"


def test_a_job_of_several_nodes_is_judged_by_the_primary_since_all_ran() -> None:
    job = started(**ddp(2))
    pods = make_pod(0), make_pod(1, train={"running": {"startedAt": "2026-11-21T12:00:40Z"}})
    assert condition(after(job, go(job, 90, *pods))) == ("False", "Progressing")
    assert condition(after(job, go(job, 101, *pods))) == ("True", "NoProgress")


def test_what_is_stored_so_far_is_in_the_status() -> None:
    said = {"pending": {"files": 1, "bytes": 5}, "uploaded": {"files": 3, "bytes": 999}}
    job = make_job()
    job = after(job, plan(job, Observed(), CONTEXT, at(1)))
    step = plan(job, Observed(pods=[make_pod(0)], agent=agent_status(said)), CONTEXT, at(9))
    assert step.status.run is not None
    assert (step.status.run.files, step.status.run.bytes) == (3, 999)
    nothing = plan(job, Observed(pods=[make_pod(0)], agent=AgentStatus()), CONTEXT, at(9))
    assert nothing.status.run is not None
    assert nothing.status.run.files is None, "no write of the status to say that there is nothing yet"

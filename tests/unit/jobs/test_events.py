"""What people are told of a job, by the planner's own statuses from its creation to its end."""

from __future__ import annotations

from typing import Any

import pytest
from job_factory import (
    CONTEXT,
    DONE,
    after,
    agent_report,
    at,
    ddp,
    ended,
    failed_pod,
    make_job,
    make_pod,
    parameter_servers,
    pending_pod,
    running,
    seen,
    succeeded_pod,
    waiting,
)

from footplate.api.training_job import TrainingJob
from footplate.events import Event
from footplate.jobs.events import events_of
from footplate.jobs.observe import EnvironmentImage, Observed
from footplate.jobs.plan import plan, stalled

URI = "s3://runs/prefix/default/digits-1a2b3c4d/"
EXIT_3 = "worker-0 exited with code 3"


class Story:
    """A job that is looked at again and again; each look gives what was told because of it."""

    def __init__(self, **spec: Any) -> None:
        self.job = make_job(**spec)

    def look(self, seconds: float, observed: Observed) -> list[Event]:
        step = plan(self.job, observed, CONTEXT, at(seconds))
        told = list(events_of(self.job.status, step.status))
        self.job = after(self.job, step)
        return told

    def set(self, **spec: Any) -> None:
        """Change the spec as a user does."""
        self.job = self.job.model_copy(update={"spec": self.job.spec.model_copy(update=spec)})


def lines(events: list[Event]) -> list[str]:
    return [f"{'Warning' if e.warning else 'Normal'} {e.reason}: {e.message}" for e in events]


def test_a_calm_job_of_one_pod_tells_three_things() -> None:
    story = Story()
    found = [
        *story.look(1, Observed()),
        *story.look(2, seen(pending_pod())),
        *story.look(4, seen(make_pod())),
        *story.look(8, seen(make_pod())),
        *story.look(12, seen(succeeded_pod())),
        *story.look(13, Observed()),
    ]
    assert lines(found) == [
        "Normal PodsCreated: attempt 1: made the pods of 1 replica",
        "Normal AllReplicasRunning: attempt 1: 1 of 1 replica running",
        f"Normal Completed: 2 files (1.5 kB) in {story.job.status.run.uri if story.job.status.run else ''}",
    ]
    assert [event.last for event in found] == [False, False, True]


def test_roles_are_counted() -> None:
    found = Story(**parameter_servers(workers=2)).look(1, Observed())
    assert lines(found) == ["Normal PodsCreated: attempt 1: made the pods of 4 replicas (1 chief, 2 worker, 1 ps)"]


@pytest.mark.parametrize(
    ("reason", "line"),
    [
        ("EnvironmentNotFound", "Warning EnvironmentNotFound: why"),
        ("EnvironmentBuilding", "Normal EnvironmentBuilding: why"),
        ("EnvironmentBuildFailed", "Warning EnvironmentBuildFailed: why"),
    ],
)
def test_what_keeps_a_job_from_starting_is_told_once(reason: str, line: str) -> None:
    environment = EnvironmentImage("torch", reason=reason, message="why")
    story = Story(image=None, environment={"name": "torch"})
    assert lines(story.look(1, Observed(environment=environment))) == [line]
    assert story.look(60, Observed(environment=environment)) == []


def test_missing_code_is_a_warning() -> None:
    story = Story(source={"configMap": {"name": "code"}})
    (event,) = story.look(1, Observed(source_found=False))
    assert (event.reason, event.warning, event.action) == ("SourceNotFound", True, "Wait")


@pytest.mark.parametrize(
    ("pod", "line"),
    [
        (
            pending_pod(fetch=waiting("ImagePullBackOff", "no such image")),
            "Warning ImagePullFailed: worker-0: no such image",
        ),
        (pending_pod(fetch=running()), "Normal FetchingInputs: worker-0 is fetching its code and inputs"),
    ],
)
def test_why_pods_wait_is_told_when_it_has_lasted(pod: Any, line: str) -> None:
    story = Story()
    story.look(1, Observed())
    assert story.look(3, seen(pod)) == []
    assert lines(story.look(8, seen(pod))) == [line]
    assert story.look(20, seen(pod)) == []


def test_a_failed_attempt_is_told_with_the_next_one() -> None:
    story = Story(retry={"user": 1})
    story.look(1, Observed())
    story.look(4, seen(make_pod()))
    assert lines(story.look(12, seen(failed_pod()))) == [
        f"Warning UserError: attempt 1 failed ({EXIT_3}); retry 1 of 1 follows"
    ]
    assert story.look(13, seen(failed_pod())) == []
    assert lines(story.look(20, Observed())) == ["Normal PodsCreated: attempt 2: made the pods of 1 replica"]
    (event,) = story.look(30, seen(failed_pod(attempt=2)))
    assert (event.reason, event.warning, event.last) == ("UserError", True, True)
    assert event.message == f"{EXIT_3} (all 1 of retry.user are spent)"


def test_of_a_failure_the_programs_last_lines_are_left_out() -> None:
    said = {"version": 1, "exitCode": 3, "error": "ValueError: bad", "lastLines": ["a", "b"]}
    story = Story()
    story.look(1, Observed())
    (event,) = story.look(12, seen(failed_pod(train=ended(3, message=said))))
    assert "\n" in (story.job.status.message or "")
    assert event.message == f"{EXIT_3}: ValueError: bad"


def test_while_the_others_are_stopped_it_is_told_why() -> None:
    story = Story(**ddp(2))
    story.look(1, Observed())
    story.look(4, seen(make_pod(0), make_pod(1)))
    assert lines(story.look(12, seen(failed_pod(0), make_pod(1)))) == [
        f"Normal StoppingReplicas: the attempt has failed, its replicas are stopped: {EXIT_3}; "
        "saving the outputs of 1 replica"
    ]
    assert story.look(14, seen(failed_pod(0), make_pod(1, deleted=40))) == []
    assert [e.reason for e in story.look(20, seen(failed_pod(0), failed_pod(1, code=143)))] == ["UserError"]


@pytest.mark.parametrize(
    ("spec", "while_it_ends", "at_its_end"),
    [("cancel", "Normal Canceling", "Normal Canceled"), ("suspend", "Normal Suspending", "Normal Suspended")],
)
def test_what_someone_asked_for(spec: str, while_it_ends: str, at_its_end: str) -> None:
    story = Story()
    story.look(1, Observed())
    story.look(4, seen(make_pod()))
    story.set(**{spec: True})
    (line,) = lines(story.look(12, seen(make_pod())))
    assert line == f"{while_it_ends}: spec.{spec} is true; saving the outputs of 1 replica"
    (line,) = lines(story.look(14, seen(make_pod(phase="Failed", train=ended(143), agent=DONE, deleted=13))))
    assert line.startswith(at_its_end)


def test_a_suspended_job_is_resumed() -> None:
    story = Story(suspend=True)
    assert [e.reason for e in story.look(1, Observed())] == ["Suspended"]
    story.set(suspend=False)
    assert lines(story.look(9, Observed())) == ["Normal Resumed: attempt 1: made the pods of 1 replica"]


def test_uploads_that_take_long() -> None:
    story = Story()
    story.look(1, Observed())
    story.look(4, seen(make_pod()))
    done = make_pod(train=ended(0, end=10))
    assert story.look(11, seen(done)) == []
    assert [e.reason for e in story.look(16, seen(done))] == ["UploadingOutputs"]
    assert story.look(30, seen(done)) == []


def test_outputs_that_are_missing_are_told_beside_another_end() -> None:
    report = agent_report(complete=False, missing=["outputs/model"], error="the store is full")
    pod = make_pod(phase="Failed", train=ended(3), agent=ended(0, end=11, message=report))
    story = Story()
    story.look(1, Observed())
    assert [(e.reason, e.warning) for e in story.look(12, seen(pod))] == [
        ("UserError", True),
        ("OutputsIncomplete", True),
    ]


def test_but_not_twice_when_that_is_why_it_failed() -> None:
    report = agent_report(complete=False, missing=["outputs/model"], error="the store is full")
    pod = make_pod(phase="Failed", train=ended(0), agent=ended(1, end=11, message=report))
    story = Story()
    story.look(1, Observed())
    assert [e.reason for e in story.look(12, seen(pod))] == ["OutputUploadFailed"]


def test_lost_and_replaced_replicas_of_an_elastic_job() -> None:
    story = Story(**ddp(3, min_nodes=2))
    three = [make_pod(0), make_pod(1), make_pod(2)]
    killed = make_pod(2, phase="Failed", train=ended(137, end=20), agent=ended(0, end=21, message=agent_report()))
    story.look(1, Observed())
    story.look(4, seen(*three))
    found = story.look(30, seen(*three[:2], killed))
    assert (found[0].reason, found[0].warning, found[0].action) == ("Signal", True, "Replace")
    assert "replaces it" in found[0].message
    assert found[1:] == []
    assert story.look(31, seen(*three[:2])) == []
    found = story.look(40, seen(*three[:2], make_pod(2, replacement=1)))
    assert lines(found)[0] == "Normal ReplicaReplaced: worker-2 has a new pod"
    assert [e.reason for e in found[1:]] == ["AllReplicasRunning"]


@pytest.mark.parametrize("reason", ["NameTaken", "Forbidden", "ApiServerError"])
@pytest.mark.parametrize("phase", [None, "Scaling", "Running"])
def test_a_step_that_cannot_be_done(phase: str | None, reason: str) -> None:
    job = make_job(status={"phase": phase, "reason": "PodsStarting"} if phase else {})
    (event,) = events_of(job.status, stalled(job, reason, "no quota", at(5)))
    assert (event.reason, event.message, event.warning) == (reason, "no quota", True)


def test_nothing_is_told_of_a_status_that_stays() -> None:
    job: TrainingJob = make_job()
    for observed in (Observed(), seen(make_pod()), seen(failed_pod())):
        job = after(job, plan(job, observed, CONTEXT, at(9)))
        assert list(events_of(job.status, job.status)) == []

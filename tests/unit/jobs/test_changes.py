"""What one write of a job's status tells: how long phases lasted, what ended, what was spent."""

from __future__ import annotations

from typing import Any

import pytest
from job_factory import CONTEXT, at, make_job, seen, stamp

from footplate.api.training_job import TrainingJobStatus
from footplate.jobs.changes import ended_attempts, finished, outputs_missing, retries, spans
from footplate.jobs.observe import EnvironmentImage
from footplate.jobs.plan import plan

Json = dict[str, Any]


def status(phase: str | None, since: float | None = None, ran_from: float | None = None) -> Json:
    attempt: Json = {"number": 1, **({"startTime": stamp(ran_from)} if ran_from is not None else {})}
    return {
        **({"phase": phase} if phase else {}),
        **({"phaseTime": stamp(since)} if since is not None else {}),
        **({"attempts": [attempt]} if phase in ("Running", "Finalizing", "Completed", "Failed") else {}),
    }


SPANS = {
    "the phase stays": (status("Running", 3, 3), status("Running", 3, 3), []),
    "it has just been created": (status(None), status("Preparing", 0), []),
    "its first phase is not Preparing": (status(None), status("Scaling", 4), [("Preparing", 4)]),
    "it is refused at once": (status(None), status("Failed", 1), [("Preparing", 1)]),
    "prepared": (status("Preparing", 0), status("Scaling", 90), [("Preparing", 90)]),
    "admitted": (status("Queued", 10), status("Scaling", 3610), [("Queued", 3600)]),
    "all run": (status("Scaling", 10), status("Running", 40, 38), [("Scaling", 28)]),
    "it ran and ended before we looked": (
        status("Scaling", 10),
        status("Completed", 60, 20),
        [("Scaling", 10), ("Running", 40)],
    ),
    "it never ran": (status("Scaling", 10), status("Failed", 70), [("Scaling", 60)]),
    "restarting, then canceled": (status("Scaling", 50), status("Failed", 70, 20), [("Scaling", 20)]),
    "the program ended": (status("Running", 40, 38), status("Finalizing", 138, 38), [("Running", 100)]),
    "its end had no phase of its own": (status("Running", 40, 38), status("Completed", 138, 38), [("Running", 100)]),
    "uploaded": (status("Finalizing", 138, 38), status("Completed", 168, 38), [("Finalizing", 30)]),
    "suspended is not timed": (status("Suspended", 10), status("Scaling", 100), []),
    "an operator that wrote no times had it": (status("Running", None, 38), status("Finalizing", 138, 38), []),
    "clocks differ": (status("Scaling", 10), status("Running", 40, 9), [("Scaling", 30)]),
}


@pytest.mark.parametrize("case", SPANS)
def test_spans(case: str) -> None:
    before, after, expected = SPANS[case]
    found = spans(make_job(status=before), TrainingJobStatus.model_validate(after))
    assert [(span.phase, span.seconds) for span in found] == expected


def test_the_status_says_since_when_its_phase_has_been() -> None:
    building = EnvironmentImage("torch", reason="EnvironmentBuilding", message="torch is being built")
    first = plan(make_job(), seen(environment=building), CONTEXT, at(7)).status
    assert (first.phase, first.phase_time) == ("Preparing", at(0)), "Preparing begins with the job"
    started = plan(make_job(), seen(), CONTEXT, at(7)).status
    assert (started.phase, started.phase_time) == ("Scaling", at(7))
    again = plan(make_job(status=started.to_json()), seen(), CONTEXT, at(19)).status
    assert (again.phase, again.phase_time) == ("Scaling", at(7))


ENDS = {
    (None, "Running"): False,
    (None, "Failed"): True,
    ("Running", "Completed"): True,
    ("Running", "Canceled"): True,
    ("Running", "Suspended"): False,
    ("Failed", "Failed"): False,
}


@pytest.mark.parametrize(("before", "after"), ENDS)
def test_finished(before: str | None, after: str) -> None:
    old, new = (TrainingJobStatus.model_validate(status(phase)) for phase in (before, after))
    assert finished(old, new) is ENDS[before, after]


def attempts(*ends: str | None) -> TrainingJobStatus:
    """Attempts by their reasons; None: still open."""
    listed = [
        {"number": number, **({"endTime": stamp(number), "reason": reason} if reason else {})}
        for number, reason in enumerate(ends, 1)
    ]
    return TrainingJobStatus.model_validate({"attempts": listed})


def test_attempts_are_told_of_once() -> None:
    assert ended_attempts(attempts(), attempts(None)) == []
    assert ended_attempts(attempts(None), attempts("NodeLost")) == ["NodeLost"]
    assert ended_attempts(attempts("NodeLost"), attempts("NodeLost", None)) == []
    assert ended_attempts(attempts("NodeLost", None), attempts("NodeLost", "Completed")) == ["Completed"]


def test_only_what_was_spent_now_counts() -> None:
    none, once = TrainingJobStatus(), TrainingJobStatus.model_validate({"retries": {"user": 1}})
    both = TrainingJobStatus.model_validate({"retries": {"user": 1, "infrastructure": 2}})
    assert retries(none, once) == {"user": 1}
    assert retries(once, once) == {}
    assert retries(once, both) == {"infrastructure": 2}


@pytest.mark.parametrize(("value", "missing"), [("False", True), ("True", False), (None, False)])
def test_outputs_are_missing_when_it_is_known(value: str | None, missing: bool) -> None:
    condition = {"type": "OutputsPersisted", "status": value, "reason": "Known", "lastTransitionTime": stamp(1)}
    found = TrainingJobStatus.model_validate({"conditions": [condition] if value else []})
    assert outputs_missing(found) is missing

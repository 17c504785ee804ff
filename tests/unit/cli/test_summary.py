from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any

from rich.console import Console

from footplate.api.training_job import TrainingJob
from footplate.cli.record import Record
from footplate.cli.runs.outputs import Output
from footplate.cli.summary import Summary, show, spans

URI = "file:///home/ada/.footplate/store/default/digits-1a2b3c4d/"


def at(minute: int, second: int) -> str:
    return f"2026-01-01T10:{minute:02d}:{second:02d}Z"


def condition(kind: str, time: str, status: str = "True") -> dict[str, str]:
    return {"type": kind, "status": status, "reason": "Because", "lastTransitionTime": time}


def job(status: dict[str, Any]) -> TrainingJob:
    return TrainingJob.model_validate(
        {
            "metadata": {"name": "digits", "namespace": "default", "uid": "u", "creationTimestamp": at(0, 0)},
            "spec": {"image": "python:3.13", "entrypoint": {"command": ["true"]}},
            "status": status,
        }
    )


COMPLETED = {
    "phase": "Completed",
    "reason": "Completed",
    "message": "2 files",
    "attempt": 1,
    "attempts": [{"number": 1, "startTime": at(1, 5), "endTime": at(2, 30), "exitCode": 0}],
    "startTime": at(1, 5),
    "completionTime": at(2, 30),
    "conditions": [condition("Admitted", at(1, 0)), condition("Running", at(2, 20), "False")],
    "run": {"uri": URI},
    "metrics": {"loss": {"value": 0.024, "step": 30}},
}


def output(path: str, size: int) -> Output:
    return Output(path, f"outputs/{path}", size, None, datetime(2026, 1, 1, tzinfo=UTC), None)


def shown(summary: Summary) -> str:
    out = io.StringIO()
    show(Console(file=out, width=40, no_color=True), summary)
    return out.getvalue()


def test_where_the_time_went() -> None:
    assert spans(job(COMPLETED)) == [("Preparing", 60), ("Scaling", 5), ("Running", 75), ("Finalizing", 10)]


def test_running_times_of_attempts_are_added() -> None:
    attempts = [
        {"number": 1, "startTime": at(0, 10), "endTime": at(0, 30), "exitCode": 1},
        {"number": 2, "startTime": at(0, 40), "endTime": at(1, 0), "exitCode": 0},
    ]
    status = {
        **COMPLETED,
        "attempt": 2,
        "attempts": attempts,
        "startTime": at(0, 10),
        "completionTime": at(1, 0),
        "conditions": [condition("Admitted", at(0, 5)), condition("Running", at(0, 58), "False")],
    }
    assert spans(job(status)) == [("Preparing", 5), ("Scaling", 15), ("Running", 38), ("Finalizing", 2)]


def test_a_job_that_never_ran() -> None:
    status = {"phase": "Failed", "reason": "EnvironmentBuildFailed", "message": "no", "completionTime": at(0, 12)}
    assert spans(job(status)) == [("Preparing", 12)]


def test_a_job_that_has_not_ended() -> None:
    assert spans(job({"phase": "Running"})) == []


def test_the_summary_of_a_completed_job() -> None:
    record = Record({"loss": [1.6, 0.5, 0.024]}, [output("model.joblib", 623_300), output("report.json", 1100)])
    text = shown(Summary(job(COMPLETED), record, None, ["kubectl get tj", "footplate logs digits"]))
    assert text.splitlines() == [
        "",
        "✔ digits completed in 2 min 30 s  (Preparing 1 min, Scaling 5 s, Running 1 min 15 s, Finalizing 10 s)",
        "",
        "loss     0.024     █▃▁  from 1.6, 3 values",
        "",
        "outputs  2 files, 624.4 kB, in /home/ada/.footplate/store/default/digits-1a2b3c4d/outputs/",
        "         model.joblib   623.3 kB",
        "         report.json      1.1 kB",
        "",
        "next     kubectl get tj",
        "         footplate logs digits",
    ]


def test_many_outputs_are_counted() -> None:
    record = Record({}, [output(f"{number:02d}.bin", 1) for number in range(25)])
    text = shown(Summary(job(COMPLETED), record, None, []))
    assert "09.bin" in text
    assert "10.bin" not in text
    assert "and 15 more" in text


def test_a_store_that_cannot_be_read_from_here() -> None:
    text = shown(Summary(job({**COMPLETED, "run": {"uri": "s3://bucket/run/"}}), None, "no credentials", []))
    assert "outputs  s3://bucket/run/outputs/" in text
    assert "cannot be listed from here: no credentials" in text
    assert "loss     0.024" in text, "the status has the last values"


def test_a_failed_job_says_why() -> None:
    status = {
        **COMPLETED,
        "phase": "Failed",
        "reason": "UserError",
        "message": "worker-0 exited with code 1: ValueError: bad shape\nlast lines:\n  almost",
        "metrics": {},
    }
    lines = shown(Summary(job(status), Record({}, []), None, [])).splitlines()
    assert lines[1].startswith("✘ digits failed in 2 min 30 s")
    assert lines[2] == "  UserError: worker-0 exited with code 1: ValueError: bad shape"
    assert lines[4] == "  almost"
    assert lines[-1].startswith("outputs  none  (the record of the run is in /home/ada/")

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from run_records import run, summary

from footplate.cli.runs.run import Run, is_uid, job_name, moment

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def test_a_record_says_it_all() -> None:
    found = run(
        reason="Succeeded",
        message="fine",
        createdTime="2026-11-21T10:59:00Z",
        tags={"dataset": "v2"},
        environment={"name": "torch", "version": 3},
        metrics={"loss": summary(0.3)},
    )
    assert (found.name, found.experiment, found.phase, found.reason) == ("digits", "default", "Completed", "Succeeded")
    assert found.seconds(NOW) == 300
    assert found.created == datetime(2026, 11, 21, 10, 59, tzinfo=UTC)
    assert found.metrics["loss"]["last"] == 0.3
    assert (found.tags, found.environment["version"], found.primary) == ({"dataset": "v2"}, 3, "worker-0")


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"job": None, "attempts": {}, "metrics": [], "spec": "?", "startTime": 3, "phase": 7, "inputs": [1, None]},
        {"attempts": [{"number": "one"}, 5], "metrics": {"loss": 3}, "parameters": None},
    ],
)
def test_a_record_that_is_none_is_not_known(record: dict[str, Any]) -> None:
    found = Run("s3://runs/default/digits-1a2b3c4d/", "default", "digits-1a2b3c4d", record)
    assert (found.name, found.phase, found.reason, found.message) == ("digits", None, None, None)
    assert (found.start, found.end, found.seconds(NOW)) == (None, None, None)
    assert (found.attempts, found.metrics, found.parameters, found.inputs) == ([], {}, {}, [])
    assert found.primary == "worker-0"
    assert not found.ended


def test_what_the_cluster_says_is_newer() -> None:
    status = {
        "phase": "Failed",
        "reason": "UserError",
        "message": "worker-1 exited with code 3",
        "metrics": {"loss": {"value": 0.1, "step": 12, "time": "2026-11-21T11:09:00Z"}},
        "attempts": [{"number": 1, "reason": "UserError", "exitCode": 3}],
        "completionTime": "2026-11-21T11:10:00Z",
    }
    found = run(job={"metadata": {"name": "digits"}, "status": status}, phase="Running", endTime=None)
    assert (found.phase, found.reason, found.message) == ("Failed", "UserError", "worker-1 exited with code 3")
    assert found.metrics["loss"] == {"value": 0.1, "step": 12, "time": "2026-11-21T11:09:00Z", "last": 0.1}
    assert found.seconds(NOW) == 600
    assert found.attempts[0]["exitCode"] == 3
    assert found.attempts[0]["startTime"] == "2026-11-21T11:00:00Z", "the record's part is kept"


def test_the_summary_of_a_run_that_has_ended_is_the_records() -> None:
    status = {"phase": "Completed", "metrics": {"loss": {"value": 0.5, "step": 1}, "late": {"value": 1.0}}}
    found = run(job={"metadata": {}, "status": status}, metrics={"loss": summary(0.3)})
    assert (found.metrics["loss"]["last"], found.metrics["late"]["last"]) == (0.3, 1.0)


def test_a_run_under_way_lasts_until_now() -> None:
    found = run(phase="Running", endTime=None)
    assert (found.end, found.seconds(NOW)) == (None, 3600)
    assert found.seconds(NOW - timedelta(hours=2)) == 0, "clocks differ"


def test_the_primary_is_that_of_the_spec() -> None:
    spec = {
        "entrypoint": {"script": "train.py"},
        "image": "tf",
        "distribution": {"tensorflow": {"chief": 1, "workers": 2}},
    }
    assert run(spec=spec).primary in ("chief-0", "worker-0")
    assert run(primary="master-0").primary == "master-0"


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("digits-33f8a81f", "digits"),
        ("digits-2-33f8a81f", "digits-2"),
        ("digits-2", "digits-2"),
        ("deadbeef", "deadbeef"),
        ("digits-33F8A81F", "digits-33F8A81F"),
    ],
)
def test_the_name_in_a_folder(folder: str, name: str) -> None:
    assert job_name(folder) == name


@pytest.mark.parametrize(("text", "told"), [("33f8a81f", True), ("33f8a81", False), ("33f8a81g", False), ("", False)])
def test_a_uid(text: str, told: bool) -> None:
    assert is_uid(text) is told


@pytest.mark.parametrize("value", [None, 3, "", "yesterday", {}])
def test_what_is_no_time(value: object) -> None:
    assert moment(value) is None

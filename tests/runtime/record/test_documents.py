"""What each writer makes of the record that is there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from footplate_runtime.orders import Orders, Place
from footplate_runtime.record.by_agent import Ending, Logged, begun, ended, going_on
from footplate_runtime.record.by_operator import judge
from footplate_runtime.record.document import Record, attempt_of, judged, parse

NOW = "2026-11-21T11:06:00Z"


def orders(roles: dict[str, int] | None = None, launcher: bool = True) -> Orders:
    return Orders.parse(
        {
            "version": 1,
            "job": {"name": "digits"},
            "runUri": "s3://runs/default/digits-1/",
            "primary": {"role": "worker", "index": 0},
            "roles": roles or {"worker": 1},
            "record": {"spec": {"entrypoint": {"launcher": launcher}}},
        }
    )


def begin(record: Record, attempt: int, **told: Any) -> Record:
    place = Place(Path(), attempt, "worker-0", Path(), node="node-1", record=told)
    return begun(record, orders(), place, {}, "2026-11-21T11:00:00Z")


def end(record: Record, attempt: int, code: int, **report: Any) -> Record:
    return ended(record, orders(), attempt, Ending({"exitCode": code, **report}, True, 2, 1500, "sha256:0"), NOW)


def closed(number: int, **more: Any) -> dict[str, Any]:
    """An attempt as the operator tells it."""
    times = {"startTime": "2026-11-21T11:00:30Z", "endTime": "2026-11-21T11:07:00Z"}
    return {"number": number, "reason": "UserError", "message": "it failed", "lost": [], **times, **more}


@pytest.mark.parametrize("launcher", [True, False])
@pytest.mark.parametrize(
    ("report", "complete", "replicas", "phase"),
    [
        ({"exitCode": 0}, True, 1, "Completed"),
        ({"exitCode": 0}, False, 1, "Failed"),
        ({"exitCode": 0}, True, 2, "Finalizing"),
        ({"exitCode": 3}, True, 1, "Failed"),
        ({"exitCode": None, "signal": 9}, True, 2, "Failed"),
        ({"exitCode": 0, "stopTime": NOW}, True, 1, "Stopped"),
        (None, True, 1, "Failed"),
    ],
)
def test_what_one_agent_can_say(
    report: dict[str, Any] | None, complete: bool, replicas: int, phase: str, launcher: bool
) -> None:
    given = orders({"worker": replicas}, launcher)
    found = ended(begin(parse(None), 1), given, 1, Ending(report, complete, 2, 1500, "sha256:0"), NOW)
    if report is None and not launcher:
        phase = "Finalizing"  # how the program ended is the kubelet's to say
    assert (found["phase"], set(found)) == (phase, set(parse(None)))
    assert found["message"] == ("2 files (1.5 kB) in s3://runs/default/digits-1/" if phase == "Completed" else None)
    assert found["replica"] == ("worker-0" if phase == "Failed" else None)


def test_attempts_whose_agents_never_ran_come_from_the_operator() -> None:
    record = begin(parse(None), 3, attempts=[closed(1), closed(2, reason="NodeLost")], createdTime=NOW)
    assert [(a["number"], a["reason"]) for a in record["attempts"]] == [(1, "UserError"), (2, "NodeLost"), (3, None)]
    assert (record["createdTime"], record["phase"]) == (NOW, "Running")


def test_a_launcher_knows_better_when_its_program_ran_and_the_operator_why_it_ended() -> None:
    report = {"startTime": "2026-11-21T11:00:10Z", "endTime": "2026-11-21T11:05:00Z", "lastLines": ["bye"]}
    record = end(begin(parse(None), 1), 1, 3, **report)
    told = closed(1, replica="worker-0", node="node-7", exitCode=3)
    (attempt,) = judge(record, {"phase": "Failed", "attempts": [told]})["attempts"]
    assert (attempt["startTime"], attempt["endTime"]) == (report["startTime"], report["endTime"])
    assert (attempt["reason"], attempt["node"], attempt["lastLines"]) == ("UserError", "node-7", ["bye"])


def test_what_the_primary_said_of_itself_is_not_said_of_the_replica_to_blame() -> None:
    record = end(begin(parse(None), 1), 1, 1, error="a peer is gone", lastLines=["timeout"])
    told = closed(1, replica="worker-1", exitCode=3)
    (attempt,) = judge(record, {"phase": "Failed", "attempts": [told]})["attempts"]
    assert (attempt["replica"], attempt["exitCode"], attempt["error"], attempt["lastLines"]) == (
        "worker-1",
        3,
        None,
        [],
    )


def test_null_is_what_the_operator_does_not_know() -> None:
    record = going_on(begin(parse(None), 1), Logged({"loss": {"last": 0.3, "min": 0.2}}, {"kind": "test"}))
    record["inputs"] = [{"name": "digits", "etag": "x"}]
    told = {
        "phase": "Failed",
        "spec": None,
        "source": {"revision": None},
        "inputs": [{"name": "digits", "etag": None}],
        "metrics": {"loss": {"last": 0.3, "min": None}, "accuracy": {"last": 1}},
        "outputs": {"files": None, "complete": False},
    }
    found = judge(record, told)
    assert found["inputs"] == [{"name": "digits", "etag": "x"}]
    assert found["metrics"] == {"loss": {"last": 0.3, "min": 0.2}, "accuracy": {"last": 1}}
    assert (found["spec"], found["tags"]) == (record["spec"], {"kind": "test"})
    assert (found["outputs"]["files"], found["outputs"]["complete"]) == (None, False)


def test_what_only_earlier_attempts_logged_stays() -> None:
    first = going_on(begin(parse(None), 1), Logged({"loss": {"last": 9}, "warmup": {"last": 1}}, {}))
    second = going_on(begin(first, 2), Logged({"loss": {"last": 3}}, {}))
    assert second["metrics"] == {"loss": {"last": 3}, "warmup": {"last": 1}}


def test_who_has_judged() -> None:
    record = begin(parse(None), 1)
    assert not judged(record, 1)
    assert not judged(end(record, 1, 0), 1), "its agent's own word"
    assert judged(judge(record, {"phase": "Failed", "attempts": [closed(1)]}), 1)
    assert not judged(judge(record, {"phase": "Failed", "attempts": [closed(1)]}), 2)


@pytest.mark.parametrize("data", [None, b"", b"{torn", b"[]", b"3"])
def test_what_is_no_record_counts_as_none(data: bytes | None) -> None:
    assert parse(data)["attempts"] == []
    assert attempt_of(parse(data), 4)["number"] == 4

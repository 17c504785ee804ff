from __future__ import annotations

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from footplate_run.failure import error_in, last_lines, lines_of
from footplate_run.report import Ending, termination_message, write_exit, write_termination_message


def ending(error: str | None = None, lines: list[str] | None = None) -> Ending:
    return Ending(3, None, 1763719200.5, 1763719260.25, error, lines or [])


def test_exit_json(tmp_path: Path) -> None:
    path = tmp_path / "state" / "exit.json"
    write_exit(ending("ValueError: bad shape", ["größe", "…"]), str(path))
    assert json.loads(path.read_bytes()) == {
        "version": 1,
        "exitCode": 3,
        "signal": None,
        "startTime": "2025-11-21T10:00:00.500Z",
        "endTime": "2025-11-21T10:01:00.250Z",
        "error": "ValueError: bad shape",
        "stopTime": None,
        "replica": None,
        "lastLines": ["größe", "…"],
    }
    assert [entry.name for entry in path.parent.iterdir()] == ["exit.json"]


def test_status() -> None:
    assert ending().status == 3
    assert Ending(0, None, 0, 0).status == 0
    assert Ending(None, 9, 0, 0).status == 137


@given(st.lists(st.text(max_size=800), max_size=25), st.text(max_size=3000))
def test_termination_message_always_fits(lines: list[str], stderr: str) -> None:
    """Whatever the program printed: control characters take six bytes in JSON, emoji four in UTF-8."""
    tail = "\n".join(lines).encode("utf-8", "surrogatepass")
    error = error_in(["Traceback (most recent call last):", *lines_of(stderr.encode("utf-8", "surrogatepass"))])
    message = termination_message(ending(error, last_lines(lines_of(tail))))
    assert len(message) <= 4096
    assert json.loads(message)["exitCode"] == 3


def test_termination_message_of_the_worst_text_fits() -> None:
    worst = ["\U0001f642" * 500] * 20
    message = termination_message(ending("\U0001f642" * 500, worst))
    assert len(message) <= 4096
    assert json.loads(message)["lastLines"] == ["\U0001f642" * 199 + "…"] * 2
    assert len(termination_message(ending('"' * 500, ['"\\' * 250] * 20))) <= 4096


def test_termination_message_keeps_the_newest_lines() -> None:
    lines = [f"{i} " + "x" * 490 for i in range(20)]
    kept = json.loads(termination_message(ending(None, lines)))["lastLines"]
    assert len(kept) == 18
    assert kept[-1].startswith("19 ")
    assert all(len(line) == 200 for line in kept)


def test_short_lines_stay_whole() -> None:
    lines = ["x" * 300, "short"]
    assert json.loads(termination_message(ending(None, lines)))["lastLines"] == lines


def test_termination_log_is_replaced_not_added_to(tmp_path: Path) -> None:
    path = tmp_path / "termination-log"
    path.write_text("x" * 10000)
    write_termination_message(ending(), str(path))
    assert json.loads(path.read_bytes())["exitCode"] == 3

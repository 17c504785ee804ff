from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from footplate_runtime.agent.metrics.scalars import Scalars
from footplate_runtime.agent.metrics.tail import MetricsTail


def _line(name: str, value: object, step: int | None = None, **more: object) -> bytes:
    entry = {"kind": "scalar", "name": name, "value": value, "step": step, "time": 1732187401.25, "rank": 0, **more}
    return json.dumps(entry).encode() + b"\n"


class Tail:
    """A tail and what it feeds."""

    def __init__(self, root: Path) -> None:
        self.scalars = Scalars()
        self._tail = MetricsTail(os.fsencode(os.path.realpath(root)), "metrics/metrics.jsonl", self.scalars, 0)
        self.read = self._tail.read
        self.latest, self.summary = self.scalars.latest, self.scalars.summary

    @property
    def bad_lines(self) -> int:
        return self._tail.bad_lines

    @property
    def warnings(self) -> int:
        return self._tail.warnings


class Program:
    """What writes the metrics."""

    def __init__(self, root: Path) -> None:
        (root / "metrics").mkdir()
        self.path = root / "metrics/metrics.jsonl"

    def append(self, data: bytes) -> None:
        with open(self.path, "ab") as file:
            file.write(data)


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


@pytest.fixture
def tail(tmp_path: Path) -> Tail:
    return Tail(tmp_path)


def test_latest_and_summary(program: Program, tail: Tail) -> None:
    tail.read()
    program.append(_line("loss", 0.5, 1) + _line("loss", 0.25, 2))
    tail.read()
    program.append(_line("loss", 0.75, 3) + _line("accuracy", 1))
    tail.read()

    assert tail.latest() == {
        "loss": {"value": 0.75, "step": 3, "time": "2024-11-21T11:10:01Z"},
        "accuracy": {"value": 1, "step": None, "time": "2024-11-21T11:10:01Z"},
    }
    loss = tail.summary()["loss"]
    assert (loss["last"], loss["min"], loss["max"], loss["count"]) == (0.75, 0.25, 0.75, 3)


def test_a_line_counts_once_it_is_whole(program: Program, tail: Tail) -> None:
    line = _line("loss", 0.5, 1)
    program.append(line[:20])
    tail.read()
    assert tail.latest() == {}
    program.append(line[20:])
    tail.read()
    assert tail.latest()["loss"]["value"] == 0.5


def test_numbers_that_are_not_finite(program: Program, tail: Tail) -> None:
    program.append(
        _line("loss", 0.5)
        + _line("loss", "NaN")
        + _line("up", "Infinity")
        + b'{"kind":"scalar","name":"raw","value":NaN,"step":null,"time":1,"rank":0}\n'
    )
    tail.read()

    assert [tail.latest()[name]["value"] for name in ("loss", "up", "raw")] == ["NaN", "Infinity", "NaN"]
    assert tail.summary()["loss"]["min"] == 0.5
    assert tail.summary()["up"]["max"] is None


def test_other_ranks_and_words_are_left_alone(program: Program, tail: Tail) -> None:
    program.append(_line("loss", 0.5, rank=1) + _line("loss", 0.5, rank=None) + _line("best", "resnet"))
    tail.read()

    assert tail.latest() == {}
    assert tail.bad_lines == 0


def test_tags_and_warnings_of_all_ranks_are_kept(program: Program, tail: Tail) -> None:
    program.append(_line("data", "v1", kind="tag") + _line("data", "v2", kind="tag", rank=3))
    program.append(_line("names", "too many", kind="warning", rank=1))
    tail.read()

    assert tail.scalars.tags == {"data": "v2"}
    assert (tail.warnings, tail.bad_lines) == (1, 0)


def test_numbers_that_readers_of_json_take_for_others(program: Program, tail: Tail) -> None:
    program.append(_line("big", 10**30) + _line("exact", 1 << 53) + _line("yes", True))
    tail.read()

    assert [tail.latest()[name]["value"] for name in ("big", "exact", "yes")] == [1e30, 9007199254740992, 1]
    assert [type(tail.latest()[name]["value"]) for name in ("big", "yes")] == [float, int]


def test_a_file_that_begins_anew_is_read_from_its_start(program: Program, tail: Tail) -> None:
    program.append(_line("loss", 0.5) * 3)
    tail.read()
    program.path.write_bytes(_line("loss", 0.25))
    tail.read()

    assert tail.latest()["loss"]["value"] == 0.25


def test_bad_lines_are_counted(program: Program, tail: Tail) -> None:
    for bad in (
        b"{",
        b"[]",
        b'"x"',
        b"\xff\xfe",
        b"1",
        b"{}",
        _line("a", None)[:-1],
        _line("a", [1])[:-1],
        _line("", 1)[:-1],
        _line("n" * 1025, 1)[:-1],
        _line("a", 10**400)[:-1],
        _line("a", 1, step=0.5)[:-1],
        _line("a", 1, time=1e300)[:-1],
        b"[" * 100_000,
    ):
        program.append(bad + b"\n")
    program.append(_line("loss", 0.5))
    tail.read()

    assert tail.bad_lines == 14
    assert list(tail.latest()) == ["loss"]


def test_at_most_32_names(program: Program, tail: Tail) -> None:
    for i in range(40):
        program.append(_line(f"m{i}", i))
    tail.read()

    assert list(tail.latest()) == [f"m{i}" for i in range(32)]
    assert tail.scalars.left_out == 8


def test_much_at_once_is_read_in_turns(program: Program, tail: Tail) -> None:
    program.append(b"".join(_line("loss", i, i) for i in range(60_000)))
    turns = 1
    while tail.read():
        turns += 1

    assert turns > 1
    assert tail.latest()["loss"]["step"] == 59_999
    assert tail.summary()["loss"]["count"] == 60_000


def test_a_line_beyond_measure_is_skipped(program: Program, tail: Tail) -> None:
    program.append(_line("before", 1) + b'"' + b"x" * (21 << 20) + b'"\n' + _line("after", 2))
    while tail.read():
        pass

    assert list(tail.latest()) == ["before", "after"]
    assert tail.bad_lines == 1

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footplate_run.failure import (
    LAST_LINES,
    LINE_LENGTH,
    error_in,
    last_lines,
    lines_of,
    torchrun_cause,
    torchrun_error,
)

TORCHRUN = """\
[rank1]: Traceback (most recent call last):
[rank1]:   File "/footplate/code/train.py", line 9, in <module>
[rank1]:     main()
[rank1]: RuntimeError: shape mismatch
E1121 torch/distributed/elastic/multiprocessing/api.py:874] failed (exitcode: 3) local_rank: 1 (pid: 42) of binary: py
Traceback (most recent call last):
  File "<frozen runpy>", line 198, in _run_module_as_main
torch.distributed.elastic.multiprocessing.errors.ChildFailedError:
============================================================
train.py FAILED
------------------------------------------------------------
Failures:
[0]:
  time      : 2026-11-21_10:00:01
  host      : worker-0
  rank      : 0 (local_rank: 0)
  exitcode  : 1 (pid: 41)
  error_file: <N/A>
  traceback : To enable traceback see: https://pytorch.org/docs/stable/elastic/errors.html
------------------------------------------------------------
Root Cause (first observed failure):
[1]:
  time      : 2026-11-21_10:00:00
  host      : worker-0
  rank      : 1 (local_rank: 1)
  exitcode  : {code} (pid: 42)
  error_file: <N/A>
  traceback : To enable traceback see: https://pytorch.org/docs/stable/elastic/errors.html
============================================================
"""


@pytest.mark.parametrize(
    ("tail", "wanted"),
    [
        (b"a\nb\n", ["a", "b"]),
        (b"a\nunfinished", ["a", "unfinished"]),
        (b"a\n\n\n", ["a"]),
        (b"", []),
        (b"\x1b[31mred\x1b[0m and \x1b]8;;http://x\x1b\\link\x1b]8;;\x07", ["red and link"]),
        (b"  0%|   |\r 50%|#  |\r100%|###|\nnext\n", ["100%|###|", "next"]),
        (b"windows\r\nlines\r\n", ["windows", "lines"]),
        (b"bar 1\r\x1b[Kbar 2\r", ["bar 2"]),
        (b"bad \xff byte\x00\x07", ["bad � byte"]),
        ("größe ∞".encode(), ["größe ∞"]),
    ],
)
def test_lines_are_what_a_terminal_shows(tail: bytes, wanted: list[str]) -> None:
    assert lines_of(tail) == wanted


@given(st.binary(max_size=3000))
def test_last_lines_are_few_short_and_printable(tail: bytes) -> None:
    lines = last_lines(lines_of(tail))
    assert len(lines) <= LAST_LINES
    assert all(len(line) <= LINE_LENGTH for line in lines)
    assert not any(control in line for line in lines for control in "\x1b\r\n\x00")


def test_last_lines_are_the_last() -> None:
    lines = last_lines([f"line {i}" for i in range(50)] + ["x" * 600])
    assert lines[0] == "line 31"
    assert lines[-1] == "x" * 499 + "…"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("fine\n", None),
        ('Traceback (most recent call last):\n  File "a.py", line 1\n    f()\nKeyError: 3\n', "KeyError: 3"),
        (
            # the handled one above, the one that ended the program below
            "Traceback (most recent call last):\n  File\nKeyError: 3\n\nDuring handling of the above exception, another"
            " exception occurred:\n\nTraceback (most recent call last):\n  File\nValueError: two\nlines\n",
            "ValueError: two",
        ),
        (" 50%|#   | 1/2 Traceback (most recent call last):\n  File\nKeyboardInterrupt\n", "KeyboardInterrupt"),
        ("Traceback (most recent call last):\n  File cut off", None),
        ('  File "t.py", line 1\n    x = (\n        ^\nSyntaxError: never closed\n', "SyntaxError: never closed"),
        ("/usr/bin/python3: No module named foo.bar\n", "/usr/bin/python3: No module named foo.bar"),
        ("  + Exception Group Traceback (most recent call last):\n  |   File\n  | ExceptionGroup: two\n"
         "  +-+---------------- 1 ----------------\n    | Traceback (most recent call last):\n    |   File\n"
         "    | ValueError: leaf\n    +------------------------------------\n", "ValueError: leaf"),
        (TORCHRUN, "RuntimeError: shape mismatch"),
    ],
    ids=["none", "plain", "chained", "progress-bar", "cut-off", "syntax", "no-module", "group", "torchrun"],
)  # fmt: skip
def test_error_in(text: str, wanted: str | None) -> None:
    assert error_in(text.splitlines()) == wanted


@pytest.mark.parametrize("code", [3, -9])
def test_torchrun_names_the_root_cause(code: int) -> None:
    assert torchrun_cause(TORCHRUN.replace("{code}", str(code)).splitlines()) == (1, code)


def test_torchrun_cause_is_none_elsewhere() -> None:
    assert torchrun_cause(["rank : 1", "exitcode : 3"]) is None


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        ({"message": {"message": "ValueError: bad\nmore", "extraInfo": {"timestamp": "1"}}}, "ValueError: bad"),
        ({"message": "out of memory"}, "out of memory"),
        ({"message": "<NONE>"}, None),
        ({"message": {"message": 3}}, None),
        ({}, None),
        ([], None),
    ],
)
def test_torchrun_error_file(content: object, wanted: str | None) -> None:
    assert torchrun_error(json.dumps(content).encode()) == wanted


def test_torchrun_error_file_that_is_torn() -> None:
    assert torchrun_error(b'{"message": "x') is None

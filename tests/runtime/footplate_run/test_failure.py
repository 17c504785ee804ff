from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from torchrun_words import TORCHRUN

from footplate_run.failure import (
    LAST_LINES,
    LINE_LENGTH,
    error_in,
    last_lines,
    lines_of,
)


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
        ("Traceback (most recent call last):\n  File\n[worker-2:00000] *** An error occurred in Socket closed\n"
         "footplate: rank 3 on worker-1 exited with code 1\nmodels.Wrong: image 17\nValueError: later\n",
         "models.Wrong: image 17"),
        ("Traceback (most recent call last):\n  File\n<no exception at all>\n", "<no exception at all>"),
        ('  File "t.py", line 1\n    x = (\n        ^\nSyntaxError: never closed\n', "SyntaxError: never closed"),
        ("/usr/bin/python3: No module named foo.bar\n", "/usr/bin/python3: No module named foo.bar"),
        ("  + Exception Group Traceback (most recent call last):\n  |   File\n  | ExceptionGroup: two\n"
         "  +-+---------------- 1 ----------------\n    | Traceback (most recent call last):\n    |   File\n"
         "    | ValueError: leaf\n    +------------------------------------\n", "ValueError: leaf"),
        (TORCHRUN, "RuntimeError: shape mismatch"),
    ],
    ids=["none", "plain", "chained", "progress-bar", "cut-off", "interleaved", "odd", "syntax", "no-module", "group",
         "torchrun"],
)  # fmt: skip
def test_error_in(text: str, wanted: str | None) -> None:
    assert error_in(text.splitlines()) == wanted

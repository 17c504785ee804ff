from __future__ import annotations

import csv
import io

from rich.text import Text

from footplate.cli.tables import as_csv, labeled, table


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    found = table(["NAME", "SIZE"], [["a", "1 B"], ["längerer", Text("10 kB", "red")]], right={1})
    assert str(found).split("\n") == ["NAME        SIZE", "a            1 B", "längerer   10 kB"]


def test_wide_letters_take_two_cells() -> None:
    assert str(table(["A", "B"], [["数字", "x"], ["ab", "y"]])).split("\n") == ["A      B", "数字   x", "ab     y"]


def test_nothing_is_at_the_end_of_a_line() -> None:
    assert str(table(["A", "B"], [["x", ""]])).split("\n") == ["A   B", "x"]


def test_labels() -> None:
    assert [str(line) for line in labeled([("phase", "Failed"), ("", "why"), ("x", "y")])] == [
        "phase  Failed",
        "       why",
        "x      y",
    ]


def test_csv_is_read_back() -> None:
    rows = [["a,b", 'say "x"', None], ["two\nlines", 1.5, "ü"]]
    assert list(csv.reader(io.StringIO(as_csv(["p", "q", "r"], rows)))) == [
        ["p", "q", "r"],
        ["a,b", 'say "x"', ""],
        ["two\nlines", "1.5", "ü"],
    ]

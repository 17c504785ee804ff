"""Columns of text, as kubectl has them: no lines, nothing cut, so that every cell can be copied. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Container, Iterable, Sequence

from rich.cells import cell_len
from rich.text import Text

Cell = str | Text


def table(header: Sequence[str], rows: Sequence[Sequence[Cell]], right: Container[int] = ()) -> Text:
    """A line for the header and one for each row; the columns in `right` are aligned there, as numbers are."""
    widths = [
        max(cell_len(str(cell)) for cell in column) for column in zip(header, *rows, strict=True)
    ]  # in cells of the terminal: of CJK letters one takes two

    def line(cells: Sequence[Cell], style: str) -> Text:
        found = Text(style=style)
        for position, cell in enumerate(cells):
            blank = " " * (widths[position] - cell_len(str(cell)))
            before, after = (blank, "") if position in right else ("", blank)
            found.append(before).append(cell).append(after if position < len(cells) - 1 else "")
            found.append("   " if position < len(cells) - 1 else "")
        found.rstrip()
        return found

    return Text("\n").join([line(header, "dim"), *(line(row, "") for row in rows)])


def labeled(rows: Iterable[tuple[str, Cell]], indent: str = "") -> list[Text]:
    """`label  value` lines; an empty label continues the row above."""
    found = list(rows)
    width = max((cell_len(label) for label, _ in found), default=0)
    return [
        Text.assemble(indent, (label + " " * (width - cell_len(label)), "dim"), "  ", value) for label, value in found
    ]


def as_csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """RFC 4180, but for the ends of its lines; None is an empty field."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return written.getvalue()

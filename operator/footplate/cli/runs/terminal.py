"""A chart in a terminal: curves as dots of Braille letters, two by four in each cell. Pure.

Without colour the curves of several runs are drawn as letters instead, one for each run.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter

from rich.text import Text

from footplate.cli.runs.curves import Chart, Curve
from footplate.cli.text import number

COLOURS = ("cyan", "yellow", "magenta", "green", "red", "blue")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))  # Unicode: Braille Patterns, by column and row
_BLANK = 0x2800


class Canvas:
    """`width` by `height` cells; what is drawn last is on top."""

    def __init__(self, width: int, height: int, dotted: bool) -> None:
        self._dotted = dotted
        self._across, self._down = (2, 4) if dotted else (1, 1)
        self.columns, self.rows = width * self._across, height * self._down
        self._cells = [[0] * width for _ in range(height)]
        self._owner = [[-1] * width for _ in range(height)]

    def line(self, x0: int, y0: int, x1: int, y1: int, owner: int) -> None:
        """From point to point, both in dots from the upper left corner."""
        steps = max(abs(x1 - x0), abs(y1 - y0), 1)
        for i in range(steps + 1):
            self._dot(round(x0 + (x1 - x0) * i / steps), round(y0 + (y1 - y0) * i / steps), owner)

    def _dot(self, x: int, y: int, owner: int) -> None:
        column, row = x // self._across, y // self._down
        if self._dotted:
            self._cells[row][column] |= _DOTS[x % 2][y % 4]
        self._owner[row][column] = owner

    def lines(self) -> list[Text]:
        """The rows from the top."""
        found = []
        for cells, owners in zip(self._cells, self._owner, strict=True):
            line = Text()
            for owner, stretch in groupby(zip(owners, cells, strict=True), key=itemgetter(0)):
                line.append(*self._drawn(owner, [cell for _, cell in stretch]))
            found.append(line)
        return found

    def _drawn(self, owner: int, cells: Sequence[int]) -> tuple[str, str]:
        """Cells side by side of one curve, or of none, and their colour."""
        if owner < 0:
            return " " * len(cells), ""
        if self._dotted:
            return "".join(chr(_BLANK + cell) for cell in cells), COLOURS[owner % len(COLOURS)]
        return _LETTERS[owner % len(_LETTERS)] * len(cells), ""


def drawn(chart: Chart, width: int, height: int, colour: bool) -> Text:
    """The chart in at most `width` columns: its name, `height` rows with their values, the ends of x, a legend."""
    curves = [curve for curve in chart.curves if curve.xs]
    lines = [Text(chart.metric, style="bold")]
    if not curves:
        return Text("\n").join([*lines, Text("  no finite values", style="dim")])
    low, high = min(min(c.ys) for c in curves), max(max(c.ys) for c in curves)
    if low == high:
        low, high = low - 1, high + 1  # a constant is drawn in the middle
    left, right = min(c.xs[0] for c in curves), max(c.xs[-1] for c in curves)
    labels = {0: number(high), height // 2: number((low + high) / 2), height - 1: number(low)}
    margin = max(len(label) for label in labels.values())
    canvas = Canvas(max(8, width - margin - 3), height, colour or len(curves) == 1)
    for owner, curve in enumerate(curves):
        _draw(canvas, curve, owner, (left, right), (low, high))
    for row, line in enumerate(canvas.lines()):
        label = labels.get(row, "")
        lines.append(Text.assemble((f"{label:>{margin}} ", "dim"), ("┤" if label else "│", "dim"), line))
    lines.append(_axis(chart.axis, left, right, margin, max(8, width - margin - 3)))
    lines += [_legend(curve, owner, colour, len(curves)) for owner, curve in enumerate(curves)]
    for line in lines:
        line.rstrip()
    return Text("\n").join(lines)


def _draw(canvas: Canvas, curve: Curve, owner: int, x: tuple[float, float], y: tuple[float, float]) -> None:
    wide = (x[1] - x[0]) or 1.0
    at = [
        (
            round((px - x[0]) / wide * (canvas.columns - 1)),
            round((y[1] - py) / (y[1] - y[0]) * (canvas.rows - 1)),
        )
        for px, py in zip(curve.xs, curve.ys, strict=True)
    ]
    for start, end in zip(at, at[1:] or at, strict=False):
        canvas.line(*start, *end, owner)


def _axis(name: str, left: float, right: float, margin: int, width: int) -> Text:
    start, end = number(left), number(right)
    middle = f" {name} "
    blank = width - len(start) - len(end)
    between = f"{middle:^{blank}}" if blank >= len(middle) else " "
    return Text(f"{'':>{margin}}  {start}{between}{end}", style="dim")


def _legend(curve: Curve, owner: int, colour: bool, count: int) -> Text:
    mark = "⠶⠶" if colour or count == 1 else _LETTERS[owner % len(_LETTERS)]
    values = [number(value) for value in (curve.last, curve.low, curve.high)]
    told = "last {}, min {}, max {}, ".format(*values) + _values(curve.count)
    return Text.assemble("  ", (mark, COLOURS[owner % len(COLOURS)]), f" {curve.label}  ", (told, "dim"))


def _values(count: int) -> str:
    return f"{count:,} value{'' if count == 1 else 's'}"

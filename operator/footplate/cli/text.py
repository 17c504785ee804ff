"""Times, numbers and curves as people read them in a terminal. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from footplate_run.values import json_number

_BARS = "▁▂▃▄▅▆▇█"


def clock_time(seconds: float) -> str:
    """A stopwatch: 7 is 0:07, 3725 is 1:02:05."""
    minutes, rest = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def duration(seconds: float) -> str:
    """A span of time: 12 s, 2 min 5 s, 3 h 20 min."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def number(value: float | str) -> str:
    """A metric's value in four significant digits; NaN and the infinities, which may come so, by their names."""
    if isinstance(value, str) or isinstance(value := json_number(value), str):
        return value
    if isinstance(value, int) or float(value).is_integer():
        return f"{int(value)}" if abs(value) < 1e6 else f"{value:.3e}"
    return f"{value:.4g}"


def sparkline(values: Sequence[float], width: int) -> str:
    """The course of the values in at most `width` blocks; those that are not finite are left out.

    More values than blocks are averaged in equal groups. A constant course is drawn in the middle.
    """
    finite = [value for value in values if math.isfinite(value)]
    if not finite or width < 1:
        return ""
    count = min(width, len(finite))
    edges = [i * len(finite) // count for i in range(count + 1)]
    means = [sum(finite[a:b]) / (b - a) for a, b in pairwise(edges)]
    low, high = min(means), max(means)
    if high == low:
        return _BARS[len(_BARS) // 2 - 1] * count
    top = len(_BARS) - 1
    return "".join(_BARS[round((mean - low) / (high - low) * top)] for mean in means)


def loss_first(name: str) -> tuple[bool, str]:
    """The key by which metrics are sorted: the loss, then the others by their names."""
    return name != "loss", name


def shorten(sentence: str, width: int) -> str:
    """The first line, cut with an ellipsis to so many characters."""
    line = sentence.partition("\n")[0]
    return line if len(line) <= width else line[: max(0, width - 1)] + "…"

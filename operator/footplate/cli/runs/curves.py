"""From histories to curves in one chart: which runs and ranks, over steps or time, thinned. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from footplate.cli.runs.history import NO_RANK, History, Points, Series, thin
from footplate.cli.text import loss_first


@dataclass(frozen=True, slots=True)
class Curve:
    """A line of a chart, sorted by x; `last` is its last value, `low` and `high` are of all the points behind it."""

    label: str
    xs: Sequence[float]
    ys: Sequence[float]
    last: float
    count: int
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Chart:
    """One metric of all runs; `axis` says what x is."""

    metric: str
    axis: str
    curves: Sequence[Curve]


def charts(histories: Mapping[str, History], names: Sequence[str], over_time: bool, most: int) -> list[Chart]:
    """One for each metric, with at most about `most` points a curve. `histories` are by the label of their run.

    x is the step; where a curve has none it is the count of its values, and with `over_time` seconds since the first.
    """
    found = []
    for name in matching(names, [metric for history in histories.values() for metric in history.metrics]):
        series = [
            (_label(run, who, len(histories), history.metrics[name]), points)
            for run, history in histories.items()
            for who, points in history.metrics.get(name, {}).items()
        ]
        stepped = all(not math.isnan(step) for _, points in series for step in points.steps)
        axis = "seconds" if over_time else "step" if stepped else "value"
        found.append(Chart(name, axis, [_curve(label, points, axis, most) for label, points in series]))
    return found


def matching(wanted: Sequence[str], there: Sequence[str]) -> list[str]:
    """The names that are wanted: exactly or as a pattern (`val_*`), in the order of the wish; all without one."""
    names = sorted(set(there), key=loss_first)
    if not wanted:
        return names
    found = [name for word in wanted for name in ([word] if word in names else _like(word, names))]
    return list(dict.fromkeys(found))


def _like(pattern: str, names: Sequence[str]) -> list[str]:
    return [name for name in names if fnmatchcase(name, pattern)]


def _label(run: str, who: Series, runs: int, of: Mapping[Series, Points]) -> str:
    several = len(of) > 1
    process = who.replica if who.rank == NO_RANK else f"{who.replica} rank {who.rank}"
    if not several:
        return run
    return f"{run} {process}" if runs > 1 else process


def _curve(label: str, points: Points, axis: str, most: int) -> Curve:
    if axis == "seconds":
        first = points.times[0]
        xs: Sequence[float] = [time - first for time in points.times]
    else:
        xs = points.steps if axis == "step" else range(1, len(points) + 1)
    finite = [value for value in points.values if math.isfinite(value)]
    low, high = min(finite, default=math.nan), max(finite, default=math.nan)
    return Curve(label, *thin(xs, points.values, most), points.values[-1], len(points), low, high)

"""The history of a run's metrics: all that its replicas logged, from every source, over all attempts.

`metrics/<attempt>/<replica>[.r<n>][.<source>].jsonl`: the file without a source is what the program logged itself, the
others come from TensorBoard or the console. A metric that several sources have is taken from the first of them, as in
the agent's summaries (docs/architecture.md, The agent).
"""

from __future__ import annotations

import json
import math
import re
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from operator import itemgetter
from typing import Any, NamedTuple

from footplate_run.values import json_number
from footplate_runtime.store import Store, list_growing, read_growing

_NAME = re.compile(
    r"metrics/(?P<attempt>\d+)/(?P<replica>[a-z][a-z0-9-]*-\d+)(\.r(?P<replacement>\d+))?(\.(?P<source>.+))?\.jsonl"
)
_SOURCES = ("", "tensorboard", "stdout")  # the first of them goes before the others
_READERS = 8
_HIGHEST = 1e300  # so that a chart's height is a number
NO_RANK = -1
_EVERY = lambda name: True  # noqa: E731


class File(NamedTuple):
    """One file of metrics; files of one replica in the order in which they were written. `source` "" is the program."""

    attempt: int
    replica: str
    replacement: int
    source: str
    key: str

    @classmethod
    def of(cls, key: str) -> File | None:
        """None for a key that is no such file."""
        match = _NAME.fullmatch(key)
        if match is None:
            return None
        replacement = int(match["replacement"] or 0)
        return cls(int(match["attempt"]), match["replica"], replacement, match["source"] or "", key)


@dataclass(slots=True)
class Points:
    """Values in the order in which they were logged; a step is NaN where none was given, a time is seconds since
    1970."""

    steps: array[float] = field(default_factory=lambda: array("d"))
    times: array[float] = field(default_factory=lambda: array("d"))
    values: array[float] = field(default_factory=lambda: array("d"))

    def add(self, step: float, time: float, value: float) -> None:
        self.steps.append(step)
        self.times.append(time)
        self.values.append(value)

    def extend(self, later: Points) -> None:
        """Go on with a later start of the program. It went back to a checkpoint: what was logged of its steps before
        counts no more."""
        first = next((step for step in later.steps if not math.isnan(step)), None)
        if first is not None and any(step >= first for step in self.steps):
            kept = [i for i, step in enumerate(self.steps) if not step >= first]
            for name in ("steps", "times", "values"):
                column = getattr(self, name)
                setattr(self, name, array("d", (column[i] for i in kept)))
        self.steps.extend(later.steps)
        self.times.extend(later.times)
        self.values.extend(later.values)

    def __len__(self) -> int:
        return len(self.values)

    def rows(self) -> Iterator[tuple[int | None, float, float]]:
        """(step, time, value) of each."""
        for step, time, value in zip(self.steps, self.times, self.values, strict=True):
            yield None if math.isnan(step) else int(step), time, value

    def summary(self) -> dict[str, Any]:
        """In the words of run.json."""
        finite = [value for value in self.values if math.isfinite(value)]
        step, last = self.steps[-1], self.values[-1]
        return {
            "last": json_number(last),
            "step": None if math.isnan(step) else int(step),
            "min": min(finite, default=None),
            "max": max(finite, default=None),
            "count": len(self.values),
        }


class Series(NamedTuple):
    """Whose values they are; of lines that the agent has derived nobody says which process of the replica wrote them:
    `NO_RANK`."""

    replica: str
    rank: int


@dataclass(frozen=True, slots=True)
class History:
    """The points of each metric, of each rank that logged it."""

    metrics: Mapping[str, Mapping[Series, Points]]

    def summaries(self) -> dict[str, dict[str, Any]]:
        """By name, of the first of its series."""
        return {name: next(iter(series.values())).summary() for name, series in self.metrics.items() if series}


def read_history(
    store: Store, primary: str, wanted: Callable[[str], bool] = _EVERY, all_ranks: bool = False
) -> History:
    """What is in the store now of the `wanted` names: of rank 0 on the primary, or of every rank. Raises StoreError."""
    files = sorted(file for key in list_growing(store, "metrics/") if (file := File.of(key)) is not None)
    chosen = [file for file in files if all_ranks or file.replica == primary]

    def read(file: File) -> tuple[File, Mapping[tuple[str, int], Points]]:
        return file, scalars(read_growing(store, file.key), wanted, all_ranks)

    with ThreadPoolExecutor(_READERS) as readers:
        return History(joined(readers.map(read, chosen)))


def joined(
    files: Iterable[tuple[File, Mapping[tuple[str, int], Points]]],
) -> dict[str, dict[Series, Points]]:
    """One history of the files, which are in the order of their starts."""
    found: dict[str, dict[Series, dict[str, Points]]] = {}
    for file, points in files:
        for (name, rank), values in points.items():
            sources = found.setdefault(name, {}).setdefault(Series(file.replica, rank), {})
            if file.source in sources:
                sources[file.source].extend(values)
            else:
                sources[file.source] = values
    return {
        name: {who: sources[min(sources, key=_precedence)] for who, sources in sorted(series.items())}
        for name, series in found.items()
    }


def _precedence(source: str) -> tuple[int, str]:
    return (_SOURCES.index(source) if source in _SOURCES else len(_SOURCES)), source


def scalars(blocks: Iterable[bytes], wanted: Callable[[str], bool], all_ranks: bool) -> dict[tuple[str, int], Points]:
    """By name and rank; lines that do not parse are left out, as the agent leaves them out."""
    found: dict[tuple[str, int], Points] = {}
    skipped: set[str] = set()
    for entry in _entries(blocks):
        try:
            name = entry["name"]
            if entry["kind"] != "scalar" or name in skipped:
                continue
            rank = entry.get("rank", 0)
            rank = NO_RANK if rank is None else int(rank)
            if rank > 0 and not all_ranks:
                continue
            points = found.get((name, rank))
            if points is None:
                if not wanted(name):
                    skipped.add(name)
                    continue
                points = found[str(name), rank] = Points()
            step = entry.get("step")
            points.add(math.nan if step is None else float(step), float(entry.get("time") or 0), float(entry["value"]))
        except (ValueError, KeyError, TypeError, OverflowError):
            continue
    return found


def _entries(blocks: Iterable[bytes]) -> Iterator[Any]:
    """What the lines hold, parsed many at once: a million lines would be a million calls."""
    rest = b""
    for block in blocks:
        lines, _, rest = (rest + block).rpartition(b"\n")
        yield from _parsed(lines)
    yield from _parsed(rest)


def _parsed(lines: bytes) -> Iterator[Any]:
    try:
        yield from json.loads(b"[" + lines.replace(b"\n", b",") + b"]")
    except (ValueError, RecursionError):  # not all of them are whole
        for line in lines.split(b"\n"):
            try:
                yield json.loads(line)
            except (ValueError, RecursionError):
                continue


def thin(xs: Sequence[float], ys: Sequence[float], most: int) -> tuple[list[float], list[float]]:
    """At most about `most` of the points, so that the curve looks the same: of each stretch of x its first, least,
    greatest and last. Points that cannot be drawn are left out; what comes back is sorted by x. Pure."""

    def drawable() -> Iterator[tuple[float, float]]:
        return ((x, y) for x, y in zip(xs, ys, strict=True) if math.isfinite(x) and abs(y) <= _HIGHEST)

    if len(xs) <= max(4, most):
        few = sorted(drawable(), key=itemgetter(0))
        return [x for x, _ in few], [y for _, y in few]
    low = min((x for x, _ in drawable()), default=0.0)
    high = max((x for x, _ in drawable()), default=0.0)
    width = (high - low) / max(1, most // 4) or 1.0
    in_order = all(a <= b for a, b in pairwise(xs))
    points = drawable() if in_order else sorted(drawable(), key=itemgetter(0))
    kept = [
        p for _, stretch in groupby(points, key=lambda point: int((point[0] - low) / width)) for p in _ends(stretch)
    ]
    return [x for x, _ in kept], [y for _, y in kept]


def _ends(stretch: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    points = list(stretch)
    ys = [y for _, y in points]
    chosen = {0, len(points) - 1, ys.index(min(ys)), ys.index(max(ys))}
    return [points[i] for i in sorted(chosen)]

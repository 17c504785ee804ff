"""The latest value and the summary of each metric, and the tags: what the agent reports. Pure."""

from __future__ import annotations

import math
from typing import Any

from footplate_run.values import json_number
from footplate_runtime.agent.metrics.points import Point
from footplate_runtime.clock import rfc3339
from footplate_runtime.contract import MAX_STATUS_METRICS

_MAX_TAGS = 256


class Scalar:
    """What is known of one metric, from the most trusted source that has it."""

    __slots__ = ("count", "latest", "least", "most", "source")

    def __init__(self, source: int, first: Point) -> None:
        self.source = source
        self.latest = first
        self.count = 0
        self.least: float | None = None  # of the finite values
        self.most: float | None = None

    def add(self, point: Point) -> None:
        self.latest = point
        self.count += 1
        if math.isfinite(point.value):
            self.least = point.value if self.least is None else min(self.least, point.value)
            self.most = point.value if self.most is None else max(self.most, point.value)

    def report(self) -> dict[str, Any]:
        """The latest value as in the agent's reports."""
        point = self.latest
        return {"value": json_number(point.value), "step": point.step, "time": rfc3339(point.time)}

    def summary(self) -> dict[str, Any]:
        """The whole history in numbers as in run.json."""
        latest = self.report()
        return {
            "last": latest["value"],
            "step": latest["step"],
            "time": latest["time"],
            "min": self.least,
            "max": self.most,
            "count": self.count,
        }


class Scalars:
    """At most 32 metrics. Sources have numbers; of a metric that several tell, only the lowest counts."""

    def __init__(self) -> None:
        self._known: dict[str, Scalar] = {}
        self.tags: dict[str, str] = {}
        self.left_out = 0  # values of metrics beyond the limit

    def add(self, source: int, point: Point) -> None:
        """Take in the next value of a metric."""
        known = self._known.get(point.name)
        if known is None or known.source > source:
            if known is None and not self._make_room(source):
                self.left_out += 1
                return
            known = self._known[point.name] = Scalar(source, point)
        if known.source == source:
            known.add(point)

    def tag(self, name: str, value: str) -> None:
        """Take in a word about the run; a later one of the same name replaces it."""
        if name in self.tags or len(self.tags) < _MAX_TAGS:
            self.tags[name] = value

    def latest(self) -> dict[str, dict[str, Any]]:
        """The latest value of each metric, in the order the names came."""
        return {name: scalar.report() for name, scalar in self._known.items()}

    def summary(self) -> dict[str, dict[str, Any]]:
        """Last, least and greatest value and count of each metric."""
        return {name: scalar.summary() for name, scalar in self._known.items()}

    def _make_room(self, source: int) -> bool:
        """Whether there is room for one more; the newest metric of the least trusted source makes way."""
        if len(self._known) < MAX_STATUS_METRICS:
            return True
        worst = max(scalar.source for scalar in self._known.values())
        if worst <= source:
            return False
        gone = [name for name, scalar in self._known.items() if scalar.source == worst][-1]
        self.left_out += self._known.pop(gone).count
        return True

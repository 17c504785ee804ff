"""Reads metrics.jsonl as it grows: latest value and summary of each scalar of rank 0. No line is read twice.

A file system gives lines as they are written; a last line without its newline waits for the rest.
"""

from __future__ import annotations

import json
import math
import os
from typing import Any

from footplate_runtime.agent.clock import rfc3339
from footplate_runtime.agent.scan import open_beneath
from footplate_runtime.contract import MAX_STATUS_METRICS, METRICS

_READ_BYTES = 4 << 20  # at once, so that a burst of metrics does not hold up the rest
_MAX_LINE = 16 << 20  # a longer line is skipped rather than held
_NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


class Scalar:
    """What is known of one scalar. ``value`` as in the file: a number, or the name of a number that is not finite."""

    __slots__ = ("count", "least", "most", "step", "time", "value")

    def __init__(self, value: float | str, step: int | None, time: str) -> None:
        self.value = value
        self.step = step
        self.time = time
        self.count = 0
        self.least: float | None = None  # of the finite values
        self.most: float | None = None

    def report(self) -> dict[str, Any]:
        """The latest value as in the agent's reports."""
        return {"value": self.value, "step": self.step, "time": self.time}

    def summary(self) -> dict[str, Any]:
        """The whole history in numbers as in run.json."""
        return {
            "last": self.value,
            "step": self.step,
            "time": self.time,
            "min": self.least,
            "max": self.most,
            "count": self.count,
        }


class MetricsTail:
    """The metrics of this replica so far."""

    def __init__(self, root: bytes) -> None:
        self._root = root
        self._inode = -1
        self._offset = 0
        self._rest = b""
        self._skipping = False  # within a line that is too long
        self.scalars: dict[str, Scalar] = {}
        self.left_out = 0  # lines of names beyond the limit
        self.bad_lines = 0

    def read(self) -> bool:
        """Take in what was written since the last call, at most 4 MiB; True if there may be more."""
        try:
            fd = open_beneath(self._root, METRICS.encode())
        except FileNotFoundError:
            return False
        try:
            inode = os.fstat(fd).st_ino
            if inode != self._inode:  # replaced: a new file from its start
                self._inode, self._offset, self._rest = inode, 0, b""
            data = os.pread(fd, _READ_BYTES, self._offset)
        finally:
            os.close(fd)
        self._offset += len(data)
        self._feed(data)
        return len(data) == _READ_BYTES

    def latest(self) -> dict[str, dict[str, Any]]:
        """The latest value of each scalar, in the order the names came."""
        return {name: scalar.report() for name, scalar in self.scalars.items()}

    def summary(self) -> dict[str, dict[str, Any]]:
        """Last, least and greatest value and count of each scalar."""
        return {name: scalar.summary() for name, scalar in self.scalars.items()}

    def _feed(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        if self._skipping and lines:
            del lines[0]
            self._skipping = False
        if len(self._rest) > _MAX_LINE or (self._skipping and self._rest):
            self.bad_lines += not self._skipping
            self._rest, self._skipping = b"", True
        for line in lines:
            if line.strip():
                self._take(line)

    def _take(self, line: bytes) -> None:
        try:
            entry = json.loads(line)
            if entry["kind"] != "scalar" or entry["rank"] != 0:
                return
            name, value, step, time = entry["name"], entry["value"], entry["step"], rfc3339(entry["time"])
            number = _NOT_FINITE[value] if isinstance(value, str) else float(value)
            if not isinstance(name, str) or not (step is None or isinstance(step, int)):
                raise TypeError("a name is text, a step a whole number")
        except (ValueError, KeyError, TypeError, OverflowError, OSError, RecursionError):
            self.bad_lines += 1
            return
        known = self.scalars.get(name)
        if known is None:
            if len(self.scalars) >= MAX_STATUS_METRICS:
                self.left_out += 1
                return
            known = self.scalars[name] = Scalar(value, step, time)
        known.value, known.step, known.time = value, step, time
        known.count += 1
        if math.isfinite(number):
            known.least = number if known.least is None else min(known.least, number)
            known.most = number if known.most is None else max(known.most, number)
        elif not isinstance(value, str):
            known.value = _name_of(number)


def _name_of(number: float) -> str:
    return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"

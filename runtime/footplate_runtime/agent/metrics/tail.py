"""Reads a file of metric lines as it grows. No line is read twice.

A file system gives lines as they are written; a last line without its newline waits for the rest.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from footplate_run.layout import MAX_METRIC_NAME
from footplate_runtime.agent.metrics.points import Point
from footplate_runtime.agent.metrics.scalars import Scalars
from footplate_runtime.agent.scan import open_growing

_READ_BYTES = 4 << 20  # at once, so that a burst of metrics does not hold up the rest
_BATCH = 1000  # lines
_MAX_LINE = 16 << 20  # a longer line is skipped rather than held
_NOT_FINITE = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}
_EXACT = 1 << 53  # greater whole numbers are no whole numbers for most readers of JSON
_TAG_LENGTH = 4096
_LATEST = 1 << 37  # seconds since the epoch: the year 6325


class MetricsTail:
    """One file below the root; its scalars of rank 0 go to ``scalars``, as those of the source of that number."""

    def __init__(self, root: bytes, path: str, scalars: Scalars, source: int) -> None:
        self._root = root
        self._path = path.encode()
        self._scalars = scalars
        self._source = source
        self._inode = -1
        self._offset = 0
        self._rest = b""
        self._skipping = False  # within a line that is too long
        self.bad_lines = 0
        self.warnings = 0  # of Run, about limits

    def read(self) -> bool:
        """Take in what was written since the last call, at most 4 MiB; True if there may be more."""
        try:
            with open_growing(self._root, self._path, self._inode, self._offset) as file:
                data = os.pread(file.fd, _READ_BYTES, file.start)
        except FileNotFoundError:
            return False
        if file.start == 0:
            self._rest, self._skipping = b"", False
        self._inode, self._offset = file.stat.st_ino, file.start + len(data)
        self._feed(data)
        return len(data) == _READ_BYTES

    def _feed(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        if self._skipping and lines:
            del lines[0]
            self._skipping = False
        if len(self._rest) > _MAX_LINE or (self._skipping and self._rest):
            self.bad_lines += not self._skipping
            self._rest, self._skipping = b"", True
        for start in range(0, len(lines), _BATCH):
            for entry in _entries([line for line in lines[start : start + _BATCH] if line.strip()]):
                self._take(entry)

    def _take(self, entry: Any) -> None:
        try:
            if entry["kind"] != "scalar":
                self._take_other(entry)
                return
            if entry["rank"] != 0:
                return
            number = _number(entry["value"])
            if number is None:
                return  # a word
            point = Point(entry["name"], number, entry["step"], float(entry["time"]))
            if not isinstance(point.name, str) or not (point.step is None or isinstance(point.step, int)):
                raise TypeError("a name is text, a step a whole number")
            if not point.usable or not 0 <= point.time < _LATEST:
                raise ValueError("a name has 1 to 1,024 characters, a time lies in this age")
        except (ValueError, KeyError, TypeError, OverflowError):
            self.bad_lines += 1
            return
        self._scalars.add(self._source, point)

    def _take_other(self, entry: Mapping[str, Any]) -> None:
        """Of all other kinds tags and warnings are of interest."""
        self.warnings += entry["kind"] == "warning"
        if entry["kind"] == "tag" and isinstance(entry["name"], str):
            self._scalars.tag(entry["name"][:MAX_METRIC_NAME], str(entry["value"])[:_TAG_LENGTH])


def _entries(lines: list[bytes]) -> list[Any]:
    """What the lines say, None for one that is not JSON. Parsed together, which takes a third of the time."""
    try:
        entries = json.loads(b"[" + b",".join(lines) + b"]")
        if len(entries) == len(lines):
            return entries  # type: ignore[no-any-return]
    except (ValueError, RecursionError):
        pass  # one of them is to blame: one by one
    return [_entry(line) for line in lines]


def _entry(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _number(value: object) -> float | int | None:
    """The value as a number, None for a word. Raises ``TypeError`` for what is neither, ``OverflowError``."""
    if isinstance(value, str):
        return _NOT_FINITE.get(value)
    if isinstance(value, int):
        return int(value) if -_EXACT <= value <= _EXACT else float(value)
    if isinstance(value, float):
        return value
    raise TypeError("a value is a number or a word")

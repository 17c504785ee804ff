"""One value of a metric, and how it is written as a line of metrics.jsonl."""

from __future__ import annotations

import json
import math
import struct
from typing import NamedTuple

from footplate_run.layout import MAX_METRIC_NAME
from footplate_run.values import json_number

_FLOAT = struct.Struct("<f")


class Point(NamedTuple):
    """One value of one metric: ``time`` in seconds since the epoch, ``step`` where the program gave one."""

    name: str
    value: float | int
    step: int | None
    time: float

    def line(self, rank: int | None) -> bytes:
        """The line, in the format of docs/architecture.md, "metrics.jsonl"."""
        entry = {"kind": "scalar", **self._asdict(), "value": json_number(self.value), "rank": rank}
        return json.dumps(entry, separators=(", ", ": "), allow_nan=False).encode() + b"\n"

    @property
    def usable(self) -> bool:
        """Whether others can do anything with it: a name of bearable length and a time."""
        return 1 <= len(self.name) <= MAX_METRIC_NAME and math.isfinite(self.time)


def shortest(value: float) -> float:
    """The shortest decimal that is this 32-bit number: 0.31 for what 64 bits would show as 0.3100000023841858."""
    if not math.isfinite(value):
        return value
    packed = _FLOAT.pack(value)
    for digits in (6, 7, 8):
        candidate = float(f"{value:.{digits}g}")
        try:
            if _FLOAT.pack(candidate) == packed:
                return candidate
        except OverflowError:  # the greatest numbers round up beyond 32 bits
            continue
    return value

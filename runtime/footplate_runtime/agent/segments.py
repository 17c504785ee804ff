"""Growing files go up as segments: what to send, merge or drop next. Pure.

A new segment every few seconds would be a million objects in a month; so when 32 segments of one level stand in a
row they become one of the next level: a file in n steps has about 32·log32(n) segments and is sent log32(n) times.
"""

from __future__ import annotations

from typing import NamedTuple

from footplate_runtime.agent.journal import Growth, Part
from footplate_runtime.files import Stamp

MERGE = 32
MAX_SEGMENT = 32 << 20


class Step(NamedTuple):
    """Put one segment (or none), then drop others; ``after`` is what holds then."""

    put: Part | None
    drop: tuple[Part, ...]
    after: Growth


def next_step(growth: Growth | None, stamp: Stamp) -> Step | None:
    """What to do for a growing file that looks like ``stamp``; None when its segments say all it holds.

    Another inode or a smaller size is a new file under an old name (rotated, truncated): its segments start again.
    """
    if growth is None:
        growth = Growth(stamp.inode, ())
    if growth.inode != stamp.inode or stamp.size < growth.sent:
        return Step(None, growth.parts, Growth(stamp.inode, ()))
    row = growth.parts[-MERGE:]
    if len(row) == MERGE and len({part.level for part in row}) == 1:
        merged = Part(row[0].start, row[-1].end, row[0].level + 1)
        return Step(merged, row, Growth(stamp.inode, (*growth.parts[:-MERGE], merged)))
    if stamp.size > growth.sent:
        new = Part(growth.sent, min(stamp.size, growth.sent + MAX_SEGMENT), 0)
        return Step(new, (), Growth(stamp.inode, (*growth.parts, new)))
    return None

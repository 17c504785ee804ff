"""Files that grow while they are stored: numbered segments until the whole object is there.

``<key>.<start>-<end>`` holds the bytes [start, end) of the file; offsets are decimal, padded to 15 digits.
Segments may overlap (a writer that was killed, or one that merges small segments into a large one), so
a reader takes at each offset the segment that reaches furthest.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from footplate_runtime.store.base import Store
from footplate_runtime.store.errors import NotFound

_NAME = re.compile(r"(?P<key>.+)\.(?P<start>\d{15})-(?P<end>\d{15})", re.DOTALL)


class Segment(NamedTuple):
    """The bytes [start, end) of a growing file."""

    start: int
    end: int

    def key(self, of: str) -> str:
        """Key of this segment of the file whose whole object is ``of``."""
        return f"{of}.{self.start:015d}-{self.end:015d}"


def segment_of(key: str) -> tuple[str, Segment] | None:
    """The key of the file that the object of this key is a segment of, and which; None for one that is whole."""
    match = _NAME.fullmatch(key)
    return (match["key"], Segment(int(match["start"]), int(match["end"]))) if match else None


def find_segments(store: Store, folder: str) -> Iterator[tuple[str, Segment]]:
    """All segments below a folder, each with the key of the file it is of; one listing."""
    for entry in store.list(folder):
        found = segment_of(entry.key)
        if found is not None:
            yield found


def segments(store: Store, key: str) -> list[Segment]:
    """The segments that one growing file has in the store, by start."""
    return sorted(segment for of, segment in find_segments(store, key[: key.rfind("/") + 1]) if of == key)


def list_growing(store: Store, folder: str) -> list[str]:
    """Keys of the growing files below a folder, whole or in segments, sorted."""
    keys = (entry.key for entry in store.list(folder))
    return sorted({found[0] if (found := segment_of(key)) else key for key in keys})


def read_growing(store: Store, key: str, start: int = 0) -> Iterator[bytes]:
    """Blocks of a growing file from ``start`` to what is in the store now; nothing if there is nothing yet.

    The writer may replace segments by the whole object in the meantime; reading goes on where it was.
    """
    while True:
        try:
            for block in store.read(key, start):
                start += len(block)
                yield block
            return
        except NotFound:
            pass  # not whole yet: it is in segments, or not there at all
        segment = _furthest(segments(store, key), start)
        if segment is None:
            try:
                store.head(key)
            except NotFound:
                return
            continue
        try:
            for block in store.read(segment.key(key), start - segment.start):
                start += len(block)
                yield block
        except NotFound:
            continue  # merged into a larger one since it was listed


def _furthest(found: list[Segment], start: int) -> Segment | None:
    covering = [s for s in found if s.start <= start < s.end]
    return max(covering, key=lambda s: s.end, default=None)

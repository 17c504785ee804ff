"""Reading a container's log: raw bytes in ``<n>.log`` and, in ``<n>.log.index``, when they arrived.

The index is a list of (offset, unix time in ns) pairs of little-endian 64-bit numbers, in order: the bytes from an
offset on arrived at that time. A line's time is the time of its first byte.
"""

from __future__ import annotations

import asyncio
import struct
from bisect import bisect_left, bisect_right
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

_RECORD = struct.Struct("<QQ")
_BLOCK = 1 << 16
_FOLLOW_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class LogOptions:
    """kubectl logs' options: ``tail`` lines, ``since`` unix seconds, ``limit`` bytes."""

    follow: bool = False
    tail: int | None = None
    since: float | None = None
    timestamps: bool = False
    limit: int | None = None


class Index:
    """When the bytes of a log arrived; reads what has been added at each ``refresh``."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offsets: list[int] = []
        self._times: list[int] = []

    def refresh(self) -> None:
        with self._path.open("rb") as file:
            file.seek(len(self._offsets) * _RECORD.size)
            content = file.read()
        whole = len(content) // _RECORD.size * _RECORD.size
        for offset, nanoseconds in _RECORD.iter_unpack(content[:whole]):
            self._offsets.append(offset)
            self._times.append(nanoseconds)

    def time_at(self, offset: int) -> int:
        """Unix time in ns at which the byte at OFFSET arrived."""
        position = bisect_right(self._offsets, offset) - 1
        return self._times[max(position, 0)] if self._times else 0

    def offset_since(self, nanoseconds: int) -> int | None:
        """The first byte that arrived at or after the time; None when there is none yet."""
        position = bisect_left(self._times, nanoseconds)
        return self._offsets[position] if position < len(self._offsets) else None


async def read_log(path: Path, options: LogOptions, ended: Callable[[], bool]) -> AsyncIterator[bytes]:
    """The log in pieces; with ``follow`` until ENDED() and everything is read."""
    index = Index(path.with_name(path.name + ".index"))
    left = options.limit
    with path.open("rb", buffering=0) as file:
        position = _start(path, index, options)
        file.seek(position)
        buffer = b""
        while True:
            # Asked before reading: what was written before the end is then surely read after it.
            last = not options.follow or ended()
            chunk = file.read(_BLOCK)
            if chunk:
                piece = chunk
                if options.timestamps:
                    index.refresh()
                    piece, buffer, position = _stamp(index, buffer + chunk, position)
            elif last:
                piece = _line(index, position, buffer) if buffer else b""
            else:
                await asyncio.sleep(_FOLLOW_SECONDS)
                continue
            if left is not None:
                piece = piece[:left]
                left -= len(piece)
            if piece:
                yield piece
            if left == 0 or (not chunk and last):
                return


def _stamp(index: Index, data: bytes, position: int) -> tuple[bytes, bytes, int]:
    """Stamps the whole lines of DATA, which begins at POSITION; returns them, the rest, and where that begins."""
    whole = data.rfind(b"\n") + 1
    stamped = []
    for text in data[:whole].split(b"\n")[:-1]:
        line = text + b"\n"
        stamped.append(_line(index, position, line))
        position += len(line)
    return b"".join(stamped), data[whole:], position


def _line(index: Index, position: int, line: bytes) -> bytes:
    seconds, nanoseconds = divmod(index.time_at(position), 10**9)
    moment = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{moment}.{nanoseconds:09d}Z ".encode() + line


def _start(path: Path, index: Index, options: LogOptions) -> int:
    """The offset at which the answer begins: the later of what ``tail`` and ``since`` ask for."""
    position = 0
    size = path.stat().st_size
    if options.since is not None:
        index.refresh()
        found = index.offset_since(int(options.since * 1e9))
        position = size if found is None else _line_start(path, found, size)
    if options.tail is not None:
        position = max(position, _tail_start(path, options.tail, size))
    return position


def _line_start(path: Path, offset: int, size: int) -> int:
    """OFFSET, or the beginning of the next line when a line that began earlier covers it."""
    if offset == 0:
        return 0
    with path.open("rb") as file:
        file.seek(offset - 1)
        file.readline()
        return min(file.tell(), size)


def _tail_start(path: Path, lines: int, size: int) -> int:
    """Where the last LINES lines begin, read from the end."""
    if lines <= 0:
        return size
    with path.open("rb") as file:
        position, missing = size, lines
        while position > 0:
            begin = max(0, position - _BLOCK)
            file.seek(begin)
            block = file.read(position - begin)
            if position == size and block.endswith(b"\n"):
                missing += 1  # the end of the last line is not the beginning of one more
            at = len(block)
            while missing and (at := block.rfind(b"\n", 0, at)) >= 0:
                missing -= 1
            if not missing:
                return begin + at + 1
            position = begin
    return 0


def last_lines(path: Path, lines: int, size: int) -> bytes:
    """At most the last LINES lines and SIZE bytes: what FallbackToLogsOnError puts into the termination message."""
    try:
        total = path.stat().st_size
    except FileNotFoundError:
        return b""
    begin = max(_tail_start(path, lines, total), total - size)
    with path.open("rb") as file:
        file.seek(begin)
        return file.read(total - begin)

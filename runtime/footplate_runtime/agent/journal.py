"""What is in the store, remembered beside the files: an agent that starts again goes on where the last one was.

One JSON object a line, appended when the store has acknowledged; a later line about the same key wins, a torn last
line is dropped. It need not be flushed to disk: it lives exactly as long as the files it speaks of.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Iterable, Iterator, MutableMapping
from pathlib import Path
from typing import Any, NamedTuple

from footplate_runtime.files import Stamp

_COMPACT_BYTES = 4 << 20  # a journal below this is not worth rewriting


class Uploaded(NamedTuple):
    """A whole object: the stamp of the file it was read from and the sha256 of its bytes."""

    stamp: Stamp
    sha256: str


class Uploads(MutableMapping[str, Uploaded]):
    """Whole objects by key, each in a hundred bytes: there may be hundreds of thousands."""

    _PACKED = struct.Struct("<Qqqq32s")  # inode, size, mtime, ctime, sha256

    def __init__(self) -> None:
        self._packed: dict[str, bytes] = {}

    def __getitem__(self, key: str) -> Uploaded:
        *stamp, sha256 = self._PACKED.unpack(self._packed[key])
        return Uploaded(Stamp(*stamp), sha256.hex())

    def __setitem__(self, key: str, uploaded: Uploaded) -> None:
        self._packed[key] = self._PACKED.pack(*uploaded.stamp, bytes.fromhex(uploaded.sha256))

    def __delitem__(self, key: str) -> None:
        del self._packed[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._packed)

    def __len__(self) -> int:
        return len(self._packed)


class Part(NamedTuple):
    """A segment in the store: the bytes [start, end), and how often small ones were merged to make it."""

    start: int
    end: int
    level: int


class Growth(NamedTuple):
    """A growing file: the inode its segments were read from, and the segments."""

    inode: int
    parts: tuple[Part, ...]

    @property
    def sent(self) -> int:
        """How far the segments reach."""
        return self.parts[-1].end if self.parts else 0


class Journal:
    """The journal in memory and on disk. Used by one thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.uploaded = Uploads()
        self.begun: set[str] = set()  # uploads that may have arrived, though nobody has heard so
        self.recorded = 0  # how often uploads were recorded
        self.growths: dict[str, Growth] = {}
        self._load()
        self._rewrite()

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)

    def record_uploads(self, uploads: Iterable[tuple[str, Uploaded]]) -> None:
        """Remember whole objects, all with one write."""
        new = dict(uploads)
        self.uploaded.update(new)
        self.begun.difference_update(new)
        self.recorded += 1
        self._append([_upload_line(key, uploaded) for key, uploaded in new.items()])

    def record_begun(self, keys: Iterable[str]) -> None:
        """Remember that these uploads begin, all with one write."""
        new = [key for key in keys if key not in self.uploaded and key not in self.begun]
        self.begun.update(new)
        self._append([{"key": key, "begun": True} for key in new])

    def forget_upload(self, key: str) -> None:
        """The object is not in the store after all, or no more."""
        self.uploaded.pop(key, None)
        self.begun.discard(key)
        self._append([{"key": key, "forgotten": True}])

    def record_growth(self, key: str, growth: Growth) -> None:
        """Remember the segments of a growing file."""
        self.growths[key] = growth
        self._append([_growth_line(key, growth)])

    def _load(self) -> None:
        self._path.touch()
        with open(self._path, "rb") as file:
            for line in file:
                try:
                    self._take(json.loads(line))
                except (ValueError, KeyError, TypeError, struct.error):
                    continue  # torn by a kill: what it said is done again

    def _take(self, entry: dict[str, Any]) -> None:
        key = entry["key"]
        if "parts" in entry:
            self.growths[key] = Growth(entry["inode"], tuple(Part(*part) for part in entry["parts"]))
        elif "forgotten" in entry:
            self.uploaded.pop(key, None)
            self.begun.discard(key)
        elif "begun" in entry:
            self.begun.add(key)
        else:
            self.uploaded[key] = Uploaded(Stamp(*entry["stamp"]), entry["sha256"])
            self.begun.discard(key)

    def _append(self, lines: list[dict[str, Any]]) -> None:
        data = b"".join(map(_line, lines))
        while data:
            written = os.write(self._fd, data)
            self._size += written
            data = data[written:]
        if self._size > max(_COMPACT_BYTES, 3 * self._live_size):
            os.close(self._fd)
            self._rewrite()

    def _rewrite(self) -> None:
        """Write what holds now into a new file; also cures a torn last line."""
        unfinished = self._path.with_name(self._path.name + ".new")
        with open(unfinished, "wb") as file:
            file.writelines(map(_line, self._live()))
            self._size = self._live_size = file.tell()
        unfinished.replace(self._path)
        self._fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW)

    def _live(self) -> Iterator[dict[str, Any]]:
        for key, uploaded in self.uploaded.items():
            yield _upload_line(key, uploaded)
        for key in self.begun:
            yield {"key": key, "begun": True}
        for key, growth in self.growths.items():
            yield _growth_line(key, growth)


def _upload_line(key: str, uploaded: Uploaded) -> dict[str, Any]:
    return {"key": key, "stamp": uploaded.stamp, "sha256": uploaded.sha256}


def _growth_line(key: str, growth: Growth) -> dict[str, Any]:
    return {"key": key, "inode": growth.inode, "parts": growth.parts}


def _line(entry: dict[str, Any]) -> bytes:
    return json.dumps(entry, separators=(",", ":")).encode() + b"\n"

"""Small things done with files by both fetch and the agent."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, NamedTuple


class Stamp(NamedTuple):
    """What changes when a file changes. Compared with ``!=``: a file renamed over may be older or smaller."""

    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int

    @classmethod
    def of(cls, stat: os.stat_result) -> Stamp:
        return cls(stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)


def write_atomically(path: Path, data: bytes) -> None:
    """Write a local file so that readers see the old content or the new one."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.write_bytes(data)
    unfinished.replace(path)


def write_termination_message(path: Path, message: bytes) -> None:
    """Write the container's termination message; a mounted file, so it is written in place.

    A folder that is missing (a run by hand, outside a pod) is told on stderr by the caller through the OSError.
    """
    path.write_bytes(message)


def compact_json(value: Any) -> bytes:
    """JSON in UTF-8 without spare spaces."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def cut(text: str, limit: int) -> str:
    """``text`` cut to at most ``limit`` bytes of UTF-8, an ellipsis at its end if it was cut."""
    data = text.encode("utf-8", "replace")
    if len(data) <= limit:
        return data.decode()
    return data[: max(0, limit - 3)].decode("utf-8", "ignore") + "…"


def unfinished(path: bytes) -> bool:
    """Whether the name says that its writer will rename it: uploading it before the end would be for nothing."""
    name = path.rsplit(b"/", 1)[-1]
    return name.endswith((b".tmp", b".part")) or name.startswith(b".~")

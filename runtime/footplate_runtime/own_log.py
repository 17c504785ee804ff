"""The log of fetch and of the agent: on stdout, and with times in a file of the volume, which the agent brings to the
store."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from footplate_runtime.clock import rfc3339


class OwnLog:
    """Call it with a sentence. A file that cannot be written costs the file, and is told once."""

    def __init__(self, path: Path, wall: Callable[[], float]) -> None:
        self._path = path
        self._wall = wall
        self._failed = False

    def __call__(self, message: str) -> None:
        print(message, flush=True)
        try:
            # The program can write beside it: neither a link nor a pipe in its place may lead or hold us anywhere.
            fd = os.open(
                self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o644
            )
            try:
                os.write(fd, f"{rfc3339(self._wall())} {message}\n".encode("utf-8", "replace"))
            finally:
                os.close(fd)
        except OSError as error:
            if not self._failed:
                self._failed = True
                print(f"{self._path} cannot be written: {error.strerror}.", flush=True)

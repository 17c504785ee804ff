"""The file in which the agent writes down what a source told, and how far the source was read to tell it.

Both must agree after a kill at any moment: the lines are written first, then, with one rename, how long the file is
and how far the source was read. An agent that starts again cuts the file to that length. What is cut was never sent:
only the next look at the tree offers the file to the store, after the rename.
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any, Generic, NamedTuple, Protocol, Self, TypeVar

from footplate_runtime.agent.metrics.points import Point
from footplate_runtime.files import write_atomically


class State(Protocol):
    """How far a source was read."""

    def to_json(self) -> Any: ...

    @classmethod
    def from_json(cls, saved: Any) -> Self: ...


S = TypeVar("S", bound=State)


class Reading(NamedTuple, Generic[S]):
    """What one turn found in a source, and the state after it."""

    points: list[Point]
    state: S
    more: bool
    bad: int = 0


class Derived:
    """Lines at ``path`` and the state at ``path`` with ``.state`` behind it. Used by one thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._state_path = path.with_name(path.name + ".state")
        self.state: Any = None  # the source's own, as JSON; None at the beginning
        self._size = 0
        with contextlib.suppress(FileNotFoundError, ValueError, KeyError, TypeError):
            saved = json.loads(self._state_path.read_bytes())
            self.state, self._size = saved["state"], int(saved["size"])
        self._fd: int | None = None
        if path.exists():
            self._cut()

    def append(self, lines: list[bytes], state: Any) -> None:
        """Add lines and remember the state after them. Raises ``OSError``, and then nothing has changed."""
        size = self._size
        try:
            data = memoryview(b"".join(lines))
            while data:
                written = os.pwrite(self._open(), data, size)
                size, data = size + written, data[written:]
            write_atomically(self._state_path, json.dumps({"size": size, "state": state}).encode())
        except OSError:
            with contextlib.suppress(OSError):
                self._cut()
            raise
        self._size, self.state = size, state

    def _open(self) -> int:
        if self._fd is None:
            self._fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        return self._fd

    def _cut(self) -> None:
        """Drop what was written and not counted."""
        os.ftruncate(self._open(), self._size)

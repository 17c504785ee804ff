"""TensorBoard's event files below ``outputs`` and ``logs`` as a source of metrics: which there are, and what is new.

A metric is called by its tag, and before it the path of its file's folder below the *home*, as TensorBoard does with
the home as ``--logdir``. The home is the folder of the first event file of this attempt, without a ``train`` or
``validation`` at its end; files outside of it have their whole path below ``outputs`` or ``logs``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from footplate_runtime.agent.metrics.derived import Reading
from footplate_runtime.agent.metrics.event_file import Part, read_part
from footplate_runtime.agent.metrics.points import Point
from footplate_runtime.agent.scan import open_growing
from footplate_runtime.agent.uploader import Item
from footplate_runtime.contract import OUTPUTS
from footplate_runtime.restored import Restored

_MARK = "tfevents"  # TensorBoard: io_wrapper.IsTensorFlowEventsFile
_BEGUN = re.compile(r"tfevents\.(\d{1,18})")
_SPLITS = frozenset({"train", "training", "validation", "valid", "val", "eval", "evaluation", "test"})
_MAX_FILES = 1000  # a program that makes more is not followed into them
_TURN_BYTES = 1 << 20  # read at once, over all files


class Position(NamedTuple):
    """How far one event file is read; with ``broken`` it is read no further."""

    inode: int
    offset: int
    broken: bool = False


class State(NamedTuple):
    """What must be remembered to go on without a point twice or lost."""

    home: str | None = None
    positions: Mapping[str, Position] = {}

    def to_json(self) -> dict[str, Any]:
        return {"home": self.home, "positions": dict(self.positions)}

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> State:
        return cls(saved["home"], {path: Position(*found) for path, found in saved["positions"].items()})


class TensorBoard:
    """The event files of this replica. What earlier attempts left of them (``restored``) is read already."""

    def __init__(self, root: bytes, restored: Iterable[Restored], log: Callable[[str], None]) -> None:
        self._root = root
        self._restored = {f"{OUTPUTS}/{file.path}": file.stamp.size for file in restored if _is_event_file(file.path)}
        self._log = log
        self._files: dict[str, Item] = {}
        self._too_many = False

    def see(self, items: Iterable[Item]) -> None:
        """Take note of what a scan has found; event files are those with ``tfevents`` in their name."""
        for item in items:
            path = os.fsdecode(item.path)
            if not _is_event_file(path):
                continue
            if path in self._files or len(self._files) < _MAX_FILES:
                self._files[path] = item
            elif not self._too_many:
                self._too_many = True
                self._log(f"There are more than {_MAX_FILES} event files of TensorBoard; only those are read.")

    def read(self, state: State) -> Reading[State]:
        """What the files hold beyond ``state``, at most some MiB of it."""
        points: list[Point] = []
        positions = dict(state.positions)
        home, bad, budget = state.home, 0, _TURN_BYTES
        for path, item in sorted(self._files.items(), key=lambda pair: (_begun(pair[0]), pair[0])):
            position = positions.get(path, Position(item.stamp.inode, self._restored.get(path, 0)))
            if position.broken or (item.stamp.inode, item.stamp.size) == (position.inode, position.offset):
                continue
            if budget <= 0:
                return Reading(points, State(home, positions), True, bad)
            home = home if home is not None else _home(path)
            start, part = self._read_file(item, position)
            named = [point._replace(name=_prefix(path, home) + point.name) for point in part.points]
            usable = [point for point in named if point.usable]
            points += usable
            bad += part.bad + part.broken + len(named) - len(usable)
            budget -= part.end - start.offset
            positions[path] = Position(start.inode, part.end, part.broken)
            if part.more:
                return Reading(points, State(home, positions), True, bad)
        return Reading(points, State(home, positions), False, bad)

    def _read_file(self, item: Item, position: Position) -> tuple[Position, Part]:
        """What one file holds beyond ``position``, and where that really began: at 0 in a file that was replaced."""
        try:
            with open_growing(self._root, item.path, position.inode, position.offset) as file:
                part = read_part(file.fd, file.start)
        except OSError:
            return position, Part([], position.offset, False)  # gone, or not for us to read: its upload tells
        if part.broken:
            self._log(f"{os.fsdecode(item.path)} is damaged at byte {part.end}: no more metrics are read from it.")
        return Position(file.stat.st_ino, file.start), part


def _is_event_file(path: str) -> bool:
    return _MARK in path.rpartition("/")[2]


def _begun(path: str) -> int:
    """When its writer began, as it put it into the name."""
    found = _BEGUN.search(path.rpartition("/")[2])
    return int(found[1]) if found else 0


def _home(path: str) -> str:
    folder, _, last = path.rpartition("/")[0].rpartition("/")
    return folder if folder and last in _SPLITS else path.rpartition("/")[0]


def _prefix(path: str, home: str) -> str:
    """What stands before the tags of a file: the path from the home to its folder, and a slash."""
    folder = path.rpartition("/")[0]
    if folder == home:
        return ""
    below = folder.removeprefix(f"{home}/") if folder.startswith(f"{home}/") else folder.partition("/")[2]
    return f"{below}/" if below else ""

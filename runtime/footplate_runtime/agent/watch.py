"""Hints of what has changed in the tree, from inotify: they make the agent look sooner, and are never believed.

Every folder that a scan is about to list is watched first, so nothing slips in between. When the kernel's queue runs
over, or the limits of the node leave no room for a watch, the scan finds what has changed, only later.
"""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

from footplate_runtime.agent import inotify
from footplate_runtime.agent.inotify import Event, Inotify

_MOST_HINTS = 10_000  # of one look; beyond, a scan costs no more

LIMITS = {
    errno.EMFILE: "this user has no inotify instance left on this node (fs.inotify.max_user_instances)",
    errno.ENFILE: "this node has no file handle left (fs.file-max)",
    errno.ENOSPC: "this user has no inotify watch left on this node (fs.inotify.max_user_watches)",
    errno.ENOSYS: "the kernel of this node has no inotify",
}


class Change(Enum):
    """The last thing that happened to a name."""

    WRITTEN = "written"
    CLOSED = "closed"  # by a writer
    MOVED = "moved here"
    GONE = "gone"


class Hints(NamedTuple):
    """What has changed since the last look: paths relative to the root; ``lost`` when there may be more."""

    changes: dict[bytes, Change]
    lost: bool = False


class Watch:
    """Watches folders below ``root``. ``reason`` is a sentence when it does not, and why: then all must be polled."""

    def __init__(self, root: bytes, log: Callable[[str], None]) -> None:
        self._root = root
        self._log = log
        self._paths: dict[int, bytes] = {}  # by watch descriptor, relative to the root
        self._inotify: Inotify | None = None
        self.reason: str | None = None
        try:
            self._inotify = Inotify()
        except OSError as error:
            self._give_up(error)

    def close(self) -> None:
        """Let go of all watches."""
        if self._inotify is not None:
            self._inotify.close()
            self._inotify = None

    def wake_with(self, number: signal.Signals) -> None:
        """Have this process signaled when there is something to ``take``; it must have the signal blocked."""
        if self._inotify is not None:
            self._inotify.signal_when_readable(number)

    def cover(self, folder: bytes) -> None:
        """Watch a folder from now on; call it before the folder is listed."""
        if self._inotify is None:
            return
        try:
            self._paths[self._inotify.watch(os.path.join(self._root, folder))] = folder
        except OSError as error:
            if error.errno in LIMITS or error.errno == errno.ENOMEM:
                self._give_up(error)
            # else it is gone, no folder or not for us: the listing will tell

    def take(self) -> Hints:
        """What has changed since the last call."""
        changes: dict[bytes, Change] = {}
        lost = False
        while self._inotify is not None and (events := self._inotify.read()):
            for event in events:
                lost = not self._note(event, changes) or lost
            if len(changes) > _MOST_HINTS:
                changes.clear()
                lost = True
        return Hints(changes, lost)

    def _note(self, event: Event, changes: dict[bytes, Change]) -> bool:
        """Take in one event; False when it says that some were lost."""
        if event.mask & (inotify.Q_OVERFLOW | inotify.UNMOUNT):
            return False
        if event.mask & inotify.IGNORED:
            self._paths.pop(event.wd, None)
            return True
        folder = self._paths.get(event.wd)
        if folder is None or not event.name:
            return True
        path = os.path.join(folder, event.name)
        if event.mask & (inotify.MOVED_FROM | inotify.DELETE):
            changes[path] = Change.GONE
            if event.mask & inotify.ISDIR:
                self._forget(path)
        elif event.mask & inotify.MOVED_TO:
            changes[path] = Change.MOVED
        elif event.mask & inotify.CLOSE_WRITE:
            changes[path] = Change.CLOSED
        else:
            changes[path] = Change.WRITTEN
        return True

    def _forget(self, folder: bytes) -> None:
        """A folder that was moved has another path, if it is still ours; then the scan of it covers it again."""
        assert self._inotify is not None
        below = folder + b"/"
        for wd in [wd for wd, path in self._paths.items() if path == folder or path.startswith(below)]:
            self._inotify.forget(wd)
            del self._paths[wd]

    def _give_up(self, error: OSError) -> None:
        why = LIMITS.get(error.errno or 0, f"inotify does not work here: {error.strerror}")
        self.reason = f"Files are polled, so changes are seen later where there are many: {why}."
        self._log(self.reason)
        self._paths.clear()
        self.close()

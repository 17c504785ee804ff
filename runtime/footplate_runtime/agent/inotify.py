"""inotify(7) by way of the C library: which names in which folders the kernel says have changed. Linux alone.

One thread uses it. What the kernel's limits refuse is an ``OSError``: EMFILE for one instance too many of this user,
ENOSPC for one watch too many.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import struct
from typing import NamedTuple

MODIFY, CLOSE_WRITE, MOVED_FROM, MOVED_TO, CREATE, DELETE = 0x2, 0x8, 0x40, 0x80, 0x100, 0x200
UNMOUNT, Q_OVERFLOW, IGNORED, ISDIR = 0x2000, 0x4000, 0x8000, 0x4000_0000
_ONLYDIR, _DONT_FOLLOW, _EXCL_UNLINK = 0x0100_0000, 0x0200_0000, 0x0400_0000
_MASK = MODIFY | CLOSE_WRITE | MOVED_FROM | MOVED_TO | CREATE | DELETE | _ONLYDIR | _DONT_FOLLOW | _EXCL_UNLINK
_HEADER = struct.Struct("iIII")  # wd, mask, cookie, length of the name
_READ_BYTES = 256 << 10


class Event(NamedTuple):
    """What happened in the folder with this watch descriptor; ``name`` is empty when it was the folder itself."""

    wd: int
    mask: int
    name: bytes


class Inotify:
    """One instance. Raises ``OSError`` when there can be none."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd = self._checked(self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))

    def close(self) -> None:
        """Let go of all watches."""
        os.close(self._fd)

    def watch(self, folder: bytes) -> int:
        """Watch what happens right in a folder; the same descriptor again for one that is watched. Raises
        ``OSError``."""
        return self._checked(self._libc.inotify_add_watch(self._fd, ctypes.c_char_p(folder), ctypes.c_uint32(_MASK)))

    def forget(self, wd: int) -> None:
        """Watch it no more; nothing happens if the kernel has dropped it already."""
        self._libc.inotify_rm_watch(self._fd, ctypes.c_int(wd))

    def signal_when_readable(self, number: signal.Signals) -> None:
        """Have this process signaled when there are events; it must wait for that signal or have it blocked."""
        fcntl.fcntl(self._fd, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(self._fd, fcntl.F_SETSIG, number)
        fcntl.fcntl(self._fd, fcntl.F_SETFL, fcntl.fcntl(self._fd, fcntl.F_GETFL) | os.O_ASYNC)

    def read(self) -> list[Event]:
        """Some of the events that have come; none when there are no more."""
        try:
            data = os.read(self._fd, _READ_BYTES)
        except BlockingIOError:
            return []
        events = []
        at = 0
        while at < len(data):
            wd, mask, _, length = _HEADER.unpack_from(data, at)
            at += _HEADER.size
            events.append(Event(wd, mask, data[at : at + length].rstrip(b"\0")))
            at += length
        return events

    @staticmethod
    def _checked(result: int) -> int:
        if result < 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
        return result

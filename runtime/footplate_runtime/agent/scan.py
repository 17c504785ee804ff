"""What lies in the tree now. The scan is the truth about files; a stamp tells whether one has changed since.

The tree is written by a program that is not trusted with the agent's credentials: a link or a race must
not make the agent upload ``/proc/self/environ``. So links that lead out are not followed, and every file is
checked after it was opened.
"""

from __future__ import annotations

import os
import stat as modes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from footplate_runtime.files import Stamp

Skip = Callable[[bytes, bool], bool]  # asked about a relative path, and whether it is a folder


class Found(NamedTuple):
    """A regular file: its path relative to the scanned folder, and its stamp."""

    path: bytes
    stamp: Stamp


class _Folder(NamedTuple):
    """One that is still to be listed. ``links``: the real folders on the way here that links led to."""

    path: bytes
    links: tuple[bytes, ...]


class Scan:
    """One walk through a folder: iterate for all its regular files, also those behind links that stay inside.

    ``skip`` is asked about every file and folder; ``enter`` is called with every real folder before it is listed.
    A folder that is missing, or is itself a link, holds nothing; files that vanish meanwhile are left out.
    ``unreadable`` are the paths that could not be looked at; ``there`` whether the folder itself could be.
    """

    def __init__(
        self,
        folder: bytes,
        skip: Skip = lambda path, is_folder: False,
        enter: Callable[[bytes], None] = lambda path: None,
    ) -> None:
        self._folder = folder
        self._root = os.path.realpath(folder)
        self._skip = skip
        self._enter = enter
        self._todo: list[_Folder] = []  # not by recursion: a tree may be deeper than Python's stack
        self.unreadable: list[bytes] = []
        self.there = False

    def __iter__(self) -> Iterator[Found]:
        if not os.path.islink(self._folder):
            self._todo.append(_Folder(b"", ()))
            yield from self._walk()

    def at(self, path: bytes) -> Iterator[Found]:
        """What lies at one path now: a file, all files below a folder, or nothing."""
        parents = [path[:i] for i, letter in enumerate(path) if letter == 0x2F]
        if any(self._skip(parent, True) for parent in parents):
            return
        try:
            stat = os.lstat(self._full(path))
            if self._skip(path, modes.S_ISDIR(stat.st_mode)):
                return
            if modes.S_ISLNK(stat.st_mode):
                yield from self._through_link(path, ())
            elif modes.S_ISREG(stat.st_mode):
                yield Found(path, Stamp.of(stat))
            elif modes.S_ISDIR(stat.st_mode):
                self._todo.append(_Folder(path, ()))
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError:
            self.unreadable.append(path)
        yield from self._walk()

    def _full(self, path: bytes) -> bytes:
        return self._folder + b"/" + path if path else self._folder

    def _walk(self) -> Iterator[Found]:
        while self._todo:
            folder = self._todo.pop()
            try:
                if not folder.links:
                    self._enter(folder.path)
                with os.scandir(self._full(folder.path)) as entries:
                    self.there = self.there or not folder.path
                    yield from self._list(folder, entries)
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError:  # no rights, a path too long, a broken disk
                self.unreadable.append(folder.path)

    def _list(self, folder: _Folder, entries: Iterator[os.DirEntry[bytes]]) -> Iterator[Found]:
        prefix = folder.path + b"/" if folder.path else b""
        for entry in entries:
            path = prefix + entry.name
            try:
                is_folder = entry.is_dir(follow_symlinks=False)
                if self._skip(path, is_folder):
                    continue
                if is_folder:
                    self._todo.append(_Folder(path, folder.links))
                elif entry.is_symlink():
                    yield from self._through_link(path, folder.links)
                elif entry.is_file(follow_symlinks=False):
                    yield Found(path, Stamp.of(entry.stat(follow_symlinks=False)))
            except FileNotFoundError:
                continue  # vanished since the listing
            except OSError:
                self.unreadable.append(path)

    def _through_link(self, path: bytes, links: tuple[bytes, ...]) -> Iterator[Found]:
        """A link's target when it lies inside; a folder that links have led to before, or that this one is in, is a
        loop."""
        full = self._full(path)
        target = os.path.realpath(full)
        if not target.startswith(self._root + b"/"):
            return
        stat = os.stat(target, follow_symlinks=False)
        if modes.S_ISREG(stat.st_mode):
            yield Found(path, Stamp.of(stat))
        elif modes.S_ISDIR(stat.st_mode):
            here = os.path.realpath(os.path.dirname(full))
            if target not in links and not (here + b"/").startswith(target + b"/"):
                self._todo.append(_Folder(path, (*links, target)))


def open_beneath(root: bytes, path: bytes) -> int:
    """Open a regular file below ``root`` (a real path) for reading; returns the file descriptor.

    Raises ``FileNotFoundError`` when it is gone, is no regular file, or turned out to lie elsewhere.
    """
    fd = os.open(os.path.join(root, path), os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        inside = os.readlink(b"/proc/self/fd/%d" % fd).startswith(root + b"/")
        if not inside or not modes.S_ISREG(os.fstat(fd).st_mode):
            raise FileNotFoundError(f"{os.fsdecode(path)} is not a file below {os.fsdecode(root)}")
    except BaseException:
        os.close(fd)
        raise
    return fd


class Growing(NamedTuple):
    """A file that others write to: open, as it was when it was opened, and where to read on."""

    fd: int
    stat: os.stat_result
    start: int


@contextmanager
def open_growing(root: bytes, path: bytes, inode: int, offset: int) -> Iterator[Growing]:
    """Read on at ``offset`` of the file that was ``inode``, or at 0 when it was replaced or cut.

    Raises what ``open_beneath`` raises.
    """
    fd = open_beneath(root, path)
    try:
        stat = os.fstat(fd)
        goes_on = stat.st_ino == inode and stat.st_size >= offset
        yield Growing(fd, stat, offset if goes_on else 0)
    finally:
        os.close(fd)

"""What lies in the tree now. The scan is the truth about files; a stamp tells whether one has changed since.

The tree is written by a program that is not trusted with the agent's credentials: a link or a race must
not make the agent upload ``/proc/self/environ``. So links that lead out are not followed, and every file is
checked after it was opened.
"""

from __future__ import annotations

import os
import re
import stat as modes
from collections.abc import Callable, Iterator
from fnmatch import translate
from typing import NamedTuple

from footplate_runtime.files import Stamp


class Found(NamedTuple):
    """A regular file: its path relative to the scanned folder, and its stamp."""

    path: bytes
    stamp: Stamp


class Scan:
    """One walk through a folder: iterate for all its regular files, also those behind links that stay inside.

    ``skip`` is asked about the relative path of every file and folder. A folder that is missing, or is itself a link,
    holds nothing; files that vanish meanwhile are left out. ``unreadable`` are the folders that could not be listed.
    """

    def __init__(self, folder: bytes, skip: Callable[[bytes], bool] = lambda path: False) -> None:
        self._folder = folder
        self._root = os.path.realpath(folder)
        self._skip = skip
        self.unreadable: list[bytes] = []

    def __iter__(self) -> Iterator[Found]:
        if not os.path.islink(self._folder):
            yield from self._below(self._folder, b"", ())

    def _below(self, folder: bytes, prefix: bytes, links: tuple[bytes, ...]) -> Iterator[Found]:
        """``links``: the real folders on the way here that links led to; to meet one again is a loop."""
        try:
            entries = os.scandir(folder)
        except (FileNotFoundError, NotADirectoryError):
            return
        except PermissionError:
            self.unreadable.append(prefix)
            return
        with entries:
            for entry in entries:
                path = prefix + entry.name
                if self._skip(path):
                    continue
                try:
                    if entry.is_symlink():
                        yield from self._through_link(entry, path, links)
                    elif entry.is_dir(follow_symlinks=False):
                        yield from self._below(entry.path, path + b"/", links)
                    elif entry.is_file(follow_symlinks=False):
                        yield Found(path, Stamp.of(entry.stat(follow_symlinks=False)))
                except FileNotFoundError:
                    continue  # vanished since the listing

    def _through_link(self, entry: os.DirEntry[bytes], path: bytes, links: tuple[bytes, ...]) -> Iterator[Found]:
        target = os.path.realpath(entry.path)
        if not target.startswith(self._root + b"/"):
            return
        stat = os.stat(target, follow_symlinks=False)
        if modes.S_ISREG(stat.st_mode):
            yield Found(path, Stamp.of(stat))
        elif modes.S_ISDIR(stat.st_mode):
            here = os.path.realpath(os.path.dirname(entry.path))
            if target not in links and not (here + b"/").startswith(target + b"/"):
                yield from self._below(entry.path, path + b"/", (*links, target))


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


def matcher(patterns: tuple[str, ...]) -> Callable[[bytes], bool]:
    """Whether a relative path matches one of the shell patterns of ``outputs.exclude``.

    A pattern without ``/`` is compared with the name at any depth, another with the whole path; ``*`` also matches
    ``/``. What is below an excluded folder is excluded with it.
    """
    cleaned = [p.rstrip("/") for p in patterns]
    names = [re.compile(translate(p).encode()) for p in cleaned if "/" not in p]
    paths = [re.compile(translate(p.removeprefix("./").lstrip("/")).encode()) for p in cleaned if "/" in p]

    def matches(path: bytes) -> bool:
        name = path.rsplit(b"/", 1)[-1]
        return any(p.match(name) for p in names) or any(p.match(path) for p in paths)

    return matches

"""Which outputs stay behind: ``outputs.exclude`` of the job, and a ``.footplateignore`` beside the outputs."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from fnmatch import translate
from typing import TYPE_CHECKING

from footplate_runtime.agent.scan import open_beneath
from footplate_runtime.files import Stamp

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

IGNORE_FILE = b".footplateignore"
_MOST_BYTES, _MOST_PATTERNS = 64 << 10, 500  # of an ignore file; every pattern costs time for every file


class IgnoreFile:
    """The ``.footplateignore`` of one folder, in gitignore's syntax, read again when it has changed.

    What it says holds for the folder that it is in. Without one nothing is loaded but this module.
    """

    def __init__(self, root: bytes, folder: bytes, log: Callable[[str], None]) -> None:
        self._root = root
        self._path = os.path.join(folder, IGNORE_FILE)
        self._log = log
        self._stamp: Stamp | None = None
        self._spec: GitIgnoreSpec | None = None

    def refresh(self) -> None:
        """Read it when it is new, or other than it was; call it before a scan."""
        try:
            fd = open_beneath(self._root, self._path)
        except OSError:  # gone, a link that leads elsewhere, or not for us
            self._stamp, self._spec = None, None
            return
        try:
            stamp = Stamp.of(os.fstat(fd))
            if stamp != self._stamp:
                data = os.pread(fd, _MOST_BYTES + 1, 0)
                self._stamp, self._spec = stamp, self._understood(data)
        finally:
            os.close(fd)

    def matches(self, path: bytes, is_folder: bool) -> bool:
        """Whether it says that this path, relative to its folder, stays behind."""
        if self._spec is None:
            return False
        text = os.fsdecode(path)
        return self._spec.match_file(text + "/" if is_folder else text)

    def _understood(self, data: bytes) -> GitIgnoreSpec | None:
        from pathspec import GitIgnoreSpec

        name = os.fsdecode(self._path)
        lines = data[:_MOST_BYTES].decode("utf-8", "surrogateescape").splitlines()
        patterns = [line for line in lines if line.strip() and not line.startswith("#")]
        if len(data) > _MOST_BYTES or len(patterns) > _MOST_PATTERNS:
            patterns = patterns[:_MOST_PATTERNS]
            self._log(f"{name} is too long: only its first {len(patterns)} patterns hold.")
        good = [pattern for pattern in patterns if self._is_good(pattern, name)]
        return GitIgnoreSpec.from_lines(good, backend="simple") if good else None

    def _is_good(self, pattern: str, name: str) -> bool:
        from pathspec import GitIgnoreSpec

        try:
            GitIgnoreSpec.from_lines([pattern], backend="simple")
        except ValueError as error:
            self._log(f"{name}: the line {pattern[:100]!r} is no pattern and is passed over: {error}")
            return False
        return True


def excluded(patterns: Iterable[str]) -> Callable[[bytes], bool]:
    """Whether a relative path matches one of the shell patterns of ``outputs.exclude``.

    A pattern without ``/`` is compared with the name at any depth, another with the whole path; ``*`` also matches
    ``/``. What is below an excluded folder is excluded with it.
    """
    cleaned = [p.rstrip("/") for p in patterns]
    names = _one([p for p in cleaned if "/" not in p])
    paths = _one([p.removeprefix("./").lstrip("/") for p in cleaned if "/" in p])

    def matches(path: bytes) -> bool:
        name = path.rsplit(b"/", 1)[-1]
        return bool((names and names.match(name)) or (paths and paths.match(path)))

    return matches


def _one(patterns: list[str]) -> re.Pattern[bytes] | None:
    """One expression for all: it is asked of every file at every scan."""
    return re.compile(b"|".join(translate(p).encode() for p in patterns)) if patterns else None

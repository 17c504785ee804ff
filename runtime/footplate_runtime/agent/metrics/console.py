"""The program's console as a source of metrics: the named groups of the patterns that the job asks for.

The patterns come from a user and some take for ever on some lines (``(a+)+$``). They must not hold up the uploads: only
the first 4,096 characters of a line are searched, and a pattern that takes too long is given up.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import NamedTuple

from footplate_runtime.agent.metrics.derived import Reading
from footplate_runtime.agent.metrics.points import Point
from footplate_runtime.agent.scan import open_growing
from footplate_runtime.contract import CONSOLE, STEP

_READ_BYTES = 1 << 20
_LINE_BYTES = 64 << 10  # a longer line counts as several
_SEARCHED = 4096
_SECONDS = 2.0  # of CPU, for one pattern and 1 MiB of lines; 0.05 are much
_LINE_ENDS = re.compile(rb"[\r\n]+")  # progress bars end theirs with \r


class State(NamedTuple):
    """How far the console is read: up to the start of a line."""

    inode: int = -1
    offset: int = 0

    def to_json(self) -> list[int]:
        return list(self)

    @classmethod
    def from_json(cls, saved: Sequence[int]) -> State:
        return cls(*saved)


class TooSlow(Exception):
    """A pattern has used up its time."""


class Console:
    """Searches what the program prints. ``read`` it in the main thread: a pattern is given up by a signal, and Python
    gives those to no other."""

    def __init__(
        self,
        root: bytes,
        patterns: Sequence[str],
        wall: Callable[[], float],
        log: Callable[[str], None],
        seconds: float = _SECONDS,
    ) -> None:
        self._root = root
        self._wall = wall
        self._log = log
        self._seconds = seconds
        self._patterns = [pattern for text in patterns if (pattern := self._compiled(text)) is not None]

    def read(self, state: State, final: bool) -> Reading[State]:
        """What was printed beyond ``state``, at most 1 MiB of it; a line without its end only when it is ``final``."""
        if not self._patterns:
            return Reading([], state, False)
        try:
            with open_growing(self._root, CONSOLE.encode(), *state) as file:
                data = os.pread(file.fd, _READ_BYTES, file.start)
        except FileNotFoundError:
            return Reading([], state, False)
        more = file.start + len(data) < file.stat.st_size
        end = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
        if (final and not more) or len(data) - end > _LINE_BYTES:
            end = len(data)
        points, bad = self._search(data[:end])
        return Reading(points, State(file.stat.st_ino, file.start + end), more and end > 0, bad)

    def _search(self, data: bytes) -> tuple[list[Point], int]:
        """The points of some lines, in the order of the lines, and how many matches were no numbers."""
        lines = [line[:_SEARCHED].decode("utf-8", "replace") for line in _LINE_ENDS.split(data) if line]
        found: list[tuple[int, Point]] = []
        bad = 0
        now = self._wall()
        for pattern in [*self._patterns] if lines else ():
            try:
                with time_limit(self._seconds):
                    matches = [(at, match) for at, line in enumerate(lines) for match in pattern.finditer(line)]
            except TooSlow:
                self._patterns.remove(pattern)
                self._log(
                    f"The pattern {pattern.pattern!r} of metrics.stdout takes too long: it is no longer searched."
                )
                bad += 1
                continue
            for at, match in matches:
                points, wrong = _points(match, now)
                found += [(at, point) for point in points]
                bad += wrong
        return [point for _, point in sorted(found, key=lambda pair: pair[0])], bad

    def _compiled(self, text: str) -> re.Pattern[str] | None:
        """The operator has tried the same; its Python may be another."""
        try:
            return re.compile(text)
        except (re.error, RecursionError, OverflowError) as error:
            self._log(f"The pattern {text!r} of metrics.stdout is not understood and not searched: {error}.")
            return None


def _points(match: re.Match[str], now: float) -> tuple[list[Point], int]:
    """The metrics of one match, and how many of its groups hold no number."""
    groups = {name: text for name, text in match.groupdict().items() if text is not None}
    step, wrong = None, 0
    if STEP in groups:
        number = _number(groups.pop(STEP))
        step = int(number) if number is not None and number == number and abs(number) < 1 << 63 else None
        wrong += step is None
    values = {name: _number(text) for name, text in groups.items()}
    points = [Point(name, value, step, now) for name, value in values.items() if value is not None]
    return points, wrong + len(values) - len(points)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raises ``TooSlow`` within the block when this process has used so much CPU; also amid a search, which looks for
    signals every 4,096 steps (CPython: Modules/_sre/sre_lib.h)."""
    armed = True

    def ring(number: int, frame: FrameType | None) -> None:
        if armed:
            raise TooSlow

    before = signal.signal(signal.SIGVTALRM, ring)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        armed = False
        signal.setitimer(signal.ITIMER_VIRTUAL, 0.0)
        signal.signal(signal.SIGVTALRM, before)

"""A line of progress every few seconds."""

from __future__ import annotations

import threading
from collections.abc import Callable

_INTERVAL_SECONDS = 3.0


class Progress:
    """Counts files and bytes of one download, from any thread, and says so now and then."""

    def __init__(self, what: str, monotonic: Callable[[], float], log: Callable[[str], None]) -> None:
        self._what = what
        self._monotonic = monotonic
        self._log = log
        self._lock = threading.Lock()
        self._started = self._told = monotonic()
        self.total: int | None = None  # bytes to come in all, where known
        self.bytes = 0
        self.files = 0

    def add(self, count: int) -> None:
        """Count bytes that arrived (negative: that have to come again)."""
        with self._lock:
            self.bytes += count
            now = self._monotonic()
            if now - self._told >= _INTERVAL_SECONDS:
                self._told = now
                self._log(self._line(now))

    def add_file(self) -> None:
        """Count a file that is complete."""
        with self._lock:
            self.files += 1

    def done(self) -> None:
        """Say the last line."""
        self._log(self._line(self._monotonic()))

    def _line(self, now: float) -> str:
        of = f" of {_size(self.total)} ({100 * self.bytes // max(1, self.total)} %)" if self.total else ""
        rate = self.bytes / max(0.001, now - self._started)
        files = "1 file" if self.files == 1 else f"{self.files} files"
        return f"{self._what}: {_size(self.bytes)}{of}, {files}, {_size(rate)}/s"


def _size(count: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024 or unit == "GiB":
            break
        count /= 1024
    return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"

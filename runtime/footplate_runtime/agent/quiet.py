"""When a changed output may go up: once its writer has left it alone for two seconds. Pure but for what it remembers.

A checkpoint that is written elsewhere and renamed into place comes with an old modification time and counts at once;
so does one of which a hint says that it was renamed.
"""

from __future__ import annotations

from collections.abc import Iterable

from footplate_runtime.agent.uploader import Item
from footplate_runtime.files import Stamp

QUIET_SECONDS = 2.0


class Quiet:
    """Remembers since when each waiting file has looked as it does."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[Stamp, float]] = {}

    def rests_after(self, item: Item, seconds: float, monotonic: float) -> None:
        """Unless it changes again this item has rested in so many seconds."""
        self._seen[item.key] = (item.stamp, monotonic + seconds - QUIET_SECONDS)

    def rested(self, items: Iterable[Item], monotonic: float, wall: float) -> list[Item]:
        """Those of all changed items that may go up now.

        ``monotonic`` and ``wall`` are the present, in seconds; the latter is compared with modification times.
        """
        seen: dict[str, tuple[Stamp, float]] = {}
        rested = []
        for item in items:
            stamp, since = self._seen.get(item.key, (item.stamp, monotonic))
            if stamp != item.stamp:
                since = monotonic
            seen[item.key] = (item.stamp, since)
            age = max(monotonic - since, wall - item.stamp.mtime_ns / 1e9)
            if age >= QUIET_SECONDS:
                rested.append(item)
        self._seen = seen
        return rested

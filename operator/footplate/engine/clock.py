"""Time as an argument: the system's in production, one that stands still in tests."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time and waits for it."""

    def now(self) -> datetime:
        """The time of day, aware, in UTC: for what people and the API server read."""
        ...

    def monotonic(self) -> float:
        """Seconds that never jump, and go on while the machine sleeps: for intervals."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after so many seconds; zero or less gives other tasks a turn."""
        ...


# Linux's CLOCK_MONOTONIC stands still while the machine is suspended, and a lease does not; macOS's own goes on.
_ALWAYS_ON = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.clock_gettime(_ALWAYS_ON)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))

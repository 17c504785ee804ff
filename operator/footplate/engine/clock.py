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
        """Seconds that never jump: for intervals."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after so many seconds; zero or less gives other tasks a turn."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))

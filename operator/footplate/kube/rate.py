"""A limit on the rate of calls to the API server."""

from __future__ import annotations

import asyncio

from footplate.engine.clock import Clock


class TokenBucket:
    """Lets `burst` calls through at once and `rate` a second after that, first come, first served.

    A caller that finds the bucket empty takes its token on credit and waits until it has been paid in,
    so the order of arrival holds and nobody polls.
    """

    def __init__(self, clock: Clock, rate: float, burst: int) -> None:
        if rate <= 0 or burst < 1:
            raise ValueError(f"a token bucket needs a positive rate and burst, not {rate} and {burst}")
        self._clock = clock
        self._rate = rate
        self._burst = float(burst)
        self._tokens = float(burst)
        self._refilled = clock.monotonic()

    async def take(self) -> None:
        """Return when one call may be made."""
        now = self._clock.monotonic()
        self._tokens = min(self._burst, self._tokens + (now - self._refilled) * self._rate)
        self._refilled = now
        self._tokens -= 1
        if self._tokens >= 0:
            return
        try:
            await self._clock.sleep(-self._tokens / self._rate)
        except asyncio.CancelledError:
            self._tokens += 1  # the call is not made
            raise

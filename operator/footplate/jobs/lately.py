"""Answers about pods that are asked for at most once in some seconds, however often the jobs are looked at."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from footplate.engine.clock import Clock

T = TypeVar("T")

_EARLY = 0.9  # of the seconds: a pass that comes on time must not come a moment too early
_FORGET_SECONDS = 3600.0


class Lately(Generic[T]):
    """The last answer about each pod. What nobody has asked for in an hour is forgotten."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self._answers: dict[str, tuple[T, float]] = {}  # by uid, the one that was asked longest ago first

    async def answer(self, uid: str, ask: Callable[[T | None], Awaitable[T]]) -> T:
        """What is known of the pod; `ask` is called, with the answer before, when that is no longer fresh."""
        now = self._clock.monotonic()
        known = self._answers.get(uid)
        if known is not None and now - known[1] < self._seconds * _EARLY:
            return known[0]
        answer = await ask(known[0] if known else None)
        self._answers.pop(uid, None)
        self._answers[uid] = (answer, now)
        self._forget(now)
        return answer

    def _forget(self, now: float) -> None:
        while now - self._answers[oldest := next(iter(self._answers))][1] > _FORGET_SECONDS:
            del self._answers[oldest]

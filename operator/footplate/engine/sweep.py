"""A listing now and then that puts the store right: a watch that missed a deletion leaves ghosts."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable
from random import Random
from typing import Generic

from footplate.engine.clock import Clock
from footplate.engine.store import Store, V
from footplate.errors import FootplateError

log = logging.getLogger(__name__)

RETRY_SECONDS = 15.0
FIRST_RETRY_SECONDS = 2.0


class Sweep(Generic[V]):
    """Replaces what one store holds by what the API server holds, and hands on what differed."""

    def __init__(
        self,
        list_all: Callable[[], Awaitable[Iterable[V]]],
        store: Store[V],
        enqueue: Callable[[V], None],
        clock: Clock,
        random: Random,
        seconds: float,
        heard: Callable[[], float | None],
    ) -> None:
        """`heard` is the monotonic time of the last event that the watch of these objects has told."""
        self._list_all = list_all
        self._store = store
        self._enqueue = enqueue
        self._clock = clock
        self._random = random
        self.seconds = seconds
        self._heard = heard
        self._found: float | None = None
        self.begun: float | None = None
        """Monotonic time of the first listing's begin; None before."""
        self.last_success: float | None = None
        """Monotonic time of the last listing's end; None before."""
        self.corrections = 0
        """How many objects listings after the first found otherwise than events had told."""

    async def once(self) -> None:
        """List, replace, and enqueue what was added, changed or vanished. Raises what the listing raises."""
        if self.begun is None:
            self.begun = self._clock.monotonic()
        mark = self._store.mark()
        views = await self._list_all()
        now = self._clock.monotonic()
        changes = self._store.replace(views, since=mark)
        if self.last_success is not None:
            self.corrections += len(changes)
        for view in changes:
            self._enqueue(view)
            if self._store.get(view.key) is not None and self.deaf_seconds() == 0:
                self._found = now
        self.last_success = now

    def deaf_seconds(self) -> float:
        """How long the watch has owed us an event; 0 when all is well.

        What a listing finds new before the watch has told of it, the watch must tell soon. What has vanished it need
        not: a watch that is begun anew does not tell what went away before.
        """
        if self._found is None:
            return 0.0
        heard = self._heard()
        return 0.0 if heard is not None and heard >= self._found else self._clock.monotonic() - self._found

    async def first(self) -> None:
        """`once`, until it succeeds."""
        while True:
            try:
                return await self.once()
            except FootplateError as error:
                log.warning(
                    "Nothing can be done before everything has been listed, which is tried again soon: %s", error
                )
                await self._clock.sleep(self._random.uniform(1, 2) * FIRST_RETRY_SECONDS)

    async def run(self, first: float | None = None) -> None:
        """Forever: a pause of one to two times `seconds`, then once. A listing that fails is tried again soon.

        `first` shortens the first pause.
        """
        pause = self.seconds if first is None else first
        while True:
            await self._clock.sleep(pause * self._random.uniform(1, 2))
            try:
                await self.once()
                pause = self.seconds
            except FootplateError as error:
                pause = min(self.seconds, RETRY_SECONDS)
                log.warning("A sweep failed and is tried again soon: %s", error)
            except Exception:
                pause = min(self.seconds, RETRY_SECONDS)
                log.exception("A sweep failed and is tried again soon")

"""Keeps run.json for the primary's agent: from its start on, while the program logs metrics, and at the end."""

from __future__ import annotations

from collections.abc import Callable

from footplate_runtime.agent.calls import Calls
from footplate_runtime.agent.fence import Fence, Superseded
from footplate_runtime.changing import change
from footplate_runtime.clock import rfc3339
from footplate_runtime.contract import RECORD
from footplate_runtime.files import compact_json
from footplate_runtime.orders import Orders, Place
from footplate_runtime.record.by_agent import Ending, Logged, begun, ended, going_on, salvaged
from footplate_runtime.record.document import Json, Record, judged, parse
from footplate_runtime.store import Store

WRITE_SECONDS = 30.0  # between writes while the program runs


class Recording:
    """``fetched`` gives state/fetch.json. Each write says all that is known: somebody may have written meanwhile."""

    def __init__(
        self,
        store: Store,
        place: Place,
        orders: Orders,
        fetched: Callable[[], Json],
        fence: Fence,
        calls: Calls,
        monotonic: Callable[[], float],
        wall: Callable[[], float],
    ) -> None:
        self._store = store
        self._place = place
        self._orders = orders
        self._fetched = fetched
        self._fence = fence
        self._calls = calls
        self._monotonic = monotonic
        self._started = rfc3339(wall())
        self._wall = wall
        self._writing = False
        self._next = monotonic()
        self._written: Logged | None = None  # nothing yet

    def tick(self, logged: Logged) -> None:
        """Write in the background when there is something new, and not too often."""
        if self._writing or logged == self._written or self._monotonic() < self._next:
            return
        self._writing = True

        def told(_: None) -> None:
            self._writing = False
            self._next = self._monotonic() + WRITE_SECONDS
            self._written = logged

        def not_told() -> None:
            self._writing = False
            self._next = self._monotonic() + WRITE_SECONDS / 6

        self._calls.ask(lambda: self._go_on(logged), told, not_told)

    def end(self, logged: Logged, ending: Ending) -> str | None:
        """Write the end; the phase that the record says now. Blocks. Raises ``Superseded`` and any ``StoreError``."""
        now = rfc3339(self._wall())
        record = self._change(
            lambda found: ended(going_on(self._begun(found), logged), self._orders, self._place.attempt, ending, now),
            lambda found: salvaged(going_on(found, logged), self._orders, ending),
        )
        phase: str | None = record["phase"]
        return phase

    def _go_on(self, logged: Logged) -> None:
        try:
            self._change(lambda found: going_on(self._begun(found), logged), lambda found: None)
        except Superseded:
            return  # the fence is closed now, and has told why

    def _begun(self, record: Record) -> Record:
        """Also when somebody has written since: the attempt is this one, and it runs."""
        return begun(record, self._orders, self._place, self._fetched(), self._started)

    def _change(self, change_it: Callable[[Record], Record], when_judged: Callable[[Record], Record | None]) -> Record:
        """Change the record in the store; ``when_judged`` when the operator has said how this attempt ended."""

        def changed(data: bytes | None) -> bytes | None:
            found = parse(data)
            made = when_judged(found) if judged(found, self._place.attempt) else change_it(found)
            return None if made is None else compact_json(made)

        return parse(change(self._store, RECORD, changed, self._fence.confirm))

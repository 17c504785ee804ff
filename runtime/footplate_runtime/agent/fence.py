"""Stops an agent whose replica has been started again elsewhere: what it would write now is older."""

from __future__ import annotations

from collections.abc import Callable

from footplate_runtime.agent.calls import Calls
from footplate_runtime.store import Store, StoreError
from footplate_runtime.turns import ATTEMPT, Turn, newest

LOOK_SECONDS = 10.0
_PATIENCE_SECONDS = 2.0  # of the drain: a store that does not answer must not cost it its time


class Fence:
    """``closed`` is a sentence once a later start of the replica was announced, and stays so."""

    def __init__(
        self,
        store: Store,
        home: str,
        turn: Turn,
        calls: Calls,
        monotonic: Callable[[], float],
        log: Callable[[str], None],
    ) -> None:
        self._store = store
        self._home = home
        self._turn = turn
        self._calls = calls
        self._monotonic = monotonic
        self._log = log
        self._looked = monotonic()  # by the agent's own start nothing later had begun
        self.closed: str | None = None

    def look(self) -> None:
        """Ask in the background, every few seconds; call it often."""
        self._calls.settle()
        if self.closed is None and self._monotonic() - self._looked >= LOOK_SECONDS:
            self._looked = self._monotonic()
            self._calls.ask(lambda: newest(self._store, self._home), self._told)

    def look_now(self, often: bool = True) -> None:
        """Ask and wait a little; with ``often`` unless that was a moment ago."""
        if self.closed is not None or (often and self._monotonic() - self._looked < LOOK_SECONDS):
            return
        self._looked = self._monotonic()
        try:
            self._told(self._calls.insist(lambda: newest(self._store, self._home), self._looked + _PATIENCE_SECONDS))
        except StoreError:
            return  # an agent that cannot reach the store writes nothing either

    def _told(self, newest: Turn) -> None:
        if newest > self._turn:
            later = f"attempt {newest.attempt}" if newest.attempt > self._turn.attempt else "a replacement"
            told = f"{self._home}{ATTEMPT} in the store says"
            self.closed = f"Nothing more is written: {later} of this replica has begun, as {told}."
            self._log(self.closed)

"""Keeps an agent from writing when it is not its turn: its replica was started again, elsewhere or in its place.

Only who has looked a few seconds ago writes: a process that was stopped for an hour goes on in the middle of its work,
and must look before it writes anything more.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from footplate_runtime.agent.calls import Calls
from footplate_runtime.store import Store, StoreError
from footplate_runtime.turns import ATTEMPT, Holder, claim, holder

LOOK_SECONDS = 5.0
SURE_SECONDS = 10.0  # from the start of a look on: how long what it found holds
_PATIENCE_SECONDS = 2.0  # of the drain: a store that does not answer must not cost it its time


class Superseded(Exception):
    """It is another's turn; one sentence."""


class NotOurTurn(StoreError):
    """A write that was kept from the store; one sentence."""


class Fence:
    """``closed`` is a sentence once it is another's turn, and stays so. ``mine`` is what this process claims."""

    def __init__(
        self,
        store: Store,
        home: str,
        mine: Holder,
        calls: Calls,
        monotonic: Callable[[], float],
        log: Callable[[str], None],
    ) -> None:
        self._store = store
        self._home = home
        self._mine = mine
        self._calls = calls
        self._monotonic = monotonic
        self._log = log
        self._lock = threading.Lock()  # one asks, those who come meanwhile hear the same answer
        self._claimed = False
        self._sure_until = float("-inf")
        self._asking = False
        self._next = float("-inf")
        self.closed: str | None = None

    def look(self) -> None:
        """Ask in the background, every few seconds; call it often."""
        self._calls.settle()
        now = self._monotonic()
        if self.closed is not None or self._asking or now < self._next:
            return
        self._asking, self._next = True, now + LOOK_SECONDS
        self._calls.ask(self._look_again, self._looked, self._looked)

    def look_now(self) -> None:
        """Ask and wait a little, unless that was a moment ago."""
        now = self._monotonic()
        if self.closed is not None or now < self._sure_until - SURE_SECONDS + LOOK_SECONDS:
            return
        try:
            self._calls.insist(self._look_again, now + _PATIENCE_SECONDS)
        except StoreError:
            return  # an agent that cannot reach the store writes nothing either

    def check(self) -> None:
        """Called before each write, by any thread. Raises ``NotOurTurn``, and any ``StoreError`` of a look."""
        with self._lock:
            if self.closed is None and self._monotonic() >= self._sure_until:
                self._ask()
        if self.closed is not None:
            raise NotOurTurn(self.closed)

    def confirm(self) -> None:
        """Ask here and now, in any thread. Raises ``Superseded``, and any ``StoreError``."""
        with self._lock:
            self._ask()
        if self.closed is not None:
            raise Superseded(self.closed)

    def _look_again(self) -> None:
        with self._lock:
            self._ask()

    def _looked(self, _: None = None) -> None:
        self._asking = False

    def _ask(self) -> None:
        """Learn whose turn it is; ours is claimed first, and again when fetch has announced our start once more."""
        if self.closed is not None:
            return
        asked = self._monotonic()
        found = holder(self._store, self._home) if self._claimed else Holder(self._mine.turn)
        if found.token is None and found.turn <= self._mine.turn:
            found = claim(self._store, self._home, self._mine)
        if found == self._mine:
            self._claimed, self._sure_until = True, asked + SURE_SECONDS
        else:
            self.closed = self._sentence(found)
            self._log(self.closed)

    def _sentence(self, found: Holder) -> str:
        mine = self._mine.turn
        if found.turn.attempt > mine.attempt:
            later = f"attempt {found.turn.attempt} of this replica"
        elif found.turn > mine:
            later = "a replacement of this replica"
        else:
            later = "another agent of this replica and attempt"
        return f"Nothing more is written: {later} has begun, as {self._home}{ATTEMPT} in the store says."

"""Calls of the store that are not uploads of files: made in the background, or insisted on until a deadline."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

from footplate_runtime.agent.transfers import Transfer, Transfers
from footplate_runtime.store import StoreError, StoreUnavailable

T = TypeVar("T")

_THREADS = 4  # of their own: uploads that hang must not keep the report from being written
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 15.0


class Calls:
    """Calls in threads, so that a store that hangs cannot hold up the agent."""

    def __init__(
        self, monotonic: Callable[[], float], random: Callable[[], float], failed: Callable[[Exception], None]
    ) -> None:
        self._monotonic = monotonic
        self._random = random
        self._failed = failed
        self._transfers = Transfers(_THREADS)

    def ask(self, call: Callable[[], T], then: Callable[[T], None], otherwise: Callable[[], None]) -> None:
        """Start ``call`` once; ``then`` is called with its result, ``otherwise`` when the store fails."""

        def done(outcome: object) -> None:
            if isinstance(outcome, StoreError):
                self._failed(outcome)
                otherwise()
            elif isinstance(outcome, Exception):
                raise outcome
            else:
                then(cast(T, outcome))

        self._transfers.submit(Transfer(call, done))

    def settle(self) -> None:
        """Take in what has been answered."""
        self._transfers.settle()

    def wait(self, deadline: float) -> None:
        """Until no call runs, or the deadline."""
        while self._transfers.outstanding and self._monotonic() < deadline:
            self._transfers.settle(min(0.5, max(0.01, deadline - self._monotonic())))

    def insist(self, call: Callable[[], T], deadline: float) -> T:
        """The result of ``call``, tried again until the deadline (in ``monotonic``'s seconds).

        Raises ``StoreError``: what the store said last, if it has answered at all.
        """
        failure: StoreError = StoreUnavailable("The store did not answer in time.")
        pause = _FIRST_PAUSE
        while True:
            outcomes: list[object] = []
            self._transfers.submit(Transfer(call, outcomes.append))
            while not outcomes and self._monotonic() < deadline:
                self._transfers.settle(min(0.5, max(0.01, deadline - self._monotonic())))
            outcome = outcomes[0] if outcomes else failure
            if not isinstance(outcome, Exception):
                return cast(T, outcome)
            if not isinstance(outcome, StoreError):
                raise outcome
            failure = outcome
            self._failed(failure)
            if self._monotonic() + pause >= deadline:
                raise failure
            self._transfers.settle(pause * (0.5 + self._random() / 2))
            pause = min(_LONGEST_PAUSE, pause * 2)

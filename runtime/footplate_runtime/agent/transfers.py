"""Threads that carry transfers out, within a budget of memory.

Order: urgent ones (logs, metrics), then small ones, then large ones, of which at most two run. While a large one
waits and none runs, the others leave room for it, so neither kind starves.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import NamedTuple

from footplate_runtime.store.base import SINGLE_PUT_BYTES

THREADS = 32
BUDGET = 64 << 20
_MAX_LARGE = 2


class Transfer(NamedTuple):
    """Work for a thread: ``run`` is called there and ``done`` with its result or its error in the owner's thread.

    ``memory``: bytes that ``run`` may hold.
    """

    run: Callable[[], object]
    done: Callable[[object], None]
    memory: int = 0
    urgent: bool = False

    @property
    def large(self) -> bool:
        return self.memory > SINGLE_PUT_BYTES


class Transfers:
    """A pool with a budget. ``submit`` and ``settle`` belong to one thread, the owner's."""

    def __init__(self, threads: int = THREADS, budget: int = BUDGET) -> None:
        self._threads = threads
        self._budget = budget
        self._changed = threading.Condition()
        self._urgent: deque[Transfer] = deque()
        self._small: deque[Transfer] = deque()
        self._large: deque[Transfer] = deque()
        self._memory = 0
        self._running_large = 0
        self._started = 0
        self._idle = 0
        self._outcomes: SimpleQueue[tuple[Transfer, object]] = SimpleQueue()
        self.outstanding = 0  # submitted and not settled

    def submit(self, transfer: Transfer) -> None:
        """Queue a transfer; starts a thread if none is idle and there may be more."""
        self.outstanding += 1
        with self._changed:
            queue = self._urgent if transfer.urgent else self._large if transfer.large else self._small
            queue.append(transfer)
            queued = len(self._urgent) + len(self._small) + len(self._large)
            if self._idle < queued and self._started < self._threads:
                self._started += 1
                threading.Thread(target=self._work, name=f"transfer-{self._started}", daemon=True).start()
            else:
                self._changed.notify()

    def settle(self, seconds: float = 0.0) -> None:
        """Call ``done`` of all finished transfers, waiting for the first at most so long."""
        while True:
            try:
                transfer, outcome = self._outcomes.get(timeout=seconds) if seconds > 0 else self._outcomes.get_nowait()
            except Empty:
                return
            seconds = 0.0
            self.outstanding -= 1
            transfer.done(outcome)

    def _work(self) -> None:
        while True:
            transfer = self._take()
            outcome: object
            try:
                outcome = transfer.run()
            except Exception as error:  # noqa: BLE001 - handed to the owner, who tells and raises what it does not know
                outcome = error
            with self._changed:
                self._memory -= transfer.memory
                self._running_large -= transfer.large
                self._changed.notify()
            self._outcomes.put((transfer, outcome))

    def _take(self) -> Transfer:
        with self._changed:
            while (transfer := self._next()) is None:
                self._idle += 1
                self._changed.wait()
                self._idle -= 1
            self._memory += transfer.memory
            self._running_large += transfer.large
            self._changed.notify()  # there may be room for another one
            return transfer

    def _next(self) -> Transfer | None:
        room = self._budget - self._memory
        if urgent := self._pop(self._urgent, room):
            return urgent
        if self._large and not self._running_large:
            if large := self._pop(self._large, room):
                return large
            room -= self._large[0].memory
        if small := self._pop(self._small, room):
            return small
        return self._pop(self._large, room) if self._running_large < _MAX_LARGE else None

    def _pop(self, queue: deque[Transfer], room: int) -> Transfer | None:
        """The head of a queue if there is room for it; what is larger than the whole budget goes alone."""
        return queue.popleft() if queue and (queue[0].memory <= room or self._memory == 0) else None

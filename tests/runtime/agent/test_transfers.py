from __future__ import annotations

import threading
from collections.abc import Callable

from footplate_runtime.agent.transfers import Transfer, Transfers

MIB = 1 << 20
SECONDS = 20.0


class Load:
    """Transfers that say how many of them, and how many bytes, are under way at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._memory = 0
        self._large = 0
        self.most_memory = 0
        self.most_large = 0
        self.order: list[str] = []

    def work(self, name: str, memory: int) -> Callable[[], str]:
        def run() -> str:
            with self._lock:
                self._memory += memory
                self._large += memory > 16 * MIB
                self.most_memory = max(self.most_memory, self._memory)
                self.most_large = max(self.most_large, self._large)
                self.order.append(name)
            threading.Event().wait(0.002)
            with self._lock:
                self._memory -= memory
                self._large -= memory > 16 * MIB
            return name

        return run


def _settle_all(transfers: Transfers) -> None:
    for _ in range(10_000):
        if not transfers.outstanding:
            return
        transfers.settle(SECONDS)


def test_the_budget_holds_and_all_run() -> None:
    transfers, load, done = Transfers(threads=16, budget=64 * MIB), Load(), list[object]()
    sizes = [1, 10 * MIB, 40 * MIB, 0, 30 * MIB, 16 * MIB] * 20
    for i, size in enumerate(sizes):
        transfers.submit(Transfer(load.work(str(i), size), done.append, size))
    _settle_all(transfers)

    assert sorted(map(str, done)) == sorted(str(i) for i in range(len(sizes)))
    assert load.most_memory <= 64 * MIB
    assert 1 <= load.most_large <= 2


def test_what_is_larger_than_the_budget_goes_alone() -> None:
    transfers, load, done = Transfers(threads=4, budget=8 * MIB), Load(), list[object]()
    for size in (MIB, 100 * MIB, MIB, 100 * MIB):
        transfers.submit(Transfer(load.work("x", size), done.append, size))
    _settle_all(transfers)

    assert len(done) == 4
    assert load.most_memory == 100 * MIB


def test_urgent_ones_go_first() -> None:
    transfers, load = Transfers(threads=1), Load()
    release = threading.Event()
    transfers.submit(Transfer(lambda: release.wait(SECONDS), lambda outcome: None))
    for name in ("small", "large", "urgent"):
        memory = 20 * MIB if name == "large" else 1
        transfers.submit(Transfer(load.work(name, memory), lambda outcome: None, memory, urgent=name == "urgent"))
    release.set()
    _settle_all(transfers)

    assert load.order[0] == "urgent"


def test_an_error_comes_to_its_owner() -> None:
    transfers, done = Transfers(), list[object]()

    def fail() -> None:
        raise ValueError("no")

    transfers.submit(Transfer(fail, done.append))
    _settle_all(transfers)

    assert isinstance(done[0], ValueError)

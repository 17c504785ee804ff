"""Whom a torchrun that has ended waits for; with the real torchrun in tests/local/test_pytorch_elastic.py."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import pytest

from footplate_run.exit_barrier import for_the_living

ENDED = "footplate/ended/"


class Store(dict[str, str]):
    def set(self, key: str, value: str) -> None:
        self[key] = value

    def check(self, keys: list[str]) -> bool:
        return all(key in self for key in keys)


def agent(store: Store, alive: set[str], timeout: float = 0.0) -> Any:
    state = SimpleNamespace(participants={"a": 0, "b": 1, "c": 2}, last_heartbeats=alive)
    handler = SimpleNamespace(_state_holder=SimpleNamespace(state=state))
    group = SimpleNamespace(spec=SimpleNamespace(rdzv_handler=handler), group_rank=0)
    return SimpleNamespace(_worker_group=group, _store=store, _exit_barrier_timeout=timeout)


def not_torchs(agent: Any) -> None:
    raise AssertionError("torch's own barrier was asked")


@pytest.mark.parametrize(
    ("ended", "alive", "waits"),
    [
        ((1, 2), {"a", "b", "c"}, False),
        ((1,), {"a", "b", "c"}, True),
        ((1,), {"a", "b"}, False),  # c is dead
        ((1,), {"a", "b", "new"}, False),  # and has been replaced
        ((2,), {"a", "b"}, True),  # c had ended before it left; b is at work
        ((), {"a"}, False),
    ],
)
def test_it_waits_for_nodes_that_are_alive_and_have_not_ended(
    ended: tuple[int, ...], alive: set[str], waits: bool
) -> None:
    store = Store({f"{ENDED}{rank}": "1" for rank in ended})
    done = threading.Thread(target=for_the_living(not_torchs), args=(agent(store, alive, 60),), daemon=True)
    done.start()
    done.join(0.3)
    assert done.is_alive() == waits
    assert f"{ENDED}0" in store, "the others must know of this one"
    store |= {f"{ENDED}{rank}": "1" for rank in (1, 2)}
    done.join(5)
    assert not done.is_alive()


def test_it_waits_no_longer_than_torch_would() -> None:
    for_the_living(not_torchs)(agent(Store(), {"a", "b", "c"}, timeout=0.1))


def test_a_torch_of_other_parts_waits_in_its_own_way() -> None:
    asked: list[object] = []
    other = SimpleNamespace()
    for_the_living(asked.append)(other)
    assert asked == [other]


def test_a_store_that_is_gone_is_the_end() -> None:
    class Gone(Store):
        def check(self, keys: list[str]) -> bool:
            raise RuntimeError("Connection reset by peer")

    for_the_living(not_torchs)(agent(Gone(), {"a", "b", "c"}, timeout=60))

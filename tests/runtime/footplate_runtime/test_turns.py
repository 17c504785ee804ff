"""Whose turn it is: it only goes forward, whoever asks in whatever order."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from footplate_runtime.store import Store, open_store
from footplate_runtime.turns import Holder, Turn, announce, claim, holder


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path.as_uri())


def test_turns_only_go_forward(store: Store) -> None:
    assert holder(store, "") == Holder(Turn(1, 0))
    for turn in (Turn(2, 1), Turn(2, 0), Turn(1, 7)):
        announce(store, "", turn)
    assert holder(store, "") == Holder(Turn(2, 1))
    assert claim(store, "", Holder(Turn(2, 0), "late")) == Holder(Turn(2, 1))
    store.put("attempt.json", b"{torn")
    assert holder(store, "") == Holder(Turn(1, 0))


def test_a_claim_goes_over_an_earlier_one_of_the_same_start_and_stays(store: Store) -> None:
    first, second = Holder(Turn(1, 0), "first"), Holder(Turn(1, 0), "second")
    assert claim(store, "", first) == first
    assert claim(store, "", second) == second
    announce(store, "", Turn(1, 0))  # fetch of a pod whose sandbox was made again
    assert holder(store, "") == second
    announce(store, "", Turn(2, 0))
    assert holder(store, "") == Holder(Turn(2, 0))


@pytest.mark.parametrize("seed", range(5))
def test_of_many_at_once_one_has_it_and_all_others_know(store: Store, seed: int) -> None:
    all_of_them = [Holder(Turn(attempt, 0), f"{attempt}-{n}") for attempt, n in itertools.product((1, 2), range(4))]
    with ThreadPoolExecutor(8) as threads:
        told = list(threads.map(lambda mine: claim(store, "", mine), all_of_them[seed:] + all_of_them[:seed]))
    last = holder(store, "")
    assert last.turn == Turn(2, 0)
    assert last in told

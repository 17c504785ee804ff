from __future__ import annotations

import hypothesis.strategies as st
import pytest
from fake_clock import FakeClock
from hypothesis import given
from watched_pod import Pod, pod

from footplate.engine.store import Store


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def store(clock: FakeClock) -> Store[Pod]:
    return Store(clock)


def test_put_takes_newer_states_and_says_whether_anything_changed(store: Store[Pod]) -> None:
    assert store.put(pod("a", 9))
    assert not store.put(pod("a", 9))
    assert store.put(pod("a", 10))  # compared as numbers
    assert not store.put(pod("a", 9))
    assert store.get(pod("a", 0).key) == pod("a", 10)
    assert len(store) == 1


def test_versions_that_are_no_numbers_are_taken_as_they_come(store: Store[Pod]) -> None:
    store.put(pod("a", "xyz"))
    assert store.put(pod("a", "abc"))


def test_objects_are_found_by_their_owner(store: Store[Pod]) -> None:
    store.put(pod("a", 1))
    store.put(pod("b", 2))
    store.put(pod("c", 3, owner="other"))
    store.put(pod("d", 4, owner=None))
    assert store.owned_by("job") == [pod("a", 1), pod("b", 2)]
    store.put(pod("b", 5, owner="other"))
    assert store.owned_by("job") == [pod("a", 1)]
    assert store.owned_by("nobody") == []


def test_what_is_removed_stays_as_a_tombstone_for_its_time(store: Store[Pod], clock: FakeClock) -> None:
    store.put(pod("a", 1))
    store.remove(pod("a", 3))
    assert store.owned_by("job") == []
    assert store.gone("job") == [pod("a", 3)]
    clock.advance(599)
    assert store.gone("job") == [pod("a", 3)]
    clock.advance(1)
    assert store.gone("job") == []


def test_the_tombstone_is_the_newest_view(store: Store[Pod]) -> None:
    store.put(pod("a", 7))
    store.remove(pod("a", 5))
    store.remove(pod("a", 6))
    assert store.gone("job") == [pod("a", 7)]


def test_forget_gone_drops_one_owners_tombstones(store: Store[Pod]) -> None:
    store.remove(pod("a", 1))
    store.remove(pod("b", 2, owner="other"))
    store.forget_gone("job")
    assert store.gone("job") == []
    assert store.gone("other") == [pod("b", 2, owner="other")]


def test_a_late_event_does_not_bring_a_deleted_object_back(store: Store[Pod]) -> None:
    store.put(pod("a", 1))
    store.remove(pod("a", 3))
    assert not store.put(pod("a", 2))
    assert not store.put(pod("a", 3))
    assert len(store) == 0


def test_an_object_that_left_the_selector_and_returns_is_taken(store: Store[Pod]) -> None:
    store.remove(pod("a", 3))
    assert store.put(pod("a", 4))
    assert store.gone("job") == []


def test_a_successor_of_the_same_name_makes_a_tombstone_of_its_predecessor(store: Store[Pod]) -> None:
    store.put(pod("a", 1, uid="first"))
    assert store.put(pod("a", 5, uid="second"))
    assert store.gone("job") == [pod("a", 1, uid="first")]
    assert store.owned_by("job") == [pod("a", 5, uid="second")]
    store.remove(pod("a", 2, uid="first"))  # its own deletion comes late
    assert store.owned_by("job") == [pod("a", 5, uid="second")]
    assert store.gone("job") == [pod("a", 2, uid="first")]
    assert not store.put(pod("a", 1, uid="first"))


def test_replace_returns_what_was_added_changed_or_vanished(store: Store[Pod]) -> None:
    for view in (pod("same", 1), pod("changed", 2), pod("vanished", 3)):
        store.put(view)
    changes = store.replace([pod("same", 1), pod("changed", 5), pod("added", 6)])
    assert changes == [pod("changed", 5), pod("added", 6), pod("vanished", 3)]
    assert sorted(view.key.name for view in store.values()) == ["added", "changed", "same"]
    assert store.gone("job") == [pod("vanished", 3)]


def test_what_was_put_while_listing_is_not_undone_by_the_listing(store: Store[Pod]) -> None:
    store.put(pod("old", 1))
    store.put(pod("seen", 2))
    store.put(pod("deleted", 3))
    mark = store.mark()
    store.put(pod("new", 11))
    store.put(pod("old", 12))
    store.remove(pod("deleted", 13))
    listed_before = [pod("old", 1), pod("deleted", 3)]
    assert store.replace(listed_before, since=mark) == [pod("seen", 2)]
    assert store.values() == [pod("old", 12), pod("new", 11)]


names = st.sampled_from("abc")
steps = st.lists(st.tuples(st.sampled_from(["put", "remove", "replace"]), names, st.integers(1, 2)), max_size=30)


@given(steps)
def test_the_index_by_owner_agrees_with_the_views(script: list[tuple[str, str, int]]) -> None:
    store: Store[Pod] = Store(FakeClock())
    for version, (step, name, owner) in enumerate(script):
        view = pod(name, version, uid=f"{name}-{version // 5}", owner=f"owner-{owner}")
        if step == "put":
            store.put(view)
        elif step == "remove":
            store.remove(view)
        else:
            store.replace([view])
        for uid in ("owner-1", "owner-2"):
            by_scan = {v.uid for v in store.values() if v.owner_uid == uid}
            assert {v.uid for v in store.owned_by(uid)} == by_scan
            assert not by_scan & {v.uid for v in store.gone(uid)}

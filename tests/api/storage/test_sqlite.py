"""The store by itself: what it keeps, in memory and in its file, and what it does when it cannot write."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from footplate_local.apiserver.storage.model import Change, HistoryGone, ObjectKey
from footplate_local.apiserver.storage.sqlite import SqliteStorage

KIB = "x" * 1024
Open = Callable[..., SqliteStorage]


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Open]:
    """Opens the store of one file, closing the one that was open."""
    opened: list[SqliteStorage] = []

    def open_store(**options: Any) -> SqliteStorage:
        if opened:
            opened.pop().close()
        opened.append(SqliteStorage(tmp_path / "cluster.db", **options))
        return opened[-1]

    yield open_store
    for store in opened:
        store.close()


def _key(name: str, resource: str = "configmaps") -> ObjectKey:
    return ObjectKey(resource, "default", name)


def _object(name: str, **fields: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "default"}, **fields}


def _changes(store: SqliteStorage, since: int) -> list[tuple[Any, ...]]:
    return [
        (change.version, change.type, change.stored.object, change.previous and change.previous.object)
        for change in store.changes_since("configmaps", since)
    ]


def test_objects_and_their_changes_are_the_same_after_a_restart(stores: Open) -> None:
    store = stores()
    first = store.version
    for number in range(3):
        store.put(_key("a"), _object("a", n=number))
        store.put(_key("b"), _object("b", n=number))
    store.delete(_key("a"))
    store.put(_key("a"), _object("a", again=True))
    store.delete(_key("b"))
    objects = {item.key: (item.version, item.object, item.raw) for item in store.everything()}
    changes, past = _changes(store, first), [item.raw for item in store.listing_at("configmaps", None, first + 4)]
    version = store.version
    store = stores()
    assert {item.key: (item.version, item.object, item.raw) for item in store.everything()} == objects
    assert _changes(store, first) == changes
    assert [item.raw for item in store.listing_at("configmaps", None, first + 4)] == past
    assert store.version == version


def test_the_history_is_bounded_in_number(stores: Open) -> None:
    store = stores(history=10)
    for number in range(100):
        store.put(_key(f"c-{number}", resource=("configmaps", "secrets")[number % 2]), _object("c"))
    kept = sum(len(store.changes_since(resource, store.version - 10)) for resource in ("configmaps", "secrets"))
    assert kept == 10
    with pytest.raises(HistoryGone):
        store.changes_since("configmaps", store.version - 12)
    floor = store.version - 10
    store = stores(history=10)
    assert len(store.changes_since("configmaps", floor)) == 5
    with pytest.raises(HistoryGone):
        store.changes_since("configmaps", floor - 2)


def test_the_history_is_bounded_in_bytes_and_so_is_the_file(stores: Open, tmp_path: Path) -> None:
    store = stores(history_bytes=1 << 20)
    for number in range(400):
        store.put(_key("large"), _object("large", pad=KIB * 100, n=number))
    assert 5 <= len(store.changes_since("configmaps", store.version - 5)) <= 11
    with pytest.raises(HistoryGone):
        store.changes_since("configmaps", store.version - 12)
    stores()
    assert (tmp_path / "cluster.db").stat().st_size < 4 << 20


def test_the_file_shrinks_when_much_is_deleted(stores: Open, tmp_path: Path) -> None:
    store = stores(history=10)
    for number in range(500):
        store.put(_key(f"c-{number}"), _object(f"c-{number}", pad=KIB * 10))
    stores(history=10)
    full = (tmp_path / "cluster.db").stat().st_size
    store = stores(history=10)
    for number in range(500):
        store.delete(_key(f"c-{number}"))
    stores(history=10)
    stores(history=10)
    assert (tmp_path / "cluster.db").stat().st_size < full / 10


def test_a_write_that_fails_did_not_happen_and_the_next_may_succeed(stores: Open) -> None:
    store = stores(history=3)
    connection = store._database._connection
    store.put(_key("a"), _object("a"))
    version, told = store.version, list[Change]()
    store.subscribe(told.append)
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count={pages + 1}")
    with pytest.raises(sqlite3.OperationalError, match="full"):
        store.put(_key("b"), _object("b", pad=KIB * 100))
    assert (store.version, store.get(_key("b")), told) == (version, None, [])
    connection.execute("PRAGMA max_page_count=1000000")
    assert store.put(_key("b"), _object("b", pad=KIB * 100)).version == version + 1
    assert [change.stored.key.name for change in told] == ["b"]
    assert stores(history=3).get(_key("b")) is not None


def test_a_listener_that_writes_or_fails_does_not_disturb_the_others(
    stores: Open, caplog: pytest.LogCaptureFixture
) -> None:
    store = stores()
    heard: list[int] = []

    def writes_once(change: Change) -> None:
        if change.stored.key.name == "a":
            store.put(_key("b"), _object("b"))

    def fails(change: Change) -> None:
        raise RuntimeError(f"no {change.stored.key.name} for me")

    for listener in (writes_once, fails, lambda change: heard.append(change.version)):
        store.subscribe(listener)
    first = store.put(_key("a"), _object("a")).version
    assert heard == [first, first + 1]
    assert "no a for me" in caplog.text


def test_what_json_cannot_express_is_not_stored(stores: Open) -> None:
    store = stores()
    with pytest.raises(ValueError, match="JSON"):
        store.put(_key("a"), _object("a", n=float("nan")))
    assert store.get(_key("a")) is None

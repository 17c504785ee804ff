"""Reading a file that is in segments, whole, or changes from one to the other."""

from __future__ import annotations

from pathlib import Path

from footplate_runtime.store import Segment, Store, list_growing, open_store, read_growing, segments


def _put(store: Store, start: int, data: bytes) -> str:
    key = Segment(start, start + len(data)).key("logs/1/worker-0.log")
    store.put(key, data)
    return key


def _read(store: Store, start: int = 0) -> bytes:
    return b"".join(read_growing(store, "logs/1/worker-0.log", start))


def test_segments_are_named_by_their_offsets(store: Store) -> None:
    assert _put(store, 5, b"abc") == "logs/1/worker-0.log.000000000000005-000000000000008"
    assert segments(store, "logs/1/worker-0.log") == [Segment(5, 8)]


def test_segments_read_as_one_file(store: Store) -> None:
    for start, data in ((0, b"one\n"), (4, b"two\n"), (8, b"three\n")):
        _put(store, start, data)

    assert _read(store) == b"one\ntwo\nthree\n"
    assert _read(store, 5) == b"wo\nthree\n"


def test_overlapping_segments_count_once(tmp_path: Path) -> None:
    store = open_store(tmp_path.as_uri())
    for start, data in ((0, b"0123"), (2, b"23"), (2, b"23456"), (0, b"01")):
        _put(store, start, data)

    assert _read(store) == b"0123456"


def test_reading_stops_at_a_gap(tmp_path: Path) -> None:
    store = open_store(tmp_path.as_uri())
    _put(store, 0, b"01")
    _put(store, 4, b"45")

    assert _read(store) == b"01"


def test_nothing_yet(store: Store) -> None:
    assert _read(store) == b""


def test_the_whole_object_wins(store: Store) -> None:
    _put(store, 0, b"old")
    store.put("logs/1/worker-0.log", b"whole")

    assert _read(store) == b"whole"
    assert list_growing(store, "logs/1/") == ["logs/1/worker-0.log"]


def test_reading_goes_on_when_segments_become_the_whole(tmp_path: Path) -> None:
    store = open_store(tmp_path.as_uri())
    keys = [_put(store, 0, b"one\n"), _put(store, 4, b"two\n")]
    blocks = read_growing(store, "logs/1/worker-0.log")
    assert next(blocks) == b"one\n"

    store.put("logs/1/worker-0.log", b"one\ntwo\nthree\n")
    for key in keys:
        store.delete(key)

    assert b"".join(blocks) == b"two\nthree\n"


def test_names_that_only_look_alike(tmp_path: Path) -> None:
    store = open_store(tmp_path.as_uri())
    store.put("logs/1/worker-0.log.000000000000000-000000000000003", b"abc")
    store.put("logs/1/worker-0.log.txt", b"other")

    assert list_growing(store, "logs/1/") == ["logs/1/worker-0.log", "logs/1/worker-0.log.txt"]
    assert _read(store) == b"abc"

"""The interface of the store, the same on a file system and on a real S3 server."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from footplate_runtime.store import InvalidKey, NotFound, Store
from footplate_runtime.store.base import BLOCK, SINGLE_PUT_BYTES


def test_an_object_is_read_as_it_was_written(store: Store) -> None:
    receipt = store.put("a/b.txt", b"hello")

    assert store.get("a/b.txt") == b"hello"
    assert receipt.size == 5
    assert receipt.sha256 == hashlib.sha256(b"hello").hexdigest()
    assert store.head("a/b.txt").etag == receipt.etag


def test_an_empty_object_is_an_object(store: Store) -> None:
    store.put_stream("empty", iter(()), 0)

    assert store.get("empty") == b""
    assert store.head("empty").size == 0


def test_a_stream_beyond_one_request_arrives_whole(store: Store) -> None:
    blocks = [bytes([i]) * BLOCK for i in range(SINGLE_PUT_BYTES // BLOCK + 3)]
    size = len(blocks) * BLOCK

    receipt = store.put_stream("big", iter(blocks), size)

    assert receipt.size == size
    assert receipt.sha256 == hashlib.sha256(b"".join(blocks)).hexdigest()
    assert store.head("big").size == size
    assert b"".join(store.read("big", BLOCK - 1, BLOCK + 1)) == b"\x00\x01"


@pytest.mark.parametrize("blocks", [2, SINGLE_PUT_BYTES // BLOCK + 2])
def test_a_reader_that_fails_leaves_the_old_object(store: Store, blocks: int) -> None:
    class Broken(Exception):
        pass

    def breaking() -> Iterator[bytes]:
        for _ in range(blocks - 1):
            yield b"x" * BLOCK
        raise Broken

    store.put("key", b"old")

    with pytest.raises(Broken):
        store.put_stream("key", breaking(), blocks * BLOCK)

    assert store.get("key") == b"old"
    assert [entry.key for entry in store.list()] == ["key"]


def test_ranges(store: Store) -> None:
    store.put("digits", b"0123456789")

    assert b"".join(store.read("digits", 3)) == b"3456789"
    assert b"".join(store.read("digits", 3, 5)) == b"34"
    assert b"".join(store.read("digits", 8, 100)) == b"89"
    assert b"".join(store.read("digits", 10)) == b""
    assert b"".join(store.read("digits", 11)) == b""


def test_only_one_of_many_creates_an_object(store: Store) -> None:
    with ThreadPoolExecutor(8) as threads:
        won = list(threads.map(lambda i: store.put_if_absent("one", str(i).encode()), range(8)))

    assert sorted(won) == [False] * 7 + [True]
    assert store.get("one") == str(won.index(True)).encode()


def test_a_version_is_replaced_once(store: Store) -> None:
    store.put("fence", b"1")
    first = store.head("fence").etag
    assert first is not None

    assert store.replace("fence", b"2", first)
    assert store.get("fence") == b"2"
    assert not store.replace("fence", b"3", first)
    assert store.get("fence") == b"2"
    second = store.head("fence").etag
    assert second is not None
    assert store.replace("fence", b"3", second)
    assert store.get("fence") == b"3"


def test_only_one_of_many_replaces_a_version(store: Store) -> None:
    store.put("fence", b"old")
    etag = store.head("fence").etag
    assert etag is not None
    with ThreadPoolExecutor(8) as threads:
        won = list(threads.map(lambda i: store.replace("fence", str(i).encode(), etag), range(8)))

    assert sorted(won) == [False] * 7 + [True]
    assert store.get("fence") == str(won.index(True)).encode()
    assert [entry.key for entry in store.list()] == ["fence"]


def test_what_is_gone_is_not_replaced(store: Store) -> None:
    store.put("fence", b"1")
    etag = store.head("fence").etag
    assert etag is not None
    store.delete("fence")

    assert not store.replace("fence", b"2", etag)
    assert list(store.list()) == []


def test_listing_is_by_folder(store: Store) -> None:
    for key in ("a/x", "a/b/y", "ab/z", "top"):
        store.put(key, key.encode())

    assert sorted(entry.key for entry in store.list()) == ["a/b/y", "a/x", "ab/z", "top"]
    assert {entry.key: entry.size for entry in store.list("a/")} == {"a/x": 3, "a/b/y": 5}
    assert list(store.list("none/")) == []


def test_folders_are_those_right_below(store: Store) -> None:
    for key in ("a/x", "a/b/y", "a/c d/e/f", "ab/z", "ü/1", "top"):
        store.put(key, key.encode())

    assert list(store.folders()) == ["a", "ab", "ü"]
    assert list(store.folders("a/")) == ["b", "c d"]
    assert list(store.folders("a/b/")) == []
    assert list(store.folders("none/")) == []
    with pytest.raises(InvalidKey):
        list(store.folders("a"))


def test_more_folders_than_one_page_lists(store: Store) -> None:
    names = [f"run-{number:04d}" for number in range(1100)]  # S3 answers with 1,000 at most
    with ThreadPoolExecutor(16) as threads:
        list(threads.map(lambda name: store.put(f"{name}/run.json", b"{}"), names))

    assert list(store.folders()) == names


def test_what_is_not_there(store: Store) -> None:
    with pytest.raises(NotFound, match=r"There is no .*missing"):
        store.get("missing")
    with pytest.raises(NotFound):
        store.head("missing")
    store.delete("missing")


def test_deleting(store: Store) -> None:
    store.put("a/x", b"1")
    store.delete("a/x")

    assert list(store.list()) == []


@pytest.mark.parametrize("key", ["", "/a", "a//b", "../a", "a/../../b", "a/.", "a/", "a\x00b"])
def test_keys_that_lead_elsewhere_are_refused(store: Store, key: str) -> None:
    with pytest.raises(InvalidKey):
        store.put(key, b"x")


@pytest.mark.parametrize(
    "name", ["with space", "ünï/cödé", "a#1", "100%", "%41", "+&?=;", "a:b|c", "-x", ".hidden", "'\"`$"]
)
def test_names_that_are_taken_as_they_are(store: Store, name: str) -> None:
    store.put(name, name.encode())

    assert [entry.key for entry in store.list()] == [name]
    assert store.get(name) == name.encode()

"""Changing an object that others change at the same time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from s3_server import S3Server, s3_server

from footplate_runtime.changing import change
from footplate_runtime.store import NotFound, Store, open_store

__all__ = ["s3_server"]


@pytest.fixture(params=["file", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "file":
        return open_store(tmp_path.as_uri())
    server: S3Server = request.getfixturevalue("s3_server")
    return open_store(server.new_uri(), server.endpoint, None, server.env)


def test_no_change_is_lost(store: Store) -> None:
    def add(number: int) -> None:
        change(store, "numbers", lambda data: (data or b"") + b"%d," % number)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(add, range(12)))
    assert sorted(int(number) for number in store.get("numbers").split(b",") if number) == list(range(12))


def test_what_is_written_after_the_look_is_not_written_over(store: Store) -> None:
    looks: list[int] = []

    def look() -> None:
        looks.append(1)
        if len(looks) == 1:
            store.put("run.json", b"newer")
        else:
            raise PermissionError("it is another's turn now")

    with pytest.raises(PermissionError):
        change(store, "run.json", lambda data: b"older", look)
    assert store.get("run.json") == b"newer"


def test_nothing_to_change(store: Store) -> None:
    assert change(store, "a", lambda data: None) is None
    with pytest.raises(NotFound):
        store.get("a")
    assert change(store, "a", lambda data: b"1") == b"1"
    assert change(store, "a", lambda data: b"1", lambda: pytest.fail("there is nothing to write")) == b"1"

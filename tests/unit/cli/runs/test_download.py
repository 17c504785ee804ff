from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from footplate.cli.problem import CommandFailed
from footplate.cli.runs.download import PARTIAL, Result, download
from footplate.cli.runs.outputs import Output, read_outputs
from footplate_runtime.store import Store, StoreUnavailable, open_store

BLOCK = 1 << 20  # what a file:// store gives at once


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store((tmp_path / "store").as_uri())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "out"


class Breaking:
    """A store that gives `blocks` of each object and then fails, `times` often."""

    def __init__(self, store: Store, blocks: int, times: int, error: type[BaseException] = StoreUnavailable) -> None:
        self._store, self._blocks, self.times, self._error = store, blocks, times, error
        self.starts: list[int] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        self.starts.append(start)
        for number, block in enumerate(self._store.read(key, start, end)):
            if number >= self._blocks and self.times > 0:
                self.times -= 1
                raise self._error("cut off.")
            yield block


def proven(output: Output, data: bytes) -> Output:
    return replace(output, sha256=hashlib.sha256(data).hexdigest())


def fetch(store: Any, outputs: list[Output], folder: Path) -> tuple[Result, int]:
    """What became of them, and how many bytes the meter was told."""
    counted, lock = [0], threading.Lock()

    def meter(count: int) -> None:
        with lock:
            counted[0] += count

    return download(store, outputs, folder, meter, lambda: None, lambda sentence: None), counted[0]


def test_files_come_with_their_times_and_leave_nothing_else(store: Store, folder: Path) -> None:
    store.put("outputs/a", b"abc")
    store.put("outputs/b/c d/ü", b"12345")
    outputs = read_outputs(store)
    result, counted = fetch(store, outputs, folder)
    assert (len(result.fetched), result.kept, result.refused, counted) == (2, [], [], 8)
    assert sorted(str(p.relative_to(folder)) for p in folder.rglob("*")) == ["a", "b", "b/c d", "b/c d/ü"]
    assert (folder / "b/c d/ü").read_bytes() == b"12345"
    assert abs((folder / "a").stat().st_mtime - outputs[0].modified.timestamp()) < 0.001


@pytest.mark.parametrize("known", [True, False])
def test_what_is_there_is_left_alone(store: Store, folder: Path, known: bool) -> None:
    store.put("outputs/a", b"abc")
    outputs = [proven(o, b"abc") if known else o for o in read_outputs(store)]
    fetch(store, outputs, folder)
    inode = (folder / "a").stat().st_ino
    result, counted = fetch(store, outputs, folder)
    assert (result.fetched, len(result.kept), counted) == ([], 1, 3)
    assert (folder / "a").stat().st_ino == inode


@pytest.mark.parametrize("known", [True, False])
def test_what_is_another_version_is_fetched(store: Store, folder: Path, known: bool) -> None:
    store.put("outputs/a", b"abc")
    outputs = [proven(o, b"abc") if known else o for o in read_outputs(store)]
    folder.mkdir()
    (folder / "a").write_bytes(b"xyz")
    result, _ = fetch(store, outputs, folder)
    assert len(result.fetched) == 1
    assert (folder / "a").read_bytes() == b"abc"


def test_a_store_that_breaks_off_is_asked_for_the_rest(store: Store, folder: Path) -> None:
    data = os.urandom(3 * BLOCK + 17)
    store.put("outputs/big", data)
    broken = Breaking(store, blocks=1, times=2)
    result, counted = fetch(broken, [proven(o, data) for o in read_outputs(store)], folder)
    assert result.refused == []
    assert (folder / "big").read_bytes() == data
    assert broken.starts == [0, BLOCK, 2 * BLOCK]
    assert counted == len(data)


def test_a_run_that_was_stopped_goes_on_where_it_was(store: Store, folder: Path) -> None:
    data = os.urandom(3 * BLOCK)
    store.put("outputs/big", data)
    outputs = [proven(o, data) for o in read_outputs(store)]
    with pytest.raises(KeyboardInterrupt):
        fetch(Breaking(store, blocks=2, times=1, error=KeyboardInterrupt), outputs, folder)
    assert not (folder / "big").exists()
    (part,) = (folder / PARTIAL).iterdir()
    assert part.stat().st_size == 2 * BLOCK
    watched = Breaking(store, blocks=9, times=0)
    result, counted = fetch(watched, outputs, folder)
    assert (folder / "big").read_bytes() == data
    assert watched.starts == [2 * BLOCK]
    assert (len(result.fetched), counted) == (1, len(data))
    assert not (folder / PARTIAL).exists()


def test_a_partial_file_of_an_older_version_is_not_gone_on_with(store: Store, folder: Path) -> None:
    store.put("outputs/big", b"a" * 2 * BLOCK)
    with pytest.raises(KeyboardInterrupt):
        fetch(Breaking(store, 1, 1, KeyboardInterrupt), read_outputs(store), folder)
    store.put("outputs/big", b"b" * 2 * BLOCK)
    fetch(store, read_outputs(store), folder)
    assert (folder / "big").read_bytes() == b"b" * 2 * BLOCK
    assert not (folder / PARTIAL).exists()


@pytest.mark.parametrize("known", [True, False])
def test_a_file_that_is_written_anew_meanwhile_comes_as_it_is_now(store: Store, folder: Path, known: bool) -> None:
    store.put("outputs/a", b"old")
    outputs = [proven(o, b"old") if known else o for o in read_outputs(store)]
    store.put("outputs/a", b"newer")
    result, _ = fetch(store, outputs, folder)
    assert (folder / "a").read_bytes() == b"newer"
    assert [output.sha256 for output in result.fetched] == [None], "the manifest speaks of another version"


def test_damage_is_told_and_nothing_is_put_in_place(store: Store, folder: Path) -> None:
    store.put("outputs/a", b"rotten")
    store.put("outputs/b", b"fine")
    outputs = [proven(o, b"golden" if o.path == "a" else b"fine") for o in read_outputs(store)]
    result, _ = fetch(store, outputs, folder)
    ((refused, why),) = result.refused
    assert (refused.path, [o.path for o in result.fetched]) == ("a", ["b"])
    assert why.startswith("a is damaged in the store: its sha256 is ")
    assert not (folder / "a").exists()


def test_what_is_gone_is_told(store: Store, folder: Path) -> None:
    store.put("outputs/a", b"abc")
    outputs = read_outputs(store)
    store.delete("outputs/a")
    result, _ = fetch(store, outputs, folder)
    assert [why for _, why in result.refused] == ["a was deleted from the store"]


@pytest.mark.parametrize(
    "path",
    ["../x", "a/../../x", "%2E%2E/x", "/etc/x", "a//x", "", ".", "%00", f"{PARTIAL}/x", "link/x", "a/%2E%2E/%2E%2E/x"],
)
def test_nothing_is_written_outside(store: Store, folder: Path, path: str) -> None:
    store.put("outputs/a", b"abc")
    (found,) = read_outputs(store)
    elsewhere = folder.parent / "elsewhere"
    elsewhere.mkdir()
    folder.mkdir()
    (folder / "link").symlink_to(elsewhere)
    result, _ = fetch(store, [replace(found, path=path)], folder)
    ((_, why),) = result.refused
    assert "would lie outside of" in why
    assert list(elsewhere.iterdir()) == []
    assert not (folder.parent / "x").exists()


def test_a_link_in_the_place_of_a_file_is_replaced_not_followed(store: Store, folder: Path) -> None:
    store.put("outputs/a", b"abc")
    folder.mkdir()
    secret = folder.parent / "secret"
    secret.write_bytes(b"mine")
    (folder / "a").symlink_to(secret)
    fetch(store, read_outputs(store), folder)
    assert secret.read_bytes() == b"mine"
    assert not (folder / "a").is_symlink()


def test_a_file_where_a_folder_must_be(store: Store, folder: Path) -> None:
    store.put("outputs/a/b", b"abc")
    folder.mkdir()
    (folder / "a").write_bytes(b"mine")
    result, _ = fetch(store, read_outputs(store), folder)
    ((_, why),) = result.refused
    assert f"{folder}/a" in why
    assert (folder / "a").read_bytes() == b"mine"


def test_two_at_once_do_not_share_a_partial_file(store: Store, folder: Path) -> None:
    store.put("outputs/a", b"abc")
    (found,) = read_outputs(store)

    class Nested:
        def __getattr__(self, name: str) -> Any:
            return getattr(store, name)

        def read(self, *arguments: Any) -> Iterator[bytes]:
            with pytest.raises(CommandFailed, match="another footplate outputs get is writing to"):
                fetch(store, [found], folder)
            return store.read(*arguments)

    result, _ = fetch(Nested(), [found], folder)
    assert len(result.fetched) == 1


def test_a_folder_that_cannot_be_made(store: Store, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(CommandFailed, match=r"file/out cannot be written: Not a directory"):
        fetch(store, [], tmp_path / "file/out")

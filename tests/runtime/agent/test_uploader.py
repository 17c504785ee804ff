"""A file that changes while it is read: nothing is recorded, and what the store had stays."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from footplate_runtime.agent.journal import Growth, Part
from footplate_runtime.agent.segments import Step
from footplate_runtime.agent.uploader import Item, Torn, take_step, upload_whole
from footplate_runtime.files import Stamp
from footplate_runtime.store import Receipt
from footplate_runtime.store.file_store import FileStore

BIG = 20 << 20


class SlowStore(FileStore):
    """A store in which something happens to the file once the first block was taken."""

    def __init__(self, root: Path, meanwhile: Callable[[], None]) -> None:
        super().__init__(root)
        self._meanwhile = meanwhile

    def put_stream(self, key: str, blocks: Iterable[bytes], size: int) -> Receipt:
        return super().put_stream(key, self._interrupted(blocks), size)

    def _interrupted(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        for i, block in enumerate(blocks):
            if i == 0:
                self._meanwhile()
            yield block


def _upload(tmp_path: Path, meanwhile: Callable[[Path], None]) -> tuple[FileStore, Callable[[], object]]:
    root = tmp_path / "root"
    root.mkdir()
    file = root / "model"
    file.write_bytes(b"x" * BIG)
    os.utime(file, (1, 1))
    store = SlowStore(tmp_path / "store", lambda: meanwhile(file))
    FileStore(tmp_path / "store").put("model", b"old")
    item = Item(b"model", "model", Stamp.of(file.stat()))
    return store, lambda: upload_whole(store, os.fsencode(os.path.realpath(root)), item)


@pytest.mark.parametrize("size", [0, 1000, BIG - 1, BIG + 1])
def test_truncated_or_appended(tmp_path: Path, size: int) -> None:
    store, upload = _upload(tmp_path, lambda file: os.truncate(file, size))

    with pytest.raises(Torn):
        upload()
    assert store.get("model") == b"old"


def test_overwritten_with_the_same_size(tmp_path: Path) -> None:
    store, upload = _upload(tmp_path, lambda file: file.write_bytes(b"y" * BIG))

    with pytest.raises(Torn):
        upload()
    assert store.get("model") == b"old"


def test_renamed_over_or_removed_is_no_tear(tmp_path: Path) -> None:
    """What was opened is read to its end; the next scan finds the other file."""

    def replace(file: Path) -> None:
        other = file.with_name("model.new")
        other.write_bytes(b"new")
        other.replace(file)

    store, upload = _upload(tmp_path, replace)
    upload()

    assert store.head("model").size == BIG


def test_gone_before_it_was_opened(tmp_path: Path) -> None:
    item = Item(b"model", "model", Stamp(1, 1, 1, 1))

    with pytest.raises(FileNotFoundError):
        upload_whole(FileStore(tmp_path / "store"), os.fsencode(os.path.realpath(tmp_path)), item)


def test_a_segment_of_a_file_that_was_truncated(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"123")
    inode = (tmp_path / "log").stat().st_ino
    store = FileStore(tmp_path / "store")
    step = Step(Part(0, 10, 0), (), Growth(inode, (Part(0, 10, 0),)))

    with pytest.raises(Torn):
        take_step(store, os.fsencode(os.path.realpath(tmp_path)), b"log", "log", step)
    assert list(store.list()) == []

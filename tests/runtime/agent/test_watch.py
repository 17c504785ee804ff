"""Hints from the kernel, on real folders. What they miss only the scan may find, so they must say when they miss."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from footplate_runtime.agent.scan import Scan
from footplate_runtime.agent.watch import Change, Hints, Watch


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root/outputs/deep").mkdir(parents=True)
    return tmp_path / "root"


@pytest.fixture
def watch(root: Path) -> Iterator[Watch]:
    made = Watch(os.fsencode(root), lambda message: None)
    assert made.reason is None
    for folder in (b"outputs", b"outputs/deep"):
        made.cover(folder)
    yield made
    made.close()


def _write(path: Path) -> None:
    path.write_bytes(b"x")


def _open_and_keep(path: Path) -> None:
    os.write(os.open(path, os.O_CREAT | os.O_WRONLY), b"x")


def _rename_here(path: Path) -> None:
    outside = path.parents[2] / "outside"
    outside.write_bytes(b"x")
    outside.rename(path)


def _rename_away(path: Path) -> None:
    path.write_bytes(b"x")
    path.rename(path.parents[2] / "outside")


def _link_here(path: Path) -> None:
    outside = path.parents[2] / "outside"
    outside.write_bytes(b"x")
    os.link(outside, path)


@pytest.mark.parametrize(
    ("act", "change"),
    [
        (_write, Change.CLOSED),
        (_open_and_keep, Change.WRITTEN),
        (_rename_here, Change.MOVED),
        (_rename_away, Change.GONE),
        (lambda path: (_write(path), path.unlink()), Change.GONE),
        (lambda path: (_rename_here(path), _write(path)), Change.CLOSED),
        (lambda path: (_rename_here(path), _open_and_keep(path)), Change.WRITTEN),
        (lambda path: path.symlink_to("x"), Change.WRITTEN),
        (_link_here, Change.WRITTEN),
        (lambda path: path.mkdir(), Change.WRITTEN),
    ],
)
def test_the_last_thing_that_happened(root: Path, watch: Watch, act: Callable[[Path], None], change: Change) -> None:
    act(root / "outputs/deep/new\nname")
    assert watch.take() == Hints({b"outputs/deep/new\nname": change})
    assert watch.take() == Hints({})


def test_what_is_read_is_no_change(root: Path, watch: Watch) -> None:
    _write(root / "outputs/a")
    watch.take()
    assert (root / "outputs/a").read_bytes() == b"x"
    assert list(root.rglob("*"))
    assert watch.take() == Hints({})


def test_a_folder_that_was_moved_is_known_under_its_new_name(root: Path, watch: Watch) -> None:
    (root / "outputs/deep/er").mkdir()
    watch.cover(b"outputs/deep/er")
    watch.take()
    (root / "outputs/deep").rename(root / "outputs/moved")
    assert watch.take().changes == {b"outputs/deep": Change.GONE, b"outputs/moved": Change.MOVED}
    _write(root / "outputs/moved/er/before it is covered")
    assert watch.take() == Hints({})
    for folder in (b"outputs/moved", b"outputs/moved/er"):
        watch.cover(folder)
    _write(root / "outputs/moved/er/after")
    assert watch.take() == Hints({b"outputs/moved/er/after": Change.CLOSED})


def test_a_folder_that_was_made_anew(root: Path, watch: Watch) -> None:
    (root / "outputs/deep").rmdir()
    (root / "outputs/deep").mkdir()
    assert watch.take() == Hints({b"outputs/deep": Change.WRITTEN})
    watch.cover(b"outputs/deep")
    _write(root / "outputs/deep/a")
    assert watch.take() == Hints({b"outputs/deep/a": Change.CLOSED})


def test_nothing_slips_in_between_a_new_folder_and_its_scan(root: Path, watch: Watch) -> None:
    """`mkdir -p a/b; echo > a/b/file`, a thousand times: hints and the scans that they ask for find every file."""
    found: set[bytes] = set()
    for i in range(1000):
        (root / f"outputs/{i}/b").mkdir(parents=True)
        _write(root / f"outputs/{i}/b/file")
        if i % 7 == 0:
            found |= _found(root, watch)
    found |= _found(root, watch)
    assert len([path for path in found if path.endswith(b"file")]) == 1000


def _found(root: Path, watch: Watch) -> set[bytes]:
    """What is found where hints say that something has changed."""
    found: set[bytes] = set()
    while changes := watch.take().changes:
        for path in changes:
            found |= {item.path for item in Scan(os.fsencode(root), enter=watch.cover).at(path)}
    return found


def test_a_queue_that_runs_over_says_so(root: Path, watch: Watch) -> None:
    limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    if limit > 100_000:
        pytest.skip("this machine's queue is too long to fill in a test")
    names = [root / f"outputs/deep/{i % 2}" for i in range(limit + 10)]
    for name in names:
        os.close(os.open(name, os.O_CREAT | os.O_WRONLY))
    assert watch.take().lost
    _write(root / "outputs/afterwards")
    assert watch.take() == Hints({b"outputs/afterwards": Change.CLOSED})


def test_many_changes_at_once_are_for_a_scan(root: Path, watch: Watch) -> None:
    for i in range(10_500):
        os.mknod(root / f"outputs/deep/{i}")
    assert watch.take() == Hints({}, lost=True)


def test_a_folder_that_is_gone_or_no_folder_is_left_to_the_scan(root: Path, watch: Watch) -> None:
    _write(root / "outputs/file")
    for path in (b"outputs/nothing", b"outputs/file", b"outputs/" + b"x" * 300):
        watch.cover(path)
    assert watch.reason is None

"""What a folder must do beyond the interface: nothing leaves it, nothing half-written is seen."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from footplate_runtime.store import InvalidKey, NotFound, Store, open_store


def test_a_link_in_the_store_does_not_lead_out(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    root = tmp_path / "store"
    root.mkdir()
    (root / "out").symlink_to(outside)
    store = open_store(root.as_uri())

    with pytest.raises(InvalidKey, match="leads out"):
        store.put("out/x", b"")
    with pytest.raises(InvalidKey, match="leads out"):
        store.get("out/x")
    assert list(outside.iterdir()) == []


def test_a_store_may_itself_lie_behind_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")

    open_store((tmp_path / "link").as_uri()).put("a/b", b"x")

    assert (tmp_path / "real/a/b").read_bytes() == b"x"


def test_a_folder_is_no_object(tmp_path: Path) -> None:
    store = open_store(tmp_path.as_uri())
    store.put("a/b", b"x")

    with pytest.raises(NotFound):
        store.head("a")


def test_a_writer_that_is_killed_leaves_nothing_to_see(tmp_path: Path) -> None:
    program = """
import os, signal, sys
from footplate_runtime.store import open_store
def blocks():
    yield b"x" * 1000
    os.kill(os.getpid(), signal.SIGKILL)
open_store(sys.argv[1]).put_stream("key", blocks(), 2000)
"""
    store = open_store(tmp_path.as_uri())
    store.put("key", b"old")

    done = subprocess.run([sys.executable, "-c", program, tmp_path.as_uri()], timeout=60, check=False)

    assert done.returncode == -signal.SIGKILL
    assert store.get("key") == b"old"
    assert [entry.key for entry in store.list()] == ["key"]
    assert len(os.listdir(tmp_path)) == 2  # the unfinished file is there, only not listed


@pytest.mark.parametrize("write", ["put", "put_if_absent", "replace"])
def test_what_is_acknowledged_outlives_a_crash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: str) -> None:
    """The bytes are flushed before they get their name, then the folder with the name, and each new folder's."""
    store = open_store((tmp_path / "store").as_uri())
    if write == "replace":
        store.put("a/b/key", b"old")
    done: list[str] = []
    fsync, replace, link = os.fsync, os.replace, os.link

    def flushed(fd: int) -> None:
        path = os.readlink(f"/proc/self/fd/{fd}")
        done.append("bytes" if os.path.isfile(path) else os.path.relpath(path, tmp_path))
        fsync(fd)

    monkeypatch.setattr(os, "fsync", flushed)
    monkeypatch.setattr(os, "replace", lambda *names: done.append("name") or replace(*names))
    monkeypatch.setattr(os, "link", lambda *names: done.append("name") or link(*names))

    _write(store, write)

    made = [] if write == "replace" else [".", "store", "store/a"]
    assert done == [*made, "bytes", "name", "store/a/b"]


def _write(store: Store, how: str) -> None:
    if how == "put":
        store.put("a/b/key", b"new")
    elif how == "put_if_absent":
        assert store.put_if_absent("a/b/key", b"new")
    else:
        assert store.replace("a/b/key", b"new", store.head("a/b/key").etag or "")


def test_only_one_process_replaces_a_version(tmp_path: Path) -> None:
    program = """
import sys
from footplate_runtime.store import open_store
store = open_store(sys.argv[1])
etag = sys.stdin.readline().strip()
print(store.replace("key", sys.argv[2].encode(), etag))
"""
    store = open_store(tmp_path.as_uri())
    store.put("key", b"old")
    command = [sys.executable, "-c", program, tmp_path.as_uri()]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    programs = [subprocess.Popen([*command, str(i)], **pipes) for i in range(4)]  # type: ignore[call-overload]
    etag = store.head("key").etag

    answers = [each.communicate(f"{etag}\n", timeout=60)[0].strip() for each in programs]

    assert sorted(answers) == ["False", "False", "False", "True"]
    assert store.get("key") == str(answers.index("True")).encode()


def test_a_disk_that_is_full(tmp_path: Path) -> None:
    """A real one, of 64 KiB: the old object stays, nothing half-written is left, and it goes on when there is room."""
    program = """
import os, sys
from footplate_runtime.store import StoreUnavailable, open_store
store = open_store("file://" + sys.argv[1])
store.put("key", b"old")
try:
    store.put("key", bytes(1 << 20))
except StoreUnavailable as error:
    print(error)
assert store.get("key") == b"old"
assert os.listdir(sys.argv[1]) == ["key"]
store.put("key", b"new")
"""
    unshare = shutil.which("unshare")
    mount = 'mount -t tmpfs -o size=64k none "$0" && exec "$@"'
    command = [str(unshare), "--user", "--map-root-user", "--mount", "sh", "-c", mount, str(tmp_path)]
    if not unshare or subprocess.run([*command, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine allows no mount in a namespace of one's own")

    done = subprocess.run(
        [*command, sys.executable, "-c", program, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout == f"file://{tmp_path}/key cannot be written: the disk is full; free some space.\n"


def test_what_is_deleted_during_a_listing_is_left_out(tmp_path: Path) -> None:
    store = open_store(tmp_path.as_uri())
    for key in ("a/1", "a/2", "b/1", "c"):
        store.put(key, b"x")
    listing = store.list()
    seen = [next(listing).key]
    for key in ("a/2", "b/1"):
        store.delete(key)
    seen += [entry.key for entry in listing]
    assert seen == ["a/1", "c"]

"""What a folder must do beyond the interface: nothing leaves it, nothing half-written is seen."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from footplate_runtime.store import InvalidKey, NotFound, open_store


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

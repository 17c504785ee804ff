"""Files that cannot be read, and trees that go deeper than paths do: told, and no obstacle to all the others."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from replica import AgentProcess, Replica, eventually

from footplate_runtime.agent.scan import Scan


def test_what_cannot_be_read_is_told_and_the_rest_goes_up(local: Replica, without_override: list[str]) -> None:
    local.write("outputs/good", b"x")
    local.write("outputs/secret", b"x").chmod(0)
    local.write("outputs/closed/inside", b"x")
    local.write("outputs/listed/inside", b"x")
    (local.root / "outputs/closed").chmod(0)
    (local.root / "outputs/listed").chmod(0o400)  # its names can be read, and no more
    with AgentProcess(local, before=without_override) as agent:
        eventually(lambda: local.keys("outputs/") == ["outputs/good"], "the file that can be read")
        assert agent.stop() == 1

    said = local.termination()
    assert said["complete"] is False
    assert sorted(said["missing"]) == ["outputs/closed", "outputs/listed/inside", "outputs/secret"]
    assert "cannot be read by the agent" in said["error"]
    assert sorted(local.json("manifest.json")["missing"]) == sorted(said["missing"])
    for folder in ("closed", "listed"):
        (local.root / "outputs" / folder).chmod(0o700)


def test_what_can_be_read_after_all_goes_up(local: Replica, without_override: list[str]) -> None:
    with AgentProcess(local, before=without_override) as agent:
        late = local.write("outputs/late", b"x")
        late.chmod(0)
        eventually(lambda: "outputs/late cannot be read" in agent.log, "the refusal")
        late.chmod(0o600)
        eventually(lambda: local.keys("outputs/") == ["outputs/late"], "the file")
        assert agent.stop() == 0


def test_a_tree_that_is_deeper_than_a_path_may_be(local: Replica) -> None:
    """A key has 1024 bytes at most, a path 4096; and a program can go deeper than both."""
    local.write("outputs/shallow", b"x")
    _dig(local.root / "outputs", levels=2500, file_every=100)
    try:
        with AgentProcess(local) as agent:
            eventually(lambda: "outputs/shallow" in local.keys("outputs/"), "the shallow one")
            assert agent.stop() == 1
        stored = local.keys("outputs/")
        assert stored == sorted(["outputs/shallow", *("outputs/" + "d/" * n + "file" for n in range(100, 501, 100))])
        said = local.termination()
        assert said["complete"] is False
        assert "use shorter names" in said["error"]
    finally:
        subprocess.run(["rm", "-rf", local.root / "outputs/d"], check=True)  # pytest's own would recurse


def test_what_is_too_deep_to_be_listed_is_named(tmp_path: Path) -> None:
    _dig(tmp_path / "root", levels=2200, file_every=1000)
    try:
        scan = Scan(os.fsencode(tmp_path / "root"))
        assert sorted(found.path.count(b"/") for found in scan) == [1000, 2000]
        assert [path.count(b"/") > 2000 for path in scan.unreadable] == [True]
    finally:
        subprocess.run(["rm", "-rf", tmp_path / "root"], check=True)


def _dig(folder: Path, levels: int, file_every: int) -> None:
    """Folders in folders, by way of descriptors: no path would be short enough."""
    folder.mkdir(exist_ok=True)
    here = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    for level in range(1, levels + 1):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY | os.O_DIRECTORY, dir_fd=here)
        os.close(here)
        here = below
        if level % file_every == 0:
            os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)


def test_odd_names_are_renamed_and_deleted_like_others(local: Replica) -> None:
    names = [b"a#1", b"100%", b"%41", b"\\leading", b"\xff\xfe", b"two\nlines", b" "]
    local.mirror_deletes = True
    local.write_orders()
    with AgentProcess(local) as agent:
        files = [local.write(b"outputs/" + name, name) for name in names]
        eventually(lambda: len(local.keys("outputs/")) == len(names), "the files")
        for i, file in enumerate(files):
            file.rename(file.with_name(f"second-{i}"))
        new = [f"outputs/second-{i}" for i in range(len(names))]
        eventually(lambda: local.keys("outputs/") == new, "the renaming")
        assert agent.stop() == 0
    assert [local.store.get(key) for key in new] == names

"""What stays behind: ``outputs.exclude`` and ``.footplateignore``."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from replica import AgentProcess, Replica, eventually

from footplate_runtime.agent.ignored import IgnoreFile, excluded
from footplate_runtime.agent.scan import Scan

PATHS = ["a.ckpt", "deep/b.ckpt", "cache/x", "deep/cache/y", "keep", "deep/keep.txt", "scratch/z", "deep/scratch/z"]


@pytest.mark.parametrize(
    ("patterns", "stays"),
    [
        (["*.ckpt"], ["a.ckpt", "deep/b.ckpt"]),
        (["cache/*"], ["cache/x"]),
        (["./cache/x"], ["cache/x"]),
        (["scratch/"], ["deep/scratch/z", "scratch/z"]),
        (["deep/*"], ["deep/b.ckpt", "deep/cache/y", "deep/keep.txt", "deep/scratch/z"]),
        (["*.ckpt", "keep", "scratch"], ["a.ckpt", "deep/b.ckpt", "deep/scratch/z", "keep", "scratch/z"]),
        (["[ac].*"], ["a.ckpt"]),
        ([], []),
    ],
)
def test_patterns_of_the_job(tmp_path: Path, patterns: list[str], stays: list[str]) -> None:
    matches = excluded(patterns)
    assert _left_out(tmp_path, lambda path, is_folder: matches(path)) == stays


@pytest.mark.parametrize(
    ("text", "stays"),
    [
        ("*.ckpt\n", ["a.ckpt", "deep/b.ckpt"]),
        ("# a comment\n\n*.ckpt\n!a.ckpt\n", ["deep/b.ckpt"]),
        ("cache/\n", ["cache/x", "deep/cache/y"]),
        ("/cache/\n", ["cache/x"]),
        ("deep/**/z\n", ["deep/scratch/z"]),
        ("*\n!keep\n", [path for path in sorted(PATHS) if path != "keep"]),
        ("keep/\n", []),
        ("!\nkeep\n", ["keep"]),
        ("\x00\xff\nkeep\n", ["keep"]),
        ("", []),
    ],
)
def test_an_ignore_file(tmp_path: Path, text: str, stays: list[str]) -> None:
    (tmp_path / "outputs").mkdir()
    (tmp_path / "outputs/.footplateignore").write_text(text, encoding="latin-1")
    said: list[str] = []
    file = IgnoreFile(os.fsencode(os.path.realpath(tmp_path)), b"outputs", said.append)
    file.refresh()

    assert _left_out(tmp_path / "outputs", file.matches) == stays
    assert len(said) == text.startswith("!\n")


def _left_out(folder: Path, skip: object) -> list[str]:
    for path in PATHS:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).touch()
    found = {os.fsdecode(item.path) for item in Scan(os.fsencode(folder), skip)}  # type: ignore[arg-type]
    assert found <= {*PATHS, ".footplateignore"}
    return sorted(set(PATHS) - found)


def test_one_that_is_too_large_holds_at_its_beginning(tmp_path: Path) -> None:
    (tmp_path / ".footplateignore").write_text("keep\n" + "x\n" * 600)
    said: list[str] = []
    file = IgnoreFile(os.fsencode(os.path.realpath(tmp_path)), b"", said.append)
    file.refresh()
    assert file.matches(b"keep", False)
    assert "only its first 500 patterns hold" in said[0]


def test_what_a_link_would_give_away_is_no_ignore_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("keep\n")
    (tmp_path / "root").mkdir()
    (tmp_path / "root/.footplateignore").symlink_to(tmp_path / "secret")
    file = IgnoreFile(os.fsencode(os.path.realpath(tmp_path / "root")), b"", print)
    file.refresh()
    assert not file.matches(b"keep", False)


def test_it_holds_from_when_it_is_written(local: Replica) -> None:
    with AgentProcess(local) as agent:
        local.write("outputs/debug/early", b"x")
        eventually(lambda: local.keys("outputs/") == ["outputs/debug/early"], "the first file")
        local.write("outputs/.footplateignore", b"debug/\n*.bin\n!model.bin\n")
        local.write("outputs/debug/late", b"x")
        local.write("outputs/model.bin", b"x")
        local.write("outputs/other.bin", b"x")
        eventually(lambda: "outputs/model.bin" in local.keys("outputs/"), "the model")
        assert agent.stop() == 0

    assert local.keys("outputs/") == ["outputs/.footplateignore", "outputs/debug/early", "outputs/model.bin"]
    listed = [file["path"] for file in local.json("manifest.json")["files"]]
    assert listed == ["outputs/.footplateignore", "outputs/model.bin"]

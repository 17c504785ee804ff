from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from footplate.cli.runs.outputs import Manifest, Output, below, described, read_outputs, totals
from footplate_runtime.store import Entry, open_store

THEN = datetime(2026, 11, 21, 11, 0, tzinfo=UTC)


def entry(key: str, size: int = 3, seconds: int = 0) -> Entry:
    return Entry(key, size, "e", THEN + timedelta(seconds=seconds))


def shown(outputs: list[Output]) -> dict[str, tuple[str | None, bool]]:
    return {o.path: (o.sha256, o.deleted) for o in outputs}


def test_without_a_manifest_nothing_is_proven() -> None:
    assert shown(described([entry("outputs/a"), entry("outputs/b/c")], "", None)) == {
        "a": (None, False),
        "b/c": (None, False),
    }


@pytest.mark.parametrize(
    ("item", "complete", "expected"),
    [
        (entry("outputs/a"), True, ("f00", False)),
        (entry("outputs/a", size=4), True, (None, False)),  # another size: not the one that was checked
        (entry("outputs/a", seconds=9), True, (None, False)),  # written after the manifest
        (entry("outputs/z"), True, (None, True)),  # the program had deleted it
        (entry("outputs/z"), False, (None, False)),  # an incomplete manifest does not know
        (entry("outputs/z", seconds=9), True, (None, False)),
    ],
)
def test_what_a_manifest_says(item: Entry, complete: bool, expected: tuple[str | None, bool]) -> None:
    manifest = Manifest({"outputs/a": (3, "f00")}, complete, THEN + timedelta(seconds=5))
    (found,) = described([item], "", manifest)
    assert (found.sha256, found.deleted) == expected


def test_other_replicas_have_folders_of_their_own(tmp_path: Path) -> None:
    store = open_store(tmp_path.as_uri())
    store.put("outputs/model", b"abc")
    store.put("outputs/old", b"abc")
    store.put("ranks/worker-1/outputs/shard", b"12345")
    for home, path, size in (("", "outputs/model", 3), ("ranks/worker-1/", "outputs/shard", 5)):
        files = [{"path": path, "size": size, "sha256": f"{size}" * 64}]
        store.put(f"{home}manifest.json", json.dumps({"version": 1, "complete": True, "files": files}).encode())
    assert shown(read_outputs(store)) == {"model": ("3" * 64, False), "ranks/worker-1/shard": ("5" * 64, False)}
    assert shown(read_outputs(store, deleted=True))["old"] == (None, True)
    assert totals(read_outputs(store)) == "2 files, 8 B"


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"files": [{"path": 3}]}'])
def test_a_manifest_that_is_none_proves_nothing(tmp_path: Path, content: bytes) -> None:
    store = open_store(tmp_path.as_uri())
    store.put("outputs/model", b"abc")
    store.put("manifest.json", content)
    assert shown(read_outputs(store)) == {"model": (None, False)}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("", ["a", "b/c", "b/d/e", "bc"]),
        (".", ["a", "b/c", "b/d/e", "bc"]),
        ("a", ["a"]),
        ("b", ["b/c", "b/d/e"]),
        ("b/", ["b/c", "b/d/e"]),
        ("./b/d", ["b/d/e"]),
        ("b/c", ["b/c"]),
        ("x", []),
    ],
)
def test_a_path_is_a_file_or_a_folder(path: str, found: list[str]) -> None:
    outputs = described([entry(f"outputs/{p}") for p in ("a", "b/c", "b/d/e", "bc")], "", None)
    assert [o.path for o in below(outputs, path)] == found

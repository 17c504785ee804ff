"""Which objects of a run are the outputs to go on from."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from footplate_runtime.fetch.leftovers import Manifest, leftovers, without_clashes
from footplate_runtime.store import Entry

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def entry(path: str, minute: float = 0, home: str = "") -> Entry:
    return Entry(f"{home}outputs/{path}", 3, "etag", NOON + timedelta(minutes=minute))


def manifest(*paths: str, minute: float = 5, complete: bool = True, home: str = "") -> Manifest:
    files = {f"{home}outputs/{path}": f"sha of {path}" for path in paths}
    return Manifest(files, complete, NOON + timedelta(minutes=minute))


@pytest.mark.parametrize(
    ("entries", "told", "expected"),
    [
        pytest.param([entry("a")], None, {"a": None}, id="no manifest: what there is"),
        pytest.param([entry("a")], manifest("a"), {"a": "sha of a"}, id="the manifest knows what it holds"),
        pytest.param([entry("a"), entry("b")], manifest("a"), {"a": "sha of a"}, id="the program had deleted b"),
        pytest.param(
            [entry("a"), entry("b")],
            manifest("a", complete=False),
            {"a": "sha of a", "b": None},
            id="b was not complete: its version before is there",
        ),
        pytest.param(
            [entry("a", minute=9), entry("b", minute=9)],
            manifest("a"),
            {"a": None, "b": None},
            id="a later attempt, which left no manifest, wrote both",
        ),
        pytest.param([entry("a", minute=5)], manifest("a"), {"a": "sha of a"}, id="times of S3 are whole seconds"),
        pytest.param(
            [entry("a.tmp"), entry("sub/b.part"), entry(".~c"), entry("d/"), entry("e")],
            None,
            {"e": None},
            id="never what was about to be renamed, nor the marks of folders",
        ),
        pytest.param([entry("%41.tmp"), entry("b%0A")], None, {"b%0A": None}, id="names are kept as keys"),
    ],
)
def test_what_is_brought_back(entries: list[Entry], told: Manifest | None, expected: dict[str, str | None]) -> None:
    assert {item.path: item.sha256 for item in leftovers(entries, "", told)} == expected


def test_of_another_replica() -> None:
    home = "ranks/worker-1/"

    found = leftovers([entry("a/b", home=home)], home, manifest("a/b", home=home))

    assert [(item.path, item.entry.key, item.sha256) for item in found] == [
        ("a/b", "ranks/worker-1/outputs/a/b", "sha of a/b")
    ]


def test_a_file_and_a_folder_of_one_name_are_from_different_attempts() -> None:
    older_file = [entry("a", 1), entry("a/b", 2)]
    older_folder = [entry("a", 2), entry("a/b/c", 1)]

    assert [item.path for item in without_clashes(leftovers(older_file, "", None))] == ["a/b"]
    assert [item.path for item in without_clashes(leftovers(older_folder, "", None))] == ["a"]


def test_the_replicas_own_stand_over_the_primarys() -> None:
    own = leftovers([entry("a", 1, "ranks/worker-1/")], "ranks/worker-1/", None)
    primarys = leftovers([entry("a", 9), entry("b")], "", None)

    kept = without_clashes([*own, *primarys])

    assert [item.entry.key for item in kept] == ["ranks/worker-1/outputs/a", "outputs/b"]

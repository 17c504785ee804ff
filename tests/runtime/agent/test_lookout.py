"""What waits is held in bounds, and nothing of it is forgotten."""

from __future__ import annotations

import os

import pytest
from replica import Replica

from footplate_runtime.agent import lookout
from footplate_runtime.agent.journal import Journal, Uploaded
from footplate_runtime.agent.lookout import Lookout, Pace
from footplate_runtime.agent.tree import Tree
from footplate_runtime.agent.watch import Change
from footplate_runtime.orders import Orders, Place


@pytest.fixture
def journal(local: Replica) -> Journal:
    return Journal(local.root / "state/journal.jsonl")


@pytest.fixture
def outputs(local: Replica, journal: Journal, monkeypatch: pytest.MonkeyPatch) -> Lookout:
    monkeypatch.setattr(lookout, "_HELD", 40)
    monkeypatch.setattr(lookout, "_AT_ONCE", 10)
    tree = Tree(Place.from_env(local.env), Orders.load(local.root))

    def is_stored(item: lookout.Item) -> bool:
        known = journal.uploaded.get(item.key)
        return known is not None and known.stamp == item.stamp

    return Lookout(tree, journal, is_stored, lambda items: None, lambda: None)


def _upload(outputs: Lookout, journal: Journal) -> int:
    """All that is held; how many that were."""
    items = list(outputs.pending.values())
    journal.record_uploads([(item.key, Uploaded(item.stamp, "ab" * 32)) for item in items])
    outputs.rested(0.0, 0.0)
    return len(items)


def test_more_than_is_held_is_counted_and_found_again(local: Replica, outputs: Lookout, journal: Journal) -> None:
    for i in range(100):
        local.write(f"outputs/{i}", b"xy")
    waves = []
    while True:
        outputs.scan(final=False)
        assert outputs.pending_files + outputs.stored_files == 100
        assert outputs.pending_bytes + outputs.stored_bytes == 200
        if not outputs.pending:
            break
        assert not outputs.runs_dry
        waves.append(_upload(outputs, journal))
        assert outputs.runs_dry == (not outputs.holds_all)
    assert waves == [40, 40, 20]
    assert outputs.stored_files == 100


@pytest.mark.parametrize("held_before", [0, 35])
def test_a_folder_of_many_files_is_left_to_the_scan(
    local: Replica, outputs: Lookout, journal: Journal, held_before: int
) -> None:
    for i in range(held_before):
        local.write(f"outputs/{i}", b"x")
    outputs.scan(final=False)
    for i in range(30):
        local.write(f"outputs/moved/{i}", b"x")
    at_once = outputs.look_again({b"moved": Change.MOVED}, 0.0)
    assert len(at_once) == min(10, 40 - held_before)
    assert not outputs.holds_all
    _upload(outputs, journal)
    assert outputs.runs_dry
    outputs.scan(final=False)
    assert outputs.holds_all
    assert outputs.pending_files + outputs.stored_files == held_before + 30


def test_hints_keep_the_counts(local: Replica, outputs: Lookout, journal: Journal) -> None:
    file = local.write("outputs/a", b"12345")
    outputs.scan(final=False)
    _upload(outputs, journal)
    assert (outputs.stored_files, outputs.stored_bytes, outputs.pending_files) == (1, 5, 0)
    file.write_bytes(b"123")
    assert outputs.look_again({b"a": Change.CLOSED}, 0.0) == []
    assert (outputs.stored_files, outputs.stored_bytes, outputs.pending_bytes) == (0, 0, 3)
    _upload(outputs, journal)
    assert (outputs.stored_files, outputs.stored_bytes, outputs.pending_files) == (1, 3, 0)
    local.write("outputs/b", b"x")
    outputs.look_again({b"b": Change.CLOSED}, 0.0)
    os.unlink(local.root / "outputs/b")
    outputs.look_again({b"b": Change.GONE}, 0.0)
    assert outputs.pending_files == 0


def test_the_pause_grows_with_what_a_scan_takes() -> None:
    pace = Pace()
    assert pace.due(1000.0, 20)
    pace.done(1000.0, 1000.5)
    assert [pace.due(1000.5 + seconds, 20) for seconds in (9.9, 10.1)] == [False, True]
    assert [pace.due(1000.5 + seconds, 200) for seconds in (99.0, 101.0)] == [False, True]
    pace.done(2000.0, 2000.001)
    assert [pace.due(2000.001 + seconds, 20) for seconds in (0.9, 1.1)] == [False, True]

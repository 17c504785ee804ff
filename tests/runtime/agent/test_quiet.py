from __future__ import annotations

from footplate_runtime.agent.quiet import Quiet
from footplate_runtime.agent.uploader import Item
from footplate_runtime.files import Stamp


def _item(size: int, mtime: float, inode: int = 1) -> Item:
    return Item(b"outputs/a", "outputs/a", Stamp(inode, size, int(mtime * 1e9), 0))


def test_a_changing_file_waits_until_it_rests() -> None:
    quiet = Quiet()

    assert quiet.rested([_item(1, 1000.0)], 0.0, 1000.0) == []
    assert quiet.rested([_item(2, 1001.0)], 1.0, 1001.0) == []
    assert quiet.rested([_item(2, 1001.0)], 2.0, 1002.0) == []
    assert quiet.rested([_item(2, 1001.0)], 3.0, 1003.0) == [_item(2, 1001.0)]


def test_a_file_renamed_into_place_counts_at_once() -> None:
    quiet = Quiet()
    quiet.rested([_item(1, 999.5)], 0.0, 1000.0)

    assert quiet.rested([_item(9, 500.0, inode=2)], 1.0, 1001.0) == [_item(9, 500.0, inode=2)]


def test_a_time_in_the_future_does_not_hold_it_for_ever() -> None:
    quiet = Quiet()

    assert quiet.rested([_item(1, 9999.0)], 0.0, 1000.0) == []
    assert quiet.rested([_item(1, 9999.0)], 2.0, 1002.0) == [_item(1, 9999.0)]

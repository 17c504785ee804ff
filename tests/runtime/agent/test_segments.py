from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from footplate_runtime.agent.journal import Growth, Part
from footplate_runtime.agent.segments import MAX_SEGMENT, MERGE, next_step
from footplate_runtime.files import Stamp


def _stamp(size: int, inode: int = 1) -> Stamp:
    return Stamp(inode, size, 0, 0)


def test_what_is_new_is_sent() -> None:
    step = next_step(Growth(1, (Part(0, 10, 0),)), _stamp(15))

    assert step is not None
    assert (step.put, step.drop) == (Part(10, 15, 0), ())


def test_nothing_new() -> None:
    assert next_step(Growth(1, (Part(0, 10, 0),)), _stamp(10)) is None
    assert next_step(None, _stamp(0)) is None


def test_a_burst_is_split() -> None:
    step = next_step(None, _stamp(3 * MAX_SEGMENT))

    assert step is not None
    assert step.put == Part(0, MAX_SEGMENT, 0)


def test_another_file_under_the_name_starts_again() -> None:
    old = Growth(1, (Part(0, 10, 0),))
    for stamp in (_stamp(5), _stamp(50, inode=2)):
        step = next_step(old, stamp)
        assert step is not None
        assert (step.put, step.drop, step.after) == (None, old.parts, Growth(stamp.inode, ()))


@given(st.integers(1, 3000))
@settings(max_examples=15, deadline=None)
def test_segments_cover_the_file_and_stay_few(lines: int) -> None:
    growth: Growth | None = None
    sent = 0
    for size in range(1, lines + 1):
        while (step := next_step(growth, _stamp(size))) is not None:
            sent += step.put.end - step.put.start if step.put else 0
            growth = step.after
    assert growth is not None
    assert [p.start for p in growth.parts] == [0, *(p.end for p in growth.parts[:-1])]
    assert growth.sent == lines
    assert len(growth.parts) <= 3 * (MERGE - 1)
    assert sent <= 4 * lines

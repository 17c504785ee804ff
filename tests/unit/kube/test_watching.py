from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footplate.kube.watching import lines


async def split(pieces: list[bytes]) -> list[bytes]:
    async def source() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    return [line async for line in lines(source())]


@pytest.mark.parametrize(
    ("pieces", "wanted"),
    [
        ([b"a\nb\n"], [b"a", b"b"]),
        ([b"a", b"b", b"c\nd", b"\n"], [b"abc", b"d"]),
        ([b"\n\na\n"], [b"a"]),
        ([b"a\nunfinished"], [b"a"]),
        ([], []),
    ],
)
async def test_lines_are_put_together(pieces: list[bytes], wanted: list[bytes]) -> None:
    assert await split(pieces) == wanted


@given(st.lists(st.binary(max_size=5).filter(lambda line: b"\n" not in line and line)), st.integers(1, 7))
async def test_it_does_not_matter_how_the_bytes_arrive(wanted: list[bytes], size: int) -> None:
    stream = b"".join(line + b"\n" for line in wanted)
    assert await split([stream[at : at + size] for at in range(0, len(stream), size)]) == wanted

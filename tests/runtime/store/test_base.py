"""What an upload of any size costs in memory and parts."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from s3_server import S3Server, s3_server

from footplate_runtime.agent.transfers import BUDGET
from footplate_runtime.store import InvalidKey, open_store
from footplate_runtime.store.base import MAX_STREAM_BYTES, SINGLE_PUT_BYTES, buffer_size, part_plan

__all__ = ["s3_server"]
MIB = 1 << 20


@given(st.integers(SINGLE_PUT_BYTES + 1, MAX_STREAM_BYTES))
def test_parts_are_few_enough_and_fit_into_memory(size: int) -> None:
    part, parallel = part_plan(size)

    assert -(-size // part) <= 10_000
    assert part >= 5 * MIB  # Amazon S3: the least that a part may have
    assert parallel >= 1
    assert buffer_size(size) <= min(size, 80 * MIB)


@pytest.mark.parametrize("size", [0, 1, SINGLE_PUT_BYTES, SINGLE_PUT_BYTES + 1, 2 << 30, 250 << 30])
def test_what_most_jobs_write_is_within_the_budget(size: int) -> None:
    assert buffer_size(size) <= BUDGET


def test_what_is_too_large_is_refused_before_a_byte_is_sent(s3_server: S3Server) -> None:
    store = open_store(s3_server.new_uri(), s3_server.endpoint, None, s3_server.env)

    with pytest.raises(InvalidKey, match=r"larger than 390 GiB; split the file"):
        store.put_stream("big", itertools.repeat(b"x"), 500 << 30)

    assert list(store.list()) == []

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from job_factory import make_job, stamp

from footplate.cli.logs import Console, Lines, consoles, from_store, resumed
from footplate.cli.runs.address import Address
from footplate.engine.clock import SystemClock
from footplate.jobs.naming import Replica
from footplate.kube.client import KubeClient
from footplate.kube.resources import Resource
from footplate_runtime.store import open_store


@given(st.lists(st.binary(max_size=20)))
def test_lines_are_those_of_the_whole(pieces: list[bytes]) -> None:
    lines = Lines()
    found = [line for piece in pieces for line in lines.add(piece)] + lines.finish()
    whole = b"".join(pieces)
    expected = whole.split(b"\n")
    assert found == (expected if expected[-1] else expected[:-1])


def test_a_line_without_end_is_shown_in_parts() -> None:
    lines = Lines()
    assert lines.add(b"x" * 70_000) == [b"x" * 70_000]
    assert lines.finish() == []


def test_the_names_of_a_console() -> None:
    console = Console("default", "digits", 2, Replica("worker", 1))
    assert console.pod == "digits-2-worker-1"
    assert console.key == "logs/2/worker-1.log"


@pytest.mark.parametrize(
    ("lost", "keys", "before"),
    [
        (None, ["worker-1"], [None]),
        ({"times": 1, "replaced": False}, ["worker-1"], [None]),
        ({"times": 1, "replaced": True}, ["worker-1", "worker-1.r1"], [None, "u"]),
        ({"times": 3, "replaced": False}, ["worker-1", "worker-1.r1", "worker-1.r2"], [None, None, None]),
    ],
)
def test_a_replica_that_was_replaced_has_several_consoles(
    lost: dict[str, Any] | None, keys: list[str], before: list[str | None]
) -> None:
    entry = {"replica": "worker-1", "time": stamp(9), "reason": "Signal", "message": "", "podUid": "u", **(lost or {})}
    job = make_job(status={"attempts": [{"number": 1, "lost": [entry] if lost else []}]})
    found = consoles("default", job, 1, Replica("worker", 1))
    assert [c.key for c in found] == [f"logs/1/{key}.log" for key in keys]
    assert [c.before for c in found] == before
    assert [c.key for c in consoles("default", job, 1, Replica("worker", 0))] == ["logs/1/worker-0.log"]


class Pods:
    """A client that sees one pod name, on which another pod is each time it is asked for."""

    def __init__(self, *uids: str) -> None:
        self.uids = iter(uids)
        self.uid = ""

    async def get(self, resource: Resource, name: str, namespace: str) -> dict[str, Any]:
        self.uid = next(self.uids)
        return {"metadata": {"uid": self.uid}, "status": {}}  # whose container has not ended

    async def pod_log(self, *place: str, follow: bool) -> AsyncGenerator[bytes]:
        yield f"{self.uid} says\n".encode()


@pytest.mark.parametrize(
    ("uids", "before", "shown"),
    [
        (["a", "a", "b"], None, [b"a says\n"]),  # the stream broke, and another pod has the name
        (
            ["a", "a", "b", "b", "c"],
            "a",
            [b"b says\n"],
        ),  # the lost pod is still there when its replacement is asked for
    ],
)
async def test_a_console_is_that_of_one_pod(uids: list[str], before: str | None, shown: list[bytes]) -> None:
    client = cast(KubeClient, Pods(*uids))
    pieces = resumed(client, "default", "digits-1-worker-1", "train", SystemClock(), lambda: False, before)
    assert [piece async for piece in pieces] == shown


async def test_the_rest_comes_from_the_store(tmp_path: Path) -> None:
    store = open_store(tmp_path.as_uri())
    store.put("logs/1/worker-0.log", b"one\ntwo\nthree\n")
    assert [b async for b in from_store(Address(tmp_path.as_uri()), "logs/1/worker-0.log", 4)] == [b"two\nthree\n"]
    assert [b async for b in from_store(Address(tmp_path.as_uri()), "logs/1/worker-0.log", 14)] == []
    assert [b async for b in from_store(Address(tmp_path.as_uri()), "logs/1/worker-1.log", 0)] == []
    assert [b async for b in from_store(None, "logs/1/worker-0.log", 0)] == []

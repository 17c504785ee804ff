"""Container logs: as the API server passes them on to kubectl."""

from __future__ import annotations

import asyncio
import re
import struct
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from api_server import ApiServerInThread
from node_harness import NodeHarness, container, running_node, shell, state_of, status_of

from footplate.errors import ApiError
from footplate_local.node.logs import LogOptions, last_lines, read_log


@pytest.fixture
async def node(api_server: ApiServerInThread) -> AsyncIterator[NodeHarness]:
    async with running_node(api_server) as harness:
        yield harness


async def raw(node: NodeHarness, query: str) -> tuple[int, str]:
    status, body = await asyncio.to_thread(
        node.server.request, "GET", f"/api/v1/namespaces/default/pods/p/log?container=main&{query}"
    )
    return status, body if isinstance(body, str) else str(body.get("message", body) if isinstance(body, dict) else body)


async def test_following_a_log_ends_with_the_container(node: NodeHarness) -> None:
    await node.create(containers=[shell("for i in 1 2 3; do echo line $i; sleep 0.1; done; printf unfinished")])
    await node.until(lambda pod: state_of(pod).keys() & {"running", "terminated"})
    pieces = [piece async for piece in node.client.pod_log("p", "default", "main", follow=True)]
    assert b"".join(pieces) == b"line 1\nline 2\nline 3\nunfinished"


async def test_tail_timestamps_and_limits(node: NodeHarness) -> None:
    await node.create(containers=[shell("echo one; sleep 0.3; echo two; echo three")])
    await node.until_phase("Succeeded")
    assert await raw(node, "tailLines=2") == (200, "two\nthree\n")
    assert await raw(node, "limitBytes=5") == (200, "one\nt")
    status, text = await raw(node, "timestamps=true")
    assert status == 200
    stamps, lines = zip(*(line.split(" ", 1) for line in text.splitlines()), strict=True)
    assert lines == ("one", "two", "three")
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", stamp) for stamp in stamps)
    assert stamps[0] < stamps[1]


async def test_the_run_before_and_logs_that_are_not_there_yet(node: NodeHarness) -> None:
    script = "echo run; if [ -e once ]; then exec sleep 300; fi; touch once; exit 1"
    await node.create(restartPolicy="OnFailure", containers=[shell(script)])
    await node.until(lambda pod: status_of(pod).get("restartCount") == 1 and "running" in state_of(pod))
    assert await raw(node, "previous=true") == (200, "run\n")
    await node.create("q", containers=[{**container("true"), "image": "Not An Image"}])
    await node.until(lambda pod: "waiting" in state_of(pod), "q")
    with pytest.raises(ApiError, match="waiting to start: InvalidImageName"):
        [piece async for piece in node.client.pod_log("q", "default", "main")]


async def test_output_is_kept_byte_by_byte(node: NodeHarness) -> None:
    program = "import os; os.write(1, bytes(range(256)) * 4096)"
    await node.create(containers=[container("python3", "-S", "-c", program)])
    pod = await node.until_phase("Succeeded")
    log = node.home.pod(pod["metadata"]["uid"]).log("main", 0)
    assert log.read_bytes() == bytes(range(256)) * 4096


async def test_much_output_and_a_process_that_holds_it_open(node: NodeHarness) -> None:
    """The end of the program is the end of the log, though a child of it has the output still."""
    await node.create(containers=[shell("head -c 50000000 /dev/zero; sleep 300 & exit 0")])
    pod = await node.until_phase("Succeeded")
    assert node.home.pod(pod["metadata"]["uid"]).log("main", 0).stat().st_size == 50_000_000


def write_log(path: Path, chunks: list[tuple[int, bytes]]) -> None:
    """CHUNKS are (unix seconds, bytes) as they arrived."""
    offset, index, content = 0, b"", b""
    for seconds, chunk in chunks:
        index += struct.pack("<QQ", offset, seconds * 10**9)
        content += chunk
        offset += len(chunk)
    path.write_bytes(content)
    path.with_name(path.name + ".index").write_bytes(index)


async def read(path: Path, options: LogOptions) -> bytes:
    return b"".join([piece async for piece in read_log(path, options, lambda: True)])


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        (LogOptions(), b"a\nbc\nd\r\ne"),
        (LogOptions(tail=0), b""),
        (LogOptions(tail=1), b"e"),
        (LogOptions(tail=2), b"d\r\ne"),
        (LogOptions(tail=99), b"a\nbc\nd\r\ne"),
        (LogOptions(since=150.0), b"d\r\ne"),  # bc began before
        (LogOptions(since=300.0), b"e"),
        (LogOptions(since=301.0), b""),
        (LogOptions(since=150.0, tail=1), b"e"),
        (LogOptions(limit=4), b"a\nbc"),
        (
            LogOptions(timestamps=True, tail=3),
            b"1970-01-01T00:01:40.000000000Z bc\n1970-01-01T00:03:20.000000000Z d\r\n1970-01-01T00:05:00.000000000Z e",
        ),
    ],
)
async def test_reading_with_options(tmp_path: Path, options: LogOptions, wanted: bytes) -> None:
    path = tmp_path / "0.log"
    write_log(path, [(100, b"a\nb"), (200, b"c\nd\r\n"), (300, b"e")])
    assert await read(path, options) == wanted


async def test_the_tail_of_a_long_log_is_found_from_its_end(tmp_path: Path) -> None:
    path = tmp_path / "0.log"
    lines = [b"%06d\n" % number for number in range(60_000)]
    write_log(path, [(1, b"".join(lines))])
    assert await read(path, LogOptions(tail=20_000)) == b"".join(lines[-20_000:])


async def test_lines_longer_than_a_block_have_one_timestamp(tmp_path: Path) -> None:
    path = tmp_path / "0.log"
    write_log(path, [(100, b"x" * 200_000 + b"\n"), (200, b"y\n")])
    stamped = (await read(path, LogOptions(timestamps=True))).splitlines()
    assert [line.split(b" ")[0] for line in stamped] == [
        b"1970-01-01T00:01:40.000000000Z",
        b"1970-01-01T00:03:20.000000000Z",
    ]


async def test_following_sees_what_is_added(tmp_path: Path) -> None:
    path = tmp_path / "0.log"
    write_log(path, [(100, b"a\n")])
    over = asyncio.Event()
    seen: list[bytes] = []

    async def follow() -> None:
        async for piece in read_log(path, LogOptions(follow=True, timestamps=False), over.is_set):
            seen.append(piece)

    task = asyncio.create_task(follow())
    deadline = time.monotonic() + 10
    while not seen and time.monotonic() < deadline:
        await asyncio.sleep(0.01)
    with path.open("ab") as file:
        file.write(b"b\n")
    over.set()
    await asyncio.wait_for(task, 10)
    assert b"".join(seen) == b"a\nb\n"


def test_the_last_lines_of_a_log(tmp_path: Path) -> None:
    path = tmp_path / "0.log"
    path.write_bytes(b"".join(b"%d\n" % number for number in range(100)))
    assert last_lines(path, 3, 2048) == b"97\n98\n99\n"
    assert last_lines(path, 80, 4) == b"\n99\n"
    assert last_lines(tmp_path / "none", 80, 2048) == b""

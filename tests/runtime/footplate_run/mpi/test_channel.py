"""Messages over real TLS between two ends of this process."""

from __future__ import annotations

import select
import socket
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mpi_job import write_keys

from footplate_run.errors import CannotStart
from footplate_run.mpi import channel as messages
from footplate_run.mpi.channel import LOST_SECONDS, PING_SECONDS, Channel
from footplate_run.mpi.tls import Keys


class End:
    """One end, and what it has heard."""

    def __init__(self, plain: socket.socket, keys: Keys, server: bool, now: float = 0) -> None:
        context = keys.server() if server else keys.client()
        tls = context.wrap_socket(plain, server_side=server, do_handshake_on_connect=False)
        self.heard: list[tuple[int, int, bytes]] = []
        self.lost: list[str] = []
        self.channel = Channel(tls, lambda *message: self.heard.append(message), self.lost.append, now)
        if not server:
            self.channel._needs = select.POLLOUT  # a client speaks first

    def turn(self) -> None:
        if self.lost:
            return
        events = self.channel.wants()
        if select.select(
            [self.channel] if events & select.POLLIN else [],
            [self.channel] if events & select.POLLOUT else [],
            [],
            0.01,
        ) != ([], [], []):
            self.channel.ready()


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    write_keys(tmp_path / "keys")
    return Keys(str(tmp_path / "keys"))


@pytest.fixture
def ends(keys: Keys) -> Iterator[tuple[End, End]]:
    pair = socket.socketpair()
    server, client = End(pair[0], keys, server=True), End(pair[1], keys, server=False)
    turn_until(lambda: server.channel.open and client.channel.open, server, client)
    yield server, client
    server.channel.close()
    client.channel.close()


def turn_until(true: Callable[[], bool], *ends: End) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        for end in ends:
            end.turn()


def test_messages_arrive_whole_and_in_order(ends: tuple[End, End]) -> None:
    server, client = ends
    sent = [(messages.OUTPUT, 1, bytes([number]) * 100_000) for number in range(50)]  # 5 MB: more than any buffer
    for message in sent:
        server.channel.send(*message)
    client.channel.send_json(messages.START, {"command": "orted"}, 7)
    turn_until(lambda: len(client.heard) == len(sent) and len(server.heard) == 1, server, client)
    assert client.heard == sent
    assert server.heard == [(messages.START, 7, b'{"command": "orted"}')]


def test_an_end_is_heard_after_the_last_message(ends: tuple[End, End]) -> None:
    server, client = ends
    client.channel.send(messages.DONE)
    client.turn()
    client.channel.close()
    turn_until(lambda: bool(server.lost), server)
    assert server.heard == [(messages.DONE, 0, b"")]
    assert server.lost == ["it has closed the connection"]


def test_a_peer_that_says_nothing_is_lost(ends: tuple[End, End]) -> None:
    server, _ = ends
    server.channel.keep_alive(LOST_SECONDS - 1)
    assert server.lost == []
    server.channel.keep_alive(LOST_SECONDS)
    assert server.lost == ["it has not answered for 20 s"]


def test_pings_keep_it(ends: tuple[End, End]) -> None:
    server, client = ends
    now = 0.0
    for _ in range(5):
        now += LOST_SECONDS - 1
        client.channel.keep_alive(now)
        turn_until(lambda: server.channel._anything, server)
        server.channel.keep_alive(now)
        turn_until(lambda: client.channel._anything, client)
    assert server.lost == client.lost == []
    assert server.heard == [], "nobody else is told of pings"
    assert LOST_SECONDS > 3 * PING_SECONDS


def test_a_message_that_is_too_long_ends_the_connection(ends: tuple[End, End]) -> None:
    server, client = ends
    client.channel.tls.send(struct.pack(">BII", messages.INPUT, 0, 1 << 31))
    turn_until(lambda: bool(server.lost), server)
    assert server.lost == ["a message of 2147483648 bytes"]


def test_other_keys_are_refused_by_both_sides(keys: Keys, tmp_path: Path) -> None:
    write_keys(tmp_path / "others")
    pair = socket.socketpair()
    server = End(pair[0], keys, server=True)
    client = End(pair[1], Keys(str(tmp_path / "others")), server=False)
    turn_until(lambda: bool(server.lost and client.lost), server, client)
    assert "TLS: " in client.lost[0]
    assert "CERTIFICATE_VERIFY_FAILED" in client.lost[0]


def test_keys_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match=r"they come from the Secret that the operator makes for the job"):
        Keys(str(tmp_path)).server()

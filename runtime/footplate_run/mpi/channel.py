"""Messages over TLS between the head and a node: non-blocking, both ways, many commands on one connection.

A message is a header (kind, number of the command that it is about, length) and its bytes.
"""

import json
import select
import socket
import ssl
import struct

from footplate_run.mpi.loop import Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

HELLO = 1  # from the head {"attempt": 1}; the answer is {"replica": "worker-2", "slots": 2}
START = 2  # {"command": "orted …"}
INPUT = 3  # bytes of the command's stdin
INPUT_END = 4
OUTPUT = 5  # bytes of its stdout
ERROR = 6  # bytes of its stderr
ENDED = 7  # {"status": 0}: it has ended and all that it wrote was sent; 128 + n after a signal, as a shell says it
KILL = 8
# {"words": [5, 123], "error": ""} at the start of rank 5, process 123; at its end [5, exit code, signal, why, ms]
RANK = 9
STOPPING = 10  # {"signal": 15}: the node was asked to stop
DONE = 11  # the launch is over
PING = 12
TAKEN = 13  # {"stream": OUTPUT, "bytes": 512}: so much of a stream has reached its end
DIED = 14  # {"signal": 9}: it was killed, and not because we asked; ENDED comes later
STOP = 15  # the ranks of this node get SIGTERM

PING_SECONDS = 3.0
LOST_SECONDS = 20.0  # without a word from the peer; a machine that swaps is slow, not lost
_HEADER = struct.Struct(">BII")
_LONGEST = 16 * 1024 * 1024
_CHUNK = 16 * 1024  # the largest record of TLS


class Channel(Source):
    """One connection. ``received`` gets every message; ``lost``, once, the reason why there will be no more."""

    def __init__(
        self,
        tls: "ssl.SSLSocket",
        received: "Callable[[int, int, bytes], None]",
        lost: "Callable[[str], None]",
        now: float,
    ) -> None:
        """``tls`` may still be before its handshake; ``now`` is of the monotonic clock."""
        tls.setblocking(False)
        self.tls = tls
        self.received = received
        self.lost = lost
        self.open = False  # the handshake is over
        self._heard = now
        self._anything = False  # heard since
        self._pinged = now
        self._incoming = bytearray()
        self._outgoing = bytearray()
        self._needs = select.POLLIN  # what TLS waits for before it can go on
        self._over = False

    def fileno(self) -> int:
        return self.tls.fileno()

    def wants(self) -> int:
        if not self.open:
            return self._needs
        return select.POLLIN | (select.POLLOUT if self._outgoing else 0)

    def send(self, kind: int, command: int = 0, payload: bytes = b"") -> None:
        if not self._over:
            self._outgoing += _HEADER.pack(kind, command, len(payload))
            self._outgoing += payload
            if self.open:
                self._guarded(self._flush)

    def send_json(self, kind: int, value: "Mapping[str, Any]", command: int = 0) -> None:
        self.send(kind, command, json.dumps(value).encode("ascii"))

    def ready(self) -> None:
        if not self.open:
            self._guarded(self._shake_hands)
        if self.open and not self._over:
            self._guarded(self._flush)
        if self.open and not self._over:
            self._guarded(self._read)

    def keep_alive(self, now: float) -> None:
        """To be called about once a second: says that we are there, and finds out whether the peer still is."""
        if now - self._pinged >= PING_SECONDS and self.open:
            self._pinged = now
            if not self._outgoing:
                self.send(PING)
        if self._anything:
            self._anything = False
            self._heard = now
        elif now - self._heard >= LOST_SECONDS:
            self._end("it has not answered for {:.0f} s".format(LOST_SECONDS))

    def close(self) -> None:
        """Ends the connection from our side; ``lost`` is not called."""
        self._over = True
        self.tls.close()

    def drain(self) -> bool:
        """Tries to send what is left; true when nothing is, or never can be."""
        if self.open and not self._over:
            self._guarded(self._flush)
        return self._over or not self._outgoing

    def _guarded(self, step: "Callable[[], None]") -> None:
        try:
            step()
        except ssl.SSLWantReadError:
            self._needs = select.POLLIN
        except ssl.SSLWantWriteError:
            self._needs = select.POLLOUT
        except (OSError, ValueError) as problem:  # SSLError is an OSError
            self._end(reason_of(problem))

    def _shake_hands(self) -> None:
        self.tls.do_handshake()
        self.open = True

    def _flush(self) -> None:
        while self._outgoing:
            sent = self.tls.send(self._outgoing[:_CHUNK])
            del self._outgoing[:sent]

    def _read(self) -> None:
        while True:
            data = self.tls.recv(_CHUNK)
            if not data:
                self._end("it has closed the connection")
                return
            self._anything = True
            self._incoming += data
            self._split()
            if self._over:
                return

    def _split(self) -> None:
        while len(self._incoming) >= _HEADER.size and not self._over:
            kind, command, length = _HEADER.unpack_from(self._incoming)
            if length > _LONGEST:
                raise ValueError("a message of {} bytes".format(length))
            end = _HEADER.size + length
            if len(self._incoming) < end:
                return
            payload = bytes(self._incoming[_HEADER.size : end])
            del self._incoming[:end]
            if kind != PING:
                self.received(kind, command, payload)

    def _end(self, reason: str) -> None:
        if not self._over:
            self._over = True
            self.lost(reason)
            self.tls.close()


def keep_alive(connection: socket.socket) -> None:
    """Small messages at once, and a peer whose machine is gone is noticed by the kernel too (tcp(7))."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("TCP_KEEPIDLE", 5), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, option):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)


def value_of(payload: bytes) -> "Mapping[str, Any]":
    """The object in a message; raises ValueError when it is none."""
    value = json.loads(payload.decode("utf-8"))
    if not isinstance(value, dict):
        raise ValueError("not an object: {!r}".format(value))
    return value


def reason_of(problem: Exception) -> str:
    """A connection's trouble in a few words."""
    if isinstance(problem, ssl.SSLError):
        return "TLS: {}".format(problem.reason or problem)
    if isinstance(problem, ConnectionError):
        return "it has closed the connection"
    return str(getattr(problem, "strerror", None) or problem)

"""Streams of a command over a channel, a window of bytes at a time: no side keeps what the other does not take."""

import os
import select
import stat

from footplate_run.mpi.channel import TAKEN
from footplate_run.mpi.loop import Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from footplate_run.mpi.channel import Channel
    from footplate_run.mpi.loop import Loop

WINDOW = 1024 * 1024
_CHUNK = 64 * 1024
_PIPE_BUF = 4096  # poll(2) promises room for that much in a pipe, so a write of it does not block


class Inlet(Source):
    """Reads a file descriptor and sends what comes; ``ended`` is called at its end, after which it is closed."""

    def __init__(
        self, fd: int, channel: "Channel", kind: int, command: int, loop: "Loop", ended: "Callable[[], None]"
    ) -> None:
        self._fd = fd
        self._channel = channel
        self._kind = kind
        self._command = command
        self._loop = loop
        self._ended = ended
        self._room = WINDOW
        loop.add(self)

    def fileno(self) -> int:
        return self._fd

    def wants(self) -> int:
        return select.POLLIN if self._room > 0 else 0

    def ready(self) -> None:
        try:
            data = os.read(self._fd, min(_CHUNK, self._room))
        except OSError:
            data = b""  # a terminal whose other side is gone
        if data:
            self._room -= len(data)
            self._channel.send(self._kind, self._command, data)
        else:
            self.close()
            self._ended()

    def taken(self, count: int) -> None:
        self._room += count

    def close(self) -> None:
        if self._fd >= 0:
            self._loop.remove(self)
            os.close(self._fd)
            self._fd = -1


class Outlet(Source):
    """Writes what came to a file descriptor, and tells the sender how much was taken. Who does not read loses it."""

    def __init__(self, fd: int, channel: "Channel", kind: int, command: int, loop: "Loop") -> None:
        self._fd = fd
        self._channel = channel
        self._kind = kind
        self._command = command
        self._loop = loop
        self._pending = bytearray()
        self._at_end = None  # type: Callable[[], None] | None
        self._broken = False
        # Others may share the descriptor, so it stays blocking: no more is written than poll promises room for.
        self._step = 1 << 30 if stat.S_ISREG(os.fstat(fd).st_mode) else _PIPE_BUF
        loop.add(self)

    def fileno(self) -> int:
        return self._fd

    def wants(self) -> int:
        return select.POLLOUT if self._pending else 0

    def ready(self) -> None:
        try:
            written = os.write(self._fd, self._pending[: self._step])
        except OSError:
            self._broken = True
            written = len(self._pending)
        del self._pending[:written]
        self._tell(written)
        self._close_at_end()

    def add(self, data: bytes) -> None:
        if self._broken or self._fd < 0:
            self._tell(len(data))
        else:
            self._pending += data

    def end(self, closed: "Callable[[], None]" = lambda: None) -> None:
        """Nothing more comes: it is closed when all is written, and ``closed`` called."""
        self._at_end = closed
        self._close_at_end()

    def close(self) -> None:
        if self._fd >= 0:
            self._loop.remove(self)
            os.close(self._fd)
            self._fd = -1

    def _close_at_end(self) -> None:
        if self._at_end is not None and not self._pending and self._fd >= 0:
            self.close()
            self._at_end()

    def _tell(self, count: int) -> None:
        if count:
            self._channel.send_json(TAKEN, {"stream": self._kind, "bytes": count}, self._command)

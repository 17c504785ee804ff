"""Copies the program's stdout and stderr to the launcher's own and, both, to ``state/console.log``.

Bytes go on as they come, in the order they come, lines or not, text or not; only values of Secrets are hidden. Trouble
with a target never reaches the program: what cannot be written is counted, said once, and given up.
"""

import errno
import os
import stat

from footplate_run.masking import Secrets

TYPE_CHECKING = False

_TAIL = 64 * 1024
_PIPE_BUF = 4096  # poll(2) promises room for that much in a pipe, so a write of it does not block


class Tail:
    """The last bytes of a stream."""

    __slots__ = ("_bytes",)

    def __init__(self) -> None:
        self._bytes = bytearray()

    def add(self, data: bytes) -> None:
        self._bytes += data
        if len(self._bytes) > 2 * _TAIL:
            del self._bytes[:-_TAIL]

    def bytes(self) -> bytes:
        return bytes(self._bytes[-_TAIL:])


class Console:
    """The log file and the tails of what went through; also the launcher's own voice."""

    def __init__(self, path: str) -> None:
        self.secrets = Secrets()  # nothing of them gets here: who adds output hides them in it first
        self.tail = Tail()
        self.error_tail = Tail()
        self._path = path
        self._fd = None  # type: int | None
        self._lost = 0
        self._complained = False
        self._line_open = False
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        except OSError as problem:
            self._complain(problem)

    def say(self, sentence: str) -> None:
        """A line of the launcher's own, on stderr and in the log."""
        line = "footplate: {}\n".format(self.secrets.text(sentence)).encode("utf-8", "replace")
        if self._line_open:
            line = b"\n" + line
        write_quietly(2, line)
        self.add(line)

    def add(self, data: bytes, error: bool = False) -> None:
        """Records what the program wrote; ``error`` when it came from its stderr."""
        self.tail.add(data)
        if error:
            self.error_tail.add(data)
        self._line_open = not data.endswith(b"\n")
        if self._fd is None:
            return
        if self._lost:
            gap = "\nfootplate: {} bytes of output were lost here\n".format(self._lost).encode("ascii")
            if self._write(gap) < len(gap):
                self._lost += len(data)
                return
            self._lost = 0
        self._lost += len(data) - self._write(data)

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _write(self, data: bytes) -> int:
        """Writes to the log and returns how many bytes it took."""
        assert self._fd is not None
        written = 0
        try:
            while written < len(data):
                written += os.write(self._fd, data[written:] if written else data)
        except OSError as problem:
            self._complain(problem)
        return written

    def _complain(self, problem: OSError) -> None:
        if not self._complained:
            self._complained = True
            text = "footplate: {} cannot be written: {}; the program goes on without it\n"
            write_quietly(2, text.format(self._path, problem.strerror).encode("utf-8", "replace"))


class Relay:
    """One stream of the program on its way to the launcher's own: ``source`` is read, ``sink`` written.

    While the sink is not ready the source is not read, so that a slow reader slows the program as without a launcher.
    """

    __slots__ = ("_console", "_error", "_mask", "_pending", "_step", "sink", "source")

    def __init__(self, source: int, sink: int, console: Console, error: bool) -> None:
        self.source = source  # type: int | None
        self.sink = sink  # type: int | None
        self._console = console
        self._error = error
        self._mask = console.secrets.stream()
        self._pending = memoryview(b"")
        self._step = 1 << 30 if stat.S_ISREG(os.fstat(sink).st_mode) else _PIPE_BUF
        os.set_blocking(source, False)

    @property
    def waiting(self) -> bool:
        """Has bytes that the sink has not taken yet."""
        return len(self._pending) > 0

    def read(self) -> None:
        """Takes what the source has; closes it at its end."""
        assert self.source is not None
        try:
            data = os.read(self.source, _TAIL)
        except BlockingIOError:
            return
        if not data:
            os.close(self.source)
            self.source = None
        if self._mask is not None:
            data = self._mask.feed(data) if data else self._mask.finish()
        if not data:
            return
        self._console.add(data, self._error)
        if self.sink is not None:
            self._pending = memoryview(data)

    def write(self) -> None:
        """Gives the sink as much as it takes without blocking; a reader that is gone is given up."""
        assert self.sink is not None
        try:
            self._pending = self._pending[os.write(self.sink, self._pending[: self._step]) :]
        except BlockingIOError:
            return
        except OSError as problem:
            self._pending = memoryview(b"")
            if problem.errno not in (errno.ENOSPC, errno.EDQUOT):  # a disk may have room again
                self.sink = None

    def drain(self, limit: int) -> None:
        """Brings what is still in the pipe, at most ``limit`` bytes, into the log; then closes the source."""
        while self.source is not None and limit > 0:
            try:
                data = os.read(self.source, _TAIL)
            except BlockingIOError:
                break
            if not data:
                break
            limit -= len(data)
            self._record(data if self._mask is None else self._mask.feed(data))
        if self.source is not None:
            os.close(self.source)
            self.source = None
            if self._mask is not None:
                self._record(self._mask.finish())

    def _record(self, data: bytes) -> None:
        if data:
            self._console.add(data, self._error)


def write_quietly(fd: int, data: bytes) -> None:
    """Writes to a stream of the launcher; there is nobody to tell when that fails."""
    try:
        os.write(fd, data)
    except OSError:
        pass

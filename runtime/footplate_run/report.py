"""How the program ended: ``state/exit.json`` and the container's termination message."""

import json
import os
import time

from footplate_run import layout
from footplate_run.failure import cut

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

VERSION = 1
_SHORT_LINE = 200  # characters of a line where the room is scarce


class Ending:
    """What became of the program. ``exit_code`` is None when ``signal`` ended it; times are seconds since the epoch.

    ``replica`` is to blame for it when that is not this one; ``stop_time`` is when a signal first asked for the end.
    """

    __slots__ = ("end_time", "error", "exit_code", "last_lines", "replica", "signal", "start_time", "stop_time")

    def __init__(
        self,
        exit_code: "int | None",
        signal: "int | None",
        start_time: float,
        end_time: float,
        error: "str | None" = None,
        last_lines: "Sequence[str]" = (),
        replica: "str | None" = None,
        stop_time: "float | None" = None,
    ) -> None:
        self.exit_code = exit_code
        self.signal = signal
        self.start_time = start_time
        self.end_time = end_time
        self.error = error
        self.last_lines = tuple(last_lines)
        self.replica = replica
        self.stop_time = stop_time

    @property
    def status(self) -> int:
        """The launcher's own exit status: the program's, or 128 + n as a shell says it."""
        if self.signal is not None:
            return 128 + self.signal
        return self.exit_code or 0

    def to_json(self, last_lines: "Sequence[str]") -> bytes:
        return json.dumps(
            {
                "version": VERSION,
                "exitCode": self.exit_code,
                "signal": self.signal,
                "startTime": _rfc3339(self.start_time),
                "endTime": _rfc3339(self.end_time),
                "stopTime": None if self.stop_time is None else _rfc3339(self.stop_time),
                "error": self.error,
                "replica": self.replica,
                "lastLines": list(last_lines),
            },
            ensure_ascii=False,
        ).encode("utf-8", "replace")


def termination_message(ending: Ending, limit: int = layout.TERMINATION_LOG_LIMIT) -> bytes:
    """``exit.json`` in at most ``limit`` bytes: long lines are cut first, then the oldest are left out."""
    message = ending.to_json(ending.last_lines)
    if len(message) <= limit:
        return message
    lines = [cut(line, _SHORT_LINE) for line in ending.last_lines]
    while True:
        message = ending.to_json(lines)
        if len(message) <= limit or not lines:
            return message
        del lines[0]


def write_exit(ending: Ending, path: str) -> None:
    """Writes ``exit.json`` so that a reader sees all of it or nothing, also after a crash of the machine."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    temporary = path + ".tmp"
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    try:
        _write_all(fd, ending.to_json(ending.last_lines))
        os.fsync(fd)
    finally:
        os.close(fd)
    os.rename(temporary, path)


def write_termination_message(ending: Ending, path: "str | None") -> None:
    """Writes the termination message to ``path``; without one to Kubernetes' default, where the kubelet made that."""
    if path is None and not os.path.exists(layout.DEFAULT_TERMINATION_LOG):
        return
    fd = os.open(path or layout.DEFAULT_TERMINATION_LOG, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    try:
        _write_all(fd, termination_message(ending))
    finally:
        os.close(fd)


def _write_all(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]


def _rfc3339(seconds: float) -> str:
    milliseconds = int(seconds * 1000)
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(milliseconds // 1000))
    return "{}.{:03d}Z".format(whole, milliseconds % 1000)

"""A command that the head has asked this node to run, with its streams."""

import os
import signal

from footplate_run.mpi.channel import DIED, ENDED, ERROR, INPUT, OUTPUT
from footplate_run.mpi.streams import Inlet, Outlet
from footplate_run.process import exit_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from footplate_run.mpi.channel import Channel
    from footplate_run.mpi.loop import Loop

ORPHAN_SECONDS = 1.0  # how long output of processes that outlive the command is still waited for
TERM_SECONDS = 0.5  # for a command whose agent is gone to end by itself: it may be dying of what ended the agent
KILL_SECONDS = 2.5  # then it gets SIGTERM, and after so many seconds SIGKILL


class Session:
    """Runs ``sh -c`` of one command in a session of its own; tells the head how it ended."""

    def __init__(self, number: int, command: str, channel: "Channel", loop: "Loop") -> None:
        """Raises OSError when no process can be made."""
        self.number = number
        self.over = False  # its end was told
        self._channel = channel
        self._status = None  # type: int | None
        self._ended_at = 0.0
        self._killed_at = None  # type: float | None
        self._signalled = False  # by us
        inputs, outputs, errors = os.pipe(), os.pipe(), os.pipe()
        self.pid = _spawn(command, inputs[0], outputs[1], errors[1])
        for fd in (inputs[0], outputs[1], errors[1]):
            os.close(fd)
        self._unread = 2
        self.stdin = Outlet(inputs[1], channel, INPUT, number, loop)
        self._readers = {
            OUTPUT: Inlet(outputs[0], channel, OUTPUT, number, loop, self._end_of_stream),
            ERROR: Inlet(errors[0], channel, ERROR, number, loop, self._end_of_stream),
        }

    def taken(self, stream: int, count: int) -> None:
        self._readers[stream].taken(count)

    def ended(self, status: int, now: float) -> None:
        """Its process has ended; ``status`` is that of ``os.wait``."""
        self._status, number = exit_of(status)
        self._ended_at = now
        # A shell that did not replace itself by the command says 137 of it; SIGKILL leaves no other trace.
        if (number or self._status == 128 + signal.SIGKILL) and not self._signalled:
            self._channel.send_json(DIED, {"signal": number or int(signal.SIGKILL)}, self.number)
        self.check(now)

    def check(self, now: float) -> None:
        """Does what is due: the kill that follows a polite request, the word about the end."""
        if self._status is None:
            self._kill_when_due(now)
        elif not self.over and (self._unread == 0 or now - self._ended_at >= ORPHAN_SECONDS):
            self.over = True
            self.close()
            self._channel.send_json(ENDED, {"status": self._status}, self.number)

    def kill(self, now: float) -> None:
        """The command is not wanted any more; ``check`` ends it when it does not end."""
        if self._killed_at is None and self._status is None:
            self._killed_at = now

    def _kill_when_due(self, now: float) -> None:
        passed = 0.0 if self._killed_at is None else now - self._killed_at
        if passed >= KILL_SECONDS:
            self._signalled = True
            self.signal_group(signal.SIGKILL)
        elif passed >= TERM_SECONDS and not self._signalled:
            self._signalled = True
            self.signal_group(signal.SIGTERM)

    def signal_group(self, number: int) -> None:
        try:
            os.killpg(self.pid, number)
        except (ProcessLookupError, PermissionError):
            pass  # it has just ended

    def close(self) -> None:
        self.stdin.close()
        for reader in self._readers.values():
            reader.close()

    def _end_of_stream(self) -> None:
        self._unread -= 1
        if self._unread == 0 and self._status is not None:
            self.check(self._ended_at)


def _spawn(command: str, stdin: int, stdout: int, stderr: int) -> int:
    child = os.fork()
    if child:
        return child
    try:
        os.setsid()
        signal.set_wakeup_fd(-1)
        for number in range(1, signal.NSIG):
            if number not in (signal.SIGKILL, signal.SIGSTOP):
                _reset(number)
        for fd, standard in ((stdin, 0), (stdout, 1), (stderr, 2)):
            os.dup2(fd, standard)
        os.execvp("sh", ["sh", "-c", command])
    finally:
        os._exit(127)
    return 0


def _reset(number: int) -> None:
    try:
        signal.signal(number, signal.SIG_DFL)
    except (OSError, ValueError):
        pass  # not for programs to change

"""The process of mpirun: it is started, and ended when it does not end by itself."""

import os
import signal
import time

from footplate_run.process import die_with_parent, exit_of
from footplate_run.signals import FORWARDED

KILL_SECONDS = 3.0  # from SIGTERM to SIGKILL


class Starter:
    """``status`` is its exit status once it has ended, 128 + n after a signal; None before."""

    def __init__(self) -> None:
        self.status = None  # type: int | None
        self._pid = 0
        self._due = None  # type: float | None
        self._next_signal = signal.SIGTERM

    @property
    def running(self) -> bool:
        return self._pid > 0 and self.status is None

    def start(self, words: "list[str]", environment: "dict[str, str]") -> None:
        """Executes it; it does not outlive this process."""
        head = os.getpid()
        self._pid = os.fork()
        if self._pid == 0:
            _become(words, environment, head)

    def send(self, number: int) -> None:
        if self.running:
            os.kill(self._pid, number)

    def end_within(self, seconds: float) -> None:
        """It ends by itself in that time, or gets SIGTERM, and SIGKILL in the end."""
        due = time.monotonic() + seconds
        self._due = due if self._due is None else min(due, self._due)

    def check(self, now: float) -> None:
        """Does what is due; to be called about once a second."""
        if self._due is not None and now >= self._due and self.running:
            self.send(self._next_signal)
            self._next_signal = signal.SIGKILL
            self._due = now + KILL_SECONDS

    def reaped(self, child: int, status: int) -> int:
        """A child of ours has ended with this status of ``os.wait``; if it was mpirun, by which signal, or 0."""
        if child != self._pid:
            return 0
        self.status, number = exit_of(status)
        return number


def _become(words: "list[str]", environment: "dict[str, str]", head: int) -> None:
    """In the child: turns into mpirun."""
    try:
        os.setpgid(0, 0)  # signals to our group are passed on as the head sees fit
        signal.set_wakeup_fd(-1)
        for number in FORWARDED + (signal.SIGCHLD, signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        die_with_parent(signal.SIGKILL)
        if os.getppid() == head:
            os.execve(words[0], [os.fsencode(word) for word in words], environment)
    finally:
        os._exit(127)

"""Signals sent to the launcher go on to the program's process group; a child's end wakes the supervisor."""

import os
import signal
import time

from footplate_run.errors import Stopped

STOPPING = (signal.SIGTERM, signal.SIGINT)  # the others may mean anything to a program
FORWARDED = STOPPING + (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
# Python ignores these two in itself; a program expects their default (Python: subprocess, restore_signals).
_IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)
_HANDLED = FORWARDED + (signal.SIGCHLD,)


class Signals:
    """Before a program runs, a signal raises Stopped; while it runs, its group gets the signal; after, nothing."""

    def __init__(self) -> None:
        self.wake_fd, self._wake_write = os.pipe()
        os.set_blocking(self.wake_fd, False)
        os.set_blocking(self._wake_write, False)
        self.stopped_by = None  # type: int | None  # the first of STOPPING that went to the program
        self.stopped_at = None  # type: float | None  # when the first of them came, in seconds since the epoch
        self._group = None  # type: int | None
        self._over = False

    def install(self) -> None:
        signal.set_wakeup_fd(self._wake_write)
        for number in FORWARDED:
            signal.signal(number, self._received)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)  # the wake-up is all that is wanted

    def block(self) -> None:
        """Holds signals back, so that none is lost between fork and exec."""
        signal.pthread_sigmask(signal.SIG_BLOCK, _HANDLED)

    def restore_in_child(self) -> None:
        """Gives the forked child the dispositions that a program starts with; ends the hold of ``block``."""
        signal.set_wakeup_fd(-1)
        for number in _HANDLED + _IGNORED_BY_PYTHON:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _HANDLED)

    def forward_to(self, group: int) -> None:
        """From here on signals go to this process group; ends the hold of ``block``."""
        self._group = group
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _HANDLED)

    def kill_group(self) -> None:
        """Ends the program without asking; what it left outside its group ends with the launcher."""
        self._send(signal.SIGKILL)

    def ignore(self) -> None:
        """The program is over: what comes now must not disturb the report."""
        self._over = True

    def drain(self) -> None:
        """Empties the wake-up pipe."""
        try:
            while os.read(self.wake_fd, 4096):
                pass
        except BlockingIOError:
            pass

    def _received(self, number: int, frame: object) -> None:
        if self._over:
            return
        if number in STOPPING and self.stopped_at is None:
            self.stopped_at = time.time()
        if self._group is None:
            raise Stopped(number)
        if number in STOPPING and self.stopped_by is None:
            self.stopped_by = number
        self._send(number)

    def _send(self, number: int) -> None:
        assert self._group is not None
        try:
            os.killpg(self._group, number)
        except (ProcessLookupError, PermissionError):
            pass  # the group is gone, or became another user's

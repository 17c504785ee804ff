"""Watches the running program: copies its output, reaps what ended, returns how it ended."""

import os
import select

from footplate_run.console import Relay
from footplate_run.process import children_of, reap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from footplate_run.console import Console
    from footplate_run.signals import Signals

ORPHAN_SECONDS = 2.0  # how long output of processes that outlive the program is still waited for
IDLE_SECONDS = 3.0  # how long a starter of processes may go on when it was told to stop and has none left
READER_SECONDS = 10.0  # how long a reader that does not read is waited for once the program is over
PIPE_SIZE = 256 * 1024  # bytes; not more, for all pipes of a user share 64 MiB (Linux: pipe-user-pages-soft)
_F_SETPIPE_SZ = 1031  # Linux: fcntl(2)


def output_pipe() -> "tuple[int, int]":
    """A pipe that takes a burst of output without stopping the program."""
    import fcntl

    reader, writer = os.pipe()
    try:
        fcntl.fcntl(writer, _F_SETPIPE_SZ, PIPE_SIZE)
    except OSError:
        pass  # the user's budget of pipe memory is spent; the default size works as well
    return reader, writer


class StopLimit:
    """How long a program may go on after a signal told it to stop; then it is killed. ``seconds`` None: for ever."""

    def __init__(
        self, seconds: "float | None", signals: "Signals", console: "Console", monotonic: "Callable[[], float]"
    ) -> None:
        self.exceeded = None  # type: str | None  # the sentence about it, once the program was killed
        self._seconds = seconds
        self._signals = signals
        self._console = console
        self._monotonic = monotonic
        self._stop_seen = None  # type: float | None
        self._starter = None  # type: int | None
        self._idle_since = None  # type: float | None

    def watch(self, starter: int) -> None:
        """The program only starts others. When they have ended after a stop, it has nothing left to wait for.

        torchrun then waits for the torchruns of other nodes for five minutes, deaf to signals.
        """
        self._starter = starter

    def enforce(self) -> "float | None":
        """Kills the program if its time is up; returns when to look again, None when there is nothing to wait for."""
        if self._seconds is None or self._signals.stopped_by is None or self.exceeded is not None:
            return None
        now = self._monotonic()
        if self._stop_seen is None:
            self._stop_seen = now
        left = self._stop_seen + self._seconds - now
        if left > 0 and self._idle(now) < IDLE_SECONDS:
            return left if self._starter is None else min(left, IDLE_SECONDS / 4)
        self.exceeded = "the program did not end within {:g} s of signal {} and was killed".format(
            self._seconds if left <= 0 else round(now - self._stop_seen, 1), self._signals.stopped_by
        )
        self._console.say(self.exceeded)
        self._signals.kill_group()
        return None

    def _idle(self, now: float) -> float:
        """Seconds since the processes were gone that the program had started; 0 for a program that is no starter."""
        if self._starter is None or children_of(self._starter):
            self._idle_since = None
            return 0.0
        if self._idle_since is None:
            self._idle_since = now
        return now - self._idle_since


def supervise(
    child: int,
    relays: "Sequence[Relay]",
    signals: "Signals",
    limit: StopLimit,
    monotonic: "Callable[[], float]",
) -> int:
    """Runs until the program has ended and its output is copied; returns its wait status (``os.wait``)."""
    status = None  # type: int | None
    ended = 0.0
    while True:
        if status is None:
            left_to_stop = limit.enforce()
            timeout = None if left_to_stop is None else left_to_stop * 1000
        else:
            left = _time_left(relays, monotonic() - ended)
            if left <= 0:
                for relay in relays:
                    relay.drain(PIPE_SIZE)
                return status
            timeout = left * 1000
        ready = _poll(relays, signals.wake_fd, timeout)
        if signals.wake_fd in ready:
            signals.drain()
            found = _reap(child)
            if found is not None:
                status, ended = found, monotonic()


def _time_left(relays: "Sequence[Relay]", since_end: float) -> float:
    """Seconds that the copying may still take; 0 when there is nothing left to copy."""
    if any(relay.waiting for relay in relays):
        return READER_SECONDS - since_end
    if any(relay.source is not None for relay in relays):
        return ORPHAN_SECONDS - since_end
    return 0.0


def _poll(relays: "Sequence[Relay]", wake_fd: int, timeout: "float | None") -> "set[int]":
    """Waits for something to do, does the copying, and returns the descriptors that were ready."""
    poll = select.poll()
    poll.register(wake_fd, select.POLLIN)
    for relay in relays:
        if relay.waiting and relay.sink is not None:
            poll.register(relay.sink, select.POLLOUT)
        elif relay.source is not None:
            poll.register(relay.source, select.POLLIN)
    ready = {fd for fd, _ in poll.poll(timeout)}
    for relay in relays:
        if relay.waiting and relay.sink in ready:
            relay.write()
        elif not relay.waiting and relay.source in ready:
            relay.read()
    return ready


def _reap(program: int) -> "int | None":
    """Collects every child that has ended, adopted ones too; the program's status if it is among them."""
    found = None
    for child, status in reap():
        if child == program:
            found = status
    return found

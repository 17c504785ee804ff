"""Who does not lead does not write: the fence between an operator and the API server.

Three things keep a leader that was slow, stopped or cut off from writing after another one has taken over:

1. A write may only begin while the fence is open, looked at once more when its first byte is about to leave, and it
   must be over before the fence closes by itself (`kube/transport.py`).
2. A process that was stopped meanwhile ends before it does anything else (`HardStop`).
3. What was on its way already changes nothing that has changed since: writes carry the resource version or the uid
   of what they are about, and names are deterministic.

The clock must go on while the process, or the machine, sleeps.
"""

from __future__ import annotations

import os
import signal
from math import inf
from types import FrameType

from footplate.engine.clock import Clock
from footplate.errors import Retry

LEASE_EXPIRED = 3  # the exit code
SAID = b"footplate: stopped for longer than the lease allows, so another operator may lead; this one ends at once.\n"
_LOOK_AGAIN_SECONDS = 1.0


class NotLeading(Retry):
    """The write was not sent, because another operator may lead."""

    def __init__(self) -> None:
        super().__init__(_LOOK_AGAIN_SECONDS, "this operator does not lead (any more), so it writes nothing")


class Fence:
    """Says until when writes may be sent. Closed at first."""

    def __init__(self, clock: Clock, until: float = -inf) -> None:
        """`until` is monotonic time; infinity is for an operator that need not be elected."""
        self._clock = clock
        self._until = until
        self._shut = False

    def open_until(self, until: float) -> None:
        """The lease was renewed, or lost: it holds until this monotonic time."""
        self._until = until

    def shut(self) -> None:
        """No write any more, whatever happens to the lease: the operator is about to give it back."""
        self._shut = True

    def seconds_left(self) -> float:
        """How long a write that begins now may take. Raises NotLeading when none may begin."""
        left = self._until - self._clock.monotonic()
        if self._shut or left <= 0:
            raise NotLeading
        return left


class HardStop:
    """Ends this process when its time is up and has not been put off, with the exit code LEASE_EXPIRED.

    It is an alarm of the kernel. When it goes off while the process is stopped (SIGSTOP, a frozen container), the
    signal waits, and is handled as soon as the process is continued, before the next line of Python.
    """

    def __init__(self) -> None:
        """To be made in the main thread, where Python handles signals."""
        # A handler, as the default action of a signal does nothing to process 1 of a container.
        signal.signal(signal.SIGALRM, _end)

    def within(self, seconds: float) -> None:
        """Put it off until then."""
        signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.001))  # 0 would disarm it

    def disarm(self) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _end(number: int, frame: FrameType | None) -> None:
    os.write(2, SAID)
    os._exit(LEASE_EXPIRED)

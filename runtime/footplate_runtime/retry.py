"""Trying again, for a limited time without progress."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar

from footplate_runtime.store import StoreUnavailable

T = TypeVar("T")

PATIENCE_SECONDS = 120.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 15.0


class Retry(NamedTuple):
    """How to try again: clock and sleep in seconds, chance in [0, 1), a line for the log; for how many seconds, after
    which errors."""

    monotonic: Callable[[], float]
    sleep: Callable[[float], None]
    random: Callable[[], float]
    log: Callable[[str], None]
    patience: float = PATIENCE_SECONDS
    errors: tuple[type[Exception], ...] = (StoreUnavailable,)

    def __call__(self, action: Callable[[], T], progress: Callable[[], object] = lambda: None) -> T:
        """The result of ``action``, tried again after ``errors``.

        ``progress`` says how far the action has come; whenever that differs after a failure, patience starts anew.
        At the end the last error is raised.
        """
        started, reached, failures = self.monotonic(), progress(), 0
        while True:
            try:
                return action()
            except self.errors as error:
                if progress() != reached:
                    started, reached, failures = self.monotonic(), progress(), 0
                pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**failures) * (0.5 + self.random() / 2)
                if self.monotonic() + pause - started > self.patience:
                    raise
                self.log(f"{error} Trying again in {pause:.1f} s.")
                self.sleep(pause)
                failures += 1

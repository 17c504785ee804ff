"""Two agents must not work in one volume: each would take the other's uploads for its own."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from footplate_runtime import contract


class AtWork(Exception):
    """Another agent is at work in the volume; one sentence."""


def work_alone(root: Path, wait: bool = False) -> None:
    """Take the volume for this process until it ends, also by a kill; ``wait`` until another one has ended.

    Raises ``AtWork``, and ``OSError`` when there is no volume.
    """
    fd = os.open(root / contract.STATE, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)  # left open: it is the lock
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError as error:
        os.close(fd)
        raise AtWork(f"An agent is at work in {root}.") from error

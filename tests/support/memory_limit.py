"""A bound on a process's memory that the kernel enforces, where this machine lets tests make control groups."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

_GROUPS = Path("/sys/fs/cgroup")


@contextlib.contextmanager
def memory_limit(count: int) -> Iterator[list[str]]:
    """A command that runs its arguments with at most so many bytes, files that the kernel keeps in memory included;
    an empty one where there is no such thing."""
    group = _new_group(count)
    if group is None:
        yield []
        return
    try:
        yield ["sh", "-c", f'echo $$ > {group}/cgroup.procs && exec "$@"', "sh"]
    finally:
        _remove(group)


def _new_group(count: int) -> Path | None:
    version_2 = (_GROUPS / "cgroup.controllers").exists()
    group = (_GROUPS if version_2 else _GROUPS / "memory") / f"footplate-test-{os.getpid()}"
    try:
        group.mkdir()
        (group / ("memory.max" if version_2 else "memory.limit_in_bytes")).write_text(str(count))
    except OSError:
        with contextlib.suppress(OSError):
            group.rmdir()
        return None
    return group


def _remove(group: Path) -> None:
    """The kernel needs a moment after the end of its last process."""
    for _ in range(100):
        try:
            group.rmdir()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"{group} is still in use")

"""A running container: hears of its shim's end, sends it signals, and clears up after a killed shim."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from footplate_local.node.rundir import RunDir

MARKER = "FOOTPLATE_CONTAINER"  # environment of every process of a container: its run's marker
START_SECONDS = 30.0  # for a shim to say that it has started, on a very busy machine


class Process:
    """A shim that is alive. Made by ``Shims.start`` or, after the node was restarted, by ``adopt``."""

    def __init__(self, pidfd: int, on_exit: Callable[[], None]) -> None:
        self._pidfd = pidfd
        self._on_exit = on_exit
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(pidfd, self._ended)

    def terminate(self) -> None:
        """SIGTERM to the container's program."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL to all of the container."""
        self._signal(signal.SIGUSR1)

    def kill_shim(self) -> None:
        """The last resort against a shim that does not answer (someone stopped it)."""
        self._signal(signal.SIGKILL)

    def release(self) -> None:
        """Stops watching; the container runs on."""
        if self._pidfd >= 0:
            self._loop.remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = -1

    def _signal(self, number: signal.Signals) -> None:
        if self._pidfd < 0:
            return
        try:
            signal.pidfd_send_signal(self._pidfd, number)
        except ProcessLookupError:  # its end is about to be seen
            pass

    def _ended(self) -> None:
        self.release()
        self._on_exit()


async def adopt(run: RunDir, on_exit: Callable[[], None]) -> Process | None:
    """Takes over the shim of RUN that an earlier node started; None when it is gone (see run.exit())."""
    deadline = time.monotonic() + START_SECONDS
    while run.alive():
        started = run.started()
        if started is not None:
            try:
                pidfd = os.pidfd_open(started.shim)
            except ProcessLookupError:
                return None
            if run.alive():  # the lock proves that the number still means our shim
                return Process(pidfd, on_exit)
            os.close(pidfd)
            return None
        if time.monotonic() > deadline:
            raise TimeoutError(f"the shim of {run.marker} neither started its program nor ended")
        await asyncio.sleep(0.01)
    return None


def kill_leftovers(run: RunDir) -> int:
    """Kills what a killed shim left behind: processes that carry the run's marker. Returns how many.

    The program itself dies with its shim (PR_SET_PDEATHSIG); its children do not.
    """
    wanted = f"{MARKER}={run.marker}".encode()
    killed: set[int] = set()
    while True:
        found = [pid for pid in _processes() if _carries(pid, wanted)]
        for pid in found:
            try:
                os.kill(pid, signal.SIGKILL)
                killed.add(pid)
            except ProcessLookupError:
                pass
        if not found:
            return len(killed)
        time.sleep(0.01)


def _processes() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _carries(pid: int, variable: bytes) -> bool:
    try:
        return variable in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:  # gone, or another user's
        return False

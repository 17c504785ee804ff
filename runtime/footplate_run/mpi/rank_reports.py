"""Hears what the ranks of this node say about themselves (``rank.py``)."""

import os
import select
import signal
import socket

from footplate_run.mpi import rank
from footplate_run.mpi.loop import Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from footplate_run.mpi.folder import Folder


class RankReports(Source):
    """``heard`` gets what each says: (rank, process id) at its start; at its end (rank, exit code, signal, why,
    milliseconds since the epoch).
    """

    def __init__(self, folder: "Folder", heard: "Callable[[Sequence[int]], None]") -> None:
        self._socket = folder.bind(rank.SOCKET, socket.SOCK_DGRAM)
        self._heard = heard
        self._pids = {}  # type: dict[int, int]

    def stop(self) -> None:
        """SIGTERM to the program of every rank that runs here."""
        for pid in list(self._pids.values()):
            try:
                os.kill(pid, signal.SIGTERM)
            except ProcessLookupError:
                pass  # it has just ended

    def fileno(self) -> int:
        return self._socket.fileno()

    def wants(self) -> int:
        return select.POLLIN

    def ready(self) -> None:
        words = [int(word) for word in self._socket.recv(256).split()]
        if len(words) == 2:
            self._pids[words[0]] = words[1]
        else:
            self._pids.pop(words[0], None)
        self._heard(words)

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

_LONGEST = 4096  # bytes of a report


class RankReports(Source):
    """``heard`` gets what each says: (rank, process id) at its start; at its end (rank, exit code, signal, why,
    milliseconds since the epoch), and its error in words or "".
    """

    def __init__(self, folder: "Folder", heard: "Callable[[Sequence[int], str], None]") -> None:
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
        said = self._socket.recv(_LONGEST).decode("utf-8", "replace").split(" ", 5)
        words = [int(word) for word in said[:5]]
        if len(words) == 2:
            self._pids[words[0]] = words[1]
        else:
            self._pids.pop(words[0], None)
        self._heard(words, said[5] if len(said) > 5 else "")

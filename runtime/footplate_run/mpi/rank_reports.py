"""Hears what the ranks of this node say about themselves (``rank.py``)."""

import select
import socket

from footplate_run.mpi import rank
from footplate_run.mpi.loop import Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from footplate_run.mpi.folder import Folder


class RankReports(Source):
    """``heard`` gets what each says: (rank,) at its start, (rank, exit code, signal, why, milliseconds) at its end."""

    def __init__(self, folder: "Folder", heard: "Callable[[Sequence[int]], None]") -> None:
        self._socket = folder.bind(rank.SOCKET, socket.SOCK_DGRAM)
        self._heard = heard

    def fileno(self) -> int:
        return self._socket.fileno()

    def wants(self) -> int:
        return select.POLLIN

    def ready(self) -> None:
        self._heard([int(word) for word in self._socket.recv(256).split()])

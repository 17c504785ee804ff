"""The head's connections to the nodes: made by a few threads at once, so that a thousand nodes are there in seconds."""

import collections
import socket
import ssl
import threading
import time

from footplate_run.errors import PEERS, CannotStart
from footplate_run.hosts import Resolver
from footplate_run.mpi.channel import keep_alive, reason_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from footplate_run.mpi.settings import Settings
    from footplate_run.mpi.tls import Keys

_THREADS = 32
_RETRY_SECONDS = 0.25
_TRY_SECONDS = 10.0  # for one attempt to connect
_NAMED = 8  # workers that a sentence names


class Connector:
    """Connects to every other worker. ``connections`` fills up with (index, connection); ``woken`` is called then."""

    def __init__(self, how: "Settings", keys: "Keys", hosts_file: "str | None", woken: "Callable[[], None]") -> None:
        self.connections = collections.deque()  # type: collections.deque[tuple[int, ssl.SSLSocket]]
        self._how = how
        self._tls = keys.client()
        self._keys = keys
        self._resolve = Resolver(hosts_file)
        self._woken = woken
        self._trouble = {}  # type: dict[int, str]  # of those that are not connected: why
        self._waiting = collections.deque((index, 0.0) for index in range(1, how.nodes))
        self._missing = set(range(1, how.nodes))
        self._over = False

    def start(self) -> None:
        for _ in range(min(_THREADS, len(self._missing))):
            threading.Thread(target=self._work, daemon=True).start()

    def stop(self) -> None:
        self._over = True

    def missing(self) -> str:
        """Those that are not connected yet, and what is wrong with the first of them: a part of a sentence."""
        indices = sorted(self._missing)
        names = ", ".join(self._how.replica(index) for index in indices[:_NAMED])
        more = " and {} more".format(len(indices) - _NAMED) if len(indices) > _NAMED else ""
        trouble = self._trouble.get(indices[0]) if indices else None
        return names + more + (" ({})".format(trouble) if trouble else "")

    def timeout(self) -> CannotStart:
        """The error for when the time is over."""
        sentence = "{} did not answer within {:.0f} s on port {}: the pod was not created, or the network refuses it"
        return CannotStart(PEERS, sentence.format(self.missing(), self._how.timeout, self._how.port))

    def _work(self) -> None:
        while self._missing and not self._over:
            try:
                index, not_before = self._waiting.popleft()
            except IndexError:
                time.sleep(_RETRY_SECONDS)  # the last ones are with other threads
                continue
            time.sleep(max(0.0, not_before - time.monotonic()))
            try:
                connection = self._connect(index)
            except OSError as problem:
                self._trouble[index] = reason_of(problem)
                self._waiting.append((index, time.monotonic() + _RETRY_SECONDS))
                continue
            self._missing.discard(index)
            self.connections.append((index, connection))
            self._woken()

    def _connect(self, index: int) -> "ssl.SSLSocket":
        name = self._how.host(index)
        address = self._resolve(name)
        if address is None:
            raise OSError(0, "{} does not resolve".format(name))
        plain = socket.create_connection((address, self._how.port), timeout=_TRY_SECONDS)
        try:
            connection = self._tls.wrap_socket(plain)
        except BaseException:
            plain.close()
            raise
        if not self._keys.are_of(connection):
            connection.close()
            raise OSError(0, "{} has another certificate".format(name))
        keep_alive(connection)
        return connection

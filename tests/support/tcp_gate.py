"""A TCP proxy that can be shut: a store that becomes unreachable and comes back at the same address."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit


class Gate:
    """Forwards to one server; while shut, connections are broken and refused."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._open = True
        self._lock = threading.Lock()
        self._connections: set[socket.socket] = set()
        self.refused = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def shut(self) -> None:
        """Break all connections and refuse new ones."""
        with self._lock:
            self._open = False
            for connection in self._connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def open(self) -> None:
        """Forward again."""
        self._open = True

    def close(self) -> None:
        """End for good."""
        self.shut()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if not self._open:
                self.refused += 1
                client.close()
                continue
            server = socket.create_connection(self._target)
            with self._lock:
                self._connections |= {client, server}
            for one, other in ((client, server), (server, client)):
                threading.Thread(target=self._forward, args=(one, other), daemon=True).start()

    def _forward(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def gate(endpoint: str) -> Iterator[Gate]:
    """A gate in front of ``http://host:port``."""
    parts = urlsplit(endpoint)
    assert parts.hostname
    assert parts.port
    made = Gate((parts.hostname, parts.port))
    try:
        yield made
    finally:
        made.close()

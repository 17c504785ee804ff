"""A TCP proxy that can be shut and slowed: a store that becomes unreachable and comes back at the same address."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
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
        self.delay = 0.0  # seconds for which each piece is held back
        self._left: int | None = None  # bytes that pass before it breaks
        self._opens_again = False
        self.breaks = 0  # of `break_after`
        threading.Thread(target=self._accept, daemon=True).start()

    def shut(self) -> None:
        """Break all connections and refuse new ones."""
        with self._lock:
            self._open = False
            for connection in self._connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def break_after(self, count: int, opens_again: bool) -> None:
        """Break all connections, and stay shut or not, once so many more bytes have passed in both directions."""
        self._opens_again = opens_again
        self._left = count

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
            threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        """Forward in both directions until both have ended."""
        with client, socket.create_connection(self._target) as server:
            with self._lock:
                self._connections |= {client, server}
            back = threading.Thread(target=self._forward, args=(server, client), daemon=True)
            back.start()
            self._forward(client, server)
            back.join()
            with self._lock:
                self._connections -= {client, server}

    def _forward(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                self._count(len(data))
                time.sleep(self.delay)
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    def _count(self, passed: int) -> None:
        with self._lock:
            if self._left is None:
                return
            self._left -= passed
            if self._left >= 0:
                return
            self._left = None
        self.breaks += 1
        self.shut()
        self._open = self._opens_again


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

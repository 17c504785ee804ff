"""A node's log endpoint in a thread of the test."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from typing import TypeVar

Server = TypeVar("Server", bound=ThreadingHTTPServer)
END_SECONDS = 10.0


@contextlib.contextmanager
def serving(server: Server) -> Iterator[Server]:
    """The server, which answers for as long as the block runs."""
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join(END_SECONDS)

"""Listens for who asks for the agent's status; how he is answered is loaded when the first one comes (``answers.py``).

In most pods nobody ever asks: an HTTP server would be half of the agent's start.
"""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Callable

from footplate_runtime.agent.report import Status


def serve(host: str, port: int, status: Callable[[], Status]) -> int:
    """Serve from a thread until the process ends; returns the port (0 asks for a free one). Raises ``OSError``."""
    listener = socket.create_server((host, port))
    threading.Thread(target=_answer_all, args=(listener, status), name="server", daemon=True).start()
    return int(listener.getsockname()[1])


def _answer_all(listener: socket.socket, status: Callable[[], Status]) -> None:
    select.select([listener], [], [])
    from footplate_runtime.agent.answers import Server

    Server(listener, status).serve_forever()

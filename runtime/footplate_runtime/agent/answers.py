"""``/status``, ``/metrics`` and ``/healthz`` over HTTP."""

from __future__ import annotations

import socket
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer, ThreadingMixIn

from footplate_runtime.agent.prometheus import exposition
from footplate_runtime.agent.report import Status


class Server(ThreadingMixIn, TCPServer):
    """Answers those who come to ``listener``, which it takes over."""

    daemon_threads = True

    def __init__(self, listener: socket.socket, status: Callable[[], Status]) -> None:
        super().__init__(listener.getsockname(), _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self.status = status


class _Handler(BaseHTTPRequestHandler):
    server: Server
    timeout = 10  # a client that says nothing holds its thread no longer

    def do_GET(self) -> None:
        match self.path:
            case "/status":
                self._answer(200, "application/json", self.server.status().to_json())
            case "/metrics":
                self._answer(200, "text/plain; version=0.0.4", exposition(self.server.status()))
            case "/healthz":
                self._answer(200, "text/plain", b"ok\n")
            case _:
                self._answer(404, "text/plain", b"There are /status, /metrics and /healthz.\n")

    def _answer(self, code: int, kind: str, body: bytes) -> None:
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """The agent's log is for what it does, not for who asks."""

"""``/status``, ``/metrics`` and ``/healthz`` over HTTP."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer

from footplate_runtime.agent.report import Status


def serve(host: str, port: int, status: Callable[[], Status]) -> int:
    """Serve from a thread until the process ends; returns the port (0 asks for a free one). Raises ``OSError``."""

    class Handler(BaseHTTPRequestHandler):
        timeout = 10  # a client that says nothing holds its thread no longer

        def do_GET(self) -> None:
            match self.path:
                case "/status":
                    self._answer(200, "application/json", status().to_json())
                case "/metrics":
                    self._answer(200, "text/plain; version=0.0.4", status().to_prometheus())
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

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def server_bind(self) -> None:
            """Without the reverse lookup of the address that HTTPServer does: it can hang for seconds."""
            TCPServer.server_bind(self)
            self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    server = Server((host, port), Handler)
    threading.Thread(target=server.serve_forever, name="server", daemon=True).start()
    return int(server.server_port)

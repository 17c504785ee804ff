"""A web server for downloads that can break off, refuse and change its mind."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_GATE_SECONDS = 60.0


class HttpFiles:
    """Serves ``files`` by path; each entry of ``troubles`` spoils one request.

    ``("status", 503)`` answers so, ``("break", 500)`` breaks off after so many bytes. While ``gate`` is not set
    requests wait for their answer.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.troubles: list[tuple[str, int]] = []
        self.ranges: list[str | None] = []  # the Range of every request
        self.gate = threading.Event()
        self.gate.set()
        files = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                files._answer(self)

            def log_message(self, format: str, *args: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        wanted = request.headers.get("Range")
        self.ranges.append(wanted)
        self.gate.wait(_GATE_SECONDS)
        kind, number = self.troubles.pop(0) if self.troubles else ("", 0)
        if kind == "status":
            request.send_error(number)
            return
        data = self.files.get(request.path)
        if data is None:
            request.send_error(404)
            return
        etag = f'"{hash(data):x}"'
        start = 0
        if wanted and request.headers.get("If-Range") == etag:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        request.send_response(206 if start else 200)
        request.send_header("ETag", etag)
        request.send_header("Content-Length", str(len(data) - start))
        if start:
            request.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        request.end_headers()
        end = start + number if kind == "break" else len(data)
        with contextlib.suppress(OSError):
            request.wfile.write(data[start:end])
        request.close_connection = True


@contextlib.contextmanager
def http_files() -> Iterator[HttpFiles]:
    """A server for one test."""
    server = HttpFiles()
    try:
        yield server
    finally:
        server.close()

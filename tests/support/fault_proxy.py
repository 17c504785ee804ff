"""An HTTP proxy in front of a real store that answers chosen requests itself, cuts them, lets them hang or damages
their bodies; all others it hands on unchanged."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

FOREVER = 1 << 30
_BLOCK = 1 << 16


class Request(NamedTuple):
    """A request as it came; ``path`` with its query."""

    verb: str
    path: str
    host: str
    size: int


@dataclass(frozen=True)
class Fault:
    """What is done to requests for which ``of`` is true, so many ``times``.

    ``status`` with ``code``: answered so. ``cut_after``: the connection is reset when so many bytes of the body have
    come. ``hangs``: so many bytes of the body are read, then nothing happens any more until the proxy ends.
    ``damages``: a byte of the body is changed on its way. ``delay``: seconds before it is handed on.
    """

    status: int = 0
    code: str = ""
    message: str = "told so by a test"
    headers: tuple[tuple[str, str], ...] = ()
    cut_after: int | None = None
    hangs: int | None = None
    damages: bool = False
    delay: float = 0.0
    times: int = FOREVER
    of: Callable[[Request], bool] = lambda request: True


class FaultProxy:
    """The proxy; ``fault`` sets what goes wrong from now on, ``heal`` ends it."""

    def __init__(self, target: str, tls: ssl.SSLContext | None) -> None:
        self._target = urlsplit(target).netloc
        self._lock = threading.Lock()
        self._fault: Fault | None = None
        self.ended = threading.Event()
        self.seen: list[Request] = []
        self.faulted = 0
        proxy = self

        class Handler(_Handler):
            def decide(self, request: Request) -> Fault | None:
                return proxy._decide(request)

            def target(self) -> str:
                return proxy._target

            def wait(self, seconds: float | None) -> None:
                proxy.ended.wait(seconds)

        self._server = _Server(("127.0.0.1", 0), Handler)
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        self.endpoint = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def fault(self, fault: Fault) -> None:
        """From now on."""
        with self._lock:
            self._fault = fault

    def heal(self) -> None:
        """Hand everything on again."""
        with self._lock:
            self._fault = None

    def close(self) -> None:
        """End, and let go what hangs."""
        self.ended.set()
        self._server.shutdown()
        self._server.server_close()

    def _decide(self, request: Request) -> Fault | None:
        with self._lock:
            self.seen.append(request)
            fault = self._fault
            if fault is None or fault.times < 1 or not fault.of(request):
                return None
            self._fault = replace(fault, times=fault.times - 1)
            self.faulted += 1
            return fault


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def decide(self, request: Request) -> Fault | None:
        raise NotImplementedError

    def target(self) -> str:
        raise NotImplementedError

    def wait(self, seconds: float | None) -> None:
        raise NotImplementedError

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _any(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        request = Request(self.command, self.path, self.headers.get("Host") or "", size)
        fault = self.decide(request) or Fault()
        if fault.cut_after is not None:
            self._read(min(size, fault.cut_after))
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")  # RST, not FIN
            self.close_connection = True
            return
        if fault.hangs is not None:
            self._read(min(size, fault.hangs))
            self.wait(None)
            self.close_connection = True
            return
        body = self._read(size)
        if fault.delay:
            self.wait(fault.delay)
        if fault.status:
            self._answer(fault)
            return
        if fault.damages and body:
            body[len(body) // 2] ^= 1
        self._hand_on(bytes(body))

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _any

    def _read(self, size: int) -> bytearray:
        body = bytearray()
        while len(body) < size:
            block = self.rfile.read(min(_BLOCK, size - len(body)))
            if not block:
                raise ConnectionError("the client went away")
            body += block
        return body

    def _answer(self, fault: Fault) -> None:
        said = f"<?xml version='1.0'?><Error><Code>{fault.code}</Code><Message>{fault.message}</Message></Error>"
        body = said.encode() if fault.code and self.command != "HEAD" else b""
        self.send_response_only(fault.status)
        for name, value in (("Content-Type", "application/xml"), ("Content-Length", str(len(body))), *fault.headers):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _hand_on(self, body: bytes) -> None:
        """As it came, Host included: it is signed."""
        path = urlsplit(self.path)._replace(scheme="", netloc="").geturl()  # a forward proxy is asked for whole urls
        server = http.client.HTTPConnection(self.target(), timeout=120)
        try:
            server.putrequest(self.command, path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                server.putheader(name, value)
            server.endheaders(body)
            answer = server.getresponse()
            content = answer.read()
        finally:
            server.close()
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "connection", "content-length"):
                self.send_header(name, value)
        length = answer.getheader("Content-Length") if self.command == "HEAD" else str(len(content))
        self.send_header("Content-Length", length or "0")
        self.end_headers()
        self.wfile.write(content)


@contextlib.contextmanager
def fault_proxy(endpoint: str, certificate: tuple[Path, Path] | None = None) -> Iterator[FaultProxy]:
    """A proxy in front of ``http://host:port``; with a certificate and its key (PEM files) it speaks TLS."""
    tls = None
    if certificate:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(*certificate)
    proxy = FaultProxy(endpoint, tls)
    try:
        yield proxy
    finally:
        proxy.close()

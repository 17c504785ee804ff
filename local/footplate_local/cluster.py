"""Starting, stopping and looking at the embedded cluster from a command.

`up` is idempotent and repairs: it starts what does not run and leaves alone what does. The order is what it takes care
of: the supervisor starts the API server and the node; then the CRDs are applied; then the operator's settings are
written, which is what the supervisor waits for before it starts the operator.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from footplate.engine.clock import SystemClock
from footplate.errors import ApiError, FootplateError, Unavailable
from footplate.kube.client import KubeClient
from footplate.kube.resources import CRDS, NODES
from footplate_local.crds import crds
from footplate_local.home import ENV_HOME, Home
from footplate_local.processes import Process, end, read_state, wait_ended, write_whole
from footplate_local.supervisor import NODE, OPERATOR, SERVICES, STOP_SECONDS, SUPERVISOR

Say = Callable[[str], None]

READY_SECONDS = 90.0
_POLL_SECONDS = 0.1
_HOPELESS = 3  # failures in a row after which `up` stops waiting for a service
_STOP_PODS_SECONDS = 120.0
_TITLES = {"apiserver": "API server", "node": "node", "operator": "operator", "supervisor": "supervisor"}
_RUNTIME_IMAGE = "footplate/runtime"
_MODULES = ("kopf", "prometheus_client", "cel", "jsonpatch")  # of the extra `local`
# Everything a home holds; `reset` deletes nothing else, whatever folder FOOTPLATE_HOME names.
_CONTENT = (
    *("kubeconfig", "cluster.db", "cluster.db-wal", "cluster.db-shm", "token", "operator.yaml"),
    *("store", "environments", "pods", "log", "run"),
)


class ClusterError(FootplateError):
    """The embedded cluster cannot be started or stopped; the message says why and where to look."""


@dataclass(frozen=True, slots=True)
class ServiceReport:
    """One process of the cluster as `footplate local status` shows it."""

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

    @property
    def running(self) -> bool:
        return any(service.pid is not None for service in self.services)


async def up(home: Home, say: Say, ready_seconds: float = READY_SECONDS) -> None:
    """Bring the cluster up and return when jobs can be applied; `say` gets what is being waited for.

    Raises ClusterError.
    """
    _check_machine()
    _make_folders(home)
    async with _locked(home, say):
        if not _supervised(home):
            home.settings.unlink(missing_ok=True)
            await _start_supervisor(home)
        try:
            async with asyncio.timeout(ready_seconds):
                await _bring_up(home, say)
        except TimeoutError:
            report = await status(home)
            late = ", ".join(_TITLES[s.name] for s in report.services if not s.ready) or "cluster"
            raise ClusterError(
                f"the {late} is not ready after {ready_seconds:.0f} s; its log is in {home.log}"
            ) from None


async def _bring_up(home: Home, say: Say) -> None:
    say("starting the API server")
    await _wait(home, lambda: _api_listens(home))
    async with _client(home) as client:
        say("applying the custom resource definitions")
        await _apply_crds(client)
        say("starting the operator")
        await _write_settings(home)
        await _wait(home, lambda: _operator_ready(home))
        say("waiting for the node")
        await _wait(home, lambda: _node_ready(client))


async def down(home: Home, say: Say, pods: bool = True) -> bool:
    """Stop the cluster; nothing is forgotten. The programs of running jobs get SIGTERM and their grace period first.

    Returns whether anything ran. Raises ClusterError.
    """
    if not home.run.is_dir():
        return False
    async with _locked(home, say):
        supervisor = _process(home, SUPERVISOR)
        left = [p for p in (_process(home, name) for name in SERVICES) if p]
        if supervisor is not None:
            say("stopping the cluster")
            await asyncio.to_thread(end, [supervisor], STOP_SECONDS * (len(SERVICES) + 1))
        if left:
            await asyncio.to_thread(wait_ended, left, 0.5)
            await asyncio.to_thread(end, left, STOP_SECONDS)
        if pods:
            say("stopping pods")
            await _stop_pods(home)
        for name in (SUPERVISOR, *SERVICES):
            home.state(name).unlink(missing_ok=True)
        return supervisor is not None or bool(left)


async def reset(home: Home, say: Say) -> None:
    """Stop the cluster and delete everything it holds: objects, environments, outputs and logs of all runs."""
    await down(home, say)
    say("deleting")
    for name in _CONTENT:
        path = home.path / name
        if path.is_dir() and not path.is_symlink():
            await asyncio.to_thread(shutil.rmtree, path)
        else:
            path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        home.path.rmdir()  # stays when it holds something that is not ours


async def status(home: Home) -> Report:
    """What runs, and whether it is ready."""
    listens = await _api_listens(home)
    node = False
    if listens:
        async with _client(home) as client:
            with contextlib.suppress(ApiError):
                node = await _node_ready(client)
    ready = {"apiserver": listens, "node": node, "operator": await _operator_ready(home)}
    reports = []
    for name in (SUPERVISOR, *SERVICES):
        state = read_state(home.state(name))
        process = _process(home, name)
        fine = process is not None and ready.get(name, True)
        failures = state.failures if state else 0
        note = "" if fine else _last_line(home.log_of(name)) if process or failures else "not running"
        reports.append(ServiceReport(name, process.pid if process else None, failures, fine, note))
    return Report(home.path, tuple(reports))


def running(home: Home) -> bool:
    """Whether the cluster was brought up and its supervisor lives."""
    return _supervised(home) and home.kubeconfig.exists()


def _check_machine() -> None:
    if sys.platform != "linux":
        raise ClusterError(f"the embedded cluster needs Linux, and this is {sys.platform}; use --context for a cluster")
    missing = [name for name in _MODULES if importlib.util.find_spec(name) is None]
    if missing:
        raise ClusterError(
            f"the embedded cluster needs {', '.join(missing)}, which {sys.executable} does not have: "
            "pip install 'footplate[local]'"
        )


def _make_folders(home: Home) -> None:
    try:
        home.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in (home.run, home.log, home.store):
            folder.mkdir(exist_ok=True)
        write_whole(home.run / ".writable", "")
        (home.run / ".writable").unlink()
    except OSError as error:
        raise ClusterError(
            f"{home.path} cannot be written ({error.strerror}); set {ENV_HOME} to a folder of yours"
        ) from error


@contextlib.asynccontextmanager
async def _locked(home: Home, say: Say) -> AsyncIterator[None]:
    """One command at a time starts or stops the cluster; the lock goes with the process that holds it."""
    with home.lock.open("w") as lock:
        told = False
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not told:
                    say("waiting for another footplate command")
                    told = True
                await asyncio.sleep(_POLL_SECONDS)
        yield


def _process(home: Home, name: str) -> Process | None:
    state = read_state(home.state(name))
    return state.process if state and state.alive else None


def _supervised(home: Home) -> bool:
    return _process(home, SUPERVISOR) is not None


async def _start_supervisor(home: Home) -> None:
    argv = [sys.executable, "-P", "-m", "footplate_local.supervisor", "--home", str(home.path)]
    with home.log_of(SUPERVISOR).open("ab") as output:
        child = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=home.path, start_new_session=True
        )
    while not _supervised(home):
        if child.poll() is not None:
            raise ClusterError(
                f"the supervisor ended with exit code {child.returncode}: {_last_line(home.log_of(SUPERVISOR))}"
            )
        await asyncio.sleep(_POLL_SECONDS)


async def _wait(home: Home, true: Callable[[], Any]) -> None:
    """Until the check is true; gives up at once when a service cannot be started."""
    while not await true():
        for name in SERVICES:
            state = read_state(home.state(name))
            if state and state.failures >= _HOPELESS:
                raise ClusterError(
                    f"the {_TITLES[name]} does not start ({_last_line(home.log_of(name))}); "
                    f"its log is {home.log_of(name)}"
                )
        if not _supervised(home):
            raise ClusterError(f"the supervisor ended: {_last_line(home.log_of(SUPERVISOR))}")
        await asyncio.sleep(_POLL_SECONDS)


def _last_line(path: Path) -> str:
    with contextlib.suppress(FileNotFoundError):
        lines = path.read_bytes()[-8192:].decode(errors="replace").split("\n")
        said = [line.strip() for line in lines if line.strip()]
        if said:
            return said[-1]
    return "its log is empty"


@contextlib.asynccontextmanager
async def _client(home: Home) -> AsyncIterator[KubeClient]:
    client = await KubeClient.connect(kubeconfig=str(home.kubeconfig), clock=SystemClock())
    try:
        yield client
    finally:
        await client.close()


def _server(home: Home) -> tuple[str, int] | None:
    """Host and port of the API server as its kubeconfig has them."""
    try:
        config = yaml.safe_load(home.kubeconfig.read_text())
        parts = urllib.parse.urlsplit(config["clusters"][0]["cluster"]["server"])
    except (FileNotFoundError, yaml.YAMLError, KeyError, TypeError, IndexError):
        return None
    return (parts.hostname, parts.port) if parts.hostname and parts.port else None


async def _api_listens(home: Home) -> bool:
    """The API server of this home runs and takes connections; a stranger on a stale port does not count."""
    server = _server(home)
    if server is None or _process(home, "apiserver") is None:
        return False
    try:
        _, writer = await asyncio.open_connection(*server)
    except OSError:
        return False
    writer.close()
    try:
        async with _client(home) as client:
            await client.list(NODES)
    except (Unavailable, ApiError):
        return False
    return True


async def _apply_crds(client: KubeClient) -> None:
    manifests = crds()
    for manifest in manifests:
        await client.apply(CRDS, manifest, field_manager="footplate")
    names = {manifest["metadata"]["name"] for manifest in manifests}
    while names:
        established = {crd["metadata"]["name"] for crd in await client.list(CRDS) if _true(crd, "Established")}
        names -= established
        if names:
            await asyncio.sleep(_POLL_SECONDS)


async def _node_ready(client: KubeClient) -> bool:
    return any(_true(node, "Ready") for node in await client.list(NODES))


def _true(body: dict[str, Any], condition: str) -> bool:
    conditions: Iterable[dict[str, Any]] = body.get("status", {}).get("conditions") or ()
    return any(c["type"] == condition and c["status"] == "True" for c in conditions)


async def _write_settings(home: Home) -> None:
    """The operator's settings as this version wants them; an operator that runs with others is started again."""
    operator = _process(home, OPERATOR)
    port = _health_port(home) if operator else None
    wanted = yaml.safe_dump(_settings(home, port or _free_port()), sort_keys=False)
    if home.settings.exists() and home.settings.read_text() == wanted:
        return
    write_whole(home.settings, wanted)
    if operator:
        await asyncio.to_thread(end, [operator], STOP_SECONDS)


def _settings(home: Home, health_port: int) -> dict[str, Any]:
    return {
        "store": {"uri": home.store.as_uri()},
        "runtimeImage": _RUNTIME_IMAGE,
        "builder": {
            "image": _RUNTIME_IMAGE,
            "command": ["python3", "-m", "footplate_local.builder"],
            "env": {ENV_HOME: str(home.path)},
        },
        "pollSeconds": 2,
        "sweepSeconds": 300,
        "leaderElection": False,
        "healthHost": "127.0.0.1",
        "healthPort": health_port,
    }


def _health_port(home: Home) -> int | None:
    try:
        port = yaml.safe_load(home.settings.read_text())["healthPort"]
    except (FileNotFoundError, yaml.YAMLError, KeyError, TypeError):
        return None
    return port if isinstance(port, int) else None


def _free_port() -> int:
    """A port that is free now. Should another take it first, the operator ends and `up` says so."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def _operator_ready(home: Home) -> bool:
    port = _health_port(home)
    if port is None or _process(home, OPERATOR) is None:
        return False
    return await asyncio.to_thread(_answers, f"http://127.0.0.1:{port}/readyz")


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


async def _stop_pods(home: Home) -> None:
    argv = [sys.executable, "-P", "-m", "footplate_local.node", "--home", str(home.path), "--stop-pods"]
    with home.log_of(NODE).open("ab") as output:
        child = await asyncio.create_subprocess_exec(
            *argv, stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output, env=dict(os.environ)
        )
    try:
        code = await asyncio.wait_for(child.wait(), _STOP_PODS_SECONDS)
    except TimeoutError:
        child.kill()
        await child.wait()
        raise ClusterError(f"pods do not end within {_STOP_PODS_SECONDS:.0f} s; see {home.log_of(NODE)}") from None
    if code != 0:
        raise ClusterError(f"the pods could not be stopped: {_last_line(home.log_of(NODE))}")

"""Starting, stopping and forgetting the embedded cluster from a command.

`up` is idempotent and repairs: it starts what does not run and leaves alone what does. The order is what it takes care
of: the supervisor starts the API server and the node; then the CRDs are applied; then the operator's settings are
written, which is what the supervisor waits for before it starts the operator. Without an operator both steps are left
out: who installs the chart brings the CRDs and an operator that runs as a pod.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING

import yaml

from footplate.errors import FootplateError
from footplate.kube.resources import CRDS
from footplate_local.crds import crds
from footplate_local.home import ENV_HOME, Home
from footplate_local.operator_settings import free_port, health_port, settings_of
from footplate_local.processes import end, read_state, wait_ended, write_whole
from footplate_local.readiness import (
    api_listens,
    condition_true,
    connected,
    last_line,
    node_ready,
    operator_ready,
    process,
    status,
)
from footplate_local.supervisor import NODE, OPERATOR, SERVICES, STOP_SECONDS, SUPERVISOR

if TYPE_CHECKING:
    from footplate.kube.client import KubeClient

Say = Callable[[str], None]

READY_SECONDS = 90.0
_POLL_SECONDS = 0.1
_HOPELESS = 3  # failures under its eyes after which `up` stops waiting for a service
_STOP_PODS_SECONDS = 120.0
_TITLES = {"apiserver": "API server", "node": "node", "operator": "operator", "supervisor": "supervisor"}
_MODULES = ("kopf", "prometheus_client", "cel_expr_python", "re2", "kubernetes_validate")  # of the extra `local`
# Everything a home holds; `reset` deletes nothing else, whatever folder FOOTPLATE_HOME names.
_CONTENT = (
    *("kubeconfig", "cluster.db", "cluster.db-wal", "cluster.db-shm", "token", "operator.yaml"),
    *("store", "environments", "pods", "log", "run"),
)


class ClusterError(FootplateError):
    """The embedded cluster cannot be started or stopped; the message says why and where to look."""


async def up(home: Home, say: Say, ready_seconds: float = READY_SECONDS, operator: bool = True) -> None:
    """Bring the cluster up and return when jobs can be applied; `say` gets what is being waited for.

    Without `operator` there are an API server and a node, and nothing of Footplate. Raises ClusterError.
    """
    _check_machine()
    _make_folders(home)
    async with _locked(home, say):
        if process(home, SUPERVISOR) is None:
            home.settings.unlink(missing_ok=True)
            await _start_supervisor(home)
        if not operator and home.settings.exists():
            raise ClusterError(f"the operator of {home.path} runs: stop the cluster first, with footplate local down")
        try:
            async with asyncio.timeout(ready_seconds):
                await _bring_up(home, say, operator)
        except TimeoutError:
            report = await status(home)
            late = ", ".join(_TITLES[s.name] for s in report.services if not s.ready) or "cluster"
            raise ClusterError(
                f"the {late} is not ready after {ready_seconds:.0f} s; its log is in {home.log}"
            ) from None


async def _bring_up(home: Home, say: Say, operator: bool) -> None:
    wait = _Waiting(home)
    say("starting the API server")
    await wait.until(lambda: api_listens(home))
    async with connected(home) as client:
        if operator:
            say("applying the custom resource definitions")
            await _apply_crds(client)
            say("starting the operator")
            await _write_settings(home)
            await wait.until(lambda: operator_ready(home))
        say("waiting for the node")
        await wait.until(lambda: node_ready(client))


async def down(home: Home, say: Say) -> bool:
    """Stop the cluster; nothing is forgotten. The programs of running jobs get SIGTERM and their grace period first.

    Returns whether anything ran. Raises ClusterError.
    """
    if not home.run.is_dir():
        return False
    async with _locked(home, say):
        supervisor = process(home, SUPERVISOR)
        left = [p for p in (process(home, name) for name in SERVICES) if p]
        if supervisor is not None:
            say("stopping the cluster")
            await asyncio.to_thread(end, [supervisor], STOP_SECONDS * (len(SERVICES) + 1))
        if left:
            await asyncio.to_thread(wait_ended, left, 0.5)
            await asyncio.to_thread(end, left, STOP_SECONDS)
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


async def _start_supervisor(home: Home) -> None:
    argv = [sys.executable, "-P", "-m", "footplate_local.supervisor", "--home", str(home.path)]
    with home.log_of(SUPERVISOR).open("ab") as output:
        child = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=home.path, start_new_session=True
        )
    while process(home, SUPERVISOR) is None:
        if child.poll() is not None:
            raise ClusterError(
                f"the supervisor ended with exit code {child.returncode}: {last_line(home.log_of(SUPERVISOR))}"
            )
        await asyncio.sleep(_POLL_SECONDS)


class _Waiting:
    """Waits for the services of a home; gives up early when one fails again and again from now on."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._before = self._failures()

    async def until(self, true: Callable[[], Awaitable[bool]]) -> None:
        """Raises ClusterError when it will never be true."""
        while not await true():
            for name, failures in self._failures().items():
                if failures - self._before[name] >= _HOPELESS:
                    log = self._home.log_of(name)
                    raise ClusterError(f"the {_TITLES[name]} does not start ({last_line(log)}); its log is {log}")
            if process(self._home, SUPERVISOR) is None:
                raise ClusterError(f"the supervisor ended: {last_line(self._home.log_of(SUPERVISOR))}")
            await asyncio.sleep(_POLL_SECONDS)

    def _failures(self) -> dict[str, int]:
        states = {name: read_state(self._home.state(name)) for name in SERVICES}
        return {name: state.failures if state else 0 for name, state in states.items()}


async def _apply_crds(client: KubeClient) -> None:
    manifests = crds()
    for manifest in manifests:
        await client.apply(CRDS, manifest, field_manager="footplate")
    names = {manifest["metadata"]["name"] for manifest in manifests}
    while names:
        established = {crd["metadata"]["name"] for crd in await client.list(CRDS) if condition_true(crd, "Established")}
        names -= established
        if names:
            await asyncio.sleep(_POLL_SECONDS)


async def _write_settings(home: Home) -> None:
    """The operator's settings as this version wants them; an operator that runs with others is started again."""
    operator = process(home, OPERATOR)
    port = health_port(home) if operator else None
    wanted = yaml.safe_dump(settings_of(home, port or free_port()), sort_keys=False)
    if home.settings.exists() and home.settings.read_text() == wanted:
        return
    write_whole(home.settings, wanted)
    if operator:
        await asyncio.to_thread(end, [operator], STOP_SECONDS)


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
        raise ClusterError(f"the pods could not be stopped: {last_line(home.log_of(NODE))}")

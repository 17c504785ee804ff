"""How soon the workers of one job are together: from the job's creation to the end of their first allreduce.

    python benchmarks/gang.py [WORKERS…]

For each number of workers (default 2, 16 and 64) a job of as many nodes runs programs/allreduce.py on an embedded
cluster of its own. Printed are the moments at which all pods were created, all programs' containers ran, and every
worker had the sum, and the processor time that API server, node and operator took. Beside it the floor: the same
processes started by this one with nothing around them. Budget: 64 workers in 20 s on two cores.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

PROGRAM = Path(__file__).parent / "programs" / "allreduce.py"
FOOTPLATE = (sys.executable, "-c", "from footplate.cli.main import main; main()")
SERVICES = ("apiserver", "node", "operator")
BUDGET = {64: 20.0}  # seconds
PATIENCE = 300.0
CORE = "/api/v1/namespaces/default"
JOBS = "/apis/footplate.dev/v1alpha1/namespaces/default/trainingjobs"


def main(sizes: list[int]) -> int:
    over = False
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for size in sizes:
            print(f"{size:4} bare processes: all have the sum after {bare(folder / f'bare-{size}', size):.2f} s")
        with running_cluster(folder / "home") as cluster:
            for size in sizes:
                seconds = gang(cluster, size)
                over = over or seconds > BUDGET.get(size, PATIENCE)
    return int(over)


def bare(folder: Path, size: int) -> float:
    """Seconds from the first process's start to the last one's sum."""
    (folder / "outputs").mkdir(parents=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {"WORLD_SIZE": str(size), "JAX_COORDINATOR_ADDRESS": f"127.0.0.1:{port}"}
    began = time.time()
    processes = [
        subprocess.Popen(
            [sys.executable, str(PROGRAM)],
            cwd=folder,
            env={**os.environ, **environment, "RANK": str(rank)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(size)
    ]
    return max(done(process.communicate(timeout=PATIENCE)[0]) for process in processes) - began


def done(said: str) -> float:
    """When a worker had the sum, by its own words."""
    found = re.search(r"done ([0-9.]+)", said)
    assert found, f"a worker has failed: {said}"
    return float(found[1])


def gang(cluster: Cluster, size: int) -> float:
    """Runs a job and prints how it went; returns the seconds until all workers had the sum."""
    name = f"gang-{size}"
    code = {"metadata": {"name": f"{name}-code"}, "data": {"train.py": PROGRAM.read_text()}}
    cluster.call("POST", f"{CORE}/configmaps", {"apiVersion": "v1", "kind": "ConfigMap", **code})
    before = cluster.processor_time()
    with Watch(cluster, name, size) as watch:
        began = time.time()
        cluster.call("POST", JOBS, job(name, size))
        status = cluster.ended(name)
    used = {service: seconds - before[service] for service, seconds in cluster.processor_time().items()}
    run = Path(urlsplit(status["run"]["uri"]).path)
    summed = max(done((run / f"logs/1/worker-{index}.log").read_text()) for index in range(size)) - began
    cost = ", ".join(f"{service} {seconds:.1f} s" for service, seconds in used.items())
    print(
        f"{size:4} workers: all pods created after {watch.created[size - 1] - began:.2f} s, "
        f"all containers running {watch.running[size - 1] - began:.2f} s, all have the sum {summed:.2f} s"
        f"{f' (budget {BUDGET[size]:.0f} s)' if size in BUDGET else ''}; processor time to the job's end: {cost}"
    )
    return summed


def job(name: str, size: int) -> dict[str, Any]:
    return {
        "apiVersion": "footplate.dev/v1alpha1",
        "kind": "TrainingJob",
        "metadata": {"name": name},
        "spec": {
            "image": "footplate/runtime",
            "source": {"configMap": {"name": f"{name}-code"}},
            "entrypoint": {"script": "train.py"},
            "nodes": size,
            "distribution": {"jax": {}},
        },
    }


class Cluster:
    """An embedded cluster and its API."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def connect(self, timeout: float) -> tuple[http.client.HTTPSConnection, dict[str, str]]:
        config = json.loads((self.home / "kubeconfig").read_text())
        port = urlsplit(config["clusters"][0]["cluster"]["server"]).port
        context = ssl.create_default_context(cafile=self.home / "run" / "apiserver.pem")
        headers = {"Authorization": f"Bearer {config['users'][0]['user']['token']}", "Content-Type": "application/json"}
        return http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=timeout), headers

    def call(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        connection, headers = self.connect(30)
        with contextlib.closing(connection):
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            answer: dict[str, Any] = json.loads(response.read())
        assert response.status < 300, f"{method} {path}: {answer}"
        return answer

    def ended(self, name: str) -> dict[str, Any]:
        """The status of a job once it is Completed."""
        deadline = time.monotonic() + PATIENCE
        while True:
            status: dict[str, Any] = self.call("GET", f"{JOBS}/{name}").get("status") or {}
            if status.get("phase") == "Completed":
                return status
            assert status.get("phase") != "Failed", status
            assert time.monotonic() < deadline, status
            time.sleep(0.5)

    def processor_time(self) -> dict[str, float]:
        """Seconds that each service has used so far (proc(5): /proc/pid/stat, utime and stime)."""
        found = {}
        for service in SERVICES:
            pid = json.loads((self.home / "run" / f"{service}.json").read_text())["pid"]
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            found[service] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        return found


class Watch:
    """Notes when the pods of a job come and when their programs' containers run; used with ``with``."""

    def __init__(self, cluster: Cluster, name: str, size: int) -> None:
        self._size = size
        self.created: list[float] = []
        self.running: list[float] = []
        self._connection, headers = cluster.connect(PATIENCE)
        selector = f"labelSelector=footplate.dev/job%3D{name}"
        self._connection.request("GET", f"{CORE}/pods?watch=true&{selector}", headers=headers)
        self._response = self._connection.getresponse()
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join(10)
        self._connection.close()

    def _read(self) -> None:
        known: set[str] = set()
        while len(self.running) < self._size:
            pod = json.loads(self._response.readline())["object"]
            name, states = pod["metadata"]["name"], (pod.get("status") or {}).get("containerStatuses") or []
            if name not in known:
                known.add(name)
                self.created.append(time.time())
            if f"{name} runs" not in known and any("running" in state["state"] for state in states):
                known.add(f"{name} runs")
                self.running.append(time.time())


@contextlib.contextmanager
def running_cluster(home: Path) -> Iterator[Cluster]:
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment = {**kept, "FOOTPLATE_HOME": str(home)}
    subprocess.run([*FOOTPLATE, "local", "up"], env=environment, stdout=subprocess.DEVNULL, check=True)
    try:
        yield Cluster(home)
    finally:
        subprocess.run([*FOOTPLATE, "local", "down"], env=environment, stdout=subprocess.DEVNULL, check=False)


if __name__ == "__main__":
    sys.exit(main([int(word) for word in sys.argv[1:]] or [2, 16, 64]))

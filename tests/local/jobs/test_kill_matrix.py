"""Every replica of every kind of job is killed, by SIGKILL and SIGTERM, while it starts, trains and nearly has ended.

The job ends or starts again as its policy says, soon, with the right replica and reason in its status; nothing hangs.
The program's replicas wait for each other as collectives do: for ever, when one of them is gone.

One case a replica always runs; `--all-kills` runs all (`make test-frameworks`).
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from framework_environment import build_environment, cluster_with_cache
from local_cluster import LocalCluster, config_map, job_manifest

EPOCHS = 3
# On a machine that does nothing else the slowest case takes 5 s. A hang would take minutes.
SECONDS = 30.0

PROGRAM = """
import json, os, pathlib, socket, sys, time

EPOCHS = 3
place = pathlib.Path(sys.argv[1])
role, index, attempt = (os.environ["FOOTPLATE_" + name] for name in ("ROLE", "INDEX", "ATTEMPT"))


def mark(what):
    (place / f"{attempt}-{role}-{index}-{what}").touch()


def wait_for_ever():
    while True:
        time.sleep(1)


class Alone:
    def sum(self, number):
        return number


class Sockets:
    # A sum by way of rank 0.

    def __init__(self, rank, size, host, port):
        self.peers = []
        if rank == 0:
            server = socket.create_server((host, port))
            while len(self.peers) < size - 1:
                self.peers.append(server.accept()[0].makefile("rw"))
        else:
            deadline = time.monotonic() + 60
            while not self.peers:
                try:
                    self.peers.append(socket.create_connection((host, port)).makefile("rw"))
                except OSError:
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(0.05)
        self.first = rank == 0

    def sum(self, number):
        if self.first:
            total = number + sum(map(self.hear, self.peers))
            for peer in self.peers:
                self.tell(peer, total)
            return total
        self.tell(self.peers[0], number)
        return self.hear(self.peers[0])

    def tell(self, peer, number):
        try:
            print(number, file=peer, flush=True)
        except OSError:
            wait_for_ever()

    def hear(self, peer):
        try:
            line = peer.readline()
        except OSError:
            line = ""
        return int(line) if line else wait_for_ever()


class Mpi:
    def __init__(self):
        from mpi4py import MPI

        self.group = MPI.COMM_WORLD

    def sum(self, number):
        return self.group.allreduce(number)


def group():
    env = os.environ
    if "OMPI_COMM_WORLD_SIZE" in env or "PMI_SIZE" in env:
        return Mpi()
    if "TF_CONFIG" in env:
        config = json.loads(env["TF_CONFIG"])
        cluster = config["cluster"]
        trainers = cluster.get("chief", []) + ([] if "ps" in cluster else cluster["worker"])
        if role == "evaluator" or (role != "chief" and "ps" in cluster):
            wait_for_ever()  # a parameter server, and a worker that does what the chief says
        rank = int(index) + (1 if role == "worker" and "chief" in cluster else 0)
        host, port = trainers[0].rsplit(":", 1)
        return Sockets(rank, len(trainers), host, int(port)) if len(trainers) > 1 else Alone()
    rank, size = int(env["RANK"]), int(env["WORLD_SIZE"])
    if size == 1:
        return Alone()
    if "JAX_COORDINATOR_ADDRESS" in env:
        host, port = env["JAX_COORDINATOR_ADDRESS"].rsplit(":", 1)
    else:
        host, port = env["MASTER_ADDR"], int(env["MASTER_PORT"]) + 1
    return Sockets(rank, size, host, int(port))


mark("begun")
together = group()
for epoch in range(EPOCHS):
    mark(f"epoch-{epoch}")
    while not (place / f"go-{epoch}").exists():
        time.sleep(0.02)
    total = together.sum(1)
pathlib.Path(f"outputs/total-{role}-{index}.txt").write_text(str(total))
"""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of job: what its spec has, and its replicas, the primary first. `trains`, if not all, reach epochs."""

    name: str
    spec: dict[str, Any]
    replicas: tuple[str, ...]
    trains: tuple[str, ...] = ()
    environment: str = ""  # the example whose Environment it needs
    spares: tuple[str, ...] = ()  # those that are replaced within the attempt


TWO = ("worker-0", "worker-1")
KINDS = (
    Kind("single", {}, ("worker-0",)),
    Kind("jax", {"nodes": 2, "distribution": {"jax": {}}}, TWO),
    Kind("tensorflow-multiworker", {"distribution": {"tensorflow": {"workers": 2}}}, TWO),
    Kind(
        "tensorflow-ps",
        {"distribution": {"tensorflow": {"workers": 1, "parameterServers": 1, "chief": True, "evaluator": True}}},
        ("chief-0", "worker-0", "ps-0", "evaluator-0"),
        trains=("chief-0",),
    ),
    Kind("openmpi", {"nodes": 2, "distribution": {"mpi": {}}}, TWO, environment="mpi-mpi4py"),
    Kind("mpich", {"nodes": 2, "distribution": {"mpi": {"implementation": "MPICH"}}}, TWO, environment="mpi-mpich"),
    Kind("pytorch", {"nodes": 2, "distribution": {"pytorch": {}}}, TWO, environment="pytorch-ddp"),
    Kind(
        "elastic",
        {"nodes": 3, "distribution": {"pytorch": {"minNodes": 2}}},
        (*TWO, "worker-2"),
        environment="pytorch-ddp",
        spares=("worker-1", "worker-2"),
    ),
)
SIGNALS = (signal.SIGKILL, signal.SIGTERM)
MOMENTS = ("starting", "training", "last-epoch")


def cases() -> list[Any]:
    """All cases; those that a run without --all-kills leaves out carry the mark `all_kills`."""
    found = []
    hows = [(moment, sent, again) for moment in MOMENTS for sent in SIGNALS for again in (False, True)]
    replicas = [(kind, replica) for kind in KINDS for replica in kind.replicas]
    for number, (kind, replica) in enumerate(replicas):
        for place, (moment, sent, again) in enumerate(hows):
            marks = [pytest.mark.frameworks] if kind.environment else []
            if place != 5 * number % len(hows):  # every how is the one that runs for some replica
                marks.append(pytest.mark.all_kills)
            name = f"{kind.name}-{replica}-{moment}-{sent.name.lower()}-{'restarts' if again else 'fails'}"
            found.append(pytest.param(kind, replica, moment, sent, again, id=name, marks=marks))
    return found


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    with cluster_with_cache(tmp_path_factory.mktemp("matrix")) as found:
        yield found


@pytest.mark.parametrize(("kind", "victim", "moment", "sent", "again"), cases())
def test_a_killed_replica(
    cluster: LocalCluster, tmp_path: Path, kind: Kind, victim: str, moment: str, sent: signal.Signals, again: bool
) -> None:
    name = start(cluster, tmp_path, kind, again)
    trains = kind.trains or kind.replicas
    if moment != "starting":
        epoch = 1 if moment == "training" else EPOCHS - 1
        go(tmp_path, epoch)
        for replica in kind.replicas:
            wanted = f"epoch-{epoch}" if replica in trains else "begun"
            cluster.wait(f"{replica} has {wanted}", (tmp_path / f"1-{replica}-{wanted}").exists, 2 * SECONDS)
    killed = kill(cluster, name, victim, sent)
    if victim in trains:
        go(tmp_path)  # the others train on, until they wait for the victim
    if victim in kind.spares:
        check_replacement(cluster, name, victim, killed)
        return
    first = cluster.wait("the attempt is over", lambda: first_attempt(cluster, name), 2 * SECONDS)
    took = datetime.fromisoformat(first["endTime"]).timestamp() - killed
    assert (first["reason"], first.get("replica")) == ("Signal", victim), cluster.report(name)
    assert first["message"].startswith(f"{victim} was killed by {sent.name}")
    assert took <= SECONDS, f"it took {took:.0f} s"
    go(tmp_path)
    status = cluster.ended(name, 3 * SECONDS)
    if not again:
        assert (status["phase"], status["reason"], len(status["attempts"])) == ("Failed", "Signal", 1)
        return
    assert [a["reason"] for a in status["attempts"]] == ["Signal", "Completed"], cluster.report(name)
    total = (cluster.run_dir(name) / "outputs" / f"total-{kind.replicas[0]}.txt").read_text()
    assert total == str(len(trains))


def check_replacement(cluster: LocalCluster, name: str, victim: str, killed: float) -> None:
    """An elastic job goes on without the victim, and with the one that replaces it."""
    lost = cluster.wait("the loss is noticed", lambda: losses(cluster, name) or None, 2 * SECONDS)
    took = time.time() - killed
    assert [(one["replica"], one["reason"]) for one in lost] == [(victim, "Signal")], cluster.report(name)
    assert took <= SECONDS, f"it took {took:.0f} s"
    status = cluster.ended(name, 4 * SECONDS)
    assert [a["reason"] for a in status["attempts"]] == ["Completed"], cluster.report(name)
    total = (cluster.run_dir(name) / "outputs" / "total-worker-0.txt").read_text()
    assert total in ("2", "3")  # it may have ended before the replacement was there


def losses(cluster: LocalCluster, name: str) -> list[dict[str, Any]]:
    """What the first attempt has lost."""
    attempts = cluster.status(name).get("attempts") or ()
    return list(attempts[0].get("lost") or ()) if attempts else []


def start(cluster: LocalCluster, place: Path, kind: Kind, again: bool) -> str:
    name = cluster.name(kind.name)
    spec: dict[str, Any] = {
        "entrypoint": {"script": "train.py", "args": [str(place)]},
        "retry": {"user": 1 if again else 0},
        "outputs": {"flushSeconds": 20},
        **kind.spec,
    }
    if kind.environment:
        build_environment(cluster, kind.environment)
        spec |= {"image": None, "environment": {"name": kind.environment}}
    cluster.apply(config_map(f"{name}-code", {"train.py": PROGRAM}), job_manifest(name, **spec))
    return name


def go(place: Path, until: int = EPOCHS) -> None:
    """Let the program pass its epochs before `until`."""
    for epoch in range(until):
        (place / f"go-{epoch}").touch()


def kill(cluster: LocalCluster, name: str, victim: str, sent: signal.Signals) -> float:
    """The signal to the first process of the replica's container `train`, once it is there; the time of it."""
    pid = cluster.wait(f"the program of {victim} is started", lambda: train_pid(cluster, f"{name}-1-{victim}"), SECONDS)
    os.kill(pid, sent)
    return time.time()


def train_pid(cluster: LocalCluster, pod: str) -> int | None:
    found = cluster.request("GET", f"/api/v1/namespaces/default/pods/{pod}")
    if found is None:
        return None
    started = cluster.pods_dir / found["metadata"]["uid"] / "containers" / "train" / "0" / "started.json"
    return int(json.loads(started.read_text())["pid"]) if started.exists() else None


def first_attempt(cluster: LocalCluster, name: str) -> dict[str, Any] | None:
    """Its record, once it is over."""
    attempts = cluster.status(name).get("attempts") or ()
    return dict(attempts[0]) if attempts and attempts[0].get("endTime") else None

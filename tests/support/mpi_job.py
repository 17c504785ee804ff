"""An MPI job without a cluster: one tree and one launcher a worker, each at a loopback address of its own."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from launcher_tree import Ended, LaunchTree, kill_quietly

from footplate.jobs.certificate import new_key, with_keys

HOSTS = "{role}-{index}.digits.default.svc"
# What the embedded cluster says too: all workers are on one machine.
ONE_MACHINE = {"OMPI_MCA_btl_tcp_if_include": "lo", "OMPI_MCA_mpi_yield_when_idle": "1"}


def write_keys(folder: Path) -> None:
    """A key and certificate as the operator makes them."""
    folder.mkdir(parents=True, exist_ok=True)
    secret = with_keys({"metadata": {"name": "digits-1a2b3c4d-keys"}}, new_key(), datetime.now(UTC))
    for name, content in secret["data"].items():
        (folder / name).write_bytes(base64.b64decode(content))


def loopback_network() -> str:
    """The first three numbers of 254 addresses that other test processes do not use at the same time."""
    pid = os.getpid()
    return f"127.{67 + (pid >> 8) % 180}.{pid & 255}"


class MpiJob:
    """Workers that share keys and a hosts file; `bin_folder` is where mpirun is, `user` a number without a name."""

    def __init__(
        self,
        folder: Path,
        python: str,
        pyz: Path,
        nodes: int,
        *,
        port: int,
        bin_folder: Path | None = None,
        user: int | None = None,
        environment: Mapping[str, str] = {},
        **distribution: Any,
    ) -> None:
        self.nodes = nodes
        self._network = loopback_network()
        self._bin_folder = bin_folder
        self._user = user
        self._environment = dict(environment)
        self._distribution = {
            "framework": "mpi",
            "nodes": nodes,
            "processesPerNode": 2,
            "implementation": "OpenMPI",
            "args": [],
            "port": port,
            **distribution,
        }
        keys = folder / "keys"
        write_keys(keys)
        self.hosts = folder / "hosts"
        self.write_hosts(range(nodes))
        self.trees = []
        for index in range(nodes):
            tree = LaunchTree(folder / f"worker-{index}", python, pyz)
            shutil.copytree(keys, tree.root / "keys")
            self.trees.append(tree)
        self.processes: dict[int, subprocess.Popen[bytes]] = {}

    def address(self, index: int) -> str:
        return f"{self._network}.{index + 1}"

    def write_hosts(self, indices: Sequence[int]) -> None:
        names = [HOSTS.replace("{role}", "worker").replace("{index}", str(i)) for i in indices]
        self.hosts.write_text("".join(f"{self.address(i)} {name}\n" for i, name in zip(indices, names, strict=True)))

    def program(self, code: str, argv: Sequence[str] = (), **other: Any) -> None:
        """The same train.py and orders for all workers."""
        for tree in self.trees:
            tree.write("train.py", code)
            tree.orders(
                script="train.py",
                argv=argv,
                distribution=self._distribution,
                roles={"worker": self.nodes},
                hosts=HOSTS,
                **other,
            )

    def start(self, *indices: int, **popen: Any) -> None:
        """The launchers of these workers, or of all."""
        for index in indices or range(self.nodes):
            path = os.environ["PATH"] if self._bin_folder is None else f"{self._bin_folder}:{os.environ['PATH']}"
            temporary = self.trees[index].root / "tmp"
            temporary.mkdir(exist_ok=True)
            environment = {
                **ONE_MACHINE,
                "PATH": path,
                "FOOTPLATE_INDEX": str(index),
                "FOOTPLATE_HOSTS": str(self.hosts),
                "HOME": str(self.trees[index].root),
                # As every pod has one: Open MPI 5 hangs when workers of one name share its session folder.
                "TMPDIR": str(temporary),
                **self._environment,
            }
            prefix = ["unshare", "--uts", "sh", "-c", 'hostname "$0"; exec "$@"', f"worker-{index}"]
            if self._user is not None:
                prefix += ["unshare", "--user", f"--map-user={self._user}", f"--map-group={self._user}"]
            self.processes[index] = self.trees[index].start(env=environment, prefix=prefix, **popen)

    def finish(self, index: int) -> Ended:
        return self.trees[index].finish(self.processes[index])

    def finish_all(self) -> list[Ended]:
        return [self.finish(index) for index in range(self.nodes)]

    def run(self) -> list[Ended]:
        self.start()
        return self.finish_all()

    def kill_all(self) -> None:
        """What is left: of a failed test, and of a launcher that was killed, for no container ends with it."""
        for process in self.processes.values():
            if process.poll() is None:
                process.kill()
                process.wait()
        roots = {f"FOOTPLATE_ROOT={tree.root}".encode() for tree in self.trees}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and not roots.isdisjoint(environment_of(entry)):
                kill_quietly(int(entry.name))

    def ended_within(self, seconds: float, *indices: int) -> None:
        """Fails when one of these launchers is still there after so many seconds."""
        deadline = time.monotonic() + seconds
        for index in indices:
            self.processes[index].wait(max(0.1, deadline - time.monotonic()))


def environment_of(process: Path) -> list[bytes]:
    """The variables that a process of /proc was started with; none when it has ended or is not ours."""
    try:
        return (process / "environ").read_bytes().split(b"\0")
    except OSError:
        return []

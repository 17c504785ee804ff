"""Whole launches over real TLS between real launchers, with an mpirun of a few lines."""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from launcher_tree import find_python, wait_until
from mpi_job import MpiJob, write_keys
from small_mpirun import write_small_mpirun

# A line in one piece: all ranks share a pipe.
SAY = """\
import os
def say(*words):
    os.write(1, " ".join(map(str, words)).encode() + bytes([10]))
"""
SHOW = (
    SAY
    + """\
say(*[os.environ[name] for name in ("OMPI_COMM_WORLD_RANK", "FOOTPLATE_INDEX", "INPUT_DIGITS")], os.getcwd())
"""
)
PORT = 24567

Make = Callable[..., MpiJob]


@pytest.fixture
def make(tmp_path: Path, pyz: Path) -> Iterator[Make]:
    jobs = []

    def made(nodes: int = 3, version: str = "current", **more: Any) -> MpiJob:
        python = find_python(version)
        if python is None:
            pytest.skip(f"no Python {version} on this machine")
        folder = write_small_mpirun(tmp_path / "bin", python)
        jobs.append(MpiJob(tmp_path / "job", python, pyz, nodes, port=PORT, bin_folder=folder, **more))
        return jobs[-1]

    yield made
    for job in jobs:
        job.kill_all()


@pytest.mark.parametrize("version", ["3.6", "3.8", "3.13", "current"])
def test_every_rank_is_at_home_on_its_node(make: Make, version: str) -> None:
    job = make(nodes=3, version=version)
    job.program(SHOW, inputs=[{"name": "digits", "uri": "s3://data/digits/"}])
    ended = job.run()
    assert [e.status for e in ended] == [0, 0, 0], [e.err for e in ended]
    roots = [tree.root for tree in job.trees]
    expected = {f"{r} {r // 2} {roots[r // 2]}/inputs/digits {roots[r // 2]}/code" for r in range(6)}
    assert set(ended[0].out.decode().splitlines()) == expected


def test_one_node_needs_no_keys_and_no_network(make: Make) -> None:
    job = make(nodes=1, processesPerNode=4)
    (job.trees[0].root / "keys" / "tls.key").unlink()
    job.hosts.unlink()
    job.program(SAY + "say('rank', os.environ['OMPI_COMM_WORLD_RANK'])")
    (ended,) = job.run()
    assert ended.status == 0, ended.err
    assert sorted(ended.out.decode().splitlines()) == [f"rank {r}" for r in range(4)]


def test_processes_are_counted_on_each_node(make: Make) -> None:
    job = make(nodes=2, processesPerNode="auto", environment={"CUDA_VISIBLE_DEVICES": "0,1,2"})
    job.program(SAY + "say('here')")
    ended = job.run()
    assert ended[0].out.decode().splitlines() == ["here"] * 6


@pytest.mark.parametrize(
    ("code", "exit_code", "number", "error"),
    [
        ("raise ValueError('bad shape')", 1, None, "ValueError: bad shape"),
        ("sys.exit(7)", 7, None, "rank 4 on worker-2 exited with code 7"),
        ("os.kill(os.getpid(), 9)", None, 9, "rank 4 on worker-2 was killed by SIGKILL"),
        ("os.kill(os.getpid(), 11)", None, 11, "rank 4 on worker-2 was killed by SIGSEGV"),
    ],
)
def test_a_rank_that_fails(make: Make, code: str, exit_code: int | None, number: int | None, error: str) -> None:
    job = make(nodes=3)
    job.program(f"import os, sys\nif os.environ['OMPI_COMM_WORLD_RANK'] == '4':\n    {code}\n")
    ended = job.run()
    found = ended[0].exit
    assert (found["exitCode"], found["signal"], found["error"]) == (exit_code, number, error)
    assert found["replica"] == "worker-2"
    assert [e.status for e in ended[1:]] == [0, 0], "they have only done what they were told"


def test_a_failure_is_not_waited_out(make: Make) -> None:
    """An mpirun that does not notice is ended: MPICH's does not see an exit without MPI_Finalize."""
    job = make(nodes=2, processesPerNode=1)
    job.program("import os, sys, time\nif os.environ['OMPI_COMM_WORLD_RANK'] == '1': sys.exit(7)\ntime.sleep(600)")
    ended = job.run()
    assert (ended[0].exit["exitCode"], ended[0].exit["replica"]) == (7, "worker-1")


def agent(job: MpiJob, *words: str, **start: Any) -> None:
    """A job whose mpirun only calls the agent with these words."""
    job._distribution["args"] = ["--agent", *words]
    job.program("")
    job.start(**start)


@pytest.mark.parametrize("host", ["worker-0", "worker-1", "worker-1.digits.default.svc", "ada@worker-1"])
def test_streams_of_megabytes_pass_both_ways(make: Make, host: str) -> None:
    job = make(nodes=2)
    sent = os.urandom(3 << 20)
    job._distribution["args"] = ["--agent", "-x", host, "tee /dev/stderr"]
    job.program("")
    job.start(1)
    job.start(0, stdin=subprocess.PIPE)
    out, err = job.processes[0].communicate(sent, timeout=60)
    assert hashlib.sha256(out).digest() == hashlib.sha256(sent).digest()
    assert sent in err
    assert job.finish(1).status == 0


@pytest.mark.parametrize(
    ("command", "status"),
    [("exit 3", 3), ("kill -9 $$", 137), ("nothing-of-this-name", 127), ("exit 0", 0)],
)
def test_exit_codes_pass(make: Make, command: str, status: int) -> None:
    job = make(nodes=2)
    agent(job, "worker-1", f"{command}")
    assert job.finish(0).status == status
    assert job.finish(1).status == 0


def test_a_host_that_is_none_of_the_job(make: Make) -> None:
    job = make(nodes=2)
    agent(job, "worker-7", "true")
    ended = job.finish(0)
    assert ended.status == 255
    assert b"footplate: worker-7 is no worker of this job" in ended.err


def test_what_an_agent_has_started_ends_with_it(make: Make, tmp_path: Path) -> None:
    job = make(nodes=2)
    pid_file = tmp_path / "pid"
    agent(job, "worker-1", f"echo $$ > {pid_file}; exec sleep 600")
    started = int(wait_until(lambda: pid_file.exists() and pid_file.read_text().strip(), "the command"))
    job.processes[0].send_signal(signal.SIGTERM)
    assert job.finish(0).exit["signal"] == signal.SIGTERM
    assert job.finish(1).status == 0
    assert not Path(f"/proc/{started}").exists()


SLEEP = "import os, time\nopen('started-' + os.environ['OMPI_COMM_WORLD_RANK'], 'w').close()\ntime.sleep(600)\n"


def running(job: MpiJob) -> None:
    """Starts it, and waits until all its ranks run."""
    job.program(SLEEP)
    job.start()
    wait_until(lambda: sum(len(list(t.code.glob("started-*"))) for t in job.trees) == 2 * job.nodes, "all ranks")


def test_the_others_end_when_worker_0_is_killed(make: Make) -> None:
    job = make(nodes=3)
    running(job)
    job.processes[0].kill()
    job.ended_within(10, 1, 2)
    for index in (1, 2):
        found = job.finish(index).exit
        assert (found["exitCode"], found["replica"]) == (1, "worker-0")
        assert found["error"].startswith("worker-0 is gone: ")


def test_all_end_when_another_worker_is_killed(make: Make) -> None:
    job = make(nodes=3)
    running(job)
    job.processes[2].kill()
    job.ended_within(10, 0, 1)
    found = job.finish(0).exit
    assert (found["exitCode"], found["replica"]) == (1, "worker-2")
    assert found["error"].startswith("worker-2 is gone: ")
    assert job.finish(1).status == 0


def test_a_worker_that_is_told_to_stop_ends_the_launch(make: Make) -> None:
    job = make(nodes=3)
    running(job)
    job.processes[1].send_signal(signal.SIGTERM)
    job.ended_within(10, 0, 1, 2)
    found = job.finish(0).exit
    assert (found["replica"], found["error"]) == ("worker-1", "worker-1 was told to stop by SIGTERM")


SAVE = """\
import os, signal, sys, time
rank = os.environ["OMPI_COMM_WORLD_RANK"]
def stop(number, frame):
    time.sleep(2)  # longer than Open MPI's daemons would wait
    open("saved-" + rank, "w").close()
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
open("started-" + rank, "w").close()
time.sleep(600)
"""


def test_a_job_that_is_stopped_lets_all_ranks_save_what_they_have(make: Make) -> None:
    job = make(nodes=2)
    job.program(SAVE)
    job.start()
    wait_until(lambda: sum(len(list(t.code.glob("started-*"))) for t in job.trees) == 4, "all ranks")
    job.processes[1].send_signal(signal.SIGUSR1)  # of no meaning to a worker that only waits
    job.processes[0].send_signal(signal.SIGTERM)
    ended = job.finish_all()
    saved = sorted(path.name for tree in job.trees for path in tree.code.glob("saved-*"))
    assert saved == [f"saved-{r}" for r in range(4)]
    assert [e.status for e in ended] == [0, 0], "each program has ended with 0; that it was asked to is told apart"
    assert ended[0].exit["stopTime"] is not None


def test_a_worker_that_does_not_come_is_named(make: Make) -> None:
    job = make(nodes=3, environment={"FOOTPLATE_PEERS_TIMEOUT_SECONDS": "2"})
    job.write_hosts([0, 1])
    job.program("")
    job.start(0, 1)
    ended = job.finish(0)
    assert ended.status == 124
    assert ended.exit["error"].startswith(
        "worker-2 (worker-2.digits.default.svc does not resolve) did not answer within 2 s"
    )
    assert job.finish(1).status == 0, "worker 0 has told it that it is over"


def test_a_worker_without_a_head_gives_up(make: Make) -> None:
    job = make(nodes=2, environment={"FOOTPLATE_PEERS_TIMEOUT_SECONDS": "1"})
    job.program("")
    job.start(1)
    ended = job.finish(1)
    assert (ended.status, ended.exit["error"]) == (124, "worker-0 has not connected within 1 s")


def test_strangers_are_refused_and_said_and_do_no_harm(make: Make, tmp_path: Path) -> None:
    job = make(nodes=2)
    job.program(SAY + "say('rank')")
    job.start(1)
    write_keys(tmp_path / "others")
    others = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    nobody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for context in (others, nobody):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    others.load_cert_chain(tmp_path / "others/tls.crt", tmp_path / "others/tls.key")
    wait_until(lambda: listens(job.address(1)), "worker 1 to listen")
    assert refused(job.address(1), others)
    assert refused(job.address(1), nobody)
    with socket.create_connection((job.address(1), PORT), timeout=10) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
        with contextlib.suppress(ConnectionResetError):
            assert plain.recv(1000)[:1] != b"H"
    job.start(0)
    assert job.finish(0).out == b"rank\n" * 4
    said = job.finish(1).err.decode()
    for reason in ("CERTIFICATE_VERIFY_FAILED", "PEER_DID_NOT_RETURN_A_CERTIFICATE", "HTTP_REQUEST"):
        assert f"a connection from 127.0.0.1 was refused: TLS: {reason}" in said


def listens(address: str) -> bool:
    try:
        socket.create_connection((address, PORT), timeout=10).close()
    except OSError:
        return False
    return True


def refused(address: str, context: ssl.SSLContext) -> bool:
    """With TLS 1.3 a client learns only by its first read that it was refused."""
    with socket.create_connection((address, PORT), timeout=10) as plain:
        try:
            with context.wrap_socket(plain) as tls:
                return tls.recv(100) == b""
        except (ssl.SSLError, ConnectionError):
            return True


def test_the_mpirun_of_another_mpi_is_named(make: Make) -> None:
    job = make(nodes=1, implementation="MPICH")
    job.program("")
    (ended,) = job.run()
    assert ended.status == 2
    assert "write implementation: OpenMPI" in ended.exit["error"]


def test_without_mpirun_the_package_is_named(make: Make) -> None:
    job = make(nodes=1, implementation="Intel", environment={"PATH": "/usr/bin:/bin"})
    job.program("")
    (ended,) = job.run()
    assert ended.status == 127
    assert "the package impi-rt of PyPI" in ended.exit["error"]


def test_any_user_without_a_name_and_a_home(make: Make) -> None:
    job = make(nodes=2, environment={"HOME": "/nonexistent"}, user=54321)
    job.program(SAY + "say(os.getuid(), os.environ['HOME'], os.access(os.environ['HOME'], os.W_OK))")
    ended = job.run()
    assert ended[0].status == 0, ended[0].err
    homes = [f"54321 {tree.root}/state/home True" for tree in job.trees]
    assert sorted(ended[0].out.decode().splitlines()) == sorted(homes * 2)

from __future__ import annotations

import json
import re
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from launcher_tree import LaunchTree
from torchrun_words import TORCHRUN

from footplate_run.frameworks.base import Launch
from footplate_run.frameworks.pytorch import (
    PyTorch,
    after_worker_0,
    torchrun_cause,
    torchrun_error,
    torchrun_stopped,
)
from footplate_run.orders import Orders
from footplate_run.program import Command
from footplate_run.torchrun import answers, wait_for_worker_0

MASTER = "worker-0.digits.default.svc"


ONE_NODE = {"framework": "pytorch", "nodes": 1, "processesPerNode": 1, "port": 23456}


def orders(index: int = 0, attempt: int = 1, uid: str = "uid-1", **distribution: Any) -> Orders:
    return Orders(
        root="/footplate",
        job="digits",
        uid=uid,
        role="worker",
        index=index,
        attempt=attempt,
        code="/footplate/code",
        inputs=[],
        distribution={**ONE_NODE, **distribution},
        roles={"worker": distribution.get("nodes", 1)},
        hosts="{role}-{index}.digits.default.svc",
    )


@pytest.fixture
def torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module torch that can be found; nothing here imports it."""
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)


def launch(
    given: Orders, words: list[str] | None = None, python: bool = True, env: dict[str, str] | None = None
) -> Launch:
    pytorch = PyTorch(given)
    addresses = {name: name for name in pytorch.peers()}
    return pytorch.launch(Command(words or ["train.py", "--lr", "1"], python), addresses, env or {})


@pytest.mark.usefixtures("torch")
def test_pytorch_static_on_two_nodes() -> None:
    made = launch(orders(index=1, nodes=2, processesPerNode=4, port=29400, backend="gloo"))
    assert made.argv == [
        sys.executable, "-u", "-m", "footplate_run.torchrun", "train.py", "--lr", "1",
    ]  # fmt: skip
    assert made.variables == {
        "PET_NNODES": "2",
        "PET_NPROC_PER_NODE": "4",
        "PET_NODE_RANK": "1",
        "PET_MAX_RESTARTS": "0",
        "PET_RDZV_CONF": "timeout=600",
        "PET_MASTER_ADDR": MASTER,
        "PET_MASTER_PORT": "29400",
        "MASTER_ADDR": MASTER,
        "MASTER_PORT": "29400",
        "NODE_RANK": "1",
        "TORCHELASTIC_ERROR_FILE": "/footplate/state/torchrun-error.json",
        "FOOTPLATE_BACKEND": "gloo",
    }
    assert made.death_signal == signal.SIGTERM


@pytest.mark.usefixtures("torch")
def test_pytorch_on_one_node_goes_the_same_way_and_needs_no_peer() -> None:
    assert PyTorch(orders(nodes=1)).peers() == []
    made = launch(orders(nodes=1, processesPerNode=1))
    assert made.argv[:4] == [sys.executable, "-u", "-m", "torch.distributed.run"]
    assert made.variables["PET_NNODES"] == "1"
    assert made.variables["PET_MASTER_ADDR"] == "127.0.0.1"


@pytest.mark.usefixtures("torch")
@pytest.mark.parametrize(("index", "is_host"), [(0, "true"), (1, "false")])
def test_pytorch_elastic_meets_at_worker_0(index: int, is_host: str) -> None:
    given = orders(index=index, attempt=2, nodes=4, minNodes=2, maxRestarts=5)
    made = launch(given, env={"FOOTPLATE_PEERS_TIMEOUT_SECONDS": "1800"})
    assert made.argv[3] == "footplate_run.torchrun"
    variables = made.variables
    assert {name: value for name, value in variables.items() if re.search("RDZV|NNODES|LOCAL_ADDR|MAX|RANK", name)} == {
        "PET_NNODES": "2:4",
        "PET_MAX_RESTARTS": "5",
        "PET_RDZV_BACKEND": "c10d",
        "PET_RDZV_ENDPOINT": f"{MASTER}:23456",
        "PET_RDZV_ID": "uid-1-2",
        "PET_RDZV_CONF": f"is_host={is_host},join_timeout=1800,read_timeout=1800,"
        "keep_alive_interval=3,keep_alive_max_attempt=3,last_call_timeout=5",
        "PET_LOCAL_ADDR": f"worker-{index}.digits.default.svc",
        "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1",
        "NODE_RANK": str(index),
    }


@pytest.mark.parametrize(
    "addresses", [["127.66.0.10", "127.66.0.9"], [f"worker-{n}.d.default.svc" for n in (0, 1, 10)]]
)
def test_worker_0_comes_first_in_the_order_of_addresses(addresses: list[str]) -> None:
    """By which torchrun numbers the nodes."""
    first, *others = addresses
    assert all(first < after_worker_0(other) for other in others)


@pytest.mark.usefixtures("torch")
def test_settings_of_the_users_own_come_last_and_hold() -> None:
    own = {"PET_RDZV_CONF": "last_call_timeout=60", "PET_MAX_RESTARTS": "100"}
    variables = launch(orders(nodes=4, minNodes=2, maxRestarts=5), env=own).variables
    assert variables["PET_RDZV_CONF"].endswith(",last_call_timeout=5,last_call_timeout=60")
    assert variables["PET_MAX_RESTARTS"] == "100"


@pytest.mark.usefixtures("torch")
@pytest.mark.parametrize("distribution", [{"nodes": 2}, {"nodes": 2, "minNodes": 1}])
def test_variables_of_the_backends_are_the_users_alone(distribution: dict[str, int]) -> None:
    given = {"NCCL_DEBUG": "INFO", "NCCL_SOCKET_IFNAME": "eth1", "GLOO_SOCKET_IFNAME": "eth1"}
    made = launch(orders(backend="nccl", **distribution), env=given).variables
    assert [name for name in made if re.match("NCCL|GLOO|TORCH_NCCL|UCX|FI_", name)] == []


@pytest.mark.usefixtures("torch")
def test_min_nodes_of_all_nodes_is_static() -> None:
    variables = launch(orders(nodes=2, minNodes=2)).variables
    assert variables["PET_NNODES"] == "2"
    assert "PET_RDZV_BACKEND" not in variables


@pytest.mark.usefixtures("torch")
def test_a_command_goes_through_torchrun_as_it_is() -> None:
    argv = launch(orders(), ["python", "train.py"], python=False).argv
    assert argv[-4:] == ["torch.distributed.run", "--no_python", "python", "train.py"]


def test_peers_are_worker_0_alone() -> None:
    assert PyTorch(orders(index=3, nodes=4)).peers() == [MASTER]


def test_an_elastic_node_needs_its_own_address_too() -> None:
    """The others connect to it when torchrun has given it rank 0."""
    assert PyTorch(orders(index=3, nodes=4, minNodes=2)).peers() == [MASTER, MASTER.replace("-0", "-3")]


@pytest.mark.usefixtures("torch")
def test_the_port_is_as_ordered_on_one_machine_too() -> None:
    """The operator makes it from the job's uid, so that jobs that share a network do not meet."""
    variables = launch(orders(nodes=2, port=20123), env={"FOOTPLATE_HOSTS": "/run/hosts"}).variables
    assert (variables["PET_MASTER_PORT"], variables["MASTER_PORT"]) == ("20123", "20123")


@pytest.mark.usefixtures("torch")
@pytest.mark.parametrize(("visible", "wanted"), [("0,1,2", "3"), ("", "1")])
def test_processes_auto(visible: str, wanted: str) -> None:
    variables = launch(orders(processesPerNode="auto"), env={"CUDA_VISIBLE_DEVICES": visible}).variables
    assert variables["PET_NPROC_PER_NODE"] == wanted


FAKE_TORCHRUN = """
import json, os, sys
print(json.dumps([sys.argv[1:], {k: v for k, v in os.environ.items() if k.startswith(("PET_", "MASTER_"))}]))
"""


def fake_torch(tree: LaunchTree, text: str) -> dict[str, str]:
    """A torch whose torchrun is ``text``; returns the environment that finds it."""
    package = tree.root / "site" / "torch" / "distributed"
    package.mkdir(parents=True)
    for folder in (package.parent, package):
        (folder / "__init__.py").write_text("")
    (package / "run.py").write_text(text)
    return {"PYTHONPATH": str(tree.root / "site")}


def test_launcher_waits_for_worker_0_in_the_hosts_file_and_until_it_answers(tree: LaunchTree) -> None:
    env = fake_torch(tree, FAKE_TORCHRUN)
    hosts = tree.root / "hosts"
    tree.write("train.py", "")
    with socket.socket() as worker_0:
        worker_0.bind(("127.5.0.7", 0))
        port = worker_0.getsockname()[1]
        tree.orders("train.py", ["-x"], distribution={**ONE_NODE, "nodes": 2, "port": port})
        process = tree.start(env={**env, "FOOTPLATE_HOSTS": str(hosts), "FOOTPLATE_INDEX": "1"})
        temporary = tree.root / "hosts.tmp"
        temporary.write_text(f"127.5.0.7 {MASTER}\n")
        temporary.rename(hosts)
        time.sleep(1)
        assert process.poll() is None, "nothing listens there yet"
        worker_0.listen()
        ended = tree.finish(process)
    argv, variables = json.loads(ended.out)
    assert argv == ["train.py", "-x"]
    assert variables["PET_MASTER_ADDR"] == variables["MASTER_ADDR"] == "127.5.0.7"
    assert variables["PET_NODE_RANK"] == "1"


def test_who_has_waited_long_enough_leaves_the_rest_to_torchrun() -> None:
    with socket.socket() as silent:
        silent.bind(("127.5.0.8", 0))
        wait_for_worker_0("127.5.0.8", silent.getsockname()[1], patience=0.1)
        assert answers("127.5.0.8", silent.getsockname()[1]) is False
        silent.listen()
        assert answers("127.5.0.8", silent.getsockname()[1]) is True


def test_launcher_gives_up_on_peers(tree: LaunchTree) -> None:
    env = fake_torch(tree, FAKE_TORCHRUN)
    tree.write("train.py", "")
    tree.orders("train.py", distribution={**ONE_NODE, "nodes": 2}, hosts="{role}-{index}.invalid")
    ended = tree.run(env={**env, "FOOTPLATE_PEERS_TIMEOUT_SECONDS": "0"})
    assert ended.status == 124
    assert ended.exit["error"].startswith("worker-0.invalid did not resolve within 0 s")


@pytest.mark.parametrize(
    ("code", "status", "exit_code", "number"),
    [(3, 3, 3, None), (-9, 137, None, 9)],
)
def test_exit_of_the_failing_worker_stands_for_torchruns(
    current_tree: LaunchTree, code: int, status: int, exit_code: int | None, number: int | None
) -> None:
    summary = (
        "Traceback (most recent call last):\n  File\n"
        "torch.distributed.elastic.multiprocessing.errors.ChildFailedError: \n"
        "Root Cause (first observed failure):\n[0]:\n  rank      : 1 (local_rank: 1)\n"
        f"  exitcode  : {code} (pid: 42)\n"
    )
    env = fake_torch(current_tree, f"import sys\nsys.stderr.write({summary!r})\nsys.exit(1)\n")
    current_tree.write("train.py", "")
    current_tree.orders("train.py", distribution=ONE_NODE)
    ended = current_tree.run(env=env)
    how = "exited with code 3" if code > 0 else "was ended by signal 9"
    assert ended.status == status
    assert (ended.exit["exitCode"], ended.exit["signal"]) == (exit_code, number)
    assert ended.exit["error"] == f"the process of rank 1 {how}"


API = "torch.distributed.elastic"
KILLED = f"{API}.multiprocessing.api.SignalException: Process 7 got signal: 15"
CLOSED = f"{API}.rendezvous.api.RendezvousClosedError"
NO_RESULT = "AttributeError: 'NoneType' object has no attribute 'is_failed'"
GONE = f"{API}.rendezvous.api.RendezvousConnectionError: The connection to the C10d store has failed."
ELASTIC = {**ONE_NODE, "nodes": 2, "minNodes": 1}


@pytest.mark.parametrize(
    ("distribution", "index", "error", "status", "number", "told", "replica"),
    [
        (ONE_NODE, 0, KILLED, 143, 15, "torchrun was ended by signal 15", None),
        (ELASTIC, 1, KILLED, 143, 15, "torchrun was ended by signal 15", None),
        (ELASTIC, 1, CLOSED, 0, None, None, None),
        (ELASTIC, 1, NO_RESULT, 0, None, None, None),
        (ELASTIC, 1, GONE, 1, None, "the rendezvous on worker-0 is gone", "worker-0"),
        (ELASTIC, 0, GONE, 1, None, GONE, None),
        ({**ONE_NODE, "nodes": 2}, 1, CLOSED, 1, None, CLOSED, None),
    ],
)
def test_how_torchrun_itself_ends(
    current_tree: LaunchTree,
    distribution: Any,
    index: int,
    error: str,
    status: int,
    number: int | None,
    told: str | None,
    replica: str | None,
) -> None:
    """A signal becomes an exception of torchrun's, and so does a rendezvous that is over."""
    text = f"Traceback (most recent call last):\n  File 'run.py', line 1\n{error}\n"
    env = fake_torch(current_tree, f"import sys\nsys.stderr.write({text!r})\nsys.exit(1)\n")
    hosts = current_tree.root / "hosts"
    hosts.write_text(f"127.5.0.7 {MASTER}\n127.5.0.8 {MASTER.replace('-0', '-1')}\n")
    current_tree.write("train.py", "")
    current_tree.orders("train.py", distribution=distribution)
    ended = current_tree.run(
        env={
            **env,
            "FOOTPLATE_HOSTS": str(hosts),
            "FOOTPLATE_INDEX": str(index),
            "FOOTPLATE_PEERS_TIMEOUT_SECONDS": "0",
        }
    )
    assert (ended.status, ended.exit["signal"]) == (status, number)
    assert (ended.exit["error"], ended.exit["replica"]) == (told, replica)
    if status == 0:
        assert b"footplate: the others had ended before this node could join them" in ended.err


def test_torchruns_error_file_is_read(current_tree: LaunchTree) -> None:
    text = (
        "import json, os, sys\n"
        "with open(os.environ['TORCHELASTIC_ERROR_FILE'], 'w') as file:\n"
        "    json.dump({'message': {'message': 'ValueError: from the worker'}}, file)\n"
        "sys.stderr.write('Root Cause (first observed failure):\\n rank : 0 (x)\\n exitcode : 1 (y)\\n')\n"
        "sys.exit(1)\n"
    )
    env = fake_torch(current_tree, text)
    current_tree.write("train.py", "")
    current_tree.orders("train.py", distribution=ONE_NODE)
    assert current_tree.run(env=env).exit["error"] == "ValueError: from the worker"


@pytest.mark.parametrize("code", [3, -9])
def test_torchrun_names_the_root_cause(code: int) -> None:
    assert torchrun_cause(TORCHRUN.replace("{code}", str(code)).splitlines()) == (1, code)


def test_torchrun_cause_is_none_elsewhere() -> None:
    assert torchrun_cause(["rank : 1", "exitcode : 3"]) is None


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        ({"message": {"message": "ValueError: bad\nmore", "extraInfo": {"timestamp": "1"}}}, "ValueError: bad"),
        ({"message": "out of memory"}, "out of memory"),
        ({"message": "<NONE>"}, None),
        ({"message": {"message": 3}}, None),
        ({}, None),
        ([], None),
    ],
)
def test_torchrun_error_file(content: object, wanted: str | None) -> None:
    assert torchrun_error(json.dumps(content).encode()) == wanted


def test_torchrun_error_file_that_is_torn() -> None:
    assert torchrun_error(b'{"message": "x') is None


STOPPED = """\
Traceback (most recent call last):
  File "torch/distributed/elastic/multiprocessing/api.py", line 86, in _terminate_process_handler
    raise SignalException(f"Process {os.getpid()} got signal: {sigval}", sigval=sigval)
torch.distributed.elastic.multiprocessing.api.SignalException: Process 18489 got signal: 15
"""


def test_torchrun_that_was_told_to_stop_has_not_failed_by_itself(current_tree: LaunchTree) -> None:
    assert torchrun_stopped(STOPPED.splitlines()) == 15
    assert torchrun_stopped([]) is None
    assert torchrun_stopped(TORCHRUN.splitlines()) is None
    env = fake_torch(current_tree, f"import sys\nsys.stderr.write({STOPPED!r})\nsys.exit(1)\n")
    current_tree.write("train.py", "")
    current_tree.orders("train.py", distribution=ONE_NODE)
    ended = current_tree.run(env=env)
    assert (ended.status, ended.exit["signal"]) == (143, 15)
    assert ended.exit["error"] == "torchrun was ended by signal 15"


DEAF_TORCHRUN = """
import os, pathlib, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.run([sys.executable, "-c", ""], check=True)
pathlib.Path("pid.tmp").write_text(str(os.getpid()))
os.rename("pid.tmp", "pid")
time.sleep(60)
"""


def test_a_torchrun_that_waits_for_other_nodes_when_its_workers_have_ended(current_tree: LaunchTree) -> None:
    """Its exit barrier is five minutes long, and no signal is handled in it."""
    env = fake_torch(current_tree, DEAF_TORCHRUN)
    current_tree.write("train.py", "")
    current_tree.orders("train.py", distribution=ONE_NODE)
    process = current_tree.start(env={**env, "FOOTPLATE_STOP_SECONDS": "40"})
    current_tree.pid_from("pid")
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    ended = current_tree.finish(process)
    assert ended.status == 137
    assert 2 < time.monotonic() - began < 20

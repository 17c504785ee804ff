from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from footplate_run.errors import CannotStart
from footplate_run.frameworks import framework_of
from footplate_run.frameworks.tensorflow import TensorFlow
from footplate_run.orders import Orders
from footplate_run.program import Command

ROLES = {"chief": 1, "evaluator": 1, "ps": 2, "worker": 2}  # as JSON with sorted keys has them
SCRIPT = Command(["train.py"], python=True)


def tensorflow(role: str, index: int, roles: dict[str, int] = ROLES, **distribution: Any) -> TensorFlow:
    orders = Orders(
        root="/footplate",
        job="digits",
        uid="1",
        role=role,
        index=index,
        attempt=1,
        code="/footplate/code",
        inputs=[],
        distribution={"port": 2222, "hostPort": 23000, "hostNetwork": False, **distribution},
        roles=roles,
        hosts="{role}-{index}.digits.default.svc",
    )
    return TensorFlow(orders)


def variables(made: TensorFlow, environment: dict[str, str] | None = None) -> dict[str, str]:
    """Of a cluster in which names are what to connect to."""
    return made.launch(SCRIPT, {name: name for name in made.peers()}, environment or {}).variables


CLUSTER = {
    "chief": ["chief-0.digits.default.svc:2222"],
    "ps": ["ps-0.digits.default.svc:2222", "ps-1.digits.default.svc:2222"],
    "worker": ["worker-0.digits.default.svc:2222", "worker-1.digits.default.svc:2222"],
}


@pytest.mark.parametrize(
    ("role", "index", "rank"),
    [("chief", 0, 0), ("worker", 0, 1), ("worker", 1, 2), ("ps", 0, 3), ("ps", 1, 4), ("evaluator", 0, 5)],
)
def test_everybody_gets_the_same_cluster_and_a_task_of_its_own(role: str, index: int, rank: int) -> None:
    made = variables(tensorflow(role, index))
    assert json.loads(made["TF_CONFIG"]) == {
        "cluster": CLUSTER,
        "task": {"type": role, "index": index},
        "environment": "cloud",
    }
    assert (made["RANK"], made["WORLD_SIZE"], made["LOCAL_RANK"]) == (str(rank), "6", "0")


def test_the_program_runs_once() -> None:
    made = tensorflow("worker", 0)
    addresses = {name: name for name in made.peers()}
    assert made.launch(SCRIPT, addresses, {}).argv == [sys.executable, "-u", "train.py"]
    assert made.launch(Command(["sh", "a.sh"], python=False), addresses, {}).argv == ["sh", "a.sh"]


@pytest.mark.parametrize(("environment", "host_network"), [({"FOOTPLATE_HOSTS": "/hosts"}, False), ({}, True)])
def test_replicas_that_share_a_network_have_a_port_each(environment: dict[str, str], host_network: bool) -> None:
    made = tensorflow("ps", 0, hostNetwork=host_network)
    addresses = {name: f"127.66.0.{n}" for n, name in enumerate(made.peers())}
    config = json.loads(made.launch(SCRIPT, addresses, environment).variables["TF_CONFIG"])
    assert config["cluster"] == {
        "chief": ["127.66.0.0:23000"],
        "worker": ["127.66.0.1:23001", "127.66.0.2:23002"],
        "ps": ["127.66.0.3:23003", "127.66.0.4:23004"],
    }


def test_workers_alone() -> None:
    made = variables(tensorflow("worker", 1, {"worker": 2}))
    assert json.loads(made["TF_CONFIG"])["cluster"] == {"worker": CLUSTER["worker"]}
    assert (made["RANK"], made["WORLD_SIZE"]) == ("1", "2")


def test_a_replica_that_is_alone_is_no_cluster() -> None:
    made = tensorflow("worker", 0, {"worker": 1})
    assert made.peers() == []
    assert variables(made) == {"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0"}


def test_orders_that_lack_a_port() -> None:
    orders = tensorflow("worker", 0).orders
    orders.distribution = {"framework": "tensorflow"}
    with pytest.raises(CannotStart, match="lacks what tensorflow needs"):
        framework_of(orders)

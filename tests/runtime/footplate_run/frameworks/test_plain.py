from __future__ import annotations

import signal
import sys
from typing import Any

import pytest

from footplate_run.errors import CannotStart
from footplate_run.frameworks import framework_of
from footplate_run.frameworks.plain import Plain
from footplate_run.orders import Orders
from footplate_run.program import Command


def orders(distribution: dict[str, Any], index: int = 0) -> Orders:
    return Orders(
        root="/footplate",
        job="digits",
        uid="1",
        role="worker",
        index=index,
        attempt=1,
        code="/footplate/code",
        inputs=[],
        distribution=distribution,
        roles={"worker": 2},
        hosts="{role}-{index}.digits.default.svc",
    )


def test_the_script_runs_once() -> None:
    plain = Plain(orders({"framework": "plain", "variables": {"RANK": "0"}}))
    made = plain.launch(Command(["train.py", "-x"], python=True), {}, {})
    assert made.argv == [sys.executable, "-u", "train.py", "-x"]
    assert made.variables == {"RANK": "0"}
    assert made.death_signal == signal.SIGKILL
    assert plain.launch(Command(["sh", "a.sh"], python=False), {}, {}).argv == ["sh", "a.sh"]
    assert plain.peers() == []


def test_index_and_address_of_the_first_are_filled_in() -> None:
    variables = {"COORDINATOR": "{primary}:2000", "PROCESS": "{index}", "COUNT": "2"}
    plain = Plain(orders({"framework": "plain", "variables": variables}, index=1))
    assert plain.peers() == ["worker-0.digits.default.svc"]
    made = plain.launch(Command(["a"], python=False), {"worker-0.digits.default.svc": "127.5.0.7"}, {})
    assert made.variables == {"COORDINATOR": "127.5.0.7:2000", "PROCESS": "1", "COUNT": "2"}


@pytest.mark.parametrize(
    ("distribution", "message"),
    [
        ({"framework": "chainer"}, "the framework chainer is not known to this launcher; known are "),
        ({}, "the framework None is not known"),
        ({"framework": "plain"}, "launch.json lacks what plain needs .KeyError: 'variables'"),
        ({"framework": "plain", "variables": 3}, "launch.json lacks what plain needs"),
    ],
)
def test_orders_that_make_no_sense(distribution: dict[str, Any], message: str) -> None:
    with pytest.raises(CannotStart, match=message):
        framework_of(orders(distribution))

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from footplate_run.errors import ORDERS, CannotStart
from footplate_run.orders import Orders, read_orders

LAUNCH: dict[str, Any] = {
    "version": 1,
    "job": {"name": "digits", "namespace": "default", "uid": "1a2b", "experiment": "default"},
    "source": {"git": {"url": "https://example.com/x.git", "revision": "main", "path": "train"}},
    "inputs": [{"name": "digits", "uri": "s3://data/digits/", "mode": "Download"}],
    "program": {"argv": ["--data", "$(inputs.digits)"], "script": "train.py"},
    "distribution": {
        "framework": "pytorch", "nodes": 2, "processesPerNode": "auto", "backend": "gloo", "minNodes": None,
        "port": 23456,
    },
    "hosts": "{role}-{index}.digits.default.svc",
    "roles": {"worker": 2},
    "primary": {"role": "worker", "index": 0},
}  # fmt: skip


def read(root: Path, launch: object, **environment: str) -> Orders:
    (root / "launch").mkdir(exist_ok=True)
    (root / "launch/launch.json").write_text(launch if isinstance(launch, str) else json.dumps(launch))
    return read_orders(str(root), environment, "/image")


def test_reads_orders_and_place(tmp_path: Path) -> None:
    orders = read(tmp_path, LAUNCH, FOOTPLATE_ROLE="worker", FOOTPLATE_INDEX="1", FOOTPLATE_ATTEMPT="3")
    assert (orders.role, orders.index, orders.attempt) == ("worker", 1, 3)
    assert (orders.script, orders.argv, orders.command) == ("train.py", ("--data", "$(inputs.digits)"), ())
    assert orders.host("worker", 4) == "worker-4.digits.default.svc"
    assert orders.input_path("digits") == f"{tmp_path}/inputs/digits"
    assert orders.distribution == LAUNCH["distribution"]
    assert orders.roles == {"worker": 2}


@pytest.mark.parametrize(
    ("source", "folder"),
    [
        ({"git": {"url": "u"}}, "{root}/code"),
        ({"configMap": {"name": "c"}}, "{root}/code"),
        ({"image": {"path": "/app"}}, "/app"),
        ({"image": {"path": "app"}}, "/image/app"),
        (None, "/image"),
    ],
)
def test_where_the_code_is(tmp_path: Path, source: object, folder: str) -> None:
    assert read(tmp_path, {**LAUNCH, "source": source}).code == folder.format(root=tmp_path)


@pytest.mark.parametrize(
    ("launch", "message"),
    [
        ("{", "is not JSON"),
        ("[]", "has version None, this launcher reads version 1"),
        ({**LAUNCH, "version": 2}, "has version 2, this launcher reads version 1: the operator and the runtime image"),
        ({**LAUNCH, "program": {}}, "program has neither script nor command, or both"),
        ({**LAUNCH, "program": {"script": "a.py", "command": ["b"]}}, "neither script nor command, or both"),
        ({"version": 1, "program": {"script": "a.py"}}, r"lacks what the launcher needs \(KeyError: 'job'\)"),
    ],
)
def test_bad_orders_are_refused(tmp_path: Path, launch: object, message: str) -> None:
    with pytest.raises(CannotStart, match=message) as caught:
        read(tmp_path, launch)
    assert caught.value.exit_code == ORDERS


def test_missing_orders(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match=r"launch\.json cannot be read: No such file"):
        read_orders(str(tmp_path), {}, "/image")

from __future__ import annotations

from pathlib import Path

import pytest
from replica import Replica

from footplate_runtime.agent.tree import Tree
from footplate_runtime.orders import InvalidOrders, Orders, Place


def test_a_replacement_writes_logs_and_metrics_of_its_own(tmp_path: Path) -> None:
    """The lost pod's are complete; outputs go on where they were."""
    replica = Replica(tmp_path, (tmp_path / "store").as_uri() + "/", index=1)
    first, second = (
        Tree(Place.from_env({**replica.env, **more}), Orders.load(replica.root))
        for more in ({}, {"FOOTPLATE_REPLACEMENT": "2"})
    )
    assert (first.console_key, second.console_key) == ("logs/1/worker-1.log", "logs/1/worker-1.r2.log")
    assert (first.metrics_key, second.metrics_key) == ("metrics/1/worker-1.jsonl", "metrics/1/worker-1.r2.jsonl")
    assert (first.logs_folder, second.logs_folder) == ("logs/1/worker-1/", "logs/1/worker-1.r2/")
    assert first.outputs_folder == second.outputs_folder == "ranks/worker-1/outputs/"


def test_a_replacement_that_is_no_number_is_refused(tmp_path: Path) -> None:
    replica = Replica(tmp_path, (tmp_path / "store").as_uri() + "/")
    with pytest.raises(InvalidOrders):
        Place.from_env({**replica.env, "FOOTPLATE_REPLACEMENT": "0"})

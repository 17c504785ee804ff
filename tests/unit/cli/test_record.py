from __future__ import annotations

import json
import math
from pathlib import Path

from footplate.cli.record import Output, read, scalars
from footplate.jobs.naming import Replica
from footplate_runtime.store import open_store

WORKER = Replica("worker", 0)


def line(name: str, value: object, **more: object) -> bytes:
    return json.dumps({"kind": "scalar", "name": name, "value": value, "rank": 0, **more}).encode()


def test_scalars_come_in_their_order() -> None:
    lines = [line("loss", 3), line("accuracy", 0.5), line("loss", 2), line("loss", 1)]
    assert scalars(lines) == {"loss": [3, 2, 1], "accuracy": [0.5]}


def test_other_ranks_other_kinds_and_torn_lines_are_left_out() -> None:
    lines = [line("loss", 1), line("loss", 9, rank=1), line("x", [1], kind="list"), b'{"kind": "sca', b"", b"[]", b"3"]
    assert scalars(lines) == {"loss": [1]}


def test_numbers_that_json_has_no_word_for() -> None:
    (values,) = scalars([line("loss", "NaN"), line("loss", "-Infinity")]).values()
    assert math.isnan(values[0])
    assert values[1] == -math.inf


def test_metrics_and_outputs_of_a_run(tmp_path: Path) -> None:
    store = open_store(tmp_path.as_uri())
    store.put("metrics/2/worker-0.jsonl.000000000000000-000000000000100", line("loss", 2) + b"\n" + line("loss", 1))
    files = [{"path": "outputs/model.bin", "size": 9}, {"path": "logs/own.log", "size": 1}]
    store.put("manifest.json", json.dumps({"version": 1, "complete": True, "files": files}).encode())
    record = read(tmp_path.as_uri(), 2, WORKER)
    assert record.metrics == {"loss": [2, 1]}
    assert record.outputs == [Output("model.bin", 9)]


def test_a_run_that_left_nothing(tmp_path: Path) -> None:
    record = read(tmp_path.as_uri(), 1, WORKER)
    assert (record.metrics, record.outputs) == ({}, [])

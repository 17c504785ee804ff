from __future__ import annotations

import json
from pathlib import Path

from run_records import metric_lines

from footplate.cli.record import read
from footplate.jobs.naming import Replica
from footplate_runtime.store import open_store

WORKER = Replica("worker", 0)


def test_metrics_and_outputs_of_a_run(tmp_path: Path) -> None:
    store = open_store(tmp_path.as_uri())
    lines = metric_lines("loss", [2, 1])
    store.put(f"metrics/2/worker-0.jsonl.000000000000000-{len(lines):015d}", lines)
    store.put("outputs/model.bin", b"123456789")
    files = [{"path": "outputs/model.bin", "size": 9, "sha256": "f00"}]
    store.put("manifest.json", json.dumps({"version": 1, "complete": True, "files": files}).encode())
    record = read(tmp_path.as_uri(), WORKER)
    assert {name: list(values) for name, values in record.metrics.items()} == {"loss": [2, 1]}
    assert [(output.path, output.size) for output in record.outputs] == [("model.bin", 9)]


def test_a_run_that_left_nothing(tmp_path: Path) -> None:
    record = read(tmp_path.as_uri(), WORKER)
    assert (record.metrics, record.outputs) == ({}, [])

"""Runs as the store has them, made by hand: for tests of what is read out of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from footplate.cli.runs.run import Run
from footplate_runtime.store import Store


def record(name: str = "digits", uid: str = "1a2b3c4d", **more: Any) -> dict[str, Any]:
    """A run.json of a run that has completed; `more` adds or overrides."""
    return {
        "version": 1,
        "job": {"name": name, "namespace": "default", "uid": f"{uid}-0000", "experiment": "default"},
        "phase": "Completed",
        "startTime": "2026-11-21T11:00:00Z",
        "endTime": "2026-11-21T11:05:00Z",
        "spec": {"entrypoint": {"script": "train.py"}},
        "parameters": {},
        "attempts": [{"number": 1, "startTime": "2026-11-21T11:00:00Z", "endTime": "2026-11-21T11:05:00Z"}],
        "metrics": {},
        **more,
    }


def summary(last: float, least: float | None = None, most: float | None = None) -> dict[str, Any]:
    """A metric as run.json has it."""
    low, high = last if least is None else least, last if most is None else most
    return {"last": last, "step": 9, "time": "2026-11-21T11:04:00Z", "min": low, "max": high, "count": 10}


def run(name: str = "digits", uid: str = "1a2b3c4d", job: Mapping[str, Any] | None = None, **more: Any) -> Run:
    """A run that was read from s3://runs."""
    folder = f"{name}-{uid}"
    return Run(f"s3://runs/default/{folder}/", "default", folder, record(name, uid, **more), job)


def put_record(store: Store, folder: str, content: Mapping[str, Any]) -> None:
    """Write a run's record: `folder` is `<namespace>/<job>-<uid8>`."""
    store.put(f"{folder}/run.json", json.dumps(content).encode())


def metric_lines(name: str, values: Iterable[float | str | None], first_step: int | None = 0, **more: Any) -> bytes:
    """Lines of metrics.jsonl, a second apart; without steps when `first_step` is None."""
    return b"".join(
        json.dumps(
            {
                "kind": "scalar",
                "name": name,
                "value": value,
                "step": None if first_step is None else first_step + i,
                "time": 1000.0 + i,
                "rank": 0,
                **more,
            }
        ).encode()
        + b"\n"
        for i, value in enumerate(values)
    )

from __future__ import annotations

import json

from footplate_runtime.agent.report import Result


def _result(**changes: object) -> Result:
    base: dict[str, object] = {
        "files": 1, "size": 2, "manifest_digest": "sha256:" + "0" * 64, "missing": (), "error": None, "metrics": {},
    }  # fmt: skip
    return Result(**(base | changes))  # type: ignore[arg-type]


def test_a_message_that_is_too_long_loses_metrics_from_the_end() -> None:
    metrics = {f"{i:02d}-" + "ü" * 100: {"value": i, "step": i, "time": "2024-11-21T11:10:01Z"} for i in range(32)}

    data = _result(metrics=metrics).to_json()

    assert len(data) <= 4096
    kept = list(json.loads(data)["metrics"])
    assert kept == list(metrics)[: len(kept)]
    assert len(kept) > 5


def test_long_names_and_long_sentences_fit() -> None:
    missing = tuple(f"outputs/{i}" + "\U0001f600" * 900 for i in range(12))

    said = json.loads(data := _result(missing=missing, error="x" * 5000).to_json())

    assert len(data) <= 4096
    assert said["complete"] is False
    assert len(said["missing"]) == 10
    assert said["error"].endswith("…")

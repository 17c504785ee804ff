"""Fetch's termination message."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from footplate_runtime.contract import TERMINATION_LOG_LIMIT
from footplate_runtime.fetch.errors import FetchError
from footplate_runtime.fetch.inputs import Fetched
from footplate_runtime.files import compact_json, cut

_SENTENCE_BYTES = 2000


def success(revision: str | None, inputs: list[Fetched]) -> dict[str, Any]:
    """What was fetched."""
    return {"version": 1, "source": {"revision": revision}, "inputs": [asdict(i) for i in inputs]}


def failure(error: FetchError) -> bytes:
    """The message of a fetch that failed."""
    return compact_json({"version": 1, "error": {"reason": error.reason, "message": cut(str(error), _SENTENCE_BYTES)}})


def message(report: dict[str, Any]) -> bytes:
    """A successful report as a termination message: inputs are cut from the end until it fits."""
    inputs = list(report["inputs"])
    while len(data := compact_json({**report, "inputs": inputs})) > TERMINATION_LOG_LIMIT:
        inputs.pop()
    return data

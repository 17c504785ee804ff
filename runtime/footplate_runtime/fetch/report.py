"""Fetch's termination message."""

from __future__ import annotations

from typing import Any

from footplate_runtime.contract import TERMINATION_LOG_LIMIT
from footplate_runtime.fetch.errors import FetchError
from footplate_runtime.fetch.inputs import Fetched
from footplate_runtime.fetch.resume import Resumed
from footplate_runtime.files import compact_json, cut

_SENTENCE_BYTES = 2000
_NAME_BYTES = 120
_DAMAGED_NAMED = 10


def success(revision: str | None, inputs: list[Fetched], resumed: Resumed | None) -> dict[str, Any]:
    """What was fetched; ``resumed`` is None in a first attempt."""
    return {
        "version": 1,
        "source": {"revision": revision},
        "resumed": resumed.report() if resumed is not None else None,
        "inputs": [i._asdict() for i in inputs],
    }


def failure(error: FetchError) -> bytes:
    """The message of a fetch that failed."""
    return compact_json({"version": 1, "error": {"reason": error.reason, "message": cut(str(error), _SENTENCE_BYTES)}})


def message(report: dict[str, Any]) -> bytes:
    """A successful report as a termination message: inputs, then names of damaged files are cut from the end until it
    fits."""
    inputs, resumed = list(report["inputs"]), report["resumed"]
    damaged = [cut(key, _NAME_BYTES) for key in resumed["damaged"][:_DAMAGED_NAMED]] if resumed else []
    while True:
        told = {**resumed, "damaged": damaged} if resumed else None
        data = compact_json({**report, "resumed": told, "inputs": inputs})
        if len(data) <= TERMINATION_LOG_LIMIT:
            return data
        (inputs or damaged).pop()

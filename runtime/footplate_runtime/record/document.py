"""The record as a document: what each of its writers makes of the one that is there. Pure.

A record is the JSON object of docs/architecture.md, "run.json". Both writers keep what they do not know better.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

Record = dict[str, Any]
Json = Mapping[str, Any]

_ATTEMPT: Json = {
    "number": 0,
    "startTime": None,
    "endTime": None,
    "reason": None,
    "message": None,
    "replica": None,
    "node": None,
    "exitCode": None,
    "signal": None,
    "error": None,
    "lastLines": [],
    "outputsComplete": None,
    "resumed": None,
    "lost": [],
}
_NOTHING: Json = {
    "version": 1,
    "footplate": None,
    "job": {},
    "uri": None,
    "phase": None,
    "reason": None,
    "message": None,
    "replica": None,
    "createdTime": None,
    "queuedTime": None,
    "startTime": None,
    "endTime": None,
    "spec": {},
    "parameters": {},
    "environment": {"name": None, "version": None, "image": None},
    "source": {"revision": None},
    "inputs": [],
    "attempts": [],
    "metrics": {},
    "tags": {},
    "outputs": {"files": None, "bytes": None, "complete": None, "manifestDigest": None},
}


def parse(data: bytes | None) -> Record:
    """The record in the store with all of its fields; an empty one for what is none."""
    try:
        told = json.loads(data or b"")
    except ValueError:
        told = None
    return {**_NOTHING, **(told if isinstance(told, dict) else {})}


def attempt_of(record: Json, number: int) -> Record:
    """One attempt's entry with all of its fields."""
    found: Json = next((a for a in record["attempts"] if a.get("number") == number), {})
    return {**_ATTEMPT, **found, "number": number}


def judged(record: Json, number: int) -> bool:
    """Whether the operator has said how this attempt ended: its agent has nothing to add."""
    return attempt_of(record, number)["reason"] not in (None, "Completed")


def with_attempts(record: Json, attempts: Sequence[Json]) -> Record:
    """The record with these entries in place of those of their numbers."""
    numbers = sorted({a["number"] for a in (*record["attempts"], *attempts)})
    given = {a["number"]: a for a in attempts}
    return {**record, "attempts": [given.get(n) or attempt_of(record, n) for n in numbers]}


def told_attempt(record: Json, told: Json) -> Record:
    """An attempt's entry with what the operator says of it.

    When the program ran its own launcher knows better, and what the primary's agent said of its end (signal, error,
    last lines) is left out when it was another replica that ended the attempt.
    """
    known = attempt_of(record, told["number"])
    if known["outputsComplete"] is None:  # no agent has told of its end
        known |= {name: told.get(name) or known[name] for name in ("startTime", "endTime")}
    if told.get("replica") and known["replica"] not in (None, told["replica"]):
        known |= {"exitCode": None, "signal": None, "error": None, "lastLines": []}
    return {**known, **{name: value for name, value in told.items() if name in _ATTEMPT and value is not None}} | {
        name: known[name] for name in ("startTime", "endTime", "resumed") if known[name] is not None
    }

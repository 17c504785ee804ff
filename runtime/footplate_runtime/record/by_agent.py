"""What the primary's agent writes: that its attempt has begun, how it goes on, and how it ended. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from footplate_runtime.contract import completed_message
from footplate_runtime.orders import Orders, Place
from footplate_runtime.record.document import Json, Record, attempt_of, told_attempt, with_attempts


class Logged(NamedTuple):
    """What the program has logged so far: the summary of each metric, and tags."""

    metrics: Mapping[str, Any]
    tags: Mapping[str, str]


class Ending(NamedTuple):
    """How the replica ended. ``exit_report`` is state/exit.json, None when the launcher left none."""

    exit_report: Json | None
    complete: bool
    files: int
    size: int
    manifest_digest: str


def begun(record: Json, orders: Orders, place: Place, fetched: Json, now: str) -> Record:
    """The record at the start of an attempt; an agent that starts again in its attempt keeps the attempt's start.

    ``fetched`` is state/fetch.json.
    """
    told, entry = place.record, attempt_of(record, place.attempt)
    entry |= {"startTime": entry["startTime"] or now, "node": place.node, "resumed": fetched.get("resumed")}
    found = {
        **record,
        **orders.record,
        "job": dict(orders.job),
        "uri": orders.run_uri,
        "phase": "Running",
        **dict.fromkeys(("reason", "message", "replica", "endTime")),
        **{name: told.get(name) or record[name] for name in ("createdTime", "queuedTime")},
        "startTime": record["startTime"] or entry["startTime"],
        "source": {**(orders.source or {}), "revision": (fetched.get("source") or {}).get("revision")},
        "inputs": fetched.get("inputs") or [],
    }
    earlier = [told_attempt(record, a) for a in told.get("attempts") or ()]
    return with_attempts(found, [*earlier, entry])


def going_on(record: Json, logged: Logged) -> Record:
    """With what the program has logged; what only earlier attempts logged stays."""
    metrics = {**record["metrics"], **logged.metrics}
    return {**record, "metrics": metrics, "tags": {**record["tags"], **logged.tags}}


def ended(record: Json, orders: Orders, attempt: int, ending: Ending, now: str) -> Record:
    """The record at the end of an attempt, as far as this replica knows."""
    phase = _phase(orders, ending)
    report = ending.exit_report or {}
    completed = phase == "Completed"
    message = completed_message(ending.files, ending.size, orders.run_uri) if completed else None
    entry = attempt_of(record, attempt)
    entry |= {
        "startTime": report.get("startTime") or entry["startTime"],
        "endTime": report.get("endTime") or now,
        "reason": "Completed" if completed else None,
        "replica": (report.get("replica") or orders.primary) if phase == "Failed" else None,
        **{name: report.get(name) for name in ("exitCode", "signal", "error")},
        "lastLines": report.get("lastLines") or [],
        "outputsComplete": ending.complete,
    }
    if ending.exit_report is None and phase == "Failed":
        entry["error"] = "The program ended without a report: its launcher was killed."
    found = {
        **record,
        "phase": phase,
        "reason": entry["reason"],
        "message": message,
        "replica": entry["replica"],
        "startTime": entry["startTime"] if attempt == 1 else record["startTime"],
        "endTime": None if phase == "Finalizing" else now,
        "outputs": _outputs(ending),
    }
    return with_attempts(found, [entry])


def salvaged(record: Record, orders: Orders, ending: Ending) -> Record:
    """The record of an attempt that the operator has judged, when its agent brings its outputs after all."""
    return record if orders.replicas > 1 else {**record, "outputs": _outputs(ending)}


def _outputs(ending: Ending) -> Record:
    return {
        "files": ending.files,
        "bytes": ending.size,
        "complete": ending.complete,
        "manifestDigest": ending.manifest_digest,
    }


def _phase(orders: Orders, ending: Ending) -> str:
    """What can be said from inside of one pod."""
    report = ending.exit_report
    if report is None:
        return "Failed" if orders.launcher else "Finalizing"  # without the launcher nobody leaves a report
    if report.get("stopTime"):
        return "Stopped"
    if report.get("exitCode") != 0 or not ending.complete:
        return "Failed"
    return "Completed" if orders.replicas == 1 else "Finalizing"

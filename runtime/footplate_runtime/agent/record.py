"""run.json: what the run was, kept in the store after the job is gone. The primary's agent writes it. Pure but for
``read_previous``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from footplate_runtime.orders import Orders
from footplate_runtime.store import NotFound, Store

RUN = "run.json"

Record = dict[str, Any]


def read_previous(store: Store) -> Record:
    """The record that earlier attempts wrote; empty if there is none or it is not one. Raises any ``StoreError``."""
    try:
        record = json.loads(store.get(RUN))
    except (NotFound, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def begun(previous: Record, orders: Orders, attempt: int, fetched: Mapping[str, Any], now: str) -> Record:
    """The record at the start of an attempt; an agent that starts again in its attempt keeps the attempt's start."""
    attempts = [a for a in previous.get("attempts", ()) if a.get("number") != attempt]
    same = next((a for a in previous.get("attempts", ()) if a.get("number") == attempt), None)
    started = same["startTime"] if same else now
    resumed = fetched.get("resumed")
    entry = {"number": attempt, "startTime": started, "endTime": None, **({"resumed": resumed} if resumed else {})}
    return {
        "version": 1,
        "job": dict(orders.job),
        **orders.record,
        "source": {**(orders.source or {}), "revision": fetched.get("source", {}).get("revision")},
        "inputs": fetched.get("inputs", []),
        "phase": "Running",
        "startTime": previous.get("startTime", started),
        "endTime": None,
        "attempts": [*attempts, entry],
        "metrics": {},
    }


def ended(
    record: Record, exit_report: Mapping[str, Any] | None, complete: bool, metrics: Mapping[str, Any], now: str
) -> Record:
    """The record at the end of its attempt. ``exit_report`` is state/exit.json, None when the launcher left none."""
    report = exit_report or {"error": "The program ended without a report: its launcher was killed."}
    end = report.get("endTime") or now
    attempt = {
        **record["attempts"][-1],
        "startTime": report.get("startTime") or record["attempts"][-1]["startTime"],
        "endTime": end,
        **{name: report.get(name) for name in ("exitCode", "signal", "error", "lastLines")},
        "outputsComplete": complete,
    }
    succeeded = report.get("exitCode") == 0 and complete
    return {
        **record,
        "phase": "Completed" if succeeded else "Failed",
        "endTime": end,
        "attempts": [*record["attempts"][:-1], attempt],
        "metrics": dict(metrics),
    }

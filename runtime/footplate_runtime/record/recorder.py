"""Writes the operator's verdict into run.json, with what the store can tell beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from footplate_runtime import contract
from footplate_runtime.changing import change
from footplate_runtime.files import compact_json
from footplate_runtime.record.by_operator import judge
from footplate_runtime.record.document import Record, parse
from footplate_runtime.store import NotFound, Store, StoreSettings, read_growing, segments

_LAST_LINES = 20
_TAIL_BYTES = 8192  # of a console, for its last lines


class InvalidVerdict(Exception):
    """FOOTPLATE_RECORD cannot be used; one sentence."""


class Verdict(NamedTuple):
    """What the operator orders: the fields of the record that it knows, where to write them, how long to try."""

    told: Mapping[str, Any]
    run_uri: str
    attempt: int
    store_settings: StoreSettings
    seconds: float

    @classmethod
    def parse(cls, text: str) -> Verdict:
        """Raises ``InvalidVerdict``."""
        try:
            told = json.loads(text)
            if told["version"] != 1:
                raise ValueError(f"version {told['version']!r}")
            store = told.get("store") or {}
            where = told["uri"], int(told["attempt"]), StoreSettings.parse(store)
            return cls(told, *where, float(told["seconds"]))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InvalidVerdict(
                f"{contract.ENV_RECORD} is not understood ({type(error).__name__}: {error}); "
                "use an operator and a runtime image of the same version."
            ) from error


def write(store: Store, verdict: Verdict) -> None:
    """Make run.json say what the operator says. Raises any ``StoreError``."""

    def judged(data: bytes | None) -> bytes | None:
        record = parse(data)
        if any(attempt["number"] > verdict.attempt for attempt in record["attempts"]):
            return None  # the job has gone on since
        return compact_json(_completed(store, judge(record, verdict.told)))

    change(store, contract.RECORD, judged)


def _completed(store: Store, record: Record) -> Record:
    """With what nobody has told and the store knows: counts of outputs, last lines of the replicas to blame."""
    outputs = record["outputs"]
    if outputs["files"] is None and record["attempts"]:
        outputs = {**outputs, **_counts(store), "complete": False}
    attempts = [_with_lines(store, attempt) for attempt in record["attempts"]]
    return {**record, "attempts": attempts, "outputs": outputs}


def _counts(store: Store) -> dict[str, int]:
    sizes = [
        entry.size
        for folder in (f"{contract.OUTPUTS}/", "ranks/")
        for entry in store.list(folder)
        if folder != "ranks/" or f"/{contract.OUTPUTS}/" in entry.key
    ]
    return {"files": len(sizes), "bytes": sum(sizes)}


def _with_lines(store: Store, attempt: Record) -> Record:
    """An attempt that a replica ended has the last lines of that one's console."""
    if attempt["lastLines"] or not attempt["replica"]:
        return attempt
    times = max((e["times"] for e in attempt["lost"] if e.get("replica") == attempt["replica"]), default=0)
    name = contract.log_name(attempt["replica"], times)
    tail = _tail(store, f"{contract.LOGS}/{attempt['number']}/{name}.log")
    return {**attempt, "lastLines": tail.decode(errors="replace").splitlines()[-_LAST_LINES:]}


def _tail(store: Store, key: str) -> bytes:
    """The end of a console from the first whole line on; nothing when there is none."""
    try:
        size = store.head(key).size
    except NotFound:
        size = max((segment.end for segment in segments(store, key)), default=0)
    start = max(0, size - _TAIL_BYTES)
    data = b"".join(read_growing(store, key, start))
    return data.partition(b"\n")[2] if start else data

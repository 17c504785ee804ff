"""What a finished run left in the store: the course of its metrics, and its outputs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from footplate.jobs.naming import Replica
from footplate_runtime.contract import MANIFEST
from footplate_runtime.store import NotFound, Store, open_store, read_growing


@dataclass(frozen=True, slots=True)
class Output:
    """One file; `path` is relative to the outputs folder, `size` in bytes."""

    path: str
    size: int


@dataclass(frozen=True, slots=True)
class Record:
    """`metrics` holds the values of every scalar in the order in which they were logged."""

    metrics: Mapping[str, Sequence[float]]
    outputs: Sequence[Output]


def read(uri: str, attempt: int, primary: Replica) -> Record:
    """The record of the run at `uri`. Blocks. Raises StoreError when the store cannot be read from here."""
    store = open_store(uri)
    return Record(
        scalars(_lines(read_growing(store, f"metrics/{attempt}/{primary}.jsonl"))),
        _outputs(store),
    )


def scalars(lines: Iterable[bytes]) -> dict[str, list[float]]:
    """Values by name of the scalars of rank 0; lines that do not parse are left out, as the agent leaves them out."""
    found: dict[str, list[float]] = {}
    for line in lines:
        try:
            entry = json.loads(line)
            if entry["kind"] == "scalar" and entry.get("rank", 0) == 0:
                found.setdefault(str(entry["name"]), []).append(float(entry["value"]))
        except (ValueError, KeyError, TypeError):
            continue
    return found


def _lines(blocks: Iterable[bytes]) -> Iterable[bytes]:
    rest = b""
    for block in blocks:
        *lines, rest = (rest + block).split(b"\n")
        yield from lines
    yield rest


def _outputs(store: Store) -> list[Output]:
    try:
        manifest = json.loads(store.get(MANIFEST))
    except NotFound:
        return []
    return [
        Output(entry["path"].removeprefix("outputs/"), int(entry["size"]))
        for entry in manifest["files"]
        if entry["path"].startswith("outputs/")
    ]

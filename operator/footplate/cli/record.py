"""What a finished run left in the store, as its summary shows it: the course of its metrics, and its outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from footplate.cli.runs.history import read_history
from footplate.cli.runs.outputs import Output, read_outputs
from footplate.jobs.naming import Replica
from footplate_runtime.store import open_store


@dataclass(frozen=True, slots=True)
class Record:
    """`metrics` holds the values of every scalar in the order in which they were logged, over all attempts."""

    metrics: Mapping[str, Sequence[float]]
    outputs: Sequence[Output]


def read(uri: str, primary: Replica) -> Record:
    """The record of the run at `uri`. Blocks. Raises StoreError when the store cannot be read from here."""
    store = open_store(uri)
    history = read_history(store, str(primary))
    curves = {name: points.values for name, series in history.metrics.items() for points in series.values()}
    return Record(curves, read_outputs(store))

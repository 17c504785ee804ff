"""`footplate compare`: runs side by side, with a mark at what differs. Pure but for `show`."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.text import Text

from footplate.cli.problem import COMPLETED
from footplate.cli.runs.address import Where
from footplate.cli.runs.find import find_run
from footplate.cli.runs.history import read_history
from footplate.cli.runs.listing import flat, plain
from footplate.cli.runs.run import Run
from footplate.cli.screen import tell
from footplate.cli.tables import table
from footplate.cli.text import duration, loss_first, number, shorten

_VALUE_WIDTH = 48
_STATISTICS = ("last", "min", "max")
# Of a spec, what makes another run of it; the rest has rows of its own or says where to run.
_SPEC = ("entrypoint", "nodes", "distribution", "resources", "image", "retry", "podTemplate")
Metrics = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Order:
    """What was asked for; with `different` only the rows that differ."""

    where: Where
    names: Sequence[str]
    different: bool
    as_json: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One thing of all runs; a value is None in a run that does not have it."""

    section: str
    name: str
    values: Sequence[Any]

    @property
    def differs(self) -> bool:
        return len({plain(value) for value in self.values}) > 1


def show(order: Order, out: Console, err: Console) -> int:
    """The command. Blocks."""
    with ThreadPoolExecutor(len(order.names)) as readers:
        found = list(readers.map(lambda name: find_run(order.where, name), order.names))
        stores = [each.open() for each in found]
        metrics = list(
            readers.map(
                lambda pair: pair[0].run.metrics or read_history(pair[1], pair[0].run.primary).summaries(),
                zip(found, stores, strict=True),
            )
        )
    tell(err, (note for each in found for note in each.notes))
    runs = [each.run for each in found]
    rows = [row for row in compared(runs, metrics, datetime.now(UTC)) if row.differs or not order.different]
    if order.as_json:
        sys.stdout.write(json.dumps(as_json(runs, rows), indent=2) + "\n")
    else:
        out.print(_table(runs, rows), soft_wrap=True, highlight=False)
    return COMPLETED


def compared(runs: Sequence[Run], metrics: Sequence[Metrics], now: datetime) -> list[Row]:
    """All that can be told of the runs, in the order of their sections."""
    seconds = [run.seconds(now) for run in runs]
    rows = [
        Row("run", "experiment", [run.experiment for run in runs]),
        Row("run", "phase", [run.phase for run in runs]),
        Row("run", "reason", [run.reason for run in runs]),
        Row("run", "attempts", [len(run.attempts) or None for run in runs]),
        Row("run", "duration", [duration(s) if s is not None else None for s in seconds]),
    ]
    rows += _rows("parameters", [run.parameters for run in runs])
    rows += _rows("tags", [run.tags for run in runs])
    for name in sorted({name for each in metrics for name in each}, key=loss_first):
        for statistic in _STATISTICS:
            label = name if statistic == "last" else f"{name}.{statistic}"
            rows.append(Row("metrics", label, [each.get(name, {}).get(statistic) for each in metrics]))
    rows += _rows("environment", [run.environment for run in runs])
    rows += _rows("source", [run.source for run in runs])
    rows += _rows("inputs", [_by_name(run.inputs) for run in runs])
    rows += _rows("spec", [{name: run.spec[name] for name in _SPEC if name in run.spec} for run in runs])
    return [row for row in rows if any(value is not None for value in row.values)]


def _by_name(inputs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What an input is, not how long its download took or where it was put."""
    kept = ("uri", "etag", "files", "bytes", "mode")
    return {str(given.get("name", "?")): {f: given[f] for f in kept if f in given} for given in inputs}


def _rows(section: str, values: Sequence[Mapping[str, Any]]) -> list[Row]:
    columns = [dict(flat(value)) for value in values]
    names = list(dict.fromkeys(name for column in columns for name in column))
    return [Row(section, name, [column.get(name) for column in columns]) for name in names]


def as_json(runs: Sequence[Run], rows: Sequence[Row]) -> dict[str, Any]:
    """`{"runs": […], "rows": [{"section", "name", "differs", "values"}]}`; the values in the order of the runs."""
    return {
        "runs": [{"run": run.folder, "name": run.name, "namespace": run.namespace, "uri": run.uri} for run in runs],
        "rows": [
            {"section": row.section, "name": row.name, "differs": row.differs, "values": list(row.values)}
            for row in rows
        ],
    }


def _table(runs: Sequence[Run], rows: Sequence[Row]) -> Text:
    body: list[list[str | Text]] = []
    section = ""
    for row in rows:
        style = "bold" if row.differs else "dim"
        cells = [Text(_shown(row, value), style=style) for value in row.values]
        heading = row.section if row.section != section else ""
        section = row.section
        body.append([heading, Text("≠" if row.differs else "", style="yellow"), row.name, *cells])
    return table(["", "", "", *(run.folder for run in runs)], body)


def _shown(row: Row, value: object) -> str:
    if value is None:
        return "-"
    if row.section == "metrics" and isinstance(value, (int, float, str)):
        return number(value)
    return shorten(plain(value), _VALUE_WIDTH)

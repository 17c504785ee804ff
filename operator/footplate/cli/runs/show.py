"""`footplate run show`: the whole record of one run in a readable form. Pure but for `show`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.text import Text

from footplate.cli.problem import COMPLETED
from footplate.cli.runs.address import Where
from footplate.cli.runs.find import find_run
from footplate.cli.runs.history import read_history
from footplate.cli.runs.listing import as_json, flat, plain
from footplate.cli.runs.outputs import Output, read_outputs
from footplate.cli.runs.run import Run, moment
from footplate.cli.screen import STYLES, tell
from footplate.cli.tables import Cell, labeled, table
from footplate.cli.text import duration, loss_first, number
from footplate.jobs.text import byte_size, plural

_OUTPUTS_SHOWN = 10
Section = tuple[str, Sequence[Text]]


@dataclass(frozen=True, slots=True)
class Order:
    """What was asked for."""

    where: Where
    name: str
    as_json: bool


def show(order: Order, out: Console, err: Console) -> int:
    """The command. Blocks."""
    found = find_run(order.where, order.name)
    tell(err, found.notes)
    store, now = found.open(), datetime.now(UTC)
    run = found.run
    metrics = run.metrics or read_history(store, run.primary).summaries()  # the record has them at the end
    outputs = read_outputs(store)
    if order.as_json:
        document = {**as_json(run, now), "metrics": metrics, "outputs": [o.as_json() for o in outputs]}
        sys.stdout.write(json.dumps({**document, "record": run.record}, indent=2) + "\n")
    else:
        lines = described(run, metrics, outputs, now)
        out.print(Text("\n").join(lines), soft_wrap=True, highlight=False)
    return COMPLETED


def described(
    run: Run, metrics: Mapping[str, Mapping[str, Any]], outputs: Sequence[Output], now: datetime
) -> list[Text]:
    """Its lines: the phase and why, then a section for each thing that is known."""
    sections: list[Section] = [
        ("", labeled(_head(run, now))),
        ("attempts", _attempts(run)),
        ("environment", labeled(_pairs(run.environment))),
        ("source", labeled(_pairs(run.source))),
        ("parameters", labeled(_pairs(run.parameters))),
        ("tags", labeled(_pairs(run.tags))),
        ("inputs", _inputs(run)),
        ("metrics", _metrics(metrics)),
        ("outputs", _outputs(outputs)),
    ]
    lines: list[Text] = []
    for title, body in sections:
        if body:
            lines += [*([Text(), Text(title, style="bold")] if title else []), *(_indented(body) if title else body)]
    return lines


def _indented(lines: Iterable[Text]) -> list[Text]:
    return [Text("  ").append(part) for line in lines for part in line.split("\n")]


def _head(run: Run, now: datetime) -> Iterable[tuple[str, Cell]]:
    yield "run", Text(f"{run.namespace}/{run.folder}", style="bold")
    yield "experiment", run.experiment or ""
    why = f"  {run.reason}" if run.reason not in (None, run.phase) else ""
    yield "phase", Text.assemble((run.phase or "not known: it has no record", STYLES.get(run.phase or "", "bold")), why)
    if run.message:
        yield "", run.message
    if run.created:
        yield "created", _time(run.created)
    if run.start:
        yield "started", _time(run.start)
    if run.end:
        yield "ended", _time(run.end)
    seconds = run.seconds(now)
    if seconds is not None:
        yield "duration", duration(seconds)
    yield "store", run.uri


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _attempts(run: Run) -> list[Text]:
    rows = []
    for attempt in run.attempts:
        started, ended = moment(attempt.get("startTime")), moment(attempt.get("endTime"))
        took = duration((ended - started).total_seconds()) if started and ended else ""
        why = attempt.get("reason") or ""
        said = attempt.get("message") or attempt.get("error") or ""
        rows.append(
            [
                str(attempt.get("number")),
                _time(started).removesuffix(" UTC") if started else "",
                took,
                _ending(attempt),
                str(why),
                str(said).partition("\n")[0],
            ]
        )
    return [table(["#", "STARTED (UTC)", "TOOK", "EXIT", "REASON", "MESSAGE"], rows, right={2})] if rows else []


def _ending(attempt: Mapping[str, Any]) -> str:
    if attempt.get("signal"):
        return f"signal {attempt['signal']}"
    code = attempt.get("exitCode")
    return "" if code is None else str(code)


def _pairs(values: Mapping[str, Any]) -> list[tuple[str, Cell]]:
    return [(name, plain(value)) for name, value in flat(values)]


def _inputs(run: Run) -> list[Text]:
    rows = [
        [
            str(given.get("name", "")),
            str(given["files"]) if "files" in given else "",
            byte_size(given["bytes"]) if isinstance(given.get("bytes"), int) else "",
            str(given.get("uri") or ""),
        ]
        for given in run.inputs
    ]
    return [table(["NAME", "FILES", "SIZE", "FROM"], rows, right={1, 2})] if rows else []


def _metrics(metrics: Mapping[str, Mapping[str, Any]]) -> list[Text]:
    names = sorted(metrics, key=loss_first)
    rows = [
        [name, *(_number(metrics[name].get(field)) for field in ("last", "min", "max", "step", "count"))]
        for name in names
    ]
    return [table(["NAME", "LAST", "MIN", "MAX", "STEP", "VALUES"], rows, right=range(1, 6))] if rows else []


def _number(value: object) -> str:
    return number(value) if isinstance(value, (int, float, str)) else ""


def _outputs(outputs: Sequence[Output]) -> list[Text]:
    if not outputs:
        return []
    total = byte_size(sum(output.size for output in outputs))
    unproven = sum(1 for output in outputs if output.sha256 is None)
    state = f"{unproven} of them in no manifest yet" if unproven else "all in the manifest"
    shown = [[byte_size(output.size), output.path] for output in outputs[:_OUTPUTS_SHOWN]]
    lines = [Text(f"{plural(len(outputs), 'file')}, {total}, {state}"), table(["SIZE", "PATH"], shown, right={0})]
    if len(outputs) > _OUTPUTS_SHOWN:
        lines.append(Text(f"and {len(outputs) - _OUTPUTS_SHOWN} more: footplate outputs ls", style="dim"))
    return lines

"""`footplate runs`: which runs there are, in what order, and what of them is shown. Pure but for `show`."""

from __future__ import annotations

import json
import math
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.text import Text

from footplate.cli.problem import COMPLETED, CommandFailed, UsageError
from footplate.cli.runs.address import Where
from footplate.cli.runs.find import all_runs
from footplate.cli.runs.known import Known, known
from footplate.cli.runs.run import Run
from footplate.cli.screen import STYLES, tell
from footplate.cli.tables import Cell, as_csv, table
from footplate.cli.text import duration, loss_first, number, shorten
from footplate_runtime.clock import rfc3339

_METRICS_SHOWN = 3
_PARAMETERS_SHOWN = 4
_VALUE_WIDTH = 24
_STATISTICS = ("last", "min", "max")  # of a metric: `--sort -accuracy.max`


@dataclass(frozen=True, slots=True)
class Order:
    """What was asked for; `metrics` are shown beside those that most runs have."""

    where: Where
    experiment: str | None
    sort: str
    limit: int | None
    metrics: Sequence[str]
    output: str


def show(order: Order, out: Console, err: Console) -> int:
    """The command. Blocks."""
    there = known(order.where)
    tell(err, [there.note] if there.note else [])
    now = datetime.now(UTC)
    found = all_runs(there)
    tell(err, found.notes)
    runs = [run for run in found.runs if order.experiment in (None, run.experiment)]
    chosen = ordered(runs, order.sort, now)[: order.limit]
    if order.output == "json":
        sys.stdout.write(json.dumps([as_json(run, now) for run in chosen], indent=2) + "\n")
    elif order.output == "csv":
        sys.stdout.write(_csv(chosen, now))
    elif not there.stores:
        raise CommandFailed(f"no job of {_place(there)} says where runs lie; name the store: --store URI")
    elif not chosen:
        said = f" of the experiment {order.experiment}" if order.experiment else ""
        tell(err, [f"there are no runs{said} in {_place(there)}"], "")
    else:
        out.print(_table(chosen, runs, order, now, there.namespace is None), soft_wrap=True, highlight=False)
        if len(chosen) < len(runs):
            tell(err, [f"{len(chosen)} of {len(runs)} runs"], "dim")
    return COMPLETED


def _place(there: Known) -> str:
    return f"namespace {there.namespace}" if there.namespace else "any namespace"


def ordered(runs: Iterable[Run], sort: str, now: datetime) -> list[Run]:
    """By `started`, `duration` or a metric, the least first; with `-` before it the greatest. Runs without it come
    last. Raises UsageError when no run has such a metric."""
    name = sort.removeprefix("-")
    known = sorted(runs, key=lambda run: run.folder)
    key: Callable[[Run], float | None]
    if name == "started":
        key = _started
    elif name == "duration":
        key = lambda run: run.seconds(now)  # noqa: E731
    else:
        key = lambda run: metric(run, name)  # noqa: E731
    keyed = [(value, run) for run in known if (value := key(run)) is not None]
    if known and not keyed and name not in ("started", "duration"):
        names = sorted({name for run in known for name in run.metrics})
        told = f"they have {', '.join(names[:8])}" if names else "they have none"
        raise UsageError(f"no run has a metric {name}; {told}")
    keyed.sort(key=lambda pair: pair[0], reverse=sort.startswith("-"))
    placed = {id(run) for _, run in keyed}
    return [*(run for _, run in keyed), *(run for run in known if id(run) not in placed)]


def _started(run: Run) -> float | None:
    moment = run.start or run.created
    return moment.timestamp() if moment else None


def metric(run: Run, name: str) -> float | None:
    """Its last value; its least or greatest for `loss.min` and `loss.max`. None when it is not finite."""
    summary, statistic = run.metrics.get(name), "last"
    if summary is None:
        stem, _, statistic = name.rpartition(".")
        summary = run.metrics.get(stem) if statistic in _STATISTICS else None
    value = (summary or {}).get(statistic)
    return float(value) if isinstance(value, (int, float)) and math.isfinite(value) else None


def common_metrics(runs: Sequence[Run], sort: str, asked: Sequence[str]) -> list[str]:
    """What is asked for and what is sorted by, and up to three that most runs have."""
    named = list(asked)
    key = sort.removeprefix("-")
    if key not in ("started", "duration", *named):
        named.append(key)
    count = Counter(name for run in runs for name in run.metrics)
    usual = sorted(count, key=lambda name: (-count[name], loss_first(name)))
    room = max(0, _METRICS_SHOWN - len(named))
    return named + [name for name in usual if name not in named][:room]


def different_parameters(runs: Sequence[Run]) -> list[str]:
    """Names of the parameters that do not have one value in all the runs."""
    names = sorted({name for run in runs for name in run.parameters})
    return [name for name in names if len({plain(run.parameters.get(name)) for run in runs}) > 1]


def plain(value: object) -> str:
    """A value of a record as text; nothing for none."""
    return "" if value is None else value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def flat(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """The names of what lies deeper are paths: `{"git": {"url": …}}` gives `("git.url", …)`. Without what is null."""
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from flat(value, f"{above}{name}.")
        elif value is not None:
            yield above + name, value


def as_json(run: Run, now: datetime) -> dict[str, Any]:
    """All that a listing knows of a run, with stable names."""
    return {
        "run": run.folder,
        "name": run.name,
        "namespace": run.namespace,
        "experiment": run.experiment,
        "phase": run.phase,
        "reason": run.reason,
        "message": run.message,
        "started": _stamp(run.start),
        "ended": _stamp(run.end),
        "seconds": run.seconds(now),
        "parameters": dict(run.parameters),
        "tags": dict(run.tags),
        "metrics": {name: dict(summary) for name, summary in run.metrics.items()},
        "uri": run.uri or None,
    }


def _stamp(moment: datetime | None) -> str | None:
    return rfc3339(moment.timestamp()) if moment else None


def _csv(runs: Sequence[Run], now: datetime) -> str:
    plain_fields = ("run", "name", "namespace", "experiment", "phase", "reason", "started", "ended", "seconds", "uri")
    parameters = sorted({name for run in runs for name in run.parameters})
    metrics = sorted({name for run in runs for name in run.metrics})
    header = [*plain_fields, *(f"parameter.{p}" for p in parameters), *(f"metric.{m}" for m in metrics)]
    rows = []
    for run in runs:
        found = as_json(run, now)
        rows.append(
            [
                *(found[field] for field in plain_fields),
                *(plain(run.parameters.get(name)) for name in parameters),
                *(run.metrics.get(name, {}).get("last") for name in metrics),
            ]
        )
    return as_csv(header, rows)


def _table(runs: Sequence[Run], all_of_them: Sequence[Run], order: Order, now: datetime, spaces: bool) -> Text:
    names = _shortest(all_of_them)
    metrics = common_metrics(runs, order.sort, order.metrics)
    parameters = different_parameters(runs)[:_PARAMETERS_SHOWN]
    header = [*(["NAMESPACE"] if spaces else []), "RUN", "EXPERIMENT", "PHASE", "REASON", "STARTED (UTC)", "DURATION"]
    right = {len(header) - 1, *range(len(header), len(header) + len(metrics))}
    rows: list[list[Cell]] = []
    for run in runs:
        seconds = run.seconds(now)
        rows.append(
            [
                *([run.namespace] if spaces else []),
                names[run.namespace, run.folder],
                run.experiment or "",
                Text(run.phase or "?", style=STYLES.get(run.phase or "", "")),
                "" if run.phase == "Completed" else run.reason or "",
                run.start.astimezone(UTC).strftime("%Y-%m-%d %H:%M") if run.start else "",
                duration(seconds) if seconds is not None else "",
                *(_value(run, name) for name in metrics),
                *(shorten(plain(run.parameters.get(name)), _VALUE_WIDTH) for name in parameters),
            ]
        )
    return table([*header, *metrics, *(f"--{name}" for name in parameters)], rows, right)


def _shortest(runs: Iterable[Run]) -> Mapping[tuple[str, str], str]:
    """The job's name where that means this run: the newest of the name; else the folder."""
    newest: dict[tuple[str, str], Run] = {}
    found = {}
    for run in sorted(runs, key=lambda run: _started(run) or 0.0):
        older = newest.get((run.namespace, run.name))
        if older is not None:
            found[older.namespace, older.folder] = older.folder
        newest[run.namespace, run.name] = run
        found[run.namespace, run.folder] = run.name
    return found


def _value(run: Run, name: str) -> str:
    if name in run.metrics:
        value = run.metrics[name].get("last")
        return number(value) if isinstance(value, (int, float, str)) else ""
    found = metric(run, name)
    return number(found) if found is not None else ""

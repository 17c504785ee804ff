"""`footplate metrics`: the history of a run's metrics, alone or beside other runs."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.text import Text

from footplate.cli.problem import COMPLETED, INTERRUPTED, CommandFailed, UsageError
from footplate.cli.runs import page
from footplate.cli.runs.address import Where
from footplate.cli.runs.curves import Chart, charts, matching
from footplate.cli.runs.find import Found, find_run
from footplate.cli.runs.history import NO_RANK, History, Series, read_history
from footplate.cli.runs.image import POINTS as IMAGE_POINTS
from footplate.cli.runs.image import write_png
from footplate.cli.runs.terminal import drawn
from footplate.cli.screen import tell
from footplate.cli.tables import Cell, as_csv, table
from footplate.cli.text import number, sparkline
from footplate_run.values import json_number

_HEIGHT = 12
_CURVE_WIDTH = 30
_SUMMARY_POINTS = 4000
_FOLLOW_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Order:
    """What was asked for: `names` of metrics, none for all; `output` is text, csv or json, if no file is asked for."""

    where: Where
    run: str
    names: Sequence[str]
    compare: Sequence[str]
    all_ranks: bool
    over_time: bool
    output: str
    png: Path | None
    html: Path | None
    follow: bool


def show(order: Order, out: Console, err: Console) -> int:
    """The command. Blocks. With `follow` until the run has ended, or Ctrl-C."""
    found, notes = _find(order)
    tell(err, notes)
    if order.follow:
        return _follow(order, found, out)
    histories = _read(order, found)
    _check(order, histories)
    if order.html is not None:
        drawing = charts(histories, order.names, order.over_time, page.POINTS)
        _write(order.html, lambda path: path.write_text(page.page(_title(found), drawing), encoding="utf-8"), err)
    if order.png is not None:
        drawing = charts(histories, order.names, order.over_time, IMAGE_POINTS)
        _write(order.png, lambda path: write_png(path, _title(found), drawing), err)
    if order.output == "csv":
        sys.stdout.write(
            as_csv(("run", "metric", "replica", "rank", "step", "time", "value"), _points(histories, order))
        )
    elif order.output == "json":
        sys.stdout.write(json.dumps(_document(histories, order)) + "\n")
    elif order.html is None and order.png is None:
        out.print(_text(order, histories, out), soft_wrap=True, highlight=False)
    return COMPLETED


def _find(order: Order) -> tuple[dict[str, Found], list[str]]:
    """The runs by their labels (names, or folders where two have one name), and what is to be told of them."""
    names = [order.run, *order.compare]
    try:
        with ThreadPoolExecutor(len(names)) as finders:
            found = list(finders.map(partial(find_run, order.where), names))
    except UsageError as error:
        raise UsageError(f"{error} (the first name is that of a run: footplate metrics RUN METRIC)") from error
    twice = len({each.run.name for each in found}) < len({each.run.uri for each in found})
    labeled = {each.run.folder if twice else each.run.name: each for each in found}
    return labeled, list(dict.fromkeys(note for each in found for note in each.notes))


def _read(order: Order, found: Mapping[str, Found]) -> dict[str, History]:
    def wanted(name: str) -> bool:
        return bool(matching(order.names, [name]))

    def read(each: Found) -> History:
        return read_history(each.open(), each.run.primary, wanted, order.all_ranks)

    with ThreadPoolExecutor(len(found)) as readers:
        return dict(zip(found, readers.map(read, found.values()), strict=True))


def _check(order: Order, histories: Mapping[str, History]) -> None:
    """Raises UsageError for names that no run has, CommandFailed when there is nothing at all."""
    there = [name for history in histories.values() for name in history.metrics]
    missing = [name for name in order.names if not matching([name], there)]
    if missing:
        raise UsageError(
            f"{' and '.join(histories)} logged no metric {missing[0]}; footplate metrics {order.run} lists all"
        )
    if not there:
        raise CommandFailed(f"{' and '.join(histories)} logged no metrics so far")


def _title(found: Mapping[str, Found]) -> str:
    return " and ".join(found)


def _write(path: Path, write: Callable[[Path], object], err: Console) -> None:
    try:
        write(path)
    except OSError as error:
        raise CommandFailed(f"{path} cannot be written: {error.strerror}") from error
    tell(err, [f"wrote {path}"], "")


def _points(histories: Mapping[str, History], order: Order) -> Iterator[tuple[object, ...]]:
    for run, history in histories.items():
        for name in matching(order.names, list(history.metrics)):
            for who, points in history.metrics[name].items():
                for step, moment, value in points.rows():
                    yield run, name, who.replica, _rank(who), step, moment, json_number(value)


def _document(histories: Mapping[str, History], order: Order) -> list[dict[str, Any]]:
    """A series each; a value that JSON has no number for is its name, as in metrics.jsonl."""
    found: list[dict[str, Any]] = []
    for run, history in histories.items():
        for name in matching(order.names, list(history.metrics)):
            for who, points in history.metrics[name].items():
                rows = [[step, moment, json_number(value)] for step, moment, value in points.rows()]
                series = {"run": run, "metric": name, "replica": who.replica, "rank": _rank(who)}
                found.append({**series, "columns": ["step", "time", "value"], "points": rows})
    return found


def _rank(who: Series) -> int | None:
    return None if who.rank == NO_RANK else who.rank


def _text(order: Order, histories: Mapping[str, History], out: Console) -> Text:
    """Charts of the metrics that are named; of all metrics a table."""
    width = min(out.width, 120)
    colour = out.color_system is not None
    if not order.names and not order.compare:
        return _summary(charts(histories, (), order.over_time, _SUMMARY_POINTS))
    found = charts(histories, order.names, order.over_time, width * 4)
    return Text("\n\n").join([drawn(chart, width, _HEIGHT, colour) for chart in found])


def _summary(found: Sequence[Chart]) -> Text:
    rows: list[list[Cell]] = []
    for chart in found:
        for curve in chart.curves:
            name = chart.metric if len(chart.curves) == 1 else f"{chart.metric} {curve.label}"
            values = [number(value) for value in (curve.last, curve.low, curve.high)]
            rows.append([name, *values, f"{curve.count:,}", Text(sparkline(curve.ys, _CURVE_WIDTH), "green")])
    return table(["METRIC", "LAST", "MIN", "MAX", "VALUES", ""], rows, right=range(1, 5))


def _follow(order: Order, found: Mapping[str, Found], out: Console) -> int:
    """Draw again every few seconds; each look reads the runs anew, so that their end is seen."""
    with Live(console=out, auto_refresh=False, transient=False) as live:
        try:
            while True:
                histories = _read(order, found)
                if any(history.metrics for history in histories.values()):
                    live.update(_text(order, histories, out), refresh=True)
                else:
                    live.update(Text("no metrics so far", style="dim"), refresh=True)
                if all(each.run.ended for each in found.values()):
                    return COMPLETED
                time.sleep(_FOLLOW_SECONDS)
                found, _ = _find(order)
        except KeyboardInterrupt:
            return INTERRUPTED

"""`footplate outputs ls` and `footplate outputs get`."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from footplate.cli.problem import COMPLETED, FAILED, INTERRUPTED, CommandFailed, UsageError
from footplate.cli.runs.address import Where
from footplate.cli.runs.download import Result, download
from footplate.cli.runs.find import Found, find_run
from footplate.cli.runs.outputs import Output, below, read_outputs, totals
from footplate.cli.screen import HEARTBEAT_SECONDS, tell
from footplate.cli.tables import table
from footplate.jobs.text import byte_size, plural

_REFUSED_SHOWN = 10


@dataclass(frozen=True, slots=True)
class ListOrder:
    """What was asked of `ls`; `path` "" is all."""

    where: Where
    run: str
    path: str
    deleted: bool
    as_json: bool


@dataclass(frozen=True, slots=True)
class GetOrder:
    """What was asked of `get`: the paths, or all outputs without any."""

    where: Where
    run: str
    paths: Sequence[str]
    deleted: bool
    folder: Path


def ls(order: ListOrder, out: Console, err: Console) -> int:
    """The command. Blocks."""
    found, outputs = _outputs(order.where, order.run, order.deleted, err)
    chosen = below(outputs, order.path)
    if order.path and not chosen:
        raise _no_such(found, order.path)
    if order.as_json:
        sys.stdout.write(json.dumps([output.as_json() for output in chosen], indent=2) + "\n")
        return COMPLETED
    rows = [
        [
            byte_size(output.size),
            output.modified.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S"),
            "deleted" if output.deleted else output.sha256[:12] if output.sha256 else "",
            output.path,
        ]
        for output in chosen
    ]
    if rows:
        header = ["SIZE", "STORED (UTC)", "SHA256", "PATH"]
        out.print(table(header, rows, right={0}), soft_wrap=True, highlight=False)
    tell(err, [f"{totals(chosen)} in {found.run.uri}"], "dim")
    return COMPLETED


def get(order: GetOrder, err: Console) -> int:
    """The command. Blocks. Exit code 1 when a file could not be had."""
    found, outputs = _outputs(order.where, order.run, order.deleted, err)
    chosen = _chosen(found, outputs, order.paths)
    with _Progress(err, sum(output.size for output in chosen)) as progress:
        try:
            result = download(found.open(), chosen, order.folder, progress.add, progress.beat, progress.note)
        except KeyboardInterrupt:
            progress.note("stopped; the same command goes on where it was")
            return INTERRUPTED
    for output, why in result.refused[:_REFUSED_SHOWN]:
        tell(err, [f"error: {output.path}: {why}"], "red")
    if len(result.refused) > _REFUSED_SHOWN:
        tell(err, [f"error: and {len(result.refused) - _REFUSED_SHOWN} files more"], "red")
    tell(err, [told(result, order.folder)], "")
    return FAILED if result.refused else COMPLETED


def told(result: Result, folder: Path) -> str:
    """What was done, in a line. Pure."""
    there = [*result.fetched, *result.kept]
    parts = [f"{plural(len(result.fetched), 'file')} fetched ({byte_size(sum(o.size for o in result.fetched))})"]
    if result.kept:
        parts.append(f"{len(result.kept)} there already")
    if result.refused:
        parts.append(f"{len(result.refused)} missing")
    unproven = sum(1 for output in there if output.sha256 is None)
    if there and not unproven:
        parts.append("all as their manifest says")
    elif unproven:
        parts.append(f"{unproven} without a checksum, for no manifest names them yet")
    return f"{folder}: {', '.join(parts)}"


def _outputs(where: Where, name: str, deleted: bool, err: Console) -> tuple[Found, list[Output]]:
    found = find_run(where, name)
    tell(err, found.notes)
    return found, read_outputs(found.open(), deleted)


def _chosen(found: Found, outputs: Sequence[Output], paths: Sequence[str]) -> list[Output]:
    """What the paths name, each once. Raises UsageError for a path that names nothing, CommandFailed for no output."""
    if not outputs:
        raise CommandFailed(f"{found.run.folder} has no outputs{'' if found.run.ended else ' so far'}")
    chosen = {output.key: output for path in paths or [""] for output in below(outputs, path)}
    for path in paths:
        if not below(outputs, path):
            raise _no_such(found, path)
    twice = [path for path, count in Counter(output.path for output in chosen.values()).items() if count > 1]
    if twice:
        raise CommandFailed(f"{twice[0]} is both an output of the primary and of another replica; name other paths")
    return list(chosen.values())


def _no_such(found: Found, path: str) -> UsageError:
    return UsageError(f"{found.run.folder} has no output {path}; footplate outputs ls {found.run.folder} lists them")


class _Progress:
    """A bar on a terminal; elsewhere a line every ten seconds."""

    def __init__(self, err: Console, total: int) -> None:
        columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn(), TextColumn(""))
        self._bar = Progress(*columns, console=err, transient=True, disable=not err.is_terminal)
        self._task = self._bar.add_task("", total=total)
        self._err = err
        self._total = total
        self._told = time.monotonic()

    def __enter__(self) -> _Progress:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def add(self, count: int) -> None:
        """From any thread."""
        self._bar.update(self._task, advance=count)

    def beat(self) -> None:
        got = int(self._bar.tasks[0].completed)
        if not self._err.is_terminal and time.monotonic() - self._told >= HEARTBEAT_SECONDS:
            self._told = time.monotonic()
            self._err.print(f"{byte_size(got)} of {byte_size(self._total)}", highlight=False)

    def note(self, sentence: str) -> None:
        tell(self._err, [sentence])

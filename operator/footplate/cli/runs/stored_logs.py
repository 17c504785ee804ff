"""The logs of a run that lie in its store: what there is, and the consoles of an attempt, whole or while they grow.

`logs/<attempt>/<replica>[.r<n>].log` is a console, `….agent.log` and `….fetch.log` are what our own containers said,
and `logs/<attempt>/<replica>/…` is the program's ./logs.
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import NamedTuple

from footplate.cli import logs
from footplate.cli.problem import COMPLETED, FAILED, CommandFailed, UsageError
from footplate.cli.runs.find import Found, again
from footplate.cli.runs.run import Run
from footplate.cli.tables import table
from footplate.jobs.text import byte_size, listed
from footplate_runtime.store import Store, StoreError, segment_of

_FOLDER = "logs/"
_CONSOLE = re.compile(r"logs/(?P<attempt>\d+)/(?P<replica>[a-z][a-z0-9-]*-\d+)(\.r(?P<replacement>\d+))?\.log")
_LOOK_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which consoles: None is the newest attempt that has one, and the primary."""

    attempt: int | None
    replica: str | None


class LogFile(NamedTuple):
    """A log; `path` is its key below the run's logs/, `size` what of it is in the store."""

    path: str
    size: int
    grows: bool


class StoredConsole(NamedTuple):
    """What one pod of a replica printed, in the order of an attempt's pods."""

    attempt: int
    replica: str
    replacement: int
    key: str


def log_files(store: Store) -> list[LogFile]:
    """All logs of a run, by path. Raises StoreError."""
    found: dict[str, LogFile] = {}
    for entry in store.list(_FOLDER):
        growing = segment_of(entry.key)
        key, size = (growing[0], growing[1].end) if growing else (entry.key, entry.size)
        path = key.removeprefix(_FOLDER)
        known = found.get(path)
        if known is None or (known.grows and (growing is None or size > known.size)):
            found[path] = LogFile(path, size, grows=growing is not None)
    return [found[path] for path in sorted(found, key=_by_attempt)]


def _by_attempt(path: str) -> tuple[int, str]:
    first, _, rest = path.partition("/")
    return (int(first), rest) if first.isdecimal() else (0, path)


def consoles(files: Sequence[LogFile]) -> list[StoredConsole]:
    """The consoles among the logs, in the order in which they were begun. Pure."""
    found = []
    for file in files:
        match = _CONSOLE.fullmatch(_FOLDER + file.path)
        if match:
            number = int(match["replacement"] or 0)
            found.append(StoredConsole(int(match["attempt"]), match["replica"], number, _FOLDER + file.path))
    return sorted(found)


def chosen(run: Run, there: Sequence[StoredConsole], wanted: Wanted) -> list[StoredConsole]:
    """The consoles of one replica in one attempt. Raises UsageError or CommandFailed that say what there is. Pure."""
    if not there:
        raise CommandFailed(f"{run.folder} has no console in the store{'' if run.ended else ' so far'}")
    attempts = sorted({console.attempt for console in there})
    attempt = wanted.attempt or attempts[-1]
    if attempt not in attempts:
        raise CommandFailed(f"{run.folder} has had no attempt {attempt}; the newest is {attempts[-1]}")
    replicas = sorted({console.replica for console in there if console.attempt == attempt})
    replica = wanted.replica or (run.primary if run.primary in replicas else replicas[0])
    if replica not in replicas:
        known = listed(replicas, 8)
        raise UsageError(f"{run.folder} has no console of a replica {replica} in attempt {attempt}, only of {known}")
    return [console for console in there if (console.attempt, console.replica) == (attempt, replica)]


def show_list(found: Found) -> int:
    """Print what logs there are. Blocks."""
    files = log_files(found.open())
    if not files:
        raise CommandFailed(f"{found.run.folder} has no logs in the store{'' if found.run.ended else ' so far'}")
    rows = [[byte_size(file.size), "grows" if file.grows else "", file.path] for file in files]
    print(table(["SIZE", "", "FILE"], rows, right={0}))
    return COMPLETED


async def show_file(found: Found, path: str) -> int:
    """Print one log by its path as the list has it."""
    files = await asyncio.to_thread(log_files, found.open())
    if path not in {file.path for file in files}:
        raise UsageError(f"{found.run.folder} has no log {path}; footplate logs {found.run.folder} --list shows all")
    await copied(logs.from_store(found.address, _FOLDER + path, 0))
    return COMPLETED


async def show_console(found: Found, wanted: Wanted) -> int:
    """Print the consoles of one replica in one attempt."""
    files = await asyncio.to_thread(log_files, found.open())
    for console in chosen(found.run, consoles(files), wanted):
        await copied(logs.from_store(found.address, console.key, 0))
    return COMPLETED


async def follow(found: Found, wanted: Wanted) -> int:
    """Print what comes to the store until the record says that the run has ended; the exit code is its result."""
    given: dict[str, int] = {}
    attempt = wanted.attempt
    while True:
        found = await asyncio.to_thread(again, found)  # before the logs: what it says has ended is all there
        there = consoles(await asyncio.to_thread(log_files, found.open()))
        if there and (attempt or 0) <= there[-1].attempt:
            attempt = attempt or there[-1].attempt
            for console in chosen(found.run, there, Wanted(attempt, wanted.replica)):
                start = given.get(console.key, 0)
                given[console.key] = start + await copied(logs.from_store(found.address, console.key, start))
            if attempt < there[-1].attempt and wanted.attempt is None:
                attempt += 1
                continue
        if found.run.ended or (wanted.attempt and _over(found.run, wanted.attempt)):
            return COMPLETED if found.run.phase in ("Completed", None) else FAILED
        await asyncio.sleep(_LOOK_SECONDS)


def _over(run: Run, attempt: int) -> bool:
    return any(a.get("number") == attempt and a.get("endTime") for a in run.attempts)


async def copied(pieces: AsyncGenerator[bytes]) -> int:
    """Write the bytes to stdout as they came, and say how many. Raises CommandFailed for what cannot be read."""
    count = 0
    try:
        async with aclosing(pieces):
            async for piece in pieces:
                sys.stdout.buffer.write(piece)
                sys.stdout.buffer.flush()
                count += len(piece)
    except StoreError as error:
        raise CommandFailed(f"the rest of the log cannot be read from here: {error}") from error
    return count

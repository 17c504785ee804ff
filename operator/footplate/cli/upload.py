"""`footplate upload --pod-dir`: what a pod that is gone has left on its node goes to the store after all."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from footplate.cli.problem import COMPLETED, FAILED, CommandFailed, UsageError
from footplate.jobs.text import byte_size, plural
from footplate_runtime.agent.agent import Surroundings
from footplate_runtime.agent.report import Result, Status
from footplate_runtime.agent.salvage import NotSalvaged, Salvage
from footplate_runtime.orders import InvalidOrders
from footplate_runtime.store.errors import InvalidStore

_LOOK_SECONDS = 0.2
_HEARTBEAT_SECONDS = 10.0  # between lines where there is no terminal


@dataclass(frozen=True, slots=True)
class Order:
    """What was asked for; `store` is None for the job's own, `seconds` how long a store that fails is tried."""

    pod_dir: Path
    store: str | None
    seconds: float


def upload(order: Order, out: Console, err: Console) -> int:
    """Upload, showing how far it is; the exit code tells whether all of it is in the store."""

    def log(line: str) -> None:
        err.print(line, style="dim", highlight=False, markup=False, soft_wrap=True)

    around = Surroundings(time.monotonic, time.time, random.random, log)
    try:
        salvage = Salvage(order.pod_dir, order.store, os.environ, around)
    except (InvalidOrders, InvalidStore) as error:
        raise UsageError(str(error)) from error
    except NotSalvaged as error:
        raise CommandFailed(str(error)) from error
    place = salvage.place
    out.print(
        f"{place.replica} of attempt {place.attempt}: {place.root} -> {salvage.run_uri}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    result = _watched(salvage, order.seconds, err)
    return _tell(result, salvage.run_uri, out, err)


def _watched(salvage: Salvage, seconds: float, err: Console) -> Result:
    """Run it in a thread of its own and tell how far it is until it has ended."""
    results: list[Result | BaseException] = []

    def run() -> None:
        try:
            results.append(salvage.run(seconds))
        except BaseException as error:  # noqa: BLE001 - raised in the thread that waits
            results.append(error)

    thread = threading.Thread(target=run, name="salvage", daemon=True)
    thread.start()
    if err.is_terminal:
        with err.status("looking at what is there") as spinner:
            _wait(thread, lambda: spinner.update(progress(salvage.status)), _LOOK_SECONDS)
    else:
        _wait(thread, lambda: err.print(progress(salvage.status), highlight=False), _HEARTBEAT_SECONDS)
    (outcome,) = results
    if isinstance(outcome, BaseException):
        raise outcome
    return outcome


def _wait(thread: threading.Thread, tell: Callable[[], None], every: float) -> None:
    while True:
        thread.join(every)
        if not thread.is_alive():
            return
        tell()


def progress(status: Status) -> str:
    """How far it is: `3 of 12 files stored, 1.2 GB to go`."""
    files = status.uploaded_files + status.pending_files
    left = f"{byte_size(status.pending_bytes)} to go" if status.pending_files else "checking what the store has"
    return f"{status.uploaded_files} of {plural(files, 'output file')} stored, {left}"


def _tell(result: Result, uri: str, out: Console, err: Console) -> int:
    if result.complete:
        told = f"complete: {plural(result.files, 'output file')} ({byte_size(result.size)}), logs and metrics in {uri}"
        out.print(told, style="green", highlight=False, markup=False, soft_wrap=True)
        return COMPLETED
    err.print(f"error: {result.error}", style="red", highlight=False, markup=False, soft_wrap=True)
    for key in result.missing:
        err.print(f"missing: {key}", highlight=False, markup=False, soft_wrap=True)
    err.print("what is in the store stays there; the same command goes on from it", highlight=False)
    return FAILED

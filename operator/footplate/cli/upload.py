"""`footplate upload --pod-dir`: what a pod that is gone has left on its node goes to the store after all."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from footplate.cli.problem import COMPLETED, FAILED, CommandFailed, UsageError
from footplate.cli.screen import HEARTBEAT_SECONDS, tell
from footplate.jobs.text import byte_size, plural
from footplate_runtime.agent.agent import Surroundings
from footplate_runtime.agent.report import Result, Status
from footplate_runtime.agent.salvage import NotSalvaged, Salvage
from footplate_runtime.orders import InvalidOrders
from footplate_runtime.store.errors import InvalidStore

_LOOK_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Order:
    """What was asked for; `store` is None for the job's own, `seconds` how long a store that fails is tried."""

    pod_dir: Path
    store: str | None
    seconds: float


def upload(order: Order, out: Console, err: Console) -> int:
    """Upload, showing how far it is; the exit code tells whether all of it is in the store."""

    around = Surroundings(time.monotonic, time.time, random.random, lambda line: tell(err, [line], "dim"))
    try:
        salvage = Salvage(order.pod_dir, order.store, os.environ, around)
    except (InvalidOrders, InvalidStore) as error:
        raise UsageError(str(error)) from error
    except NotSalvaged as error:
        raise CommandFailed(str(error)) from error
    place = salvage.place
    tell(out, [f"{place.replica} of attempt {place.attempt}: {place.root} -> {salvage.run_uri}"], "")
    with _told(salvage, err):
        result = salvage.run(order.seconds)
    return _end(result, salvage.run_uri, out, err)


@contextmanager
def _told(salvage: Salvage, err: Console) -> Iterator[None]:
    """Tells how far it is while the block runs: from another thread, as the agent needs the main one."""
    if err.is_terminal:
        with (
            err.status("looking at what is there") as spinner,
            _repeated(lambda: spinner.update(progress(salvage.status)), _LOOK_SECONDS),
        ):
            yield
    else:
        with _repeated(lambda: tell(err, [progress(salvage.status)], ""), HEARTBEAT_SECONDS):
            yield


@contextmanager
def _repeated(action: Callable[[], None], every: float) -> Iterator[None]:
    over = threading.Event()

    def repeat() -> None:
        while not over.wait(every):
            action()

    thread = threading.Thread(target=repeat, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def progress(status: Status) -> str:
    """How far it is: `3 of 12 files stored, 1.2 GB to go`."""
    files = status.uploaded_files + status.pending_files
    left = f"{byte_size(status.pending_bytes)} to go" if status.pending_files else "checking what the store has"
    return f"{status.uploaded_files} of {plural(files, 'output file')} stored, {left}"


def _end(result: Result, uri: str, out: Console, err: Console) -> int:
    if result.complete:
        stored = f"{plural(result.files, 'output file')} ({byte_size(result.size)})"
        tell(out, [f"complete: {stored}, logs and metrics in {uri}"], "green")
        return COMPLETED
    tell(err, [f"error: {result.error}"], "red")
    tell(err, (f"missing: {key}" for key in result.missing), "")
    tell(err, ["what is in the store stays there; the same command goes on from it"], "")
    return FAILED

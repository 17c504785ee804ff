"""Bringing outputs to a folder: many at once, each going on where an earlier try stopped, none taken unchecked.

What is not whole lies in `<folder>/.footplate-partial/` under a name that is made from the version of its object, so a
partial file never goes on with another version. A file is renamed into place when its size, and its sha256 where a
manifest knows it, are right.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import random
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from footplate.cli.problem import CommandFailed
from footplate.cli.runs.outputs import Output
from footplate_runtime.fetch.errors import Refused
from footplate_runtime.retry import Retry
from footplate_runtime.store import NotFound, Store, StoreError, path_of_key

PARTIAL = ".footplate-partial"
_WORKERS = 8
_BLOCK = 1 << 20
_VERSIONS = 3  # how often a file that is written anew while it is fetched is begun again
_LOOK_SECONDS = 0.2


class Meter(Protocol):
    """Hears of bytes as they are there; negative when some were given up."""

    def __call__(self, count: int) -> None: ...


@dataclass(slots=True)
class Result:
    """What became of the files, in no order; `refused` with a sentence each."""

    fetched: list[Output] = field(default_factory=list)
    kept: list[Output] = field(default_factory=list)
    refused: list[tuple[Output, str]] = field(default_factory=list)


def download(
    store: Store,
    outputs: Sequence[Output],
    folder: Path,
    meter: Meter,
    beat: Callable[[], None],
    note: Callable[[str], None],
) -> Result:
    """Bring the outputs below `folder`, which is made; `beat` is called a few times a second, `note` hears of trouble
    that may pass. A KeyboardInterrupt leaves what is there for the next time.

    Raises CommandFailed when the folder cannot be used.
    """
    stop = threading.Event()

    def trouble(sentence: str) -> None:
        if stop.is_set():
            raise Refused("stopped")
        note(sentence)

    def pause(seconds: float) -> None:
        stop.wait(seconds)

    retry = Retry(time.monotonic, pause, random.random, trouble)
    result = Result()
    with _claimed(folder) as partial:
        work = _Work(store, folder.resolve(), partial, retry, meter, stop)
        with ThreadPoolExecutor(_WORKERS) as threads:
            # the largest first: what begins last is short
            tasks = {threads.submit(work.bring, o): o for o in sorted(outputs, key=lambda o: -o.size)}
            try:
                _gather(tasks, result, beat)
            except BaseException:
                stop.set()
                threads.shutdown(wait=True, cancel_futures=True)
                raise
        if not result.refused:
            shutil.rmtree(partial)  # what is left there is of versions that nobody wants any more
    return result


def _gather(tasks: dict[Future[Output | None], Output], result: Result, beat: Callable[[], None]) -> None:
    left = set(tasks)
    while left:
        done, left = wait(left, timeout=_LOOK_SECONDS, return_when=FIRST_COMPLETED)
        for task in done:
            output = tasks[task]
            try:
                fetched = task.result()
            except (Refused, StoreError, OSError) as error:
                result.refused.append((output, _sentence(error)))
            else:
                (result.kept if fetched is None else result.fetched).append(fetched or output)
        beat()


def _sentence(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"{error.filename or 'the file'} cannot be written: {error.strerror}"
    return str(error)


@contextmanager
def _claimed(folder: Path) -> Iterator[Path]:
    """The folder of partial files, held by this process alone: two writers would share a partial file."""
    partial = folder / PARTIAL
    try:
        partial.mkdir(parents=True, exist_ok=True)
        held = os.open(partial, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise CommandFailed(f"{folder} cannot be written: {error.strerror}") from error
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield partial
    except BlockingIOError:
        raise CommandFailed(f"another footplate outputs get is writing to {folder}; wait for it") from None
    finally:
        os.close(held)


class _Work:
    """What the threads share; `bring` is called in many of them."""

    def __init__(
        self, store: Store, folder: Path, partial: Path, retry: Retry, meter: Meter, stop: threading.Event
    ) -> None:
        self._store = store
        self._folder = folder
        self._partial = partial
        self._retry = retry
        self._meter = meter
        self._stop = stop

    def bring(self, output: Output) -> Output | None:
        """Fetch one file as it is now; None when it was there already. Raises Refused, StoreError or OSError."""
        path = self._place(output)
        if _is_there(path, output):
            self._meter(output.size)
            return None
        for _ in range(_VERSIONS):
            try:
                part, sha256 = self._read(output)
                now = self._newer(output, part, sha256)
            except NotFound:
                raise Refused(f"{output.path} was deleted from the store") from None
            if now is None:
                self._put(part, path, output)
                return output
            part.unlink()
            self._meter(-output.size)
            output = now
        raise Refused(f"{output.path} is written more often than it can be fetched; try again when the job is done")

    def _place(self, output: Output) -> Path:
        """Where the file goes; what a store says must not lead out of the folder, nor may a link in it."""
        relative = os.fsdecode(path_of_key(output.path))
        parts = relative.split("/")
        if "\x00" in relative or any(part in ("", ".", "..") for part in parts) or parts[0] == PARTIAL:
            raise Refused(f"{output.path} would lie outside of {self._folder}: it is no name for a file")
        path = self._folder.joinpath(*parts)
        if not path.parent.resolve().is_relative_to(self._folder):
            raise Refused(f"{output.path} would lie outside of {self._folder}: a symbolic link leads there")
        return path

    def _read(self, output: Output) -> tuple[Path, str]:
        """The partial file, now as long as the object, and its sha256."""
        version = hashlib.sha256(f"{output.key}\n{output.etag}\n{output.size}\n{output.modified}".encode())
        part = self._partial / version.hexdigest()
        digest = hashlib.sha256()
        with open(part, "ab+") as file:
            file.seek(0)
            while block := file.read(_BLOCK):
                digest.update(block)
                self._meter(len(block))

            def attempt() -> None:
                for block in self._store.read(output.key, file.tell(), output.size):
                    if self._stop.is_set():
                        raise Refused("stopped")
                    file.write(block)
                    digest.update(block)
                    self._meter(len(block))

            self._retry(attempt, file.tell)
        return part, digest.hexdigest()

    def _newer(self, output: Output, part: Path, sha256: str) -> Output | None:
        """None when what was read is the version that was listed; else the one that is there now. Raises Refused when
        the store holds something else than the manifest says."""
        if output.sha256 == sha256:
            return None
        entry = self._retry(lambda: self._store.head(output.key))
        if (entry.etag, entry.size) != (output.etag, output.size):
            return replace(output, size=entry.size, etag=entry.etag, modified=entry.modified, sha256=None)
        if output.sha256 is None and part.stat().st_size == output.size:
            return None
        part.unlink()
        raise Refused(
            f"{output.path} is damaged in the store: its sha256 is {sha256}, its manifest says {output.sha256}"
        )

    def _put(self, part: Path, path: Path, output: Output) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        modified = output.modified.timestamp()
        os.utime(part, (modified, modified))
        os.replace(part, path)


def _is_there(path: Path, output: Output) -> bool:
    """The file is this version: by its sha256, or before there is one by size and time, which `_put` has set."""
    if path.is_symlink() or not path.is_file() or path.stat().st_size != output.size:
        return False
    if output.sha256 is None:
        return abs(path.stat().st_mtime - output.modified.timestamp()) < 0.001
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == output.sha256

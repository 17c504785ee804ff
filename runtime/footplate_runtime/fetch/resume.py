"""Going on from an earlier attempt: its outputs are put into ``outputs/`` before the program starts.

Every replica gets those of the primary, because all ranks read rank 0's checkpoint, and over them its own.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from footplate_runtime import contract
from footplate_runtime.fetch.download import Downloads
from footplate_runtime.fetch.errors import Refused, ResumeFailed, Unreachable
from footplate_runtime.fetch.leftovers import Leftover, leftovers, read_manifest, without_clashes
from footplate_runtime.fetch.parallel import in_parallel
from footplate_runtime.fetch.progress import Progress
from footplate_runtime.files import Stamp
from footplate_runtime.orders import Orders, Place
from footplate_runtime.restored import Restored
from footplate_runtime.store import NotFound, Store, StoreError, path_of_key
from footplate_runtime.turns import Turn, announce


class Resumed(NamedTuple):
    """What was brought back, and the keys of what is not in the store as its manifest says."""

    files: tuple[Restored, ...]
    damaged: tuple[str, ...]

    def report(self) -> dict[str, Any]:
        """For fetch's termination message and the record."""
        size = sum(file.stamp.size for file in self.files)
        return {"files": len(self.files), "bytes": size, "damaged": list(self.damaged)}


def resume(place: Place, orders: Orders, target: Path, downloads: Downloads, progress: Progress) -> Resumed:
    """Make the folder ``target`` with the outputs that earlier attempts left in the run. Raises ``ResumeFailed``.

    Before that their agents are told to write no more, should any still be there.
    """
    try:
        store = downloads.open_store(orders.run_uri)
        downloads.retry(lambda: announce(store, orders.home(place.replica), Turn.of(place)))
        homes = dict.fromkeys(orders.home(name) for name in (place.replica, orders.primary))
        return _Resuming(store, target, downloads, progress).run(homes)
    except (Refused, Unreachable, StoreError) as error:
        raise ResumeFailed(f"The outputs of earlier attempts: {error}") from error
    except OSError as error:
        raise ResumeFailed(f"The outputs of earlier attempts cannot be written: {error.strerror}.") from error


class _Resuming:
    def __init__(self, store: Store, target: Path, downloads: Downloads, progress: Progress) -> None:
        self._store = store
        self._target = target
        self._downloads = downloads
        self._progress = progress
        self._damaged: list[str] = []

    def run(self, homes: Iterable[str]) -> Resumed:
        """Bring what lies in the ``homes`` of replicas; of files with the same path that of the first."""
        _make_folder(self._target)
        wanted = without_clashes(item for home in homes for item in self._left_by(home))
        self._progress.total = sum(item.entry.size for item in wanted)
        files = tuple(file for file in in_parallel(self._bring, wanted) if file is not None)
        self._progress.done()
        return Resumed(files, tuple(sorted(self._damaged)))

    def _left_by(self, home: str) -> Iterator[Leftover]:
        """What one replica left; what its manifest lists and the store has no more is told."""
        retry = self._downloads.retry
        manifest = read_manifest(self._store, home, retry)
        entries = retry(lambda: list(self._store.list(f"{home}{contract.OUTPUTS}/")))
        there = {entry.key for entry in entries}
        for key in manifest.files if manifest is not None else ():
            if key not in there:
                self._leave_out(key, "is in the manifest and no longer in the store")
        for item in leftovers(entries, home, manifest):
            if not self._place(item).resolve().is_relative_to(self._target.resolve()):
                self._leave_out(item.entry.key, "would lie outside of outputs/")
            else:
                yield item

    def _bring(self, item: Leftover) -> Restored | None:
        """One file with the time at which the store got it: frameworks look for the newest checkpoint.

        The program may run under another user than this one and must be able to write it again.
        """
        key, path = item.entry.key, self._place(item)
        for folder in reversed(path.parents[: len(path.relative_to(self._target).parts) - 1]):
            _make_folder(folder)
        try:
            got = self._downloads.object(self._store, key, path, self._progress)
        except NotFound:
            self._leave_out(key, "was deleted from the store")
            return None
        newer = got.etag != item.entry.etag  # overwritten since it was listed: no manifest speaks of that
        if not newer and (got.size != item.entry.size or (item.sha256 or got.sha256) != got.sha256):
            path.unlink()
            self._leave_out(key, f"is damaged in the store: its sha256 is {got.sha256}, not {item.sha256}")
            return None
        path.chmod(0o666)
        modified = item.entry.modified.timestamp()
        os.utime(path, (modified, modified))
        return Restored(item.path, key, Stamp.of(path.stat()), got.sha256)

    def _place(self, item: Leftover) -> Path:
        return self._target / os.fsdecode(path_of_key(item.path))

    def _leave_out(self, key: str, why: str) -> None:
        self._damaged.append(key)
        self._downloads.retry.log(f"{key} {why}; the program starts without it.")


def _make_folder(path: Path) -> None:
    """Also for the program's user; another thread may make the same one."""
    if not path.is_dir():
        path.mkdir(exist_ok=True)
        path.chmod(0o777)

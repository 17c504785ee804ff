"""The outputs of a run: what the manifests prove, and what lies in the store beyond them while the job runs.

The primary's outputs have their own paths (`model.pt`), those of the other replicas `ranks/<replica>/<path>`. A
manifest speaks for the objects that are no newer than itself: what was written after it is of an attempt that has not
ended. What a complete one does not list the program had deleted.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from footplate.jobs.text import byte_size, plural
from footplate_runtime.clock import rfc3339
from footplate_runtime.contract import MANIFEST, OUTPUTS
from footplate_runtime.store import Entry, NotFound, Store

_RANKS = "ranks/"
_READERS = 16


@dataclass(frozen=True, slots=True)
class Output:
    """One file: `path` as the user sees it, `key` in the store, `sha256` where a manifest proves it; `deleted` when the
    store still has it and the program had not."""

    path: str
    key: str
    size: int
    etag: str | None
    modified: datetime
    sha256: str | None
    deleted: bool = False

    def as_json(self) -> dict[str, Any]:
        deleted = {"deleted": True} if self.deleted else {}
        modified = rfc3339(self.modified.timestamp())
        return {"path": self.path, "size": self.size, "modified": modified, "sha256": self.sha256, **deleted}


@dataclass(frozen=True, slots=True)
class Manifest:
    """A replica's: size and sha256 by the path below its folder, whether that is all, and when it was written."""

    files: Mapping[str, tuple[int, str]]
    complete: bool
    written: datetime


def read_outputs(store: Store, deleted: bool = False) -> list[Output]:
    """All outputs of the run whose folder the store is, by path; with `deleted` also those. Raises StoreError."""
    homes = ["", *(f"{_RANKS}{replica}/" for replica in store.folders(_RANKS))]

    def read(home: str) -> list[Output]:
        return described(store.list(f"{home}{OUTPUTS}/"), home, _manifest(store, home))

    with ThreadPoolExecutor(_READERS) as readers:
        found = [o for outputs in readers.map(read, homes) for o in outputs if deleted or not o.deleted]
    return sorted(found, key=lambda output: output.path)


def described(entries: Iterable[Entry], home: str, manifest: Manifest | None) -> list[Output]:
    """The outputs in the listing of a replica's folder. Pure."""
    top, found = f"{home}{OUTPUTS}/", []
    for entry in entries:
        path = entry.key.removeprefix(top)
        if not path or path.endswith("/"):
            continue  # what other tools make for an empty folder
        sha256, deleted = None, False
        if manifest is not None and entry.modified <= manifest.written:
            size, proven = manifest.files.get(entry.key.removeprefix(home), (-1, ""))
            sha256 = proven if size == entry.size else None
            deleted = size < 0 and manifest.complete
        shown = f"{home}{path}"
        found.append(Output(shown, entry.key, entry.size, entry.etag, entry.modified, sha256, deleted))
    return found


def below(outputs: Sequence[Output], path: str) -> list[Output]:
    """The file of that path, or all files of the folder; "" is all."""
    wanted = path.strip("/").removeprefix("./")
    return [o for o in outputs if wanted in ("", ".") or o.path == wanted or o.path.startswith(wanted + "/")]


def totals(outputs: Sequence[Output]) -> str:
    """`3 files, 81.2 kB`."""
    return f"{plural(len(outputs), 'file')}, {byte_size(sum(output.size for output in outputs))}"


def _manifest(store: Store, home: str) -> Manifest | None:
    """None when there is none yet, or none that can be understood: then nothing is proven."""
    key = home + MANIFEST
    try:
        written = store.head(key).modified
        content = json.loads(store.get(key))
        files = {str(file["path"]): (int(file["size"]), str(file["sha256"])) for file in content["files"]}
        return Manifest(files, content["complete"] is True, written)
    except (NotFound, ValueError, KeyError, TypeError):
        return None

"""Which of the objects that earlier attempts left are the outputs to go on from. Pure but for `read_manifest`.

An object is whole by the store's nature, so a file whose newest version was still on its way when its pod died is there
in the version before. What a manifest says is known better than what a listing shows: which files the program had
deleted, and what each must hold. It speaks for the objects that are no newer than itself; what a later attempt, which
died without a manifest, wrote after it is taken as it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from footplate_runtime import contract
from footplate_runtime.files import unfinished
from footplate_runtime.retry import Retry
from footplate_runtime.store import Entry, NotFound, Store, path_of_key


class Manifest(NamedTuple):
    """The last manifest of a replica: sha256 by key of the run, and when it was written."""

    files: Mapping[str, str]
    complete: bool
    written: datetime


class Leftover(NamedTuple):
    """An object to bring back: its path below outputs/ as a key, and its sha256 where a manifest knows it."""

    path: str
    entry: Entry
    sha256: str | None


def read_manifest(store: Store, home: str, retry: Retry) -> Manifest | None:
    """A replica's last manifest; None when there is none that can be understood. Raises ``StoreError``."""
    key = home + contract.MANIFEST
    try:
        written = retry(lambda: store.head(key)).modified
        content = json.loads(retry(lambda: store.get(key)))
        files = {home + str(file["path"]): str(file["sha256"]) for file in content["files"]}
        return Manifest(files, content["complete"] is True, written)
    except NotFound:
        return None
    except (ValueError, KeyError, TypeError):
        retry.log(f"{store.uri}{key} is damaged: the outputs are taken as the store lists them.")
        return None


def leftovers(entries: Iterable[Entry], home: str, manifest: Manifest | None) -> list[Leftover]:
    """The outputs of a replica among the objects of its folder, without what its program had deleted or was about to
    rename; the newest first."""
    top = f"{home}{contract.OUTPUTS}/"
    found = []
    for entry in sorted(entries, key=lambda entry: (entry.modified, entry.key), reverse=True):
        path = entry.key.removeprefix(top)
        if path.endswith("/") or not path or unfinished(path_of_key(path)):
            continue
        told = manifest if manifest is not None and entry.modified <= manifest.written else None
        if told is not None and told.complete and entry.key not in told.files:
            continue
        found.append(Leftover(path, entry, told.files.get(entry.key) if told is not None else None))
    return found


def without_clashes(wanted: Iterable[Leftover]) -> list[Leftover]:
    """Each path once, and no file where a folder must be; what comes first stays."""
    files: set[str] = set()
    folders: set[str] = set()
    kept = []
    for leftover in wanted:
        path = leftover.path
        above = {path[:i] for i, letter in enumerate(path) if letter == "/"}
        if path in files or path in folders or above & files:
            continue
        files.add(path)
        folders |= above
        kept.append(leftover)
    return kept

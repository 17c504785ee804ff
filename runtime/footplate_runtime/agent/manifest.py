"""The manifest: the last object an agent writes, and the proof that a run's outputs are complete."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from footplate_runtime.files import compact_json
from footplate_runtime.store import NotFound, Store

MISSING_LISTED = 1000  # an incomplete manifest names so many at most


class OutputFile(NamedTuple):
    """One output: path relative to the manifest's folder, size in bytes, hex sha256."""

    path: str
    size: int
    sha256: str


def manifest_json(attempt: int, files: Iterable[OutputFile], complete: bool, missing: Sequence[str]) -> bytes:
    """The object's bytes: what an attempt has put into the store, and what it could not.

    ``files`` come in the order of their paths and are held one at a time: there may be hundreds of thousands.
    """
    about: dict[str, object] = {"version": 1, "complete": complete, "attempt": attempt}
    if missing:
        about["missing"] = missing[:MISSING_LISTED]
    content = bytearray(compact_json(about)[:-1] + b',"files":[')
    for number, file in enumerate(files):
        content += (b"," if number else b"") + compact_json(file._asdict())
    content += b"]}"
    return bytes(content)


def digest(manifest: bytes) -> str:
    """``sha256:<hex>`` of a manifest's bytes."""
    return f"sha256:{hashlib.sha256(manifest).hexdigest()}"


def not_stored(store: Store, expected: Mapping[str, int], folders: Iterable[str]) -> list[str]:
    """Keys that the store does not hold with their size, checked by listing ``folders``, by asking for what lies
    outside of them.

    Raises any ``StoreError``.
    """
    wanted = dict(expected)
    folders = tuple(folders)
    for folder in folders:
        if any(key.startswith(folder) for key in wanted):
            for entry in store.list(folder):
                if wanted.get(entry.key) == entry.size:
                    del wanted[entry.key]
    return [key for key, size in wanted.items() if key.startswith(folders) or not _has(store, key, size)]


def _has(store: Store, key: str, size: int) -> bool:
    try:
        return store.head(key).size == size
    except NotFound:
        return False

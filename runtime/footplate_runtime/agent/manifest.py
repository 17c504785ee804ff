"""The manifest: the last object an agent writes, and the proof that a run's outputs are complete."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from footplate_runtime.files import compact_json
from footplate_runtime.store import NotFound, Store

MISSING_LISTED = 1000  # an incomplete manifest names so many at most


class OutputFile(NamedTuple):
    """One output: path relative to the manifest's folder, size in bytes, hex sha256."""

    path: str
    size: int
    sha256: str


class Manifest(NamedTuple):
    """What an attempt has put into the store, and what it could not."""

    attempt: int
    files: tuple[OutputFile, ...]
    complete: bool
    missing: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)

    def to_json(self) -> bytes:
        """The object's bytes, the same for the same outputs."""
        content: dict[str, object] = {
            "version": 1,
            "complete": self.complete,
            "attempt": self.attempt,
            "files": [
                {"path": file.path, "size": file.size, "sha256": file.sha256}
                for file in sorted(self.files, key=lambda file: file.path)
            ],
        }
        if self.missing:
            content["missing"] = self.missing[:MISSING_LISTED]
        return compact_json(content)


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

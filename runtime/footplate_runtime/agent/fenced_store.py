"""The store as the uploads see it: before each write, and before each part of a large one, the fence is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from footplate_runtime.store import Store
from footplate_runtime.store.base import Entry, Receipt


class FencedStore:
    """``check`` raises what keeps a write from happening; a stream that it cuts leaves the old object."""

    def __init__(self, store: Store, check: Callable[[], None]) -> None:
        self._store = store
        self._check = check
        self.uri = store.uri

    def put(self, key: str, data: bytes) -> Receipt:
        self._check()
        return self._store.put(key, data)

    def put_stream(self, key: str, blocks: Iterable[bytes], size: int) -> Receipt:
        self._check()
        return self._store.put_stream(key, self._checked(blocks), size)

    def put_if_absent(self, key: str, data: bytes) -> bool:
        self._check()
        return self._store.put_if_absent(key, data)

    def replace(self, key: str, data: bytes, etag: str) -> bool:
        self._check()
        return self._store.replace(key, data, etag)

    def delete(self, key: str) -> None:
        self._check()
        self._store.delete(key)

    def get(self, key: str) -> bytes:
        return self._store.get(key)

    def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        return self._store.read(key, start, end)

    def list(self, folder: str = "") -> Iterator[Entry]:
        return self._store.list(folder)

    def folders(self, folder: str = "") -> Iterator[str]:
        return self._store.folders(folder)

    def head(self, key: str) -> Entry:
        return self._store.head(key)

    def _checked(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        """After the last block, too: only then is the object made."""
        for block in blocks:
            self._check()
            yield block
        self._check()

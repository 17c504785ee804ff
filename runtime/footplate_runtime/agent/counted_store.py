"""The store, with a count of what is asked of it and of what it answers. For Prometheus."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple, TypeVar

from footplate_runtime.store import AccessDenied, NotFound, Store, StoreError, StoreThrottled, StoreUnavailable
from footplate_runtime.store.base import Entry, Receipt

T = TypeVar("T")

OPERATIONS = ("put", "get", "list", "head", "delete")
ERRORS = ("throttled", "unavailable", "denied", "refused")


class Counts(NamedTuple):
    """So far: calls by operation, failed ones by kind, and bytes that the store has acknowledged."""

    requests: Mapping[str, int]
    errors: Mapping[str, int]
    sent_bytes: int


class CountedStore:
    """Counts calls, from any thread; the client's own retries are not seen. That nothing is there is no error."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._requests = Counter(dict.fromkeys(OPERATIONS, 0))
        self._errors = Counter(dict.fromkeys(ERRORS, 0))
        self._sent = 0
        self.uri = store.uri

    def counts(self) -> Counts:
        """The numbers as they are now."""
        with self._lock:
            return Counts(dict(self._requests), dict(self._errors), self._sent)

    def put(self, key: str, data: bytes) -> Receipt:
        return self._counted("put", lambda: self._store.put(key, data), len(data))

    def put_stream(self, key: str, blocks: Iterable[bytes], size: int) -> Receipt:
        return self._counted("put", lambda: self._store.put_stream(key, blocks, size), size)

    def put_if_absent(self, key: str, data: bytes) -> bool:
        return self._counted("put", lambda: self._store.put_if_absent(key, data), len(data))

    def replace(self, key: str, data: bytes, etag: str) -> bool:
        return self._counted("put", lambda: self._store.replace(key, data, etag), len(data))

    def delete(self, key: str) -> None:
        self._counted("delete", lambda: self._store.delete(key))

    def get(self, key: str) -> bytes:
        return self._counted("get", lambda: self._store.get(key))

    def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        yield from self._counted_all("get", lambda: self._store.read(key, start, end))

    def list(self, folder: str = "") -> Iterator[Entry]:
        yield from self._counted_all("list", lambda: self._store.list(folder))

    def folders(self, folder: str = "") -> Iterator[str]:
        yield from self._counted_all("list", lambda: self._store.folders(folder))

    def head(self, key: str) -> Entry:
        return self._counted("head", lambda: self._store.head(key))

    def _counted(self, operation: str, call: Callable[[], T], size: int = 0) -> T:
        try:
            answer = call()
        except StoreError as error:
            self._count(operation, error)
            raise
        self._count(operation, None, size)
        return answer

    def _counted_all(self, operation: str, call: Callable[[], Iterator[T]]) -> Iterator[T]:
        """A store that answers in pieces may fail between them."""
        try:
            yield from call()
        except StoreError as error:
            self._count(operation, error)
            raise
        self._count(operation, None)

    def _count(self, operation: str, error: StoreError | None, size: int = 0) -> None:
        with self._lock:
            self._requests[operation] += 1
            self._sent += size
            if error is not None and not isinstance(error, NotFound):
                self._errors[_kind(error)] += 1


def _kind(error: StoreError) -> str:
    match error:
        case StoreThrottled():
            return "throttled"
        case StoreUnavailable():
            return "unavailable"
        case AccessDenied():
            return "denied"
        case _:
            return "refused"

"""What the server needs of a store: versioned objects and their history."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, Protocol

JSON = dict[str, Any]

ChangeType = Literal["ADDED", "MODIFIED", "DELETED"]


@dataclass(frozen=True, slots=True, order=True)
class ObjectKey:
    """Where an object lives: `resource` is `plural` or `plural.group`, `namespace` is empty for cluster-scoped ones."""

    resource: str
    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class Stored:
    """One state of an object. `object` is shared by all readers and must not be changed."""

    key: ObjectKey
    version: int
    object: JSON
    raw: bytes


@dataclass(frozen=True, slots=True)
class Change:
    """One write. Of a deletion, `stored` is the last state with the deletion's resourceVersion."""

    version: int
    type: ChangeType
    stored: Stored
    previous: Stored | None


class HistoryGone(Exception):
    """The changes since that version are no longer all kept."""

    def __init__(self, asked: int, oldest: int) -> None:
        super().__init__(f"too old resource version: {asked} ({oldest})")


class Storage(Protocol):
    """What the server needs of a store. All calls are made from one thread and are short."""

    @property
    def version(self) -> int: ...
    def get(self, key: ObjectKey) -> Stored | None: ...
    def listing(self, resource: str, namespace: str | None = None) -> list[Stored]: ...
    def listing_at(self, resource: str, namespace: str | None, version: int) -> list[Stored]: ...
    def everything(self) -> Iterator[Stored]: ...
    def put(self, key: ObjectKey, obj: JSON) -> Stored: ...
    def delete(self, key: ObjectKey) -> Stored | None: ...
    def changes_since(self, resource: str, version: int) -> list[Change]: ...
    def subscribe(self, listener: Callable[[Change], None]) -> Callable[[], None]: ...
    def close(self) -> None: ...


def encode(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()

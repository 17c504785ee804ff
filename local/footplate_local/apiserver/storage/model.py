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


class Stored:
    """One state of an object: `raw` is its JSON text, `object` is decoded when it is first asked for."""

    __slots__ = ("_object", "key", "raw", "version")

    def __init__(self, key: ObjectKey, version: int, obj: JSON | None, raw: bytes) -> None:
        self.key = key
        self.version = version
        self.raw = raw
        self._object = obj

    @property
    def object(self) -> JSON:
        """Shared by all readers; it must not be changed."""
        if self._object is None:
            self._object = json.loads(self.raw)
        return self._object

    def shed(self) -> None:
        """Keep the text alone, a sixth of the memory: this state is past and will hardly be asked for."""
        self._object = None


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


def whole_numbers(value: Any) -> Any:
    """A JSON value as Go writes it: a number without a fraction has no decimal point."""
    if isinstance(value, dict):
        return {key: whole_numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [whole_numbers(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**63 else value


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


_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def encode(value: Any) -> bytes:
    return _ENCODER.encode(value).encode()


def at_version(stored: Stored, version: int) -> Stored:
    """A state with the resourceVersion of the change that it left by."""
    obj = {**stored.object, "metadata": {**stored.object["metadata"], "resourceVersion": str(version)}}
    return Stored(stored.key, version, obj, encode(obj))

"""The entries of metadata.managedFields: who owns which fields.

Source: apimachinery pkg/util/managedfields/internal/{managedfields,capmanagers,fieldmanager}.go.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from footplate_local.apiserver.patching.field_paths import go_json
from footplate_local.apiserver.patching.field_sets import NOTHING, FieldSet, parse, tree
from footplate_local.apiserver.patching.shapes import MISSING

JSON = dict[str, Any]
APPLY, UPDATE = "Apply", "Update"
MOST_UPDATERS = 10
"""Entries of operation Update that an object may have; the oldest ones beyond that become one."""
_OLD_UPDATES = "ancient-changes"


@dataclass(frozen=True)
class Entry:
    """One entry. `time` is "" when it is not known."""

    manager: str
    operation: str
    api_version: str
    subresource: str = ""
    time: str = ""
    fields: FieldSet = NOTHING

    @cached_property
    def identity(self) -> str:
        """What entries are told apart by: an applier keeps its fields when it goes on with another version."""
        parts = {
            "manager": self.manager,
            "operation": self.operation,
            "apiVersion": "" if self.operation == APPLY else self.api_version,
            "subresource": self.subresource,
        }
        return go_json({name: value for name, value in parts.items() if value})

    def shown(self) -> str:
        """The manager as messages of conflicts name it."""
        text = go_json(self.manager)
        if self.subresource:
            text += f" with subresource {go_json(self.subresource)}"
        return f"{text} using {self.api_version}" if self.operation == UPDATE else text

    def encoded(self) -> JSON:
        entry = {
            "manager": self.manager,
            "operation": self.operation,
            "apiVersion": self.api_version,
            "time": self.time,
            "fieldsType": "FieldsV1",
            "fieldsV1": tree(self.fields),
            "subresource": self.subresource,
        }
        return {name: value for name, value in entry.items() if value != ""}


Managers = dict[str, Entry]
"""Entries by identity."""


def by_identity(entries: Iterable[Entry]) -> Managers:
    return {entry.identity: entry for entry in entries}


def decode(encoded: Any) -> Managers:
    """Read metadata.managedFields. Raises ValueError when an entry is none."""
    if encoded is None:
        return {}
    if not isinstance(encoded, list):
        raise ValueError("managedFields must be a list")
    return by_identity(_entry(item) for item in encoded)


def _entry(item: Any) -> Entry:
    if not isinstance(item, dict):
        raise ValueError("an entry of managedFields must be an object")
    texts = {name: item.get(name) or "" for name in ("manager", "operation", "apiVersion", "subresource", "time")}
    if not all(isinstance(text, str) for text in texts.values()):
        raise ValueError("manager, operation, apiVersion, subresource and time must be texts")
    if texts["operation"] not in (APPLY, UPDATE):
        raise ValueError("operation must be `Apply` or `Update`")
    if not texts["apiVersion"]:
        raise ValueError("apiVersion must not be empty")
    if item.get("fieldsType") != "FieldsV1":
        raise ValueError(f"invalid fieldsType {item.get('fieldsType')!r}")
    return Entry(
        texts["manager"],
        texts["operation"],
        texts["apiVersion"],
        texts["subresource"],
        texts["time"],
        parse(item.get("fieldsV1") or {}),
    )


def write(meta: JSON, managers: Managers) -> None:
    """Set managedFields of an object's metadata, in the order in which they are always given."""
    entries = sorted(managers.values(), key=_order)
    if entries:
        meta["managedFields"] = [entry.encoded() for entry in entries]
    else:
        meta.pop("managedFields", None)


def _order(entry: Entry) -> tuple[str, ...]:
    return (entry.operation, entry.time, entry.manager, entry.api_version, entry.subresource)


def of(meta: JSON) -> Managers:
    """The managers of a stored object."""
    return decode(meta.get("managedFields"))


def to_begin_with(live: JSON, asked: Any) -> Managers:
    """The managers before an update, when the object sent names some: those, unless they cannot be read.

    `live` is the stored metadata, `asked` the managedFields sent (MISSING when there are none). A list that is empty,
    or has one empty entry, asks for none at all.
    """
    if asked in ([], [{}]):
        return {}
    try:
        managers = decode(None if asked is MISSING else asked)
    except ValueError:
        managers = {}
    return managers or of(live)


def capped(managers: Managers) -> Managers:
    """The managers with the oldest updaters put together when there are too many of them."""
    updaters = sorted(
        (entry for entry in managers.values() if entry.operation == UPDATE),
        key=lambda entry: (entry.time, entry.identity),
    )
    kept, count = dict(managers), len(updaters)
    first_of: dict[str, Entry] = {}
    for entry in updaters:
        if count <= MOST_UPDATERS:
            break
        first = first_of.setdefault(entry.api_version, entry)
        if first is entry:
            continue
        bucket = Entry(_OLD_UPDATES, UPDATE, entry.api_version, time=entry.time)
        if bucket.identity not in kept:
            kept[bucket.identity] = kept.pop(first.identity)
        fields = kept[bucket.identity].fields | kept.pop(entry.identity).fields
        kept[bucket.identity] = replace(bucket, fields=fields)
        count -= 1
    return kept

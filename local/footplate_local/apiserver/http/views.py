"""How objects are shown: as they are, as a table for kubectl, or as their metadata alone."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from footplate_local.apiserver.errors import not_acceptable
from footplate_local.apiserver.http.negotiation import Accepted
from footplate_local.apiserver.kinds.registry import ResourceType
from footplate_local.apiserver.printing import tables
from footplate_local.apiserver.storage.model import Stored, encode

JSON = dict[str, Any]


def _partial(obj: JSON, accepted: Accepted) -> JSON:
    return {"kind": "PartialObjectMetadata", "apiVersion": accepted.api_version, "metadata": obj["metadata"]}


def _table(
    kind: ResourceType, shown: Sequence[JSON], meta: JSON, accepted: Accepted, now: datetime, *, headers: bool = True
) -> JSON:
    """A table whose rows hold what `includeObject` asks for."""
    table = tables.table(kind, shown, meta, now, headers=headers)
    table["apiVersion"] = accepted.api_version
    for row, obj in zip(table["rows"], shown, strict=True):
        match accepted.include:
            case "None":
                row["object"] = None
            case "Object":
                row["object"] = obj
            case _:
                row["object"] = _partial(obj, accepted)
    return table


def one(kind: ResourceType, obj: JSON, accepted: Accepted, now: datetime, *, headers: bool = True) -> JSON:
    """A stored object in the form that was asked for; `headers`: a table has its column definitions. Raises 406."""
    shown = kind.shown(obj)
    match accepted.form:
        case "Table":
            meta = {"resourceVersion": obj["metadata"].get("resourceVersion", "")}
            return _table(kind, [shown], meta, accepted, now, headers=headers)
        case "PartialObjectMetadata":
            return _partial(shown, accepted)
        case "PartialObjectMetadataList":
            raise not_acceptable(
                f"you requested PartialObjectMetadataList, but the requested object is not a list ({kind.kind})"
            )
    return shown


def many(kind: ResourceType, found: Sequence[Stored], meta: JSON, accepted: Accepted, now: datetime) -> bytes:
    """The body of a list. Items of built-in kinds come without apiVersion and kind, as kube-apiserver's do.

    Raises StatusError 406.
    """
    match accepted.form:
        case "Table":
            return encode(_table(kind, [kind.shown(item.object) for item in found], meta, accepted, now))
        case "PartialObjectMetadataList":
            items = [_partial(kind.shown(item.object), accepted) for item in found]
            return encode({"kind": accepted.form, "apiVersion": accepted.api_version, "metadata": meta, "items": items})
        case "PartialObjectMetadata":
            raise not_acceptable(
                f"you requested PartialObjectMetadata, but the requested object is a list ({kind.list_name})"
            )
    if kind.custom:
        head = {"apiVersion": kind.api_version, "kind": kind.list_name, "metadata": {"continue": "", **meta}}
        rows = [_raw(kind, item) for item in found]
    else:
        head = {"kind": kind.list_name, "apiVersion": kind.api_version, "metadata": meta}
        start = encode({"apiVersion": kind.api_version, "kind": kind.kind})[:-1] + b","
        rows = [_without_type(kind, item, start) for item in found]
    return encode(head)[:-1] + b',"items":[' + b",".join(rows) + b"]}"


def bookmark(kind: ResourceType, meta: JSON, accepted: Accepted) -> JSON:
    """The object of a BOOKMARK event: nothing but its version."""
    if accepted.form == "Table":
        row = {"cells": [], "object": _partial({"metadata": meta}, accepted)}
        version = {"resourceVersion": meta["resourceVersion"]}
        rows = [row] if "annotations" in meta else []
        head = {"kind": "Table", "apiVersion": accepted.api_version, "metadata": version}
        return {**head, "columnDefinitions": [], "rows": rows}
    if accepted.form:
        return _partial({"metadata": meta}, accepted)
    empty: JSON = {"kind": kind.kind, "apiVersion": kind.api_version, "metadata": meta}
    return empty if kind.custom else kind.decode(empty)[0]  # built-in kinds have fields that are shown all the same


def _without_type(kind: ResourceType, item: Stored, start: bytes) -> bytes:
    """An item without its type, which stands at the `start` of nearly all."""
    shown = kind.shown(item.object)
    if shown is item.object and item.raw.startswith(start):  # as nearly all are stored: no need to encode again
        return b"{" + item.raw[len(start) :]
    return encode({key: value for key, value in shown.items() if key not in ("apiVersion", "kind")})


def _raw(kind: ResourceType, item: Stored) -> bytes:
    shown = kind.shown(item.object)
    return item.raw if shown is item.object else encode(shown)


def event(
    kind: ResourceType, change_type: str, item: Stored, accepted: Accepted, now: datetime, *, first: bool
) -> bytes:
    """A line of a watch."""
    body = encode(one(kind, item.object, accepted, now, headers=first)) if accepted.form else _raw(kind, item)
    return _line(change_type, body)


@functools.lru_cache(maxsize=8)
def _line(change_type: str, body: bytes) -> bytes:
    """One line for all watches that are told of a change: they wait for slow clients without copies of their own."""
    return b'{"type":"%s","object":%s}\n' % (change_type.encode(), body)

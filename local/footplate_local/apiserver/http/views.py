"""How objects are shown: as they are, as a table for kubectl, or as their metadata alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from footplate_local.apiserver.http.requests import Accepted
from footplate_local.apiserver.kinds import tables
from footplate_local.apiserver.kinds.registry import ResourceType
from footplate_local.apiserver.storage.model import Stored, encode

JSON = dict[str, Any]


def partial(obj: JSON) -> JSON:
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": obj["metadata"]}


def one(kind: ResourceType, obj: JSON, accepted: Accepted, now: datetime, *, headers: bool = True) -> JSON:
    """A stored object in the form that was asked for. `headers`: a table has its column definitions."""
    shown = kind.shown(obj)
    if accepted.form == "Table":
        meta = {"resourceVersion": obj["metadata"].get("resourceVersion", "")}
        return tables.table(kind, [shown], meta, now, headers=headers)
    if accepted.form == "PartialObjectMetadata":
        return partial(shown)
    return shown


def many(kind: ResourceType, found: Sequence[Stored], meta: JSON, accepted: Accepted, now: datetime) -> bytes:
    """The body of a list. Items of built-in kinds come without apiVersion and kind, as kube-apiserver's do."""
    if accepted.form == "Table":
        return encode(tables.table(kind, [kind.shown(item.object) for item in found], meta, now))
    if accepted.form == "PartialObjectMetadata":
        items = [partial(kind.shown(item.object)) for item in found]
        return encode(
            {"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": meta, "items": items}
        )
    if kind.custom:
        head = {"apiVersion": kind.api_version, "kind": kind.list_name, "metadata": {"continue": "", **meta}}
        rows = [_raw(kind, item) for item in found]
    else:
        head = {"kind": kind.list_name, "apiVersion": kind.api_version, "metadata": meta}
        rows = [_without_type(kind, item) for item in found]
    return encode(head)[:-1] + b',"items":[' + b",".join(rows) + b"]}"


def _without_type(kind: ResourceType, item: Stored) -> bytes:
    shown = kind.shown(item.object)
    start = encode({"apiVersion": kind.api_version, "kind": kind.kind})[:-1] + b","
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
    return b'{"type":"%s","object":%s}\n' % (change_type.encode(), body)

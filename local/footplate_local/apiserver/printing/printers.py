"""Which built-in kind is shown how (kubernetes pkg/printers/internalversion/printers.go, AddHandlers)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from footplate_local.apiserver.kinds.registry import ResourceType
from footplate_local.apiserver.printing import cluster, network, storage, workloads
from footplate_local.apiserver.printing.columns import NAME, Column, Printer, name
from footplate_local.apiserver.printing.pods import PODS

JSON = dict[str, Any]


def _created(obj: JSON, now: datetime) -> list[Any]:
    return [name(obj), obj["metadata"].get("creationTimestamp", "")]


# rest.NewDefaultTableConvertor: what Roles, LimitRanges, definitions and other kinds without a printer show
_PLAIN = Printer((NAME, Column("Created At", "ObjectMeta.creationTimestamp", "date")), _created)
_PRINTERS: dict[str, Printer] = {
    "Pod": PODS,
    **workloads.PRINTERS,
    **network.PRINTERS,
    **storage.PRINTERS,
    **cluster.PRINTERS,
}


def of(kind: ResourceType) -> Printer:
    return _PRINTERS.get(kind.kind, _PLAIN)

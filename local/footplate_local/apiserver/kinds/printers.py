"""Which built-in kind is shown how (kubernetes pkg/printers/internalversion/printers.go, AddHandlers)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from footplate_local.apiserver.kinds import print_cluster, print_network, print_storage, print_workloads
from footplate_local.apiserver.kinds.print_pods import PODS
from footplate_local.apiserver.kinds.printing import NAME, Column, Printer, name
from footplate_local.apiserver.kinds.registry import ResourceType

JSON = dict[str, Any]


def _created(obj: JSON, now: datetime) -> list[Any]:
    return [name(obj), obj["metadata"].get("creationTimestamp", "")]


# rest.NewDefaultTableConvertor: what Roles, LimitRanges, definitions and other kinds without a printer show
_PLAIN = Printer((NAME, Column("Created At", "ObjectMeta.creationTimestamp", "date")), _created)
_PRINTERS: dict[str, Printer] = {
    "Pod": PODS,
    **print_workloads.PRINTERS,
    **print_network.PRINTERS,
    **print_storage.PRINTERS,
    **print_cluster.PRINTERS,
}


def of(kind: ResourceType) -> Printer:
    return _PRINTERS.get(kind.kind, _PLAIN)

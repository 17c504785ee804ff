"""What the printers of all kinds share: columns, ages, lists of labels and containers.

Source: kubernetes pkg/printers/internalversion/printers.go; apimachinery pkg/util/duration.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from footplate_local.apiserver.kinds import builtin_schemas, label_selectors

JSON = dict[str, Any]
Cells = Callable[[JSON, datetime], list[Any]]
NONE, UNSET, UNKNOWN = "<none>", "<unset>", "<unknown>"
_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table of a built-in kind.

    `about` is a sentence, or `core.v1.PodStatus.podIP`: then it is described as that field is in the API definitions.
    """

    name: str
    about: str
    type: str = "string"
    priority: int = 0
    format: str = ""

    def definition(self) -> JSON:
        return {
            "name": self.name,
            "type": self.type,
            "format": self.format,
            "description": _description(self.about),
            "priority": self.priority,
        }


@dataclass(frozen=True, slots=True)
class Printer:
    """How a kind is shown. `conditions` are those of a row, which kubectl dims; most kinds have none."""

    columns: Sequence[Column]
    cells: Cells
    conditions: Callable[[JSON], list[JSON]] = lambda _: []


def _description(about: str) -> str:
    kind, _, field = about.rpartition(".")
    name = _META if kind == "ObjectMeta" else f"io.k8s.api.{kind}"
    definition = builtin_schemas.definitions().get(name)
    return about if definition is None else str(definition["properties"][field]["description"])


NAME = Column("Name", "ObjectMeta.name", format="name")
AGE = Column("Age", "ObjectMeta.creationTimestamp")
CONTAINERS = Column("Containers", "Names of each container in the template.", priority=1)
IMAGES = Column("Images", "Images referenced by each container in the template.", priority=1)


def selector_column(about: str) -> Column:
    return Column("Selector", about, priority=1)


def name(obj: JSON) -> str:
    found: str = obj["metadata"]["name"]
    return found


def age(obj: JSON, now: datetime) -> str:
    return since(obj["metadata"].get("creationTimestamp"), now)


def compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def since(moment: str | None, now: datetime) -> str:
    """How long ago, as kubectl writes ages; `<unknown>` for no time, `<invalid>` for none of RFC 3339."""
    if not moment:
        return UNKNOWN
    try:
        then = datetime.fromisoformat(moment)
    except ValueError:
        return "<invalid>"
    if then.tzinfo is None:
        return "<invalid>"
    return human((now - then).total_seconds())


def human(seconds: float) -> str:
    """A duration in two units at most (HumanDuration)."""
    whole = int(seconds)
    if whole < -1:
        return "<invalid>"
    if whole < 0:
        return "0s"
    minutes, hours = whole // 60, whole // 3600
    days, years = whole // 86400, whole // (86400 * 365)
    if whole < 120:
        return f"{whole}s"
    if minutes < 10:
        return f"{minutes}m{whole % 60}s" if whole % 60 else f"{minutes}m"
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return f"{hours}h{minutes % 60}m" if minutes % 60 else f"{hours}h"
    if hours < 48:
        return f"{hours}h"
    if hours < 192:
        return f"{days}d{hours % 24}h" if hours % 24 else f"{days}d"
    if days < 730:
        return f"{days}d"
    if years < 8:
        rest = days % 365
        return f"{years}y{rest}d" if rest else f"{years}y"
    return f"{years}y"


def labels(values: Mapping[str, str] | None) -> str:
    """`a=b,c=d`."""
    return ",".join(f"{key}={value}" for key, value in sorted((values or {}).items())) or NONE


def selector(value: JSON | None) -> str:
    """A LabelSelector as one text."""
    return label_selectors.text(value) or NONE


def containers(template: JSON | None) -> list[str]:
    """The cells of CONTAINERS and IMAGES."""
    found = ((template or {}).get("spec") or {}).get("containers") or ()
    return [",".join(item.get("name", "") for item in found), ",".join(item.get("image", "") for item in found)]


def first(items: Iterable[str], most: int = 3) -> str:
    """The first few of a list, and how many more there are."""
    found = list(items)
    shown = ",".join(found[:most])
    return f"{shown} + {len(found) - most} more..." if len(found) > most else shown


def yes_or_no(value: bool | None) -> str:
    return UNSET if value is None else str(value)

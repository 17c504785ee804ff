"""A story of writes to one object: who owns which of its fields after them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from footplate_local.apiserver.kinds.registry import ResourceType
from footplate_local.apiserver.patching import managed_fields, ownership
from footplate_local.apiserver.patching.field_paths import shown
from footplate_local.apiserver.patching.managed_fields import Entry
from footplate_local.apiserver.patching.shapes import MISSING

JSON = dict[str, Any]
NAMED = {"type": "object", "properties": {"name": {"type": "string"}, "value": {"type": "integer"}}}
SPEC = {
    "image": {"type": "string"},
    "replicas": {"type": "integer"},
    "labels": {"type": "object", "additionalProperties": {"type": "string"}},
    "sealed": {"type": "object", "x-kubernetes-map-type": "atomic", "additionalProperties": {"type": "string"}},
    "words": {"type": "array", "items": {"type": "string"}},
    "set": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
    "items": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"], "items": NAMED},
    "ports": {
        "type": "array",
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["port", "protocol"],
        "items": {
            "type": "object",
            "properties": {
                "port": {"type": "integer"},
                "protocol": {"type": "string", "default": "TCP"},
                "title": {"type": "string"},
            },
        },
    },
    "groups": {
        "type": "array",
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["name"],
        "items": {
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "members": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
            },
        },
    },
    "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
}
SCHEMA = {
    "type": "object",
    "properties": {
        "spec": {"type": "object", "properties": SPEC},
        "status": {"type": "object", "properties": {"phase": {"type": "string"}}},
    },
}
THING = ResourceType(
    "test.example.com", "v1", "Thing", "things", True, custom=True, declared_schema=SCHEMA, subresources=("status",)
)


@dataclass
class Story:
    """An object and the writes to it."""

    kind: ResourceType = THING
    live: JSON | None = None
    clock: int = 0
    other_kinds: dict[str, ResourceType] = field(default_factory=dict)

    def apply(
        self, manager: str, spec: JSON | None = None, *, force: bool = False, subresource: str = "", **more: Any
    ) -> None:
        applied = {"apiVersion": self.kind.api_version, "kind": "Thing", "metadata": {"name": "a"}, **more}
        if spec is not None:
            applied["spec"] = spec
        self.live = ownership.apply(self.live, applied, self.writer(manager, subresource), force=force)

    def update(self, manager: str, spec: JSON, asked: Any = MISSING, **metadata: Any) -> None:
        new = {"apiVersion": "test.example.com/v1", "kind": "Thing", "metadata": {"name": "a", **metadata}}
        new["spec"] = spec
        ownership.record_update(self.live, new, self.writer(manager), asked)
        self.live = new

    def writer(self, manager: str, subresource: str = "") -> ownership.Writer:
        self.clock += 1
        time = f"2026-01-01T00:00:{self.clock:02}Z"
        return ownership.Writer(manager, self.kind, self._kind_of, time, subresource)

    def _kind_of(self, api_version: str, _: str) -> ResourceType | None:
        return self.other_kinds.get(api_version) or (self.kind if api_version == self.kind.api_version else None)

    @property
    def spec(self) -> Any:
        assert self.live is not None
        return self.live.get("spec")

    def entries(self) -> list[Entry]:
        assert self.live is not None
        return list(managed_fields.of(self.live["metadata"]).values())

    def owned(self, *, only: str | None = None) -> dict[str, set[str]]:
        """What each manager owns, as messages would show it."""
        return {
            entry.manager: {shown(path) for path in entry.fields}
            for entry in self.entries()
            if only in (None, entry.manager)
        }

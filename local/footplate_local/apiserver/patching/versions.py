"""An object in the versions of its kind: managers own fields in the version in which they wrote.

Source: apimachinery pkg/util/managedfields/internal/versionconverter.go.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from footplate_local.apiserver.kinds.registry import ResourceType
from footplate_local.apiserver.patching.shapes import Shape

JSON = dict[str, Any]
KindOf = Callable[[str, str], ResourceType | None]
"""Finds a served kind by apiVersion and kind (Registry.of_kind)."""


class Seen(NamedTuple):
    """An object as a version shows it, and the shape it has there."""

    obj: JSON
    shape: Shape


class Versioned:
    """An object in one version (that of `kind`) and, converted when asked for, in others."""

    def __init__(self, obj: JSON, kind: ResourceType, kind_of: KindOf) -> None:
        self.api_version = kind.api_version
        self._kind = kind
        self._kind_of = kind_of
        self._seen: dict[str, Seen | None] = {kind.api_version: Seen(obj, shape_of(kind))}

    @property
    def own(self) -> Seen:
        seen = self._seen[self._kind.api_version]
        assert seen is not None, "an object is always there in its own version"
        return seen

    def replaced(self, obj: JSON, api_version: str) -> Versioned:
        """Another object of the kind, which is given in a version that `at` knows."""
        kind = self._kind if api_version == self._kind.api_version else self._kind_of(api_version, self._kind.kind)
        assert kind is not None, "only versions that are served are given"
        return Versioned(obj, kind, self._kind_of)

    def at(self, api_version: str) -> Seen | None:
        """As a version shows it; None when that version is not served."""
        if api_version not in self._seen:
            self._seen[api_version] = self._converted(api_version)
        return self._seen[api_version]

    def _converted(self, api_version: str) -> Seen | None:
        kind = self._kind_of(api_version, self._kind.kind)
        if kind is None:
            return None
        stored = self._kind.strategy.from_version(self.own.obj, self._kind.version)
        return Seen(kind.shown(stored), shape_of(kind))


def shape_of(kind: ResourceType) -> Shape:
    return Shape(kind.schema, root=True)


def blank(kind: ResourceType) -> JSON:
    """What there is before an object is created: for kinds that are Go structs an empty one."""
    types = {"apiVersion": kind.api_version, "kind": kind.kind}
    return types if kind.custom else {**_zero(kind.schema), **types}


_ZEROS = {"integer": 0, "number": 0, "boolean": False}


def _zero(schema: JSON) -> Any:
    if "x-go-type" in schema:
        return {name: _zero(schema["properties"][name]) for name in schema["x-go-always"]}
    if schema.get("type") == "string" and schema.get("format") in (None, "", "byte"):
        return ""
    return _ZEROS.get(schema.get("type", ""))

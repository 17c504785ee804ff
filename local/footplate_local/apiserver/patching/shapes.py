"""What a schema says of a place in an object, for whoever compares, merges and owns fields.

Sources: k8s.io/kube-openapi pkg/schemaconv (how an OpenAPI schema becomes a merge schema),
sigs.k8s.io/structured-merge-diff typed/helpers.go (how items of lists are told apart).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from footplate_local.apiserver.kinds import builtin_schemas
from footplate_local.apiserver.patching.field_paths import Element, of_item, of_value

JSON = dict[str, Any]
MISSING: Any = object()
"""There is no value at a place, not even null."""


class Form(Enum):
    MAP = "map"
    LIST = "list"
    SCALAR = "scalar"


_FORMS = {"object": Form.MAP, "array": Form.LIST}
_TEXT: JSON = {"type": "string"}
_TYPE_FIELDS = ("apiVersion", "kind")
_KEY_DEFAULTS = {"core.v1.ContainerPort": {"protocol": "TCP"}, "core.v1.ServicePort": {"protocol": "TCP"},
                 "core.v1.LocalObjectReference": {"name": ""}}  # fmt: skip
"""Defaults of fields that are keys of lists (`+default` in k8s.io/api), which the published definitions leave out."""


class NoIdentity(ValueError):
    """An item cannot be told apart from others in its list; the text is structured-merge-diff's."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A place in an object. `root`: it has apiVersion, kind and metadata of the usual form. `open`: the schema is
    below `x-kubernetes-preserve-unknown-fields`, so that objects may have fields that it does not name."""

    schema: JSON
    root: bool = False
    open: bool = False

    def form(self, value: Any) -> Form:
        """How a value is to be treated. What null is depends on the place alone."""
        if isinstance(value, dict):
            found = Form.MAP
        elif isinstance(value, list):
            found = Form.LIST
        else:
            found = Form.SCALAR
        declared = self.schema.get("type")
        if self.schema.get("format") == "quantity":
            return Form.SCALAR
        if declared is not None:
            return _FORMS.get(declared, Form.SCALAR)
        return Form.MAP if value is None else found

    @property
    def atomic_map(self) -> bool:
        return self.schema.get("x-kubernetes-map-type") == "atomic"

    @property
    def atomic_list(self) -> bool:
        return self.schema.get("x-kubernetes-list-type", "atomic") not in ("set", "map")

    @property
    def deduced(self) -> bool:
        """Whether nothing is known of the place: objects are merged field by field, lists are atomic."""
        return not self.root and "type" not in self.schema and not self.schema.get("properties")

    def declares(self, name: str) -> bool:
        """Whether the schema names a field (and does not just allow any name)."""
        if self.root and (name == "metadata" or name in _TYPE_FIELDS):
            return True
        return name in (self.schema.get("properties") or {})

    def field(self, name: str) -> Shape | None:
        """The place of a field; None when there can be no such field."""
        if self.root and name == "metadata":
            return Shape(builtin_schemas.object_meta())
        if self.root and name in _TYPE_FIELDS:
            return Shape(_TEXT)
        unknown = self.open or self.schema.get("x-kubernetes-preserve-unknown-fields") is True
        properties = self.schema.get("properties") or {}
        if name in properties:
            inner = properties[name]
            return Shape(inner, root=inner.get("x-kubernetes-embedded-resource") is True, open=unknown)
        additional = self.schema.get("additionalProperties")
        if isinstance(additional, dict):
            return Shape(additional, open=unknown)
        if additional is False:
            return None
        return DEDUCED if unknown or additional is True or not properties else None

    def items(self) -> Shape:
        """The place of each item of a list."""
        inner = self.schema.get("items")
        if not isinstance(inner, dict):
            return DEDUCED
        unknown = self.open or self.schema.get("x-kubernetes-preserve-unknown-fields") is True
        return Shape(inner, root=inner.get("x-kubernetes-embedded-resource") is True, open=unknown)

    def identity(self, item: Any) -> Element:
        """The path element of an item of a set or of a list of type map. Raises NoIdentity."""
        if self.schema.get("x-kubernetes-list-type") == "map":
            return of_item(self._keys(item))
        if isinstance(item, dict):
            raise NoIdentity("associative list without keys has an element that's a map type")
        if isinstance(item, list):
            raise NoIdentity("not supported: associative list with lists as elements")
        if item is None:
            raise NoIdentity("associative list without keys has an element that's an explicit null")
        return of_value(item)

    def _keys(self, item: Any) -> JSON:
        names = self.schema.get("x-kubernetes-list-map-keys") or ()
        if item is None:
            raise NoIdentity("associative list with keys may not have a null element")
        if not isinstance(item, dict):
            raise NoIdentity("associative list with keys may not have non-map elements")
        inner = self.items().schema
        defaults = _KEY_DEFAULTS.get(inner.get("x-go-type", ""), {})
        keys: JSON = {}
        for name in names:
            default = defaults.get(name, ((inner.get("properties") or {}).get(name) or {}).get("default"))
            if name in item:
                keys[name] = item[name]
            elif default is not None:
                keys[name] = default
        if names and not keys:
            shown = "[" + " ".join(f'"{name}"' for name in names) + "]"
            raise NoIdentity(
                f"associative list with keys has an element that omits all key fields {shown} "
                "(and doesn't have default values for any key fields)"
            )
        return keys


DEDUCED = Shape({})

"""Custom kinds: how an object of a CustomResourceDefinition is pruned, defaulted, validated and selected.

Source: apiextensions-apiserver pkg/registry/customresource.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from footplate_local.apiserver.copying import copied
from footplate_local.apiserver.errors import FieldError, invalid_value
from footplate_local.apiserver.kinds import embedded
from footplate_local.apiserver.kinds.registry import ScalePaths, Strategy
from footplate_local.apiserver.objects import metadata
from footplate_local.apiserver.schema import shaping, validation
from footplate_local.apiserver.schema.correlation import MISSING, former_field
from footplate_local.apiserver.schema.jsonpath import first
from footplate_local.apiserver.schema.rules import Rules
from footplate_local.apiserver.storage.model import whole_numbers

JSON = dict[str, Any]
_BLOCKING = {
    "FieldValueNotSupported",
    "FieldValueRequired",
    "FieldValueTooLong",
    "FieldValueTooMany",
    "FieldValueTypeInvalid",
}
_NOT_CHECKED = FieldError(
    "FieldValueInvalid",
    "<nil>",
    None,
    "some validation rules were not checked because the object was invalid; correct the existing errors to complete "
    "validation",
)
_LARGEST_SCALE = 2**31 - 1


class CustomStrategy(Strategy):
    """One version of a custom kind. CEL rules are compiled when the strategy is made."""

    counts_generation = True

    def __init__(
        self,
        schema: JSON,
        *,
        kind: str,
        scale: ScalePaths | None,
        selectable_fields: tuple[str, ...],
        since: float,
        stored_schema: JSON,
    ) -> None:
        """`since`: objects that were written after this resourceVersion were written with this schema.

        `stored_schema`: that of the version in which objects are stored.
        """
        self._schema = schema
        self._kind = kind
        self._scale = scale
        self._selectable = selectable_fields
        self._since = since
        self._stored_schema = stored_schema
        self._rules = Rules(schema)

    def to_version(self, obj: JSON, version: str) -> JSON:
        """Stored objects come without what the schema does not know, and with the defaults of the stored version."""
        if int(obj["metadata"].get("resourceVersion") or 0) > self._since:
            return obj
        shaped = copied(obj)
        shaping.prune(shaped, self._stored_schema, root=True)
        shaping.apply_defaults(shaped, self._stored_schema)
        if self._schema != self._stored_schema:
            shaping.convert(shaped, self._schema)
        return shaped

    def kept(self, obj: JSON) -> JSON:
        kept: JSON = whole_numbers(obj)
        if self._schema != self._stored_schema:
            shaping.convert(kept, self._stored_schema)
        return kept

    def unknown_fields(self, obj: JSON) -> list[str]:
        embedded.check_decodable(obj, self._schema)
        return sorted(shaping.prune(copied(obj), self._schema, root=True))

    def prepare(self, obj: JSON, old: JSON | None) -> None:
        if obj.get("kind") != self._kind:
            return  # refused by validate; kube-apiserver neither prunes nor defaults what is of another kind
        self._shape(obj)

    def _shape(self, obj: JSON) -> None:
        shaping.prune(obj, self._schema, root=True)
        shaping.apply_defaults(obj, self._schema)

    def validate(self, obj: JSON, old: JSON | None, subresource: str) -> list[FieldError]:
        found: list[FieldError] = []
        if obj.get("kind") != self._kind:
            found.append(invalid_value("kind", obj.get("kind"), f"must be {self._kind}"))
        else:
            found += self._schema_errors(obj, old, subresource)
            found += self._scale_errors(obj, status_alone=subresource == "status")
        if subresource != "status":
            found += embedded.errors(obj, self._schema)
        if old is None or not validation.list_errors(old, self._schema):
            found += validation.list_errors(obj, self._schema)
        if any(error.reason in _BLOCKING for error in found):
            return [*found, _NOT_CHECKED] if self._rules.any else found
        return found + self._rules.check(obj, MISSING if old is None else old)

    def warnings(self, obj: JSON, old: JSON | None) -> list[str]:
        return metadata.finalizer_warnings(obj["metadata"], old["metadata"] if old is not None else None)

    def _schema_errors(self, obj: JSON, old: JSON | None, subresource: str) -> list[FieldError]:
        before = MISSING if old is None else old
        if subresource != "status":
            return validation.validate(obj, self._schema, old=before)
        schema = (self._schema.get("properties") or {}).get("status")
        if schema is None or "status" not in obj:
            return []
        return validation.validate(obj["status"], schema, "status", former_field(before, "status"))

    def _scale_errors(self, obj: JSON, *, status_alone: bool) -> Iterator[FieldError]:
        if self._scale is None:
            return
        if not status_alone:
            yield from _replicas_errors(obj, self._scale.spec_replicas)
        yield from _replicas_errors(obj, self._scale.status_replicas)
        if self._scale.selector:
            selector = first(obj, self._scale.selector)
            if selector is not None and not isinstance(selector, str):
                where = self._scale.selector
                yield invalid_value(where, "", f"{where} accessor error: {selector} is of the type {_go(selector)}")

    def field_values(self, obj: JSON) -> dict[str, str]:
        values = {}
        for path in self._selectable:
            value = first(obj, path)
            text = str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)
            values[path.lstrip(".")] = text
        return values


def _replicas_errors(obj: JSON, path: str) -> Iterator[FieldError]:
    replicas = first(obj, path)
    if replicas is None:
        return
    if not isinstance(replicas, int) or isinstance(replicas, bool):
        text = f"{path} accessor error: {replicas} is of the type {_go(replicas)}, expected int64"
        yield invalid_value(path, 0, text)
    elif replicas < 0:
        yield invalid_value(path, replicas, "should be a non-negative integer")
    elif replicas > _LARGEST_SCALE:
        yield invalid_value(path, replicas, f"should be less than or equal to {_LARGEST_SCALE}")


def _go(value: Any) -> str:
    names = {bool: "bool", float: "float64", int: "int64", str: "string", list: "[]interface {}"}
    return names.get(type(value), "map[string]interface {}")

"""Custom kinds: how an object of a CustomResourceDefinition is pruned, defaulted, validated and selected."""

from __future__ import annotations

import copy
from typing import Any

from footplate_local.apiserver.errors import FieldError, invalid_value
from footplate_local.apiserver.kinds.registry import ScalePaths, Strategy
from footplate_local.apiserver.schema import structural
from footplate_local.apiserver.schema.jsonpath import first
from footplate_local.apiserver.schema.rules import Rules

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
    ) -> None:
        self._schema = schema
        self._kind = kind
        self._scale = scale
        self._selectable = selectable_fields
        self._rules = Rules(schema)

    def unknown_fields(self, obj: JSON) -> list[str]:
        return structural.prune(copy.deepcopy(obj), self._schema, root=True)

    def prepare(self, obj: JSON, old: JSON | None) -> None:
        if obj.get("kind") != self._kind:
            return  # refused by validate; kube-apiserver neither prunes nor defaults what is of another kind
        structural.prune(obj, self._schema, root=True)
        structural.apply_defaults(obj, self._schema)

    def validate(self, obj: JSON, old: JSON | None, subresource: str) -> list[FieldError]:
        found: list[FieldError] = []
        if obj.get("kind") != self._kind:
            found.append(invalid_value("kind", obj.get("kind"), f"must be {self._kind}"))
        found += structural.validate(obj, self._schema, old=structural.MISSING if old is None else old)
        found += self._scale_errors(obj)
        if any(error.reason in _BLOCKING for error in found):
            if self._rules.any:
                found.append(_NOT_CHECKED)
            return found
        return found + self._rules.check(obj, old)

    def _scale_errors(self, obj: JSON) -> list[FieldError]:
        if self._scale is None:
            return []
        path = self._scale.spec_replicas
        replicas = first(obj, path)
        if replicas is None or isinstance(replicas, str):
            return []
        where = path.lstrip(".")
        if isinstance(replicas, float) and not replicas.is_integer():
            return [invalid_value(where, replicas, f"{where} must be an integer")]
        if isinstance(replicas, int) and replicas < 0:
            return [invalid_value(where, replicas, "should be a non-negative integer")]
        return []

    def field_values(self, obj: JSON) -> dict[str, str]:
        values = {}
        for path in self._selectable:
            value = first(obj, path)
            text = str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)
            values[path.lstrip(".")] = text
        return values

"""Defaults of a schema fit the schema (apiextensions-apiserver pkg/apiserver/schema/defaulting/validation.go)."""

from __future__ import annotations

from typing import Any

from footplate_local.apiserver.copying import copied
from footplate_local.apiserver.errors import FieldError, invalid_value
from footplate_local.apiserver.schema import shaping, validation
from footplate_local.apiserver.schema.cel_programs import BadExpression
from footplate_local.apiserver.schema.correlation import same
from footplate_local.apiserver.schema.embedded import inside, type_errors
from footplate_local.apiserver.schema.paths import child, keyed
from footplate_local.apiserver.schema.rules import Rules

JSON = dict[str, Any]


def default_errors(schema: JSON, path: str, *, root: bool = True) -> list[FieldError]:
    """The errors of every default of a structural schema."""
    found: list[FieldError] = []
    if schema.get("default") is not None:
        found += _errors(schema["default"], schema, child(path, "default"))
    if isinstance(schema.get("items"), dict):
        found += default_errors(schema["items"], child(path, "items"), root=False)
    whole = root or shaping.is_embedded(schema)
    for name, inner in (schema.get("properties") or {}).items():
        if not (whole and name in shaping.TYPE_META):  # metadata is not defaulted
            found += default_errors(inner, keyed(child(path, "properties"), name), root=False)
    return found


def _errors(default: Any, schema: JSON, path: str) -> list[FieldError]:
    found: list[FieldError] = []
    pruned = copied(default)
    shaping.prune(pruned, schema)
    if not same(pruned, default):
        found.append(invalid_value(path, default, "must not have unknown fields"))
    broken = [error for path, found in inside(default, schema) for error in type_errors(found, path)]
    broken = broken or validation.validate(default, schema)
    if not broken:
        try:
            rules = Rules(schema)
        except BadExpression:
            return found  # reported where the rule stands
        broken = rules.check(default, default) or rules.check(default)
    return found + [_moved(error, path) for error in broken]


def _moved(error: FieldError, path: str) -> FieldError:
    inner = "" if error.path == validation.NO_FIELD else error.path
    return FieldError(error.reason, child(path, inner) if inner else path, error.value, error.detail)

"""What may stand in a schema of a CustomResourceDefinition, beside that it must be structural.

Source: apiextensions-apiserver pkg/apis/apiextensions/validation/validation.go,
ValidateCustomResourceDefinitionOpenAPISchema and validateCustomResourceDefinitionValidation; the order of its checks is
kept, since the first kind of error hides the later ones. The estimate of what CEL rules cost is not made.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from footplate_local.apiserver.errors import FieldError, field_forbidden, invalid_value, not_supported, required
from footplate_local.apiserver.schema.defaults import default_errors
from footplate_local.apiserver.schema.paths import child, indexed, keyed
from footplate_local.apiserver.schema.rule_declarations import RuleChecks, rule_field_errors
from footplate_local.apiserver.schema.structure import readable, structural_errors

JSON = dict[str, Any]
_TYPES = ["array", "boolean", "integer", "number", "object", "string"]
_AT_ROOT_WITH_STATUS = {
    "description", "type", "format", "title", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum", "maxLength",
    "minLength", "pattern", "maxItems", "minItems", "uniqueItems", "multipleOf", "required", "items", "properties",
    "externalDocs", "example", "x-kubernetes-preserve-unknown-fields", "x-kubernetes-validations",
}  # fmt: skip
_NOT_SUPPORTED = ("id", "additionalItems", "patternProperties", "definitions", "dependencies", "$ref")
_META = ("metadata", "kind", "apiVersion")


def schema_errors(schema: JSON, path: str, *, status: bool) -> tuple[FieldError, ...]:
    """The errors of a version's schema; `status`: the version has the status subresource."""
    return _errors(json.dumps(schema), path, status)


@lru_cache(maxsize=256)
def _errors(text: str, path: str, status: bool) -> tuple[FieldError, ...]:
    """Cached, since the same CRDs are applied again and again."""
    schema = json.loads(text)
    found = list(_root_errors(schema, path, status))
    checks = None
    if readable(schema):
        structural = structural_errors(schema, path) or default_errors(schema, path)
        if not structural:
            checks = RuleChecks(schema)
        found += sorted(structural, key=lambda error: (error.path, error.detail))
    declared, broken_rules = _part_errors(schema, path, _Place(is_root=True), checks)
    return (*found, *declared, *broken_rules)


def _root_errors(schema: JSON, path: str, status: bool) -> Iterator[FieldError]:
    if status:
        for name, value in schema.items():
            if value in (None, False, "", [], {}):
                continue
            if name == "type" and value != "object":
                text = 'only "object" is allowed as the type at the root of the schema'
                yield invalid_value(child(path, "type"), value, f"{text} if the status subresource is enabled")
                break
            if name not in _AT_ROOT_WITH_STATUS:
                text = (
                    f"only {sorted(_AT_ROOT_WITH_STATUS)} fields are allowed at the root of the schema if the status "
                )
                yield invalid_value(path, "", text + "subresource is enabled")
                break
    if schema.get("nullable"):
        yield field_forbidden(child(path, "nullable"), "nullable cannot be true at the root")


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in the schema a part stands."""

    is_root: bool = False
    in_metadata: bool = False
    no_defaults: str | None = None
    """Why defaults are forbidden here."""
    no_rules: bool = False
    """Rules are not compiled here: below allOf and the like."""
    no_old_self: str = ""
    """The outermost part above that cannot be told from its former state."""


def _part_errors(
    schema: JSON, path: str, place: _Place, checks: RuleChecks | None
) -> tuple[list[FieldError], list[FieldError]]:
    """The errors of a part of the schema, and those of its rules, which are compiled when there are no others."""
    found, broken_rules = list(_keyword_errors(schema, path, place)), list[FieldError]()
    for inner, where, there in _inside(schema, path, place):
        errors, rules = _part_errors(inner, where, there, checks)
        found += errors
        broken_rules += rules
    found += [*_extension_errors(schema, path), *_list_errors(schema, path), *_map_key_errors(schema, path)]
    found += rule_field_errors(schema, path)
    if not found and checks is not None and not place.no_rules:
        broken_rules += checks.errors(schema, path, place.no_old_self)
    return found, broken_rules


def _keyword_errors(schema: JSON, path: str, place: _Place) -> Iterator[FieldError]:
    kind = schema.get("type") or ""
    if kind and kind not in _TYPES:
        yield not_supported(child(path, "type"), kind, _TYPES)
    if schema.get("default") is not None and place.no_defaults is not None:
        yield field_forbidden(child(path, "default"), f"must not be set {place.no_defaults}".rstrip())
    for name in _NOT_SUPPORTED:
        if schema.get(name):
            yield field_forbidden(child(path, name), f"{name} is not supported")
    if kind == "null":
        yield field_forbidden(child(path, "type"), "type cannot be set to null, use nullable as an alternative")
    if isinstance(schema.get("items"), list):
        yield field_forbidden(child(path, "items"), "items must be a schema object and not an array")
    if place.in_metadata and schema.get("x-kubernetes-embedded-resource"):
        yield field_forbidden(child(path, "x-kubernetes-embedded-resource"), "must not be used inside of resource meta")
    if schema.get("uniqueItems"):
        text = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic"
        yield field_forbidden(child(path, "uniqueItems"), text)
    if schema.get("properties") and schema.get("additionalProperties") not in (None, True):
        text = "additionalProperties and properties are mutual exclusive"
        yield field_forbidden(child(path, "additionalProperties"), text)


def _inside(schema: JSON, path: str, place: _Place) -> Iterator[tuple[JSON, str, _Place]]:
    """The schemas inside of a schema, with their paths and places."""
    here = replace(place, is_root=False)
    additional, items = schema.get("additionalProperties"), schema.get("items")
    if isinstance(additional, dict):
        reason = "inside additionalProperties applying to object metadata"
        there = replace(here, no_defaults=reason) if place.in_metadata else here
        yield additional, child(path, "additionalProperties"), there
    for name, inner in (schema.get("properties") or {}).items():
        there = here
        if (place.is_root or schema.get("x-kubernetes-embedded-resource")) and name in _META:
            there = replace(here, in_metadata=True)
            if place.is_root:
                there = replace(there, no_defaults=f"in top-level {name}")
        yield inner, keyed(child(path, "properties"), name), there
    restricted = replace(here, no_rules=True)
    if schema.get("not") is not None:
        yield schema["not"], child(path, "not"), restricted
    for name in ("allOf", "oneOf", "anyOf"):
        for index, inner in enumerate(schema.get(name) or ()):
            yield inner, indexed(child(path, name), index), restricted
    there = here
    if schema.get("x-kubernetes-list-type") != "map" and not place.no_old_self:
        there = replace(here, no_old_self=path)
    if isinstance(items, dict):
        yield items, child(path, "items"), there
    for index, inner in enumerate(items if isinstance(items, list) else ()):
        yield inner, indexed(child(path, "items"), index), there


def _extension_errors(schema: JSON, path: str) -> Iterator[FieldError]:
    if schema.get("x-kubernetes-preserve-unknown-fields") is False:
        yield invalid_value(child(path, "x-kubernetes-preserve-unknown-fields"), False, "must be true or undefined")
    for name, wanted, allowed in (
        ("x-kubernetes-map-type", "object", ["atomic", "granular"]),
        ("x-kubernetes-list-type", "array", ["atomic", "set", "map"]),
    ):
        declared, kind = schema.get(name), schema.get("type") or ""
        if declared is None:
            continue
        if kind != wanted:
            text = f"must be {wanted} if {name} is specified"
            yield invalid_value(child(path, "type"), kind, text) if kind else required(child(path, "type"), text)
        if declared not in allowed:
            yield not_supported(child(path, name), declared, allowed)


def _list_errors(schema: JSON, path: str) -> Iterator[FieldError]:
    declared, items = schema.get("x-kubernetes-list-type"), schema.get("items")
    if schema.get("x-kubernetes-list-map-keys") and declared != "map":
        where, text = child(path, "x-kubernetes-list-type"), "must be map if x-kubernetes-list-map-keys is non-empty"
        yield required(where, text) if declared is None else invalid_value(where, declared, text)
    if declared == "set" and schema.get("type") == "array" and isinstance(items, dict):
        text = "must be atomic as item of a list with x-kubernetes-list-type=set"
        inner_list, inner_map = items.get("x-kubernetes-list-type"), items.get("x-kubernetes-map-type")
        if items.get("type") == "array" and inner_list not in (None, "atomic"):
            yield invalid_value(child(path, "items.x-kubernetes-list-type"), inner_list, text)
        if items.get("type") == "object" and inner_map != "atomic":
            yield invalid_value(child(path, "items.x-kubernetes-map-type"), inner_list, text)
    if declared in ("set", "map") and isinstance(items, dict) and items.get("nullable"):
        text = f"cannot be nullable when x-kubernetes-list-type is {declared}"
        yield field_forbidden(child(path, "items.nullable"), text)


def _map_key_errors(schema: JSON, path: str) -> Iterator[FieldError]:
    if schema.get("x-kubernetes-list-type") != "map":
        return
    keys, items = schema.get("x-kubernetes-list-map-keys") or [], schema.get("items")
    where = child(path, "x-kubernetes-list-map-keys")
    if not keys:
        yield required(where, "must not be empty if x-kubernetes-list-type is map")
    if items is None:
        yield required(child(path, "items"), "must have a schema if x-kubernetes-list-type is map")
    if not isinstance(items, dict):
        if items is not None:
            yield invalid_value(
                child(path, "items"), "", "must only have a single schema if x-kubernetes-list-type is map"
            )
        return
    if items.get("type") != "object":
        text = "must be object if parent array's x-kubernetes-list-type is map"
        yield invalid_value(child(path, "items.type"), items.get("type") or "", text)
        return
    properties = items.get("properties") or {}
    for index, key in enumerate(keys):
        if key in keys[:index]:
            yield invalid_value(where, keys, "must not contain duplicate entries")
        if key not in properties:
            yield invalid_value(where, keys, "entries must all be names of item properties")
            continue
        yield from _map_key_property(
            properties[key], key in (items.get("required") or ()), keyed(child(path, "items.properties"), key)
        )


def _map_key_property(schema: JSON, is_required: bool, path: str) -> Iterator[FieldError]:
    if schema.get("type") in ("array", "object"):
        text = "must be a scalar type if parent array's x-kubernetes-list-type is map"
        yield invalid_value(child(path, "type"), schema["type"], text)
    if not is_required and schema.get("default") is None:
        text = "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property"
        yield required(child(path, "default"), text)
    if schema.get("nullable"):
        text = "this property is in x-kubernetes-list-map-keys, so it cannot be nullable"
        yield field_forbidden(child(path, "nullable"), text)

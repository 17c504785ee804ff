"""Whether a schema is structural: every field has a type outside of allOf, anyOf, oneOf and not.

Source: apiextensions-apiserver pkg/apiserver/schema/{validation,complete}.go.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from footplate_local.apiserver.errors import FieldError, field_forbidden, invalid_value, required
from footplate_local.apiserver.schema import patterns
from footplate_local.apiserver.schema.paths import child, indexed, keyed
from footplate_local.apiserver.schema.shaping import is_embedded, keeps_unknown

JSON = dict[str, Any]
_INT_OR_STRING = [{"type": "integer"}, {"type": "string"}]
_UNSUPPORTED = ("id", "$schema", "$ref", "patternProperties", "dependencies", "additionalItems", "definitions")
_EMPTY_TYPE = {
    "root": "must not be empty at the root",
    "item": "must not be empty for specified array items",
    "field": "must not be empty for specified object fields",
}
_FORBIDDEN_INSIDE = {
    "type": "must be empty to be structural",
    "additionalProperties": "must be undefined to be structural",
    "default": "must be undefined to be structural",
    "title": "must be empty to be structural",
    "description": "must be empty to be structural",
    "nullable": "must be false to be structural",
    "x-kubernetes-preserve-unknown-fields": "must be false to be structural",
    "x-kubernetes-embedded-resource": "must be false to be structural",
    "x-kubernetes-int-or-string": "must be false to be structural",
    "x-kubernetes-list-map-keys": "must be empty to be structural",
    "x-kubernetes-list-type": "must be undefined to be structural",
    "x-kubernetes-map-type": "must be undefined to be structural",
    "x-kubernetes-validations": "must be empty to be structural",
}


def readable(schema: JSON) -> bool:
    """Whether the schema has nothing that structural schemas do not know at all; what it has is reported elsewhere."""
    if any(schema.get(name) for name in _UNSUPPORTED) or isinstance(schema.get("items"), list):
        return False
    if schema.get("x-kubernetes-preserve-unknown-fields") is False:
        return False
    return all(readable(inner) for inner in parts(schema))


def parts(schema: JSON) -> Iterator[JSON]:
    """The schemas inside of a schema."""
    for name in ("items", "additionalProperties", "not"):
        if isinstance(schema.get(name), dict):
            yield schema[name]
    if isinstance(schema.get("items"), list):
        yield from (item for item in schema["items"] if isinstance(item, dict))
    for name in ("allOf", "anyOf", "oneOf"):
        yield from schema.get(name) or ()
    yield from (schema.get("properties") or {}).values()


def malformed(schema: JSON, path: str) -> str:
    """A part of a schema that is no schema at all, as a sentence, or nothing.

    The types of all other keywords are known to whoever decodes the definition.
    """
    for name, others, text in (
        ("items", list | None, "an object or a list of objects"),
        ("additionalProperties", bool | None, "a boolean or an object"),
    ):
        value = schema.get(name)
        wrong_item = isinstance(value, list) and not all(isinstance(item, dict) for item in value)
        if wrong_item or not isinstance(value, dict | others):
            return f"{path}.{name} must be {text}"
    return next((text for inner in parts(schema) if (text := malformed(inner, path))), "")


def structural_errors(schema: JSON, path: str) -> list[FieldError]:
    """Why a readable schema is not structural."""
    return [*_invariants(schema, path, "root"), *_completeness(schema, schema, path, path)]


def _invariants(schema: JSON, path: str, level: str) -> Iterator[FieldError]:
    items, additional = schema.get("items"), schema.get("additionalProperties")
    if schema.get("type") == "array" and items is None:
        yield required(child(path, "items"), "must be specified")
    if items is not None:
        yield from _invariants(items, child(path, "items"), "item")
    for name, inner in (schema.get("properties") or {}).items():
        yield from _invariants(inner, keyed(child(path, "properties"), name), "field")
    if additional is not None:
        if level == "root":
            yield field_forbidden(child(path, "additionalProperties"), "must not be used at the root")
        if isinstance(additional, dict):
            yield from _invariants(additional, child(path, "additionalProperties"), "field")
    yield from _extension_errors(schema, path)
    any_of = [] if schema.get("anyOf") == _INT_OR_STRING else schema.get("anyOf")
    all_of = list(schema.get("allOf") or ())
    if all_of and all_of[0].get("anyOf") == _INT_OR_STRING:
        all_of[0] = {**all_of[0], "anyOf": []}
    yield from _value_errors({**schema, "anyOf": any_of, "allOf": all_of}, path)
    yield from _type_errors(schema, path, level)
    yield from _metadata_errors(schema, path, level)
    if is_embedded(schema) and not keeps_unknown(schema) and not schema.get("properties"):
        text = (
            "must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields"
        )
        yield required(child(path, "properties"), text)


def _extension_errors(schema: JSON, path: str) -> Iterator[FieldError]:
    if schema.get("x-kubernetes-int-or-string"):
        for name in ("x-kubernetes-preserve-unknown-fields", "x-kubernetes-embedded-resource"):
            if schema.get(name):
                yield invalid_value(child(path, name), True, "must be false if x-kubernetes-int-or-string is true")


def _type_errors(schema: JSON, path: str, level: str) -> Iterator[FieldError]:
    kind, where = schema.get("type") or "", child(path, "type")
    if is_embedded(schema) and kind != "object":
        text = "must be object if x-kubernetes-embedded-resource is true"
        yield invalid_value(where, kind, text) if kind else required(where, text)
    elif not kind and not schema.get("x-kubernetes-int-or-string") and not keeps_unknown(schema):
        yield required(where, _EMPTY_TYPE[level])
    if is_embedded(schema) and schema.get("additionalProperties") is not None:
        text = "must not be used if x-kubernetes-embedded-resource is set"
        yield field_forbidden(child(path, "additionalProperties"), text)
    if level == "root" and kind and kind != "object":
        yield invalid_value(where, kind, "must be object at the root")


def _metadata_errors(schema: JSON, path: str, level: str) -> Iterator[FieldError]:
    """Of the type and metadata of a whole object, a schema may restrict only the names."""
    if level != "root" and not is_embedded(schema):
        return
    properties = schema.get("properties") or {}
    for name in ("kind", "apiVersion"):
        if name in properties and properties[name].get("type") != "string":
            where = child(keyed(child(path, "properties"), name), "type")
            yield invalid_value(where, properties[name].get("type") or "", "must be string")
    meta = properties.get("metadata")
    if meta is None:
        return
    where = keyed(child(path, "properties"), "metadata")
    if meta.get("type") != "object":
        yield invalid_value(child(where, "type"), meta.get("type") or "", "must be object")
    if level == "root":
        allowed = {"type", "default"} | ({"properties"} if _names_alone(meta.get("properties")) else set())
        if any(value not in (None, False, "", [], {}) for key, value in meta.items() if key not in allowed):
            text = "must not specify anything other than name and generateName, but metadata is implicitly specified"
            yield field_forbidden(where, text)


def _names_alone(properties: JSON | None) -> bool:
    return bool(properties) and set(properties or ()) <= {"name", "generateName"}


def _value_errors(schema: JSON, path: str) -> Iterator[FieldError]:
    """What is wrong with the parts of a schema that only restrict values."""
    for name in ("anyOf", "allOf", "oneOf"):
        for index, inner in enumerate(schema.get(name) or ()):
            if name == "allOf" and inner.get("anyOf") == []:
                inner = {key: value for key, value in inner.items() if key != "anyOf"}
            yield from _nested_errors(inner, indexed(child(path, name), index))
    if schema.get("not") is not None:
        yield from _nested_errors(schema["not"], child(path, "not"))
    if schema.get("pattern"):
        try:
            patterns.compiled(schema["pattern"])
        except patterns.BadPattern as error:
            text = f"must be a valid regular expression, but isn't: {error}"
            yield invalid_value(child(path, "pattern"), schema["pattern"], text)


def _nested_errors(schema: JSON, path: str) -> Iterator[FieldError]:
    yield from _value_errors(schema, path)
    if isinstance(schema.get("items"), dict):
        yield from _nested_errors(schema["items"], child(path, "items"))
    for name, inner in (schema.get("properties") or {}).items():
        yield from _nested_errors(inner, keyed(child(path, "properties"), name))
    for name, text in _FORBIDDEN_INSIDE.items():
        if schema.get(name) is not None and schema[name] not in (False, "", []):
            yield field_forbidden(child(path, name), text)
    if "metadata" in (schema.get("properties") or {}):
        where = keyed(child(path, "properties"), "metadata")
        yield field_forbidden(where, "must not be specified in a nested context")


def _completeness(restricts: JSON, schema: JSON | None, path: str, where: str) -> Iterator[FieldError]:
    """Restrictions speak of fields that the schema has; `where` is the restriction's own path."""
    if schema is None:
        yield required(path, f"because it is defined in {where}")
        return
    if restricts.get("not") is not None:
        yield from _nested_completeness(restricts["not"], schema, path, child(where, "not"))
    for name in ("allOf", "anyOf", "oneOf"):
        for index, inner in enumerate(restricts.get(name) or ()):
            yield from _nested_completeness(inner, schema, path, indexed(child(where, name), index))


def _nested_completeness(restricts: JSON, schema: JSON | None, path: str, where: str) -> Iterator[FieldError]:
    yield from _completeness(restricts, schema, path, where)
    if schema is None:
        return
    if isinstance(restricts.get("items"), dict):
        items = schema.get("items")
        yield from _nested_completeness(restricts["items"], items, child(path, "items"), child(where, "items"))
    for name, inner in (restricts.get("properties") or {}).items():
        field = (schema.get("properties") or {}).get(name)
        place, defined = keyed(child(path, "properties"), name), keyed(child(where, "properties"), name)
        yield from _nested_completeness(inner, field, place, defined)

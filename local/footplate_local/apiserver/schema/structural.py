"""Structural schemas of custom resources: pruning, defaulting and validation.

Sources: Kubernetes documentation "Extend the API with CustomResourceDefinitions"; the sentences are those of
go-openapi/validate as kube-apiserver v1.34 prints them. Schemas are the plain JSON of `openAPIV3Schema`.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from footplate_local.apiserver.errors import (
    FieldError,
    invalid_value,
    not_supported,
    required,
    type_invalid,
)
from footplate_local.apiserver.schema import formats

JSON = dict[str, Any]
MISSING: Any = object()
"""There is no former value to compare with."""
_ROOT_FIELDS = ("apiVersion", "kind", "metadata")


def child(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def map_child(path: str, key: str) -> str:
    """Path of a value in a map; keys with dots stand in brackets, as field.Path.Key prints them."""
    return f"{path}[{key}]" if "." in key or "/" in key else child(path, key)


def prune(value: Any, schema: JSON, path: str = "", *, root: bool = False) -> list[str]:
    """Remove, in place, the fields that the schema does not know; returns their paths."""
    if isinstance(value, list):
        items = schema.get("items")
        if not isinstance(items, dict):
            return []
        return [gone for i, item in enumerate(value) for gone in prune(item, items, f"{path}[{i}]")]
    if not isinstance(value, dict):
        return []
    gone: list[str] = []
    properties = schema.get("properties") or {}
    additional = schema.get("additionalProperties")
    keep_unknown = schema.get("x-kubernetes-preserve-unknown-fields") is True or additional is True
    embedded = root or schema.get("x-kubernetes-embedded-resource") is True
    for key in list(value):
        if key in properties and not (embedded and key in _ROOT_FIELDS):
            gone += prune(value[key], properties[key], child(path, key))
        elif isinstance(additional, dict):
            gone += prune(value[key], additional, map_child(path, key))
        elif not keep_unknown and not (embedded and key in _ROOT_FIELDS):
            del value[key]
            gone.append(child(path, key))
    return gone


def apply_defaults(value: Any, schema: JSON) -> None:
    """Fill in defaults, in place; a null where none is allowed counts as absent."""
    if isinstance(value, list):
        items = schema.get("items")
        if isinstance(items, dict):
            for item in value:
                apply_defaults(item, items)
        return
    if not isinstance(value, dict):
        return
    properties = schema.get("properties") or {}
    for key, inner in properties.items():
        if key in value and value[key] is None and not inner.get("nullable"):
            del value[key]
        if key not in value and "default" in inner:
            value[key] = copy.deepcopy(inner["default"])
        if key in value:
            apply_defaults(value[key], inner)
    additional = schema.get("additionalProperties")
    if isinstance(additional, dict):
        for key, item in value.items():
            if key not in properties:
                apply_defaults(item, additional)


def validate(value: Any, schema: JSON, path: str = "", old: Any = MISSING) -> Iterator[FieldError]:
    """Every way in which a value breaks the schema (all but the CEL rules).

    `old` is the value before an update: what did not change is not checked again, so that objects from before a
    schema became stricter can still be worked with (Kubernetes: validation ratcheting).
    """
    if (value is None and schema.get("nullable")) or (old is not MISSING and value == old):
        return
    wrong = _type_error(value, schema, path)
    if wrong is not None:
        yield wrong
        return
    if "enum" in schema and value not in schema["enum"]:
        yield not_supported(path, value, schema["enum"])
    if isinstance(value, str):
        yield from _string(value, schema, path)
    elif isinstance(value, bool):
        pass
    elif isinstance(value, int | float):
        yield from _number(value, schema, path)
    elif isinstance(value, list):
        yield from _list(value, schema, path, old)
    elif isinstance(value, dict):
        yield from _object(value, schema, path, old)
    yield from _combinations(value, schema, path)


def _json_type(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
    return "object"


def _type_error(value: Any, schema: JSON, path: str) -> FieldError | None:
    found = _json_type(value)
    if schema.get("x-kubernetes-int-or-string"):
        wanted, fits = "integer,string", found in ("integer", "string")
    elif "type" in schema:
        wanted = schema["type"]
        fits = found == wanted or (wanted == "number" and found == "integer")
        fits = fits or (wanted == "integer" and isinstance(value, float) and value.is_integer())
    else:
        return None
    if fits:
        return None
    return type_invalid(path, found, f'{path} in body must be of type {wanted}: "{found}"')


def _string(value: str, schema: JSON, path: str) -> Iterator[FieldError]:
    if "maxLength" in schema and len(value) > schema["maxLength"]:
        yield FieldError("FieldValueTooLong", path, detail=f"may not be more than {schema['maxLength']} bytes")
    if len(value) < schema.get("minLength", 0):
        yield invalid_value(path, value, f"{path} in body should be at least {schema['minLength']} chars long")
    if "pattern" in schema and not pattern(schema["pattern"]).search(value):
        yield invalid_value(path, value, f"{path} in body should match '{schema['pattern']}'")
    if "format" in schema and not formats.fits(schema["format"], value):
        yield type_invalid(path, value, f'{path} in body must be of type {schema["format"]}: "{value}"')


def _number(value: float, schema: JSON, path: str) -> Iterator[FieldError]:
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and (value < low or (schema.get("exclusiveMinimum") and value == low)):
        equal = "" if schema.get("exclusiveMinimum") else " or equal to"
        yield invalid_value(path, value, f"{path} in body should be greater than{equal} {low}")
    if high is not None and (value > high or (schema.get("exclusiveMaximum") and value == high)):
        equal = "" if schema.get("exclusiveMaximum") else " or equal to"
        yield invalid_value(path, value, f"{path} in body should be less than{equal} {high}")
    step = schema.get("multipleOf")
    if step and (value / step) % 1:
        yield invalid_value(path, value, f"{path} in body should be a multiple of {step}")
    if schema.get("format") == "int32" and not -(2**31) <= value < 2**31:
        yield invalid_value(path, value, f"{path} in body must be of type int32")


def _list(value: list[Any], schema: JSON, path: str, old: Any) -> Iterator[FieldError]:
    if "maxItems" in schema and len(value) > schema["maxItems"]:
        yield FieldError("FieldValueTooMany", path, len(value), f"must have at most {schema['maxItems']} items")
    if len(value) < schema.get("minItems", 0):
        yield invalid_value(path, len(value), f"{path} in body should have at least {schema['minItems']} items")
    items = schema.get("items")
    if isinstance(items, dict):
        for index, item in enumerate(value):
            yield from validate(item, items, f"{path}[{index}]", same_item(item, old, schema))
    seen: list[Any] = []
    for index, item in enumerate(value):
        identity = list_identity(item, schema)
        if identity is None:
            return
        if identity in seen:
            yield FieldError("FieldValueDuplicate", f"{path}[{index}]", identity)
        seen.append(identity)


def list_identity(item: Any, schema: JSON) -> Any:
    """What an item of a set or of a list of type map is told apart by; None for other lists."""
    kind = schema.get("x-kubernetes-list-type")
    if kind == "set":
        return item
    if kind != "map" or not isinstance(item, dict):
        return None
    keys = schema.get("x-kubernetes-list-map-keys", ())
    return {key: item[key] for key in keys if key in item}


def same_item(item: Any, old: Any, schema: JSON) -> Any:
    """An item's state in the former list: found by its keys in a list of type map; items of other lists have none."""
    if schema.get("x-kubernetes-list-type") != "map" or not isinstance(old, list):
        return MISSING
    identity = list_identity(item, schema)
    return next((before for before in old if list_identity(before, schema) == identity), MISSING)


def _object(value: JSON, schema: JSON, path: str, old: Any) -> Iterator[FieldError]:
    if len(value) < schema.get("minProperties", 0):
        text = f"{path} in body should have at least {schema['minProperties']} properties"
        yield invalid_value(path, len(value), text)
    if "maxProperties" in schema and len(value) > schema["maxProperties"]:
        text = f"must have at most {schema['maxProperties']} items"
        yield FieldError("FieldValueTooMany", path, len(value), text)
    for key in schema.get("required") or ():
        if key not in value:
            yield required(child(path, key))
    properties = schema.get("properties") or {}
    additional = schema.get("additionalProperties")
    for key, item in value.items():
        before = old.get(key, MISSING) if isinstance(old, dict) else MISSING
        if key in properties:
            yield from validate(item, properties[key], child(path, key), before)
        elif isinstance(additional, dict):
            yield from validate(item, additional, map_child(path, key), before)


def _combinations(value: Any, schema: JSON, path: str) -> Iterator[FieldError]:
    for inner in schema.get("allOf") or ():
        yield from validate(value, inner, path)
    if "anyOf" in schema and not any(_holds(value, inner, path) for inner in schema["anyOf"]):
        yield invalid_value(path, value, f"{path} in body must validate at least one schema (anyOf)")
    if "oneOf" in schema:
        valid = sum(_holds(value, inner, path) for inner in schema["oneOf"])
        if valid != 1:
            found = "none valid" if valid == 0 else f"{valid} valid alternatives"
            text = f"{path} in body must validate one and only one schema (oneOf). Found {found}"
            yield invalid_value(path, value, text)
    if "not" in schema and _holds(value, schema["not"], path):
        yield invalid_value(path, value, f"{path} in body must not validate the schema (not)")


def _holds(value: Any, schema: JSON, path: str) -> bool:
    return next(validate(value, schema, path), None) is None


@lru_cache(maxsize=1024)
def pattern(text: str) -> re.Pattern[str]:
    """A pattern of the schema (RE2) for Python: there, an unescaped `$` would also match before a last newline."""
    translated, in_class, position = [], False, 0
    while position < len(text):
        piece = text[position : position + 2] if text[position] == "\\" else text[position]
        if piece == "[":
            in_class = True
        elif piece == "]":
            in_class = False
        translated.append(r"\Z" if piece == "$" and not in_class else r"\Z" if piece == r"\z" else piece)
        position += len(piece)
    return re.compile("".join(translated))

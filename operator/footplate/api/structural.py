"""pydantic's JSON schema of a model -> the structural schema of a CRD (Kubernetes: Structural schemas).

A structural schema has no references, one type for each field, and defaults that the API server fills in.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

Json = dict[str, Any]

_CONVERTED = frozenset({"properties", "items", "additionalProperties", "default", "const"})
_DROPPED = frozenset({"title", "$defs"})


def structural_schema(model: type[BaseModel], *, defaults: bool) -> Json:
    """The schema of one model, nested ones inlined; without `defaults` (a status) nothing is filled in.

    Raises ValueError for what a structural schema cannot say, with the place.
    """
    schema = model.model_json_schema(by_alias=True, mode="validation")
    return _convert(schema, schema.get("$defs", {}), defaults, model.__name__)


def _convert(schema: Json, defs: Mapping[str, Json], defaults: bool, place: str) -> Json:
    schema = _resolve(schema, defs, place)
    found = {key: value for key, value in schema.items() if key not in _CONVERTED | _DROPPED}
    if "const" in schema:
        found["enum"] = [schema["const"]]
    if found.get("type") == "integer":
        found["format"] = "int64"
    if "properties" in schema:
        found["properties"] = {
            name: _convert(value, defs, defaults, f"{place}.{name}") for name, value in schema["properties"].items()
        }
    if "items" in schema:
        found["items"] = _convert(schema["items"], defs, defaults, f"{place}[]")
    if "additionalProperties" in schema:
        found["additionalProperties"] = _convert(schema["additionalProperties"], defs, defaults, f"{place}{{}}")
    if defaults and schema.get("default") not in (None, [], {}, ""):
        # An object's own fields have the defaults: {} is enough to make the API server fill them in.
        found["default"] = {} if found.get("type") == "object" else schema["default"]
        if found["default"] != {} and "description" in found:  # kubectl explain shows no defaults itself
            found["description"] += f" Default: {_yaml_word(found['default'])}."
    untyped = found.get("x-kubernetes-int-or-string") or found.get("x-kubernetes-preserve-unknown-fields")
    if "type" not in found and not untyped:
        raise ValueError(f"{place} has no single type: give its field WithJsonSchema(…)")
    return found


def _yaml_word(value: object) -> str:
    return json.dumps(value).strip('"')


def _resolve(schema: Json, defs: Mapping[str, Json], place: str) -> Json:
    """The schema itself behind `$ref` and behind `X | None`; what stands beside them wins."""
    beside = {key: value for key, value in schema.items() if key not in ("$ref", "anyOf", "title")}
    if "$ref" in schema:
        return {**_resolve(defs[schema["$ref"].rpartition("/")[2]], defs, place), **beside}
    if "anyOf" in schema:
        given = [choice for choice in schema["anyOf"] if choice != {"type": "null"}]
        if len(given) != 1:
            raise ValueError(f"{place} has no single type: give its field WithJsonSchema(…)")
        return {**_resolve(given[0], defs, place), **beside}
    return schema

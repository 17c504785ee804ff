"""Whole objects inside of custom objects: fields with `x-kubernetes-embedded-resource`.

Source: apiextensions-apiserver pkg/apiserver/schema/objectmeta.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from footplate_local.apiserver.errors import FieldError, invalid_value, required
from footplate_local.apiserver.objects import names
from footplate_local.apiserver.schema.paths import child, indexed, keyed
from footplate_local.apiserver.schema.shaping import is_embedded

JSON = dict[str, Any]


def inside(value: Any, schema: JSON, path: str = "") -> Iterator[tuple[str, JSON]]:
    """The embedded objects in a value, and the value itself if it is one, with their paths."""
    if isinstance(value, dict):
        if is_embedded(schema):
            yield path, value
        properties, additional = schema.get("properties") or {}, schema.get("additionalProperties")
        for key, item in value.items():
            if key in properties:
                yield from inside(item, properties[key], child(path, key))
            elif isinstance(additional, dict):
                yield from inside(item, additional, keyed(path, key))
    elif isinstance(value, list) and isinstance(items := schema.get("items"), dict):
        for index, item in enumerate(value):
            yield from inside(item, items, indexed(path, index))


def type_errors(value: JSON, path: str) -> Iterator[FieldError]:
    """What is wrong with the apiVersion and the kind of an embedded object."""
    for key in ("apiVersion", "kind"):
        where, text = child(path, key), value.get(key)
        if key not in value:
            yield required(where)
        elif not isinstance(text, str):
            yield invalid_value(where, text, "must be a string")
        elif not text:
            yield invalid_value(where, text, "must not be empty")
        elif key == "apiVersion" and text.count("/") > 1:
            yield invalid_value(where, text, f"unexpected GroupVersion string: {text}")
        elif key == "kind" and (problems := names.service_name(text.lower())):
            sentence = "may have mixed case, but should otherwise match: " + ",".join(problems)
            yield invalid_value(where, text, sentence)

"""The type and the metadata of objects inside of custom objects.

Source: apiextensions-apiserver pkg/apiserver/schema/objectmeta.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from footplate_local.apiserver.errors import FieldError
from footplate_local.apiserver.kinds import typed
from footplate_local.apiserver.objects import metadata
from footplate_local.apiserver.schema.embedded import inside, type_errors
from footplate_local.apiserver.schema.paths import child

JSON = dict[str, Any]


def check_decodable(obj: JSON, schema: JSON) -> None:
    """Raises Undecodable for embedded objects whose type or metadata has values of a wrong type."""
    for path, embedded in inside(obj, schema):
        for key in ("apiVersion", "kind"):
            if not isinstance(embedded.get(key, ""), str):
                raise typed.Undecodable(f"{child(path, key)}: Invalid value: {embedded[key]!r}: must be a string")
        try:
            typed.decode_metadata(embedded.get("metadata") or {})
        except typed.Undecodable as error:
            raise typed.Undecodable(f"{child(path, 'metadata')}: Invalid value: {error}") from error


def errors(obj: JSON, schema: JSON) -> list[FieldError]:
    """What is wrong with the type and the metadata of embedded objects."""
    found: list[FieldError] = []
    for path, embedded in inside(obj, schema):
        found += type_errors(embedded, path)
        if isinstance(embedded.get("metadata"), dict):
            wrong = metadata.embedded_errors(embedded["metadata"])
            found += [replace(error, path=child(path, error.path)) for error in wrong]
    return found

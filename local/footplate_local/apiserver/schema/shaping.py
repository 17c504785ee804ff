"""What the API server does to an object before it looks at it: drop unknown fields, drop nulls, fill in defaults.

Sources: apiextensions-apiserver pkg/apiserver/schema/{pruning,defaulting,objectmeta}. Schemas are the plain JSON of
`openAPIV3Schema`; all functions change the value that they are given.
"""

from __future__ import annotations

from typing import Any

from footplate_local.apiserver.copying import copied
from footplate_local.apiserver.schema.paths import child, indexed

JSON = dict[str, Any]
TYPE_META = ("apiVersion", "kind", "metadata")
_OBJECT_META = {
    "name", "generateName", "namespace", "selfLink", "uid", "resourceVersion", "generation", "creationTimestamp",
    "deletionTimestamp", "deletionGracePeriodSeconds", "labels", "annotations", "ownerReferences", "finalizers",
    "managedFields",
}  # fmt: skip


def prune(value: Any, schema: JSON | None, path: str = "", *, root: bool = False) -> list[str]:
    """Remove the fields that the schema does not know; returns their paths. `root`: the value is a whole object."""
    if isinstance(value, list):
        items = schema.get("items") if schema is not None else None
        keep_all = items is None and schema is not None and keeps_unknown(schema)
        return (
            [] if keep_all else [gone for i, item in enumerate(value) for gone in prune(item, items, indexed(path, i))]
        )
    if not isinstance(value, dict):
        return []
    if schema is None:
        gone = [child(path, key) for key in value]
        value.clear()
        return gone
    return _prune_fields(value, schema, path, embedded=root or is_embedded(schema), root=root)


def _prune_fields(value: JSON, schema: JSON, path: str, *, embedded: bool, root: bool) -> list[str]:
    gone: list[str] = []
    properties = schema.get("properties") or {}
    additional = schema.get("additionalProperties")
    for key in list(value):
        if embedded and key in TYPE_META:
            if key == "metadata" and not root:
                gone += _prune_metadata(value[key], child(path, key))
        elif key in properties:
            gone += prune(value[key], properties[key], child(path, key))
        elif additional is not None:
            gone += prune(value[key], additional if isinstance(additional, dict) else None, child(path, key))
        elif not keeps_unknown(schema):
            gone.append(child(path, key))
            del value[key]
    return gone


def _prune_metadata(meta: Any, path: str) -> list[str]:
    """The metadata of an embedded resource keeps the fields that ObjectMeta has, and no empty ones."""
    if not isinstance(meta, dict):
        return []
    gone = [child(path, key) for key in meta if key not in _OBJECT_META]
    for key in list(meta):
        if key not in _OBJECT_META or meta[key] in (None, "", {}, []):
            del meta[key]
    return gone


def keeps_unknown(schema: JSON) -> bool:
    return schema.get("x-kubernetes-preserve-unknown-fields") is True


def is_embedded(schema: JSON) -> bool:
    return schema.get("x-kubernetes-embedded-resource") is True


def convert(obj: JSON, schema: JSON) -> None:
    """Make an object one of another version: it loses what that does not know, and gets no defaults."""
    prune(obj, schema, root=True)
    _drop_nulls(obj, schema)


def apply_defaults(value: Any, schema: JSON) -> None:
    """Fill in defaults; a null where none is allowed counts as absent."""
    _drop_nulls(value, schema)
    _default(value, schema)


def _drop_nulls(value: Any, schema: JSON) -> None:
    if isinstance(value, dict):
        for key in list(value):
            inner = _field_schema(schema, key)
            if inner is None:
                continue
            if value[key] is None and not inner.get("nullable") and inner.get("default") is None:
                del value[key]
            else:
                _drop_nulls(value[key], inner)
    elif isinstance(value, list) and isinstance(items := schema.get("items"), dict):
        for item in value:
            _drop_nulls(item, items)


def _field_schema(schema: JSON, key: str) -> JSON | None:
    inner = (schema.get("properties") or {}).get(key)
    if inner is None and isinstance(schema.get("additionalProperties"), dict):
        inner = schema["additionalProperties"]
    return inner


def _default(value: Any, schema: JSON) -> None:
    if isinstance(value, dict):
        for key, inner in (schema.get("properties") or {}).items():
            default = inner.get("default")
            if default is not None and (key not in value or (value[key] is None and not inner.get("nullable"))):
                value[key] = copied(default)
        for key in value:
            inner = _field_schema(schema, key)
            if inner is not None:
                value[key] = _replaced_null(value[key], inner)
                _default(value[key], inner)
    elif isinstance(value, list) and isinstance(items := schema.get("items"), dict):
        for index, item in enumerate(value):
            value[index] = _replaced_null(item, items)
            _default(value[index], items)


def _replaced_null(value: Any, schema: JSON) -> Any:
    return copied(schema.get("default")) if value is None and not schema.get("nullable") else value

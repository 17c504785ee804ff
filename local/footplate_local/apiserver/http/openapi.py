"""OpenAPI documents: what `kubectl explain` shows and what kubectl asks before it lets the server validate fields.

Custom kinds are described by their schemas; of the built-in kinds only that they exist (kubectl knows them itself).
"""

from __future__ import annotations

import copy
import hashlib
from typing import Any

from aiohttp import web

from footplate_local.apiserver.errors import unknown_path
from footplate_local.apiserver.http.verbs import answer
from footplate_local.apiserver.kinds.registry import Registry, ResourceType
from footplate_local.apiserver.storage.model import encode

JSON = dict[str, Any]
_INFO = {"title": "Footplate's embedded cluster", "version": "v1.34.0"}
_META_NAME = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
_STRINGS = {"type": "object", "additionalProperties": {"type": "string"}}
_OBJECT_META: JSON = {
    "description": "ObjectMeta is metadata that all persisted resources must have.",
    "type": "object",
    "properties": {
        "name": {"type": "string", "description": "Name must be unique within a namespace."},
        "generateName": {"type": "string", "description": "A prefix, used by the server to generate a unique name."},
        "namespace": {"type": "string", "description": "The space within which each name must be unique."},
        "labels": {**_STRINGS, "description": "Keys and values that can be used to select objects."},
        "annotations": {**_STRINGS, "description": "Keys and values with arbitrary metadata."},
        "uid": {"type": "string", "description": "The unique value of this object in time and space."},
        "resourceVersion": {"type": "string", "description": "The internal version of this object."},
        "generation": {
            "type": "integer",
            "format": "int64",
            "description": "A number that rises with the desired state.",
        },
        "creationTimestamp": {"type": "string", "format": "date-time", "description": "When it was created."},
        "deletionTimestamp": {"type": "string", "format": "date-time", "description": "When it is to be deleted."},
        "finalizers": {"type": "array", "items": {"type": "string"}, "description": "What must happen before it goes."},
        "ownerReferences": {"type": "array", "items": {"type": "object"}, "description": "Objects that it depends on."},
        "managedFields": {"type": "array", "items": {"type": "object"}, "description": "Who set which fields."},
    },
}


def _name(kind: ResourceType) -> str:
    group = kind.group or "core"
    return ".".join([*reversed(group.split(".")), kind.version, kind.kind])


def _kind_of(kind: ResourceType) -> list[JSON]:
    return [{"group": kind.group, "version": kind.version, "kind": kind.kind}]


def _base(kind: ResourceType) -> str:
    root = f"/apis/{kind.group}/{kind.version}" if kind.group else f"/api/{kind.version}"
    return f"{root}/namespaces/{{namespace}}/{kind.plural}" if kind.namespaced else f"{root}/{kind.plural}"


def _schema(kind: ResourceType, prefix: str) -> JSON:
    schema: JSON = copy.deepcopy(kind.declared_schema) if kind.declared_schema else {"type": "object"}
    properties = schema.setdefault("properties", {})
    properties["apiVersion"] = {"type": "string", "description": "The version of the schema of this object."}
    properties["kind"] = {"type": "string", "description": "The resource that this object represents."}
    properties["metadata"] = {"allOf": [{"$ref": prefix + _META_NAME}], "description": "Standard object's metadata."}
    if prefix.startswith("#/definitions"):
        properties["metadata"] = {"$ref": prefix + _META_NAME}
    schema["x-kubernetes-group-version-kind"] = _kind_of(kind)
    return schema


def _operations(kind: ResourceType, reference: JSON, *, v3: bool) -> JSON:
    def parameter(name: str) -> JSON:
        kind_of_value: JSON = {"schema": {"type": "string"}} if v3 else {"type": "string"}
        return {"name": name, "in": "query", "uniqueItems": True, **kind_of_value}

    good: JSON = {"description": "OK"}
    good |= {"content": {"application/json": {"schema": reference}}} if v3 else {"schema": reference}
    writes = [parameter(name) for name in ("dryRun", "fieldManager", "fieldValidation")]

    def operation(action: str, parameters: list[JSON]) -> JSON:
        return {
            "parameters": parameters,
            "responses": {"200": good},
            "x-kubernetes-action": action,
            "x-kubernetes-group-version-kind": _kind_of(kind)[0],
        }

    base = _base(kind)
    return {
        base: {"get": operation("list", []), "post": operation("post", writes)},
        base + "/{name}": {
            "get": operation("get", []),
            "put": operation("put", writes),
            "patch": operation("patch", [*writes, parameter("force")]),
            "delete": operation("delete", []),
        },
    }


class Documents:
    """The documents of the kinds that a registry serves at the moment."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def answer(self, request: web.BaseRequest, parts: list[str]) -> web.Response:
        """Answer a GET below /openapi. Raises StatusError 404."""
        match parts:
            case ["v2"]:
                return answer(self._version_2())
            case ["v3"]:
                return answer({"paths": self._index()})
            case ["v3", "api", version]:
                return answer(self._version_3("", version))
            case ["v3", "apis", group, version]:
                return answer(self._version_3(group, version))
        raise unknown_path()

    def _index(self) -> JSON:
        paths = {}
        for group, versions in self._registry.groups().items():
            for version in versions:
                path = f"apis/{group}/{version}" if group else f"api/{version}"
                digest = hashlib.sha256(encode(self._version_3(group, version))).hexdigest()
                paths[path] = {"serverRelativeURL": f"/openapi/v3/{path}?hash={digest.upper()}"}
        return paths

    def _version_3(self, group: str, version: str) -> JSON:
        kinds = [kind for kind in self._registry.types() if (kind.group, kind.version) == (group, version)]
        if not kinds:
            raise unknown_path()
        prefix = "#/components/schemas/"
        schemas: JSON = {_META_NAME: _OBJECT_META}
        paths: JSON = {}
        for kind in kinds:
            schemas[_name(kind)] = _schema(kind, prefix)
            paths |= _operations(kind, {"$ref": prefix + _name(kind)}, v3=True)
        return {"openapi": "3.0.0", "info": _INFO, "paths": paths, "components": {"schemas": schemas}}

    def _version_2(self) -> JSON:
        prefix = "#/definitions/"
        definitions: JSON = {_META_NAME: _OBJECT_META}
        paths: JSON = {}
        for kind in self._registry.types():
            definitions[_name(kind)] = _schema(kind, prefix)
            paths |= _operations(kind, {"$ref": prefix + _name(kind)}, v3=False)
        return {"swagger": "2.0", "info": _INFO, "paths": paths, "definitions": definitions}

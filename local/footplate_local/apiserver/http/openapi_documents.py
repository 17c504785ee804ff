"""The content of OpenAPI documents: the schemas of kinds and the operations on them.

Built-in kinds are described by Kubernetes' own definitions, custom kinds by the schemas of their definitions.
Source: kube-openapi pkg/builder3; apiextensions-apiserver pkg/controller/openapi/builder.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any

from footplate_local.apiserver.kinds import builtin_schemas
from footplate_local.apiserver.kinds.registry import ResourceType

JSON = dict[str, Any]
_INFO = {"title": "Kubernetes", "version": builtin_schemas.RELEASE}
_META = "io.k8s.apimachinery.pkg.apis.meta.v1."
_CONVENTIONS = "https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md"
_OBJECTS = ("application/json", "application/yaml")
_PATCHES = ("application/apply-patch+yaml", "application/json-patch+json", "application/merge-patch+json")
_STRATEGIC = "application/strategic-merge-patch+json"
_WRITING = ("dryRun", "fieldManager", "fieldValidation")
_LISTING = (
    "allowWatchBookmarks", "continue", "fieldSelector", "labelSelector", "limit", "resourceVersion",
    "resourceVersionMatch", "sendInitialEvents", "timeoutSeconds", "watch",
)  # fmt: skip
_DELETING = ("dryRun", "gracePeriodSeconds", "orphanDependents", "propagationPolicy")
_TYPES = {
    "allowWatchBookmarks": "boolean", "sendInitialEvents": "boolean", "watch": "boolean", "force": "boolean",
    "orphanDependents": "boolean", "limit": "integer", "timeoutSeconds": "integer", "gracePeriodSeconds": "integer",
}  # fmt: skip


def version_3(kinds: Iterable[ResourceType]) -> JSON:
    """The OpenAPI 3 document of the kinds of one version of a group."""
    return {"openapi": "3.0.0", "info": _INFO, **_Writer("#/components/schemas/").document(kinds)}


def version_2(kinds: Iterable[ResourceType]) -> JSON:
    """The OpenAPI 2 document of all kinds."""
    written = _Writer("#/definitions/").document(kinds)
    return {
        "swagger": "2.0",
        "info": _INFO,
        "paths": written["paths"],
        "definitions": written["components"]["schemas"],
    }


class _Writer:
    def __init__(self, prefix: str) -> None:
        """`prefix`: where a document of this version keeps its schemas."""
        self._prefix = prefix
        self._v3 = prefix.startswith("#/components")

    def document(self, kinds: Iterable[ResourceType]) -> JSON:
        schemas: JSON = {}
        paths: JSON = {}
        wanted = [_META + "DeleteOptions", _META + "Status"]
        for kind in kinds:
            if kind.custom:
                schemas |= self._custom(kind)
                wanted += [_META + "ObjectMeta", _META + "ListMeta"]
            else:
                wanted += [
                    name for name in (_name(kind), _name(kind) + "List") if name in builtin_schemas.definitions()
                ]
            if kind.scale is not None:
                wanted.append("io.k8s.api.autoscaling.v1.Scale")
            paths |= self._paths(kind)
        schemas |= {name: self._definition(name) for name in _closure(wanted)}
        return {"paths": dict(sorted(paths.items())), "components": {"schemas": dict(sorted(schemas.items()))}}

    def _definition(self, name: str) -> JSON:
        definition = builtin_schemas.definitions()[name]
        match name.rpartition(".")[2]:
            case "Quantity" | "IntOrString" as leaf if "oneOf" in definition:
                number = "number" if leaf == "Quantity" else "integer"
                form: JSON = {"oneOf": [{"type": "string"}, {"type": number}]} if self._v3 else {"type": "string"}
                return form if leaf == "Quantity" else {**form, "format": "int-or-string"}
        return self._translated(definition)

    def _translated(self, schema: JSON) -> JSON:
        """A published definition without `null` among its types, and its references in this document's form."""
        found: JSON = {}
        for key, value in schema.items():
            match key:
                case "$ref":
                    continue
                case "properties":
                    found[key] = {name: self._translated(inner) for name, inner in value.items()}
                case "items" | "additionalProperties" if isinstance(value, dict):
                    found[key] = self._translated(value)
                case "type" if isinstance(value, list):
                    found[key] = next(item for item in value if item != "null")
                case "enum":  # of apiVersion and kind alone: an addition of those who publish the definitions
                    continue
                case _:
                    found[key] = value
        if "$ref" in schema:
            reference = self._reference(schema["$ref"].rpartition("/")[2])
            return {**found, "allOf": [reference]} if found and self._v3 else {**found, **reference}
        return found

    def _reference(self, name: str) -> JSON:
        return {"$ref": self._prefix + name}

    def _custom(self, kind: ResourceType) -> JSON:
        """The schemas of a custom kind and of its list."""
        name = _name(kind)
        schema: JSON = dict(kind.declared_schema or {"type": "object", "x-kubernetes-preserve-unknown-fields": True})
        meta = {"description": f"Standard object's metadata. More info: {_CONVENTIONS}#metadata"}
        list_meta = {"description": f"Standard list metadata. More info: {_CONVENTIONS}#types-kinds"}
        ours = {
            **_type_meta(),
            "metadata": self._translated({"$ref": _META + "ObjectMeta", **meta}),
        }
        schema["properties"] = {**schema.get("properties", {}), **ours}
        schema["x-kubernetes-group-version-kind"] = [_group_version_kind(kind)]
        items = {
            "description": f"List of {kind.plural}. More info: {_CONVENTIONS}",
            "type": "array",
            "items": self._reference(name),
        }
        list_kind = {**_group_version_kind(kind), "kind": kind.list_name}
        listing = {
            "description": f"{kind.list_name} is a list of {kind.kind}",
            "type": "object",
            "required": ["items"],
            "properties": {
                **_type_meta(),
                "items": items,
                "metadata": self._translated({"$ref": _META + "ListMeta", **list_meta}),
            },
            "x-kubernetes-group-version-kind": [list_kind],
        }
        return {name: schema, f"{name.rpartition('.')[0]}.{kind.list_name}": listing}

    def _paths(self, kind: ResourceType) -> JSON:
        """The operations on a kind; those that kubectl looks for say what is done to which kind."""
        name = _name(kind)
        one, many = self._reference(name), self._reference(f"{name.rpartition('.')[0]}.{kind.list_name}")
        status, options = self._reference(_META + "Status"), self._reference(_META + "DeleteOptions")
        patch = {"type": "object", "description": "a patch in one of the formats of the content type"}
        patches = _PATCHES if kind.custom else (*_PATCHES, _STRATEGIC)  # kubectl apply looks here which one to send

        def operation(action: str, answer: JSON, query: Iterable[str] = (), body: JSON | None = None) -> JSON:
            return {
                "description": f"{action} {kind.plural}",
                **self._body(
                    [self._parameter(item) for item in query], body, patches if action == "patch" else _OBJECTS
                ),
                "responses": self._responses(answer),
                "x-kubernetes-action": action,
                "x-kubernetes-group-version-kind": _group_version_kind(kind),
            }

        collection = {
            "get": ("list", operation("list", many, _LISTING)),
            "post": ("create", operation("post", one, _WRITING, one)),
            "delete": ("deletecollection", operation("deletecollection", status, (*_LISTING, *_DELETING), options)),
        }
        single = {
            "get": ("get", operation("get", one)),
            "put": ("update", operation("put", one, _WRITING, one)),
            "patch": ("patch", operation("patch", one, (*_WRITING, "force"), patch)),
            "delete": ("delete", operation("delete", status, _DELETING, options)),
        }
        base = _base(kind)
        in_namespace = [self._in_path("namespace")] if kind.namespaced else []
        found: JSON = {}
        for path, named, operations in ((base, [], collection), (base + "/{name}", [self._in_path("name")], single)):
            served = {method: written for method, (verb, written) in operations.items() if verb in kind.verbs}
            if served:
                found[path] = {**served, "parameters": [*named, *in_namespace]}
        if "status" in kind.subresources:
            changes = {method: written for method, (_, written) in single.items() if method != "delete"}
            found[base + "/{name}/status"] = {**changes, "parameters": [self._in_path("name"), *in_namespace]}
        return found

    def _body(self, parameters: list[JSON], body: JSON | None, media: Sequence[str]) -> JSON:
        if body is None:
            return {"parameters": parameters}
        if self._v3:
            content = {name: {"schema": body} for name in media}
            return {"parameters": parameters, "requestBody": {"content": content, "required": True}}
        inside = {"name": "body", "in": "body", "required": True, "schema": body}
        return {"consumes": list(media), "parameters": [*parameters, inside]}

    def _responses(self, answer: JSON) -> JSON:
        good: JSON = {"content": {"application/json": {"schema": answer}}} if self._v3 else {"schema": answer}
        return {"200": {"description": "OK", **good}}

    def _parameter(self, name: str) -> JSON:
        form: JSON = {"type": _TYPES.get(name, "string"), "uniqueItems": True}
        return {"name": name, "in": "query", **({"schema": form} if self._v3 else form)}

    def _in_path(self, name: str) -> JSON:
        form = {"type": "string"}
        return {"name": name, "in": "path", "required": True, **({"schema": form} if self._v3 else form)}


def _name(kind: ResourceType) -> str:
    """The name of a kind's schema."""
    if not kind.custom:
        return builtin_schemas.names()[kind.group, kind.version, kind.kind]
    return ".".join([*reversed(kind.group.split(".")), kind.version, kind.kind])


def _group_version_kind(kind: ResourceType) -> JSON:
    return {"group": kind.group, "kind": kind.kind, "version": kind.version}


def _base(kind: ResourceType) -> str:
    root = f"/apis/{kind.group}/{kind.version}" if kind.group else f"/api/{kind.version}"
    return f"{root}/namespaces/{{namespace}}/{kind.plural}" if kind.namespaced else f"{root}/{kind.plural}"


@cache
def _type_meta() -> JSON:
    """apiVersion and kind as every kind has them."""
    properties = builtin_schemas.definitions()[builtin_schemas.names()["", "v1", "Pod"]]["properties"]
    return {name: {"type": "string", "description": properties[name]["description"]} for name in ("apiVersion", "kind")}


def _closure(names: Iterable[str]) -> set[str]:
    """The names of definitions and of all that they refer to."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += _references(builtin_schemas.definitions()[name])
    return found


def _references(schema: JSON) -> Iterator[str]:
    if isinstance(reference := schema.get("$ref"), str):
        yield reference.rpartition("/")[2]
    inner = [*schema.get("properties", {}).values(), schema.get("items"), schema.get("additionalProperties")]
    for part in inner:
        if isinstance(part, dict):
            yield from _references(part)

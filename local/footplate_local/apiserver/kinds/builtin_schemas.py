"""The schemas of Kubernetes' own kinds, from the API definitions that the package `kubernetes-validate` carries.

`definitions()` are the plain definitions with `$ref`s, for OpenAPI documents. `schema_of()` is one kind with its
references resolved, as the rest of the server wants schemas: with `x-kubernetes-list-type` and the merge keys, and
with hints of how its Go types are encoded:

- `x-go-type` of a struct: its name (`core.v1.Container`); `x-go-always`: fields that are there even when nobody set
  them; `x-go-drop-zero`: numbers and bools that lose a zero; `x-go-keep-empty`: texts that keep an empty value.
- `format` is also `quantity`, `time`, `micro-time`; `x-kubernetes-int-or-string` and
  `x-kubernetes-preserve-unknown-fields` mark what is neither.
"""

from __future__ import annotations

import importlib.util
import json
from functools import cache
from pathlib import Path
from typing import Any

from footplate_local.apiserver.kinds import go_types

JSON = dict[str, Any]
RELEASE = "v1.34.0"
_META = "io.k8s.apimachinery.pkg.apis.meta.v1."
_SCHEMA = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps"
_LEAVES: dict[str, JSON] = {
    "io.k8s.apimachinery.pkg.api.resource.Quantity": {"type": "string", "format": "quantity"},
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": {"x-kubernetes-int-or-string": True},
    _META + "Time": {"type": "string", "format": "time"},
    _META + "MicroTime": {"type": "string", "format": "micro-time"},
    _META + "FieldsV1": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
    "io.k8s.apimachinery.pkg.runtime.RawExtension": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
}
_ANYTHING: JSON = {"x-kubernetes-preserve-unknown-fields": True}


@cache
def definitions() -> JSON:
    """All definitions by their names (`io.k8s.api.core.v1.Pod`). Not to be changed."""
    package = importlib.util.find_spec("kubernetes_validate")  # found, not imported: only its data is wanted
    folders = (package.submodule_search_locations if package else None) or []
    for folder in folders:
        file = Path(folder, "kubernetes-json-schema", f"{RELEASE}-local", "_definitions.json")
        if file.exists():
            found: JSON = json.loads(file.read_bytes())["$defs"]
            return found
    raise RuntimeError(
        f"no installed kubernetes-validate has the schemas of Kubernetes {RELEASE}: install the version that "
        "constraints.txt names"
    )


@cache
def names() -> dict[tuple[str, str, str], str]:
    """The name of a kind's definition by its group, version and kind."""
    found: dict[tuple[str, str, str], str] = {}
    for name, definition in definitions().items():
        for kind in definition.get("x-kubernetes-group-version-kind") or ():
            found.setdefault((kind["group"], kind["version"], kind["kind"]), name)
    return found


@cache
def schema_of(group: str, version: str, kind: str) -> JSON:
    """The resolved schema of a kind. Structures are shared and may contain themselves; not to be changed.

    Raises KeyError for a kind that Kubernetes does not have.
    """
    schema = _resolved(names()[group, version, kind])
    at_the_top = go_types.ALWAYS_THERE_IN_KINDS & schema["properties"].keys()
    return {**schema, "x-go-always": schema["x-go-always"] | at_the_top}


@cache
def object_meta() -> JSON:
    """The resolved schema of metadata, of built-in and custom kinds alike."""
    return _resolved(_META + "ObjectMeta")


_structs: dict[str, JSON] = {}


def _resolved(name: str) -> JSON:
    if name in _LEAVES:
        return _LEAVES[name]
    if name in _structs:
        return _structs[name]
    definition = definitions()[name]
    if "properties" not in definition:
        return _translated(definition) if definition.get("type") else _ANYTHING
    go_name = ".".join(name.split(".")[-3:])
    properties: JSON = {}
    required = list(definition.get("required") or ())
    nothing: frozenset[str] = frozenset()
    schema: JSON = {
        **_extras(definition),
        "type": "object",
        "properties": properties,
        "required": required,
        "x-go-type": go_name,
        "x-go-always": frozenset(required) - go_types.NOT_THERE.get(go_name, nothing)
        | go_types.ALWAYS_THERE.get(go_name, nothing),
        "x-go-drop-zero": go_types.ZERO_DROPPED.get(go_name, nothing),
        "x-go-keep-empty": go_types.EMPTY_KEPT.get(go_name, nothing),
    }
    _structs[name] = schema  # before its fields: a structure may contain itself
    for field, declared in definition["properties"].items():
        properties[field] = _translated(declared)
    return schema


def _translated(declared: JSON) -> JSON:
    """A schema without `$ref`s and without the `null` in its types (null means not set, everywhere)."""
    if "$ref" in declared:
        name = declared["$ref"].rpartition("/")[2]
        if name.endswith((".JSONSchemaPropsOrBool", ".JSONSchemaPropsOrArray")):
            return {**_ANYTHING, **_extras(declared), "x-go-object": _resolved(_SCHEMA)}
        return {**_resolved(name), **_extras(declared)}
    schema = _extras(declared)
    kind = declared.get("type")
    schema["type"] = next(item for item in kind if item != "null") if isinstance(kind, list) else kind
    if schema["type"] is None:
        return {**_extras(declared), **_ANYTHING}
    if "items" in declared:
        schema["items"] = _translated(declared["items"])
    if isinstance(declared.get("additionalProperties"), dict):
        schema["additionalProperties"] = _translated(declared["additionalProperties"])
    if "format" in declared:
        schema["format"] = declared["format"]
    return schema


def _extras(declared: JSON) -> JSON:
    return {key: value for key, value in declared.items() if key == "description" or key.startswith("x-kubernetes-")}

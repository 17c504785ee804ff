"""CustomResourceDefinitions: what is set and checked on them, and the kinds that they define."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from footplate_local.apiserver.copying import copied
from footplate_local.apiserver.errors import FieldError, undecodable
from footplate_local.apiserver.kinds import definition_status
from footplate_local.apiserver.kinds.custom import CustomStrategy
from footplate_local.apiserver.kinds.definition_checks import definition_errors
from footplate_local.apiserver.kinds.registry import Column, ResourceType, ScalePaths, Strategy, version_rank
from footplate_local.apiserver.printing import columns as printing
from footplate_local.apiserver.schema import formats
from footplate_local.apiserver.schema.structure import malformed, parts

JSON = dict[str, Any]
RESOURCE = "customresourcedefinitions.apiextensions.k8s.io"
CLEANUP_FINALIZER = "customresourcecleanup.apiextensions.k8s.io"
# the order in which kube-apiserver lists the verbs of custom kinds
_VERBS = ("delete", "deletecollection", "get", "list", "patch", "create", "update", "watch")
_DEFAULT_COLUMN = Column("Age", "date", ".metadata.creationTimestamp", description=printing.AGE.about)


class DefinitionStrategy(Strategy):
    """A CRD is checked here; its status is for the controllers (see definition_status)."""

    counts_generation = True

    def prepare(self, obj: JSON, old: JSON | None) -> None:
        spec = obj.setdefault("spec", {})
        _check_decodable(spec)
        accepted = spec.setdefault("names", {})
        kind = accepted.get("kind") or ""
        accepted["singular"] = accepted.get("singular") or kind.lower()
        if kind:
            accepted["listKind"] = accepted.get("listKind") or f"{kind}List"
        if not spec.get("conversion"):
            spec["conversion"] = {"strategy": "None"}
        status = copied(definition_status.NEW) if old is None else dict(obj.get("status") or {})
        stored = [*(status.get("storedVersions") or ())]
        storage = next((version["name"] for version in spec.get("versions") or () if version.get("storage")), None)
        if storage is not None and storage not in stored:
            stored.append(storage)
        obj["status"] = {**status, "storedVersions": stored}

    def validate(self, obj: JSON, old: JSON | None, subresource: str) -> list[FieldError]:
        return [] if subresource == "status" else definition_errors(obj, old)

    def warnings(self, obj: JSON, old: JSON | None) -> list[str]:
        known = set(_unknown_formats(old["spec"])) if old is not None else set()
        return [f'unrecognized format "{name}"' for name in _unknown_formats(obj["spec"]) if name not in known]


def _check_decodable(spec: JSON) -> None:
    """Raises StatusError 400 for schemas with parts that are none."""
    for index, version in enumerate(spec.get("versions") or ()):
        schema = (version.get("schema") or {}).get("openAPIV3Schema") or {}
        if why := malformed(schema, f"spec.versions[{index}].schema.openAPIV3Schema"):
            raise undecodable("CustomResourceDefinition", "v1", why)


def _unknown_formats(spec: JSON) -> Iterator[str]:
    """The formats of texts that are not checked; what all versions have alike counts once."""
    schemas = [(version.get("schema") or {}).get("openAPIV3Schema") or {} for version in spec.get("versions") or ()]
    if all(schema == schemas[0] for schema in schemas):
        schemas = schemas[:1]
    for schema in schemas:
        yield from _unknown_formats_of(schema)


def _unknown_formats_of(schema: JSON) -> Iterator[str]:
    name = schema.get("format")
    if name and schema.get("type") == "string" and not formats.is_known(name, "string"):
        yield name
    for inner in parts(schema):
        yield from _unknown_formats_of(inner)


def kinds_of(definition: JSON) -> list[ResourceType]:
    """The kinds of an accepted CRD, one for each version; none while its names are not accepted."""
    if not definition_status.is_served(definition):
        return []
    return [_kind_of(definition, version) for version in definition["spec"]["versions"]]


def _kind_of(definition: JSON, version: JSON) -> ResourceType:
    spec = definition["spec"]
    accepted = definition["status"]["acceptedNames"]
    subresources = version.get("subresources") or {}
    scale = _scale(subresources.get("scale"))
    schema = version["schema"]["openAPIV3Schema"]
    columns = tuple(_column(column) for column in version.get("additionalPrinterColumns") or ()) or (_DEFAULT_COLUMN,)
    stored = next(item for item in spec["versions"] if item.get("storage"))
    strategy = CustomStrategy(
        schema,
        kind=accepted["kind"],
        scale=scale,
        selectable_fields=tuple(field["jsonPath"] for field in version.get("selectableFields") or ()),
        since=_written_since(definition),
        stored_schema=stored["schema"]["openAPIV3Schema"],
    )
    return ResourceType(
        group=spec["group"],
        version=version["name"],
        kind=accepted["kind"],
        plural=accepted["plural"],
        namespaced=spec["scope"] == "Namespaced",
        singular=accepted.get("singular", ""),
        list_kind=accepted.get("listKind", ""),
        short_names=tuple(accepted.get("shortNames") or ()),
        categories=tuple(accepted.get("categories") or ()),
        verbs=_VERBS,
        subresources=tuple(name for name in ("status", "scale") if name in subresources),
        scale=scale,
        columns=columns,
        custom=True,
        served=bool(version.get("served")),
        warning=_deprecation(definition, version),
        storage_version=stored["name"],
        strategy=strategy,
        declared_schema=schema,
    )


def _written_since(definition: JSON) -> float:
    """The resourceVersion after which objects were surely written with the schema of the version they are read in."""
    schemas = [version.get("schema") for version in definition["spec"]["versions"]]
    if any(schema != schemas[0] for schema in schemas):
        return math.inf  # they may have been written in another version
    return float(definition["metadata"].get("resourceVersion") or 0)


def _deprecation(definition: JSON, version: JSON) -> str:
    """What clients of a version are told that they should not use, with the newest one that they should (if any)."""
    if not version.get("deprecated"):
        return ""
    if version.get("deprecationWarning") is not None:
        return str(version["deprecationWarning"])
    group, kind, rank = definition["spec"]["group"], definition["spec"]["names"]["kind"], version_rank(version["name"])
    text = f"{group}/{version['name']} {kind} is deprecated"
    others = [item["name"] for item in definition["spec"]["versions"] if item["served"] and not item.get("deprecated")]
    better = [name for name in sorted(others, key=version_rank) if version_rank(name) < rank]
    return f"{text}; use {group}/{better[0]} {kind}" if better else text


def _scale(declared: JSON | None) -> ScalePaths | None:
    if declared is None:
        return None
    return ScalePaths(declared["specReplicasPath"], declared["statusReplicasPath"], declared.get("labelSelectorPath"))


def _column(declared: JSON) -> Column:
    return Column(
        name=declared["name"],
        type=declared["type"],
        json_path=declared["jsonPath"],
        format=declared.get("format", ""),
        description=declared.get("description") or "",
        priority=declared.get("priority", 0),
    )

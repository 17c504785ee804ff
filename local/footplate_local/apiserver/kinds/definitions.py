"""CustomResourceDefinitions: what is set and checked on them, and the kinds that they define."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from footplate_local.apiserver import names
from footplate_local.apiserver.errors import FieldError, invalid_value, not_supported, required
from footplate_local.apiserver.kinds.custom import CustomStrategy
from footplate_local.apiserver.kinds.registry import Column, ResourceType, ScalePaths, Strategy
from footplate_local.apiserver.schema import jsonpath
from footplate_local.apiserver.schema.cel_programs import BadExpression

JSON = dict[str, Any]
RESOURCE = "customresourcedefinitions.apiextensions.k8s.io"
CLEANUP_FINALIZER = "customresourcecleanup.apiextensions.k8s.io"
# the order in which kube-apiserver lists the verbs of custom kinds
_VERBS = ("delete", "deletecollection", "get", "list", "patch", "create", "update", "watch")
_DEFAULT_COLUMN = Column("Age", "date", ".metadata.creationTimestamp", description="")


class DefinitionStrategy(Strategy):
    """A CRD is accepted and served at once: its conditions are true in the answer to the creation."""

    counts_generation = True

    def __init__(self, now: Callable[[], str]) -> None:
        self._now = now

    def prepare(self, obj: JSON, old: JSON | None) -> None:
        spec = obj.setdefault("spec", {})
        accepted = spec.setdefault("names", {})
        kind = str(accepted.get("kind", ""))
        accepted.setdefault("singular", kind.lower())
        accepted.setdefault("listKind", f"{kind}List")
        spec.setdefault("conversion", {"strategy": "None"})
        status = copy.deepcopy(old.get("status", {})) if old is not None else {}
        status["acceptedNames"] = copy.deepcopy(accepted)
        stored = [version.get("name") for version in spec.get("versions") or () if version.get("storage")]
        status["storedVersions"] = sorted({*status.get("storedVersions", ()), *filter(None, stored)})
        if not status.get("conditions"):
            status["conditions"] = [
                _condition("NamesAccepted", "NoConflicts", "no conflicts found", self._now()),
                _condition("Established", "InitialNamesAccepted", "the initial names have been accepted", self._now()),
            ]
        obj["status"] = status

    def validate(self, obj: JSON, old: JSON | None, subresource: str) -> list[FieldError]:
        spec = obj["spec"]
        found = [
            required(f"spec.{path}")
            for path, value in (
                ("group", spec.get("group")),
                ("scope", spec.get("scope")),
                ("versions", spec.get("versions")),
                ("names.plural", spec["names"].get("plural")),
                ("names.kind", spec["names"].get("kind")),
            )
            if not value
        ]
        if found:
            return found
        wanted = f"{spec['names']['plural']}.{spec['group']}"
        if obj["metadata"]["name"] != wanted:
            text = f'must be spec.names.plural+"."+spec.group (here {wanted})'
            found.append(invalid_value("metadata.name", obj["metadata"]["name"], text))
        if spec["scope"] not in ("Cluster", "Namespaced"):
            found.append(not_supported("spec.scope", spec["scope"], ["Cluster", "Namespaced"]))
        if sum(bool(version.get("storage")) for version in spec["versions"]) != 1:
            text = "must have exactly one version marked as storage version"
            found.append(invalid_value("spec.versions", [version.get("name") for version in spec["versions"]], text))
        for index, version in enumerate(spec["versions"]):
            found += _version_errors(version, f"spec.versions[{index}]", obj)
        return found

    def field_values(self, obj: JSON) -> dict[str, str]:
        return {}


def _condition(kind: str, reason: str, message: str, now: str) -> JSON:
    return {"type": kind, "status": "True", "lastTransitionTime": now, "reason": reason, "message": message}


def _version_errors(version: JSON, path: str, definition: JSON) -> list[FieldError]:
    found = []
    if not names.API_VERSION.fullmatch(str(version.get("name", ""))) and names.dns_label(str(version.get("name", ""))):
        found.append(invalid_value(f"{path}.name", version.get("name"), "must be a DNS label like v1 or v1alpha1"))
    schema = (version.get("schema") or {}).get("openAPIV3Schema")
    if not isinstance(schema, dict):
        return [*found, required(f"{path}.schema.openAPIV3Schema", "schemas are required")]
    if schema.get("type") != "object":
        text = "must be object at the root"
        found.append(invalid_value(f"{path}.schema.openAPIV3Schema.type", schema.get("type", ""), text))
    for index, column in enumerate(version.get("additionalPrinterColumns") or ()):
        try:
            jsonpath.parse(str(column.get("jsonPath", "")))
        except jsonpath.BadPath as error:
            where = f"{path}.additionalPrinterColumns[{index}].jsonPath"
            found.append(invalid_value(where, column.get("jsonPath"), str(error)))
    try:
        _kind_of(definition, version)
    except BadExpression as error:
        where = f"{path}.schema.openAPIV3Schema.x-kubernetes-validations"
        found.append(invalid_value(where, "rule", str(error)))
    return found


def kinds_of(definition: JSON) -> list[ResourceType]:
    """The kinds of an accepted CRD, one for each served version."""
    return [_kind_of(definition, version) for version in definition["spec"]["versions"] if version.get("served")]


def _kind_of(definition: JSON, version: JSON) -> ResourceType:
    spec = definition["spec"]
    accepted = spec["names"]
    subresources = version.get("subresources") or {}
    scale = _scale(subresources.get("scale"))
    schema = version["schema"]["openAPIV3Schema"]
    columns = tuple(_column(column) for column in version.get("additionalPrinterColumns") or ()) or (_DEFAULT_COLUMN,)
    strategy = CustomStrategy(
        schema,
        kind=accepted["kind"],
        scale=scale,
        selectable_fields=tuple(field["jsonPath"] for field in version.get("selectableFields") or ()),
        since=int(definition["metadata"].get("resourceVersion") or 0),
    )
    return ResourceType(
        group=spec["group"],
        version=version["name"],
        kind=accepted["kind"],
        plural=accepted["plural"],
        namespaced=spec["scope"] == "Namespaced",
        singular=accepted["singular"],
        list_kind=accepted["listKind"],
        short_names=tuple(accepted.get("shortNames") or ()),
        categories=tuple(accepted.get("categories") or ()),
        verbs=_VERBS,
        subresources=tuple(name for name in ("status", "scale") if name in subresources),
        scale=scale,
        columns=columns,
        custom=True,
        storage_version=next(item["name"] for item in spec["versions"] if item.get("storage")),
        strategy=strategy,
        declared_schema=schema,
    )


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

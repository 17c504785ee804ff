"""metadata of every object: what is set, kept and checked (apimachinery pkg/api/validation/objectmeta.go)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from footplate_local.apiserver import names
from footplate_local.apiserver.errors import (
    FieldError,
    field_forbidden,
    invalid_value,
    required,
    type_invalid,
)
from footplate_local.apiserver.kinds.registry import ResourceType

JSON = dict[str, Any]
ANNOTATIONS_LIMIT = 256 * 1024

_KNOWN = {
    "name", "generateName", "namespace", "selfLink", "uid", "resourceVersion", "generation", "creationTimestamp",
    "deletionTimestamp", "deletionGracePeriodSeconds", "labels", "annotations", "ownerReferences", "finalizers",
    "managedFields",
}  # fmt: skip
_SYSTEM = ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation", "namespace")


def timestamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def tidy(meta: JSON) -> None:
    """Drop unknown fields, nulls and empty maps and lists, as a decoded ObjectMeta has none."""
    for key in list(meta):
        if key not in _KNOWN or meta[key] in (None, {}, [], "") or key == "selfLink":
            del meta[key]


def keep_system_fields(meta: JSON, old: JSON) -> None:
    """On an update: what only the server sets is as it was; a uid that the client names must agree (checked before)."""
    for key in _SYSTEM:
        if key in old:
            meta[key] = old[key]
        else:
            meta.pop(key, None)
    if "generateName" in old:
        meta.setdefault("generateName", old["generateName"])


def errors(kind: ResourceType, meta: JSON, old: JSON | None) -> list[FieldError]:
    """Everything that is wrong with the metadata of an object about to be written."""
    found: list[FieldError] = []
    name = meta.get("name", "")
    if not name:
        found.append(required("metadata.name", "name or generateName is required"))
    elif old is None:
        found += [invalid_value("metadata.name", name, text) for text in kind.strategy.name_errors(name)]
    for key, value in meta.get("labels", {}).items():
        found += [invalid_value("metadata.labels", key, text) for text in names.label_key(key)]
        found += [invalid_value("metadata.labels", value, text) for text in names.label_value(value)]
    annotations = meta.get("annotations", {})
    for key in annotations:
        found += [invalid_value("metadata.annotations", key, text) for text in names.label_key(key.lower())]
    if sum(len(key) + len(value) for key, value in annotations.items()) > ANNOTATIONS_LIMIT:
        found.append(
            FieldError(
                "FieldValueTooLong", "metadata.annotations", detail=f"may not be more than {ANNOTATIONS_LIMIT} bytes"
            )
        )
    for index, finalizer in enumerate(meta.get("finalizers", ())):
        problems = names.label_key(finalizer) if isinstance(finalizer, str) else ["must be a string"]
        found += [invalid_value(f"metadata.finalizers[{index}]", finalizer, text) for text in problems]
    found += _owner_errors(meta.get("ownerReferences", []))
    if old is not None and "deletionTimestamp" in old:
        added = [item for item in meta.get("finalizers", ()) if item not in old.get("finalizers", ())]
        if added:
            found.append(
                field_forbidden(
                    "metadata.finalizers",
                    f"no new finalizers can be added if the object is being deleted, found new finalizers {added}",
                )
            )
    return found


def _owner_errors(references: list[Any]) -> list[FieldError]:
    path = "metadata.ownerReferences"
    found = []
    controllers = []
    for index, reference in enumerate(references):
        if not isinstance(reference, dict):
            found.append(type_invalid(f"{path}[{index}]", reference, "must be an object"))
            continue
        for key in ("apiVersion", "kind", "name", "uid"):
            if not reference.get(key):
                found.append(invalid_value(f"{path}[{index}].{key}", reference.get(key, ""), "must not be empty"))
        if reference.get("controller") is True:
            controllers.append(reference)
    if len(controllers) > 1:
        text = (
            "Only one reference can have Controller set to true. Found "
            f'"true" in references for {controllers[0].get("kind")}/{controllers[0].get("name")} '
            f"and {controllers[1].get('kind')}/{controllers[1].get('name')}"
        )
        found.append(invalid_value(path, references, text))
    return found

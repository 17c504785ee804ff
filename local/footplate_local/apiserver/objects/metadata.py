"""metadata of every object: what is set, kept and checked.

Source: apimachinery pkg/api/validation/objectmeta.go, and where kubernetes pkg/apis/core/validation adds to it. A rule
that kube-apiserver checks twice is told twice: clients see its causes.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from footplate_local.apiserver.errors import FieldError, field_forbidden, invalid_value, required
from footplate_local.apiserver.kinds.registry import ResourceType
from footplate_local.apiserver.objects import names, policies
from footplate_local.apiserver.objects.policies import MetadataRules

JSON = dict[str, Any]
ANNOTATIONS_LIMIT = 256 * 1024
FOREGROUND, ORPHAN = "foregroundDeletion", "orphan"
_STANDARD_FINALIZERS = ("kubernetes", ORPHAN, FOREGROUND)
_IMMUTABLE = ("name", "namespace", "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds")
_DUPLICATE_OWNERS = (
    "metadata.ownerReferences contains duplicate entries{when}; API server dedups owner references in 1.20+, and may "
    "reject such requests as early as 1.24; {fix}duplicate UID(s) observed: {uids}"
)


def timestamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def tidy(meta: JSON) -> None:
    """Drop nulls and empty maps and lists, as a decoded ObjectMeta has none."""
    for key in list(meta):
        if meta[key] in (None, {}, [], "") or key == "selfLink":
            del meta[key]


def keep_system_fields(meta: JSON, old: JSON) -> None:
    """On an update: what only the server sets is as it was, unless a client tries to set what is not set yet."""
    for key in ("creationTimestamp", "generation"):
        if key in old:
            meta[key] = old[key]
        else:
            meta.pop(key, None)
    for key in ("uid", "deletionGracePeriodSeconds", "generateName"):
        if key in old and meta.get(key) is None:
            meta[key] = old[key]
    if "deletionTimestamp" in old:
        meta["deletionTimestamp"] = old["deletionTimestamp"]


def without_duplicate_owners(meta: JSON, *, patched: bool) -> list[str]:
    """Keep each ownerReference once; returns warnings."""
    kept: list[JSON] = []
    repeated = []
    for reference in meta.get("ownerReferences") or ():
        if reference in kept:
            repeated.append(str(reference.get("uid")))
        else:
            kept.append(reference)
    if not repeated:
        return []
    meta["ownerReferences"] = kept
    when, fix = (" after mutating admission happens", "") if patched else ("", "please fix your requests; ")
    return [_DUPLICATE_OWNERS.format(when=when, fix=fix, uids=", ".join(repeated))]


def finalizer_warnings(meta: JSON, old: JSON | None) -> list[str]:
    """What custom kinds say of new finalizers without a domain."""
    found = []
    for name in sorted(set(meta.get("finalizers", ())) - set((old or {}).get("finalizers", ()))):
        if "/" in name or name in _STANDARD_FINALIZERS:
            continue
        path = " including a path (/)" if "." in name else ""
        found.append(
            f'metadata.finalizers: "{name}": prefer a domain-qualified finalizer name{path} to avoid accidental '
            "conflicts with other finalizer writers"
        )
    return found


def errors(kind: ResourceType, meta: JSON, old: JSON | None) -> list[FieldError]:
    """Everything that is wrong with the metadata of an object about to be written; `old` is None on creation."""
    rules = policies.metadata_rules(kind)
    if old is None:
        name_errors = names.path_segment if rules is MetadataRules.GENERIC else kind.strategy.name_errors
        return _whole(meta, name_errors) + (_finalizer_errors(meta) if rules.core else [])
    found = _whole(meta, names.path_segment) + _changes(meta, old)
    if rules is not MetadataRules.GENERIC:
        found += _changes(meta, old)
    if rules.core:
        found += _finalizer_errors(meta)
    if rules is MetadataRules.CORE:
        found += _whole(meta, kind.strategy.name_errors) + _finalizer_errors(meta)
    return found


def embedded_errors(meta: JSON) -> list[FieldError]:
    """Everything that is wrong with the metadata of an object inside of another, which needs no name."""
    namespace = meta.get("namespace")
    found = [invalid_value("metadata.namespace", namespace, text) for text in names.dns_label(namespace or "a")]
    return found + _whole({"name": "unnamed", **meta}, names.path_segment)


def _whole(meta: JSON, name_errors: Callable[[str], list[str]]) -> list[FieldError]:
    """ValidateObjectMeta."""
    found: list[FieldError] = []
    prefix, name = meta.get("generateName", ""), meta.get("name", "")
    if prefix:
        problems = name_errors(names.without_trailing_dash(prefix))
        found += [invalid_value("metadata.generateName", prefix, text) for text in problems]
    if name:
        found += [invalid_value("metadata.name", name, text) for text in name_errors(name)]
    else:
        found.append(required("metadata.name", "name or generateName is required"))
    if meta.get("generation", 0) < 0:
        text = "must be greater than or equal to 0"
        found.append(invalid_value("metadata.generation", meta["generation"], text))
    found += _common(meta)
    path, finalizers = "metadata.finalizers", meta.get("finalizers", [])
    found += [invalid_value(path, item, text) for item in finalizers for text in names.label_key(item)]
    if ORPHAN in finalizers and FOREGROUND in finalizers:
        found.append(invalid_value(path, finalizers, f"finalizer {ORPHAN} and {FOREGROUND} cannot be both set"))
    return found


def _changes(meta: JSON, old: JSON) -> list[FieldError]:
    """ValidateObjectMetaUpdate."""
    found = []
    if "deletionTimestamp" in old:
        added = sorted(set(meta.get("finalizers", ())) - set(old.get("finalizers", ())))
        if added:
            shown = ", ".join(f'"{item}"' for item in added)
            text = (
                "no new finalizers can be added if the object is being deleted, found new finalizers "
                f"[]string{{{shown}}}"
            )
            found.append(field_forbidden("metadata.finalizers", text))
    found += [
        invalid_value(f"metadata.{key}", meta.get(key), "field is immutable")
        for key in _IMMUTABLE
        if meta.get(key) != old.get(key)
    ]
    return found + _common(meta)


def _common(meta: JSON) -> list[FieldError]:
    """What both of the above check."""
    found: list[FieldError] = []
    for key, value in meta.get("labels", {}).items():
        found += [invalid_value("metadata.labels", key, text) for text in names.label_key(key)]
        found += [invalid_value("metadata.labels", value, text) for text in names.label_value(value)]
    annotations = meta.get("annotations", {})
    for key in annotations:
        found += [invalid_value("metadata.annotations", key, text) for text in names.label_key(key.lower())]
    if sum(len(key.encode()) + len(value.encode()) for key, value in annotations.items()) > ANNOTATIONS_LIMIT:
        text = f"may not be more than {ANNOTATIONS_LIMIT} bytes"
        found.append(FieldError("FieldValueTooLong", "metadata.annotations", detail=text))
    return found + _owner_errors(meta.get("ownerReferences", []))


def _finalizer_errors(meta: JSON) -> list[FieldError]:
    """What the kinds of Kubernetes ask of finalizers beyond the generic rules."""
    text = "name is neither a standard finalizer name nor is it fully qualified"
    return [
        invalid_value(f"metadata.finalizers[{index}]", item, text)
        for index, item in enumerate(meta.get("finalizers", ()))
        if "/" not in item and item not in _STANDARD_FINALIZERS
    ]


def _owner_errors(references: list[JSON]) -> list[FieldError]:
    path = "metadata.ownerReferences"
    found = []
    controller = ""
    for reference in references:
        api_version, kind, name = (reference.get(key) or "" for key in ("apiVersion", "kind", "name"))
        if not api_version or api_version.count("/") > 1 or api_version.endswith("/"):
            found.append(invalid_value(f"{path}.apiVersion", api_version, "version must not be empty"))
        for key in ("kind", "name", "uid"):
            if not reference.get(key):
                found.append(invalid_value(f"{path}.{key}", reference.get(key) or "", "must not be empty"))
        if (api_version, kind) == ("v1", "Event"):
            found.append(invalid_value(path, reference, "/v1, Kind=Event is disallowed from being an owner"))
        if reference.get("controller") is True:
            if controller:
                text = (
                    'Only one reference can have Controller set to true. Found "true" in references for '
                    f"{controller} and {kind}/{name}"
                )
                found.append(invalid_value(path, references, text))
            else:
                controller = f"{kind}/{name}"
    return found

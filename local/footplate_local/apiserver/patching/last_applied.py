"""kubectl's annotation of what it applied, when kubectl goes over from its own apply to the server's.

Source: apimachinery pkg/util/managedfields/internal/{lastapplied,lastappliedmanager,lastappliedupdater}.go.
"""

from __future__ import annotations

import json
from typing import Any

from footplate_local.apiserver.kinds.registry import ResourceType
from footplate_local.apiserver.objects.metadata import ANNOTATIONS_LIMIT
from footplate_local.apiserver.patching.comparing import compare, fields_of
from footplate_local.apiserver.patching.field_paths import go_json
from footplate_local.apiserver.patching.field_sets import NOTHING, FieldSet
from footplate_local.apiserver.patching.shapes import NoIdentity
from footplate_local.apiserver.patching.versions import shape_of

JSON = dict[str, Any]
MANAGER = "kubectl"
"""The only manager that this is for."""
ANNOTATION = "kubectl.kubernetes.io/last-applied-configuration"


def may_be_taken(live: JSON, kind: ResourceType) -> FieldSet:
    """The fields that kubectl applied itself before and that are as it applied them: no conflicts for it."""
    text = (live["metadata"].get("annotations") or {}).get(ANNOTATION)
    if not text:
        return NOTHING
    try:
        before = json.loads(text)
        if not isinstance(before, dict) or before.get("apiVersion") != kind.api_version:
            return NOTHING
        shape = shape_of(kind)
        difference = compare(before, live, shape)
        return fields_of(before, shape) - difference.modified - difference.added - difference.removed
    except (ValueError, NoIdentity):
        return NOTHING


def update(obj: JSON, applied: JSON) -> JSON:
    """The object with the annotation brought up to date, if it has one; one that is too large is left out."""
    meta = obj["metadata"]
    annotations: JSON = meta.get("annotations") or {}
    if not annotations.get(ANNOTATION):
        return obj
    applied_meta = dict(applied.get("metadata") or {})
    if isinstance(applied_meta.get("annotations"), dict):
        applied_meta["annotations"] = {
            name: value for name, value in applied_meta["annotations"].items() if name != ANNOTATION
        }
    annotations = annotations | {ANNOTATION: go_json(_sorted({**applied, "metadata": applied_meta})) + "\n"}
    if sum(len(name.encode()) + len(str(value).encode()) for name, value in annotations.items()) > ANNOTATIONS_LIMIT:
        del annotations[ANNOTATION]
    return {**obj, "metadata": {**meta, "annotations": annotations}}


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, list) else value

"""JSON patch (RFC 6902), merge patch (RFC 7386) and strategic merge patch (Kubernetes: Update API Objects in Place)."""

from __future__ import annotations

import copy
from typing import Any

from footplate_local.apiserver.errors import StatusError, bad_request

JSON = dict[str, Any]

MERGE_KEYS: dict[str, tuple[str, ...]] = {
    "containers": ("name",),
    "initContainers": ("name",),
    "ephemeralContainers": ("name",),
    "env": ("name",),
    "volumes": ("name",),
    "volumeMounts": ("mountPath",),
    "volumeDevices": ("devicePath",),
    "imagePullSecrets": ("name",),
    "hostAliases": ("ip",),
    "ports": ("containerPort", "port"),
    "conditions": ("type",),
    "ownerReferences": ("uid",),
    "secrets": ("name",),
    "addresses": ("type",),
    "topologySpreadConstraints": ("topologyKey",),
    "podIPs": ("ip",),
    "taints": ("key",),
}
"""Lists of built-in kinds that are merged by a key (patchMergeKey in k8s.io/api): the first one that an item has."""

PRIMITIVE_SETS = {"finalizers"}


def json_patch(document: JSON, operations: Any) -> JSON:
    """Raises StatusError 422 when a test fails or a path is not there, 400 when it is no JSON patch."""
    import jsonpatch  # loaded when first needed: the server starts without it

    if not isinstance(operations, list):
        raise bad_request("a JSON patch must be a list of operations")
    try:
        patched = jsonpatch.apply_patch(document, operations, in_place=False)
    except jsonpatch.InvalidJsonPatch as error:
        raise bad_request(f"this is no JSON patch: {error}") from error
    except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException) as error:
        raise StatusError(
            422, "Invalid", f"the server rejected our request due to an error in our request: {error}"
        ) from error
    if not isinstance(patched, dict):
        raise bad_request("the patch replaces the whole object by something that is no object")
    return patched


def merge_patch(document: Any, patch: Any) -> Any:
    """The document after an RFC 7386 patch; neither argument is changed."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    result = dict(document) if isinstance(document, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge_patch(result.get(key), value)
    return result


def strategic_merge_patch(document: Any, patch: Any) -> Any:
    """The document after a strategic merge patch of a built-in kind; neither argument is changed."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    directive = patch.get("$patch")
    if directive == "replace":
        return {key: copy.deepcopy(value) for key, value in patch.items() if key != "$patch"}
    if directive == "delete":
        return {}
    result = dict(document) if isinstance(document, dict) else {}
    if "$retainKeys" in patch:
        result = {key: value for key, value in result.items() if key in patch["$retainKeys"]}
    for key, value in patch.items():
        if key.startswith("$deleteFromPrimitiveList/"):
            field = key.partition("/")[2]
            result[field] = [item for item in result.get(field, []) if item not in value]
        elif key.startswith("$"):
            continue
        elif value is None:
            result.pop(key, None)
        elif isinstance(value, list):
            order = patch.get(f"$setElementOrder/{key}")
            result[key] = _merge_list(key, result.get(key), value, order)
        else:
            result[key] = strategic_merge_patch(result.get(key), value)
    return result


def _merge_list(field: str, current: Any, patch: list[Any], order: list[Any] | None) -> list[Any]:
    if any(isinstance(item, dict) and item.get("$patch") == "replace" for item in patch):
        return [copy.deepcopy(item) for item in patch if not (isinstance(item, dict) and "$patch" in item)]
    old = list(current) if isinstance(current, list) else []
    if field in PRIMITIVE_SETS:
        return old + [item for item in patch if item not in old]
    if field not in MERGE_KEYS or not all(isinstance(item, dict) for item in [*old, *patch]):
        return copy.deepcopy(patch)
    merged = {_identity(field, item): item for item in old}
    for item in patch:
        place = _identity(field, item)
        if item.get("$patch") == "delete":
            merged.pop(place, None)
        else:
            merged[place] = strategic_merge_patch(merged.get(place), item)
    if order:
        wanted = [_identity(field, item) for item in order]
        rest = [place for place in merged if place not in wanted]
        return [merged[place] for place in [*wanted, *rest] if place in merged]
    return list(merged.values())


def _identity(field: str, item: JSON) -> Any:
    for key in MERGE_KEYS[field]:
        if key in item:
            return (key, item[key])
    raise bad_request(f"an item of {field} has no {MERGE_KEYS[field][0]}, which it is merged by")

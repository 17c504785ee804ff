"""JSON, merge and strategic merge patches as requests: what they do to an object, and how they are refused.

Source: apiserver pkg/endpoints/handlers/patch.go (jsonPatcher, smpPatcher, interpretStrategicMergePatchError).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from footplate_local.apiserver.errors import StatusError, Subject, bad_request, invalid_value
from footplate_local.apiserver.kinds.registry import ResourceType
from footplate_local.apiserver.kinds.typed import json_type
from footplate_local.apiserver.patching.field_paths import go_json
from footplate_local.apiserver.patching.json_patch import PatchFailed, json_patch
from footplate_local.apiserver.patching.merge_patch import merge_patch
from footplate_local.apiserver.patching.strategic import BadPatch, PatchMismatch, strategic_merge_patch

JSON = dict[str, Any]
Change = Callable[[JSON], JSON]

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
MOST_OPERATIONS = 10_000


def change(kind: ResourceType, media: str, patch: Any) -> Change:
    """What a patch of one of the three media types does to an object. The change raises StatusError."""
    if not kind.custom:
        return on_any(media, patch, kind.schema)
    changed = on_any(media, patch)
    return lambda obj: _of_kind(kind, changed(obj), obj["metadata"]["name"])


def on_any(media: str, patch: Any, schema: JSON | None = None) -> Change:
    """The same for an object that is of no stored kind; the schema says how lists are merged."""
    return lambda obj: _patched(obj, media, patch, schema or {})


def _patched(obj: JSON, media: str, patch: Any, schema: JSON) -> JSON:
    if media == JSON_PATCH:
        return _json_patched(obj, _operations(patch))
    if patch is None:
        raise _no_patch()
    if not isinstance(patch, dict):
        what = json_type(patch)
        raise bad_request(
            f"error decoding patch: json: cannot unmarshal {what} into Go value of type map[string]interface {{}}"
        )
    if media == MERGE_PATCH:
        return merge_patch(obj, patch)
    return _strategically_patched(obj, patch, schema)


def _of_kind(kind: ResourceType, patched: JSON, name: str) -> JSON:
    """Objects of custom kinds cannot become ones of another version by a patch. Raises 422."""
    version = patched.get("apiVersion")
    if version != kind.api_version:
        wrong = invalid_value("apiVersion", version, f"must be {kind.api_version}")
        raise Subject(kind.group, kind.kind, name).invalid([wrong])
    return patched


def _operations(patch: Any) -> list[Any]:
    if patch is None:
        raise _no_patch()
    if not isinstance(patch, list):
        what = json_type(patch)
        raise bad_request(
            f"error decoding patch: json: cannot unmarshal {what} into Go value of type []handlers.jsonPatchOp"
        )
    for operation in patch:
        _check_operation(operation)
    if len(patch) > MOST_OPERATIONS:
        text = f"The allowed maximum operations in a JSON patch is {MOST_OPERATIONS}, got {len(patch)}"
        raise StatusError(413, "RequestEntityTooLarge", f"Request entity is too large: {text}")
    return patch


def _check_operation(operation: Any) -> None:
    if operation is None:
        return
    if not isinstance(operation, dict):
        raise bad_request(
            f"error decoding patch: json: cannot unmarshal {json_type(operation)} into Go value of type "
            "handlers.jsonPatchOp"
        )
    for name in ("op", "path", "from"):
        if not isinstance(operation.get(name), str | None):
            raise bad_request(
                f"error decoding patch: json: cannot unmarshal {json_type(operation[name])} into Go struct field "
                f"jsonPatchOp.{name} of type string"
            )


def _json_patched(obj: JSON, operations: list[Any]) -> JSON:
    try:
        patched = json_patch(obj, operations)
    except PatchFailed as error:
        raise _rejected() from error
    if not isinstance(patched, dict):
        raise _invalid(patched, f"json: cannot unmarshal {json_type(patched)} into an object")
    return patched


def _strategically_patched(obj: JSON, patch: JSON, schema: JSON) -> JSON:
    try:
        return strategic_merge_patch(obj, patch, schema)
    except BadPatch as error:
        raise bad_request(str(error)) from error
    except PatchMismatch as error:
        raise _rejected() from error


def _no_patch() -> StatusError:
    return bad_request("error decoding patch: unexpected end of JSON input")


def _rejected() -> StatusError:
    """The patch is one, but does not apply. What is wrong is not told, as kube-apiserver does not tell it."""
    return StatusError(422, "Invalid", "the server rejected our request due to an error in our request", details={})


def _invalid(patched: Any, why: str) -> StatusError:
    """What the patch makes of the object is none of its kind."""
    return Subject("", "", "").invalid([invalid_value("patch", go_json(patched), why)])

"""JSON, merge and strategic merge patches as requests: what they do to an object, and how they are refused.

Source: apiserver pkg/endpoints/handlers/patch.go (jsonPatcher, smpPatcher, interpretStrategicMergePatchError).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from footplate_local.apiserver.errors import StatusError, Subject, bad_request, invalid_value
from footplate_local.apiserver.kinds.registry import ResourceType
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


def change(kind: ResourceType, media: str, patch: Any, *, strict: bool = False) -> Change:
    """What a patch of one of the three media types does to an object of a kind. Raises StatusError, also when called.

    `strict`: fields that the kind does not have are refused (fieldValidation=Strict).
    """
    return checked(kind, unchecked(media, patch, {} if kind.custom else kind.schema), strict=strict)


def unchecked(media: str, patch: Any, schema: JSON) -> Change:
    """The same for any object, by a schema; the result may be anything that is an object."""
    if media == JSON_PATCH:
        operations = _operations(patch)
        return lambda obj: _json_patched(obj, operations)
    if patch is not None and not isinstance(patch, dict):
        raise bad_request(
            f"error decoding patch: json: cannot unmarshal {_json_type(patch)} into Go value of type "
            "map[string]interface {}"
        )
    if media == MERGE_PATCH:
        if patch is None:
            raise bad_request("Invalid JSON Patch")
        return lambda obj: merge_patch(obj, patch)
    return lambda obj: _strategically_patched(obj, patch or {}, schema)


def checked(kind: ResourceType, changed: Change, *, strict: bool) -> Change:
    """A change whose result must be an object of the kind. What is not is told as an invalid patch (422)."""

    def change_and_check(obj: JSON) -> JSON:
        patched = changed(obj)
        if not kind.custom:
            types = {"apiVersion": patched.get("apiVersion"), "kind": patched.get("kind")}
            if types not in ({"apiVersion": kind.api_version, "kind": kind.kind}, {"apiVersion": None, "kind": None}):
                raise _invalid(patched, f'no kind "{types["kind"]}" is registered for version "{types["apiVersion"]}"')
        elif not patched.get("kind"):
            raise _invalid(patched, "Object 'Kind' is missing")
        elif patched.get("apiVersion") != kind.api_version:
            wrong = invalid_value("apiVersion", patched.get("apiVersion"), f"must be {kind.api_version}")
            raise Subject(kind.group, kind.kind, obj["metadata"].get("name", "")).invalid([wrong])
        try:
            _, unknown = kind.decode(patched)
        except StatusError as error:
            raise _invalid(patched, error.message) from error
        if unknown and strict:
            texts = ", ".join(f'unknown field "{path}"' for path in unknown)
            raise _invalid(patched, f"strict decoding error: {texts}")
        return patched

    return change_and_check


def _operations(patch: Any) -> list[Any]:
    if patch is None:
        return []
    if not isinstance(patch, list):
        what = _json_type(patch)
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
            f"error decoding patch: json: cannot unmarshal {_json_type(operation)} into Go value of type "
            "handlers.jsonPatchOp"
        )
    for name in ("op", "path", "from"):
        if not isinstance(operation.get(name), str | None):
            raise bad_request(
                f"error decoding patch: json: cannot unmarshal {_json_type(operation[name])} into Go struct field "
                f"jsonPatchOp.{name} of type string"
            )


def _json_patched(obj: JSON, operations: list[Any]) -> JSON:
    try:
        patched = json_patch(obj, operations)
    except PatchFailed as error:
        raise _rejected() from error
    if not isinstance(patched, dict):
        raise _invalid(patched, f"json: cannot unmarshal {_json_type(patched)} into an object")
    return patched


def _strategically_patched(obj: JSON, patch: JSON, schema: JSON) -> JSON:
    try:
        return strategic_merge_patch(obj, patch, schema)
    except BadPatch as error:
        raise bad_request(str(error)) from error
    except PatchMismatch as error:
        raise _rejected() from error


def _rejected() -> StatusError:
    """The patch is one, but does not apply. What is wrong is not told, as kube-apiserver does not tell it."""
    return StatusError(422, "Invalid", "the server rejected our request due to an error in our request", details={})


def _invalid(patched: Any, why: str) -> StatusError:
    """What the patch makes of the object is none of its kind."""
    return Subject("", "", "").invalid([invalid_value("patch", go_json(patched), why)])


def _json_type(value: Any) -> str:
    match value:
        case bool():
            return "bool"
        case int() | float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
    return "object"

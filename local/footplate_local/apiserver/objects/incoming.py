"""What can be said of an object that comes in before it is written: its type, its fields, its name and its place.

Sources: apiserver pkg/endpoints/handlers/rest.go, pkg/registry/rest/meta.go and pkg/admission/plugin/namespace.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from footplate_local.apiserver import errors
from footplate_local.apiserver.kinds.definitions import RESOURCE as DEFINITIONS
from footplate_local.apiserver.kinds.registry import ResourceType
from footplate_local.apiserver.storage.model import ObjectKey, Storage

JSON = dict[str, Any]


def decode(
    kind: ResourceType, obj: JSON, field_validation: str, problems: Sequence[str] = ()
) -> tuple[JSON, list[str]]:
    """The object as its kind can hold it, and warnings of fields that it cannot hold. Raises 400.

    `problems`: what is wrong with the text that it was read from.
    """
    _check_type(kind, obj)
    obj, unknown = kind.decode(obj)
    texts = [*problems, *(f'unknown field "{path}"' for path in unknown)]
    if texts and field_validation == "Strict":
        raise errors.undecodable(kind.kind, kind.version, "strict decoding error: " + ", ".join(texts))
    return obj, [] if field_validation == "Ignore" else texts


def _check_type(kind: ResourceType, obj: JSON) -> None:
    """Objects of built-in kinds need not say what they are, those of custom kinds must."""
    api_version, name = obj.get("apiVersion"), obj.get("kind")
    if not kind.custom:
        api_version, name = api_version or kind.api_version, name or kind.kind
        obj["apiVersion"], obj["kind"] = api_version, name
        if name != kind.kind:
            raise errors.bad_request(
                f'{name} in version "{api_version}" cannot be handled as a {kind.kind}: converting is not possible'
            )
    elif not isinstance(name, str) or not name:
        raise errors.bad_request("Object 'Kind' is missing in the body of the request")
    if api_version != kind.api_version:
        raise errors.bad_request(
            f"the API version in the data ({api_version or ''}) does not match the expected API version "
            f"({kind.api_version})"
        )


def unreadable_patch(error: errors.StatusError) -> errors.StatusError:
    """422: the object that a patch makes cannot be read as one of its kind."""
    return errors.Subject("", "").invalid([errors.invalid_value("patch", "", str(error.__cause__ or error.message))])


def place(kind: ResourceType, namespace: str, meta: JSON) -> None:
    """Set the namespace, which is that of the request. Raises 400 when the object names another."""
    if not kind.namespaced:
        meta.pop("namespace", None)
    elif meta.get("namespace") and meta["namespace"] != namespace:
        raise errors.bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    else:
        meta["namespace"] = namespace


def check_name(meta: JSON, name: str) -> None:
    """Raises 400 when an object is not the one that the path names."""
    if not meta.get("name"):
        raise errors.bad_request(
            f"the name of the object ({name} based on URL) was undeterminable: name must be provided"
        )
    if meta["name"] != name:
        raise errors.bad_request(f"the name of the object ({meta['name']}) does not match the name on the URL ({name})")


def check_place(storage: Storage, kind: ResourceType, namespace: str, meta: JSON) -> None:
    """Whether something new may come to where it is to be. Raises 403 where things are going away, and 404."""
    name = meta.get("name") or meta.get("generateName") or "Unknown"
    definition = storage.get(ObjectKey(DEFINITIONS, "", kind.resource)) if kind.custom else None
    if definition is not None and "deletionTimestamp" in definition.object["metadata"]:
        why = "create not allowed while custom resource definition is terminating"
        raise errors.forbidden(kind.group, kind.plural, name, why)
    if not kind.namespaced:
        return
    found = storage.get(ObjectKey("namespaces", "", namespace))
    if found is None:
        raise errors.not_found("", "namespaces", namespace)
    if found.object.get("status", {}).get("phase") == "Terminating":
        why = f"unable to create new content in namespace {namespace} because it is being terminated"
        cause = {
            "reason": "NamespaceTerminating",
            "message": f"namespace {namespace} is being terminated",
            "field": "metadata.namespace",
        }
        raise errors.forbidden(kind.group, kind.plural, name, why, [cause])

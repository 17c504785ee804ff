"""Server-side apply as a request: create or change an object, or tell who owns the fields in conflict."""

from __future__ import annotations

from typing import Any

from footplate_local.apiserver import errors, metadata
from footplate_local.apiserver.http.requests import Target
from footplate_local.apiserver.objects import Objects, Writing
from footplate_local.apiserver.patching import fields

JSON = dict[str, Any]


def server_side_apply(
    objects: Objects, target: Target, applied: Any, writing: Writing, *, manager: str, force: bool
) -> tuple[JSON, bool]:
    """Returns the object as stored and whether it was created. Raises StatusError (409 on conflicts)."""
    kind, namespace, name = target.kind, target.namespace or "", target.name
    if not isinstance(applied, dict):
        raise errors.bad_request("the body of an apply must be an object")
    if not manager:
        missing = errors.required("fieldManager", "is required for apply patch")
        raise errors.Subject("meta.k8s.io", "PatchOptions", "").invalid([missing])
    if not isinstance(applied.get("metadata"), dict | None):
        raise errors.bad_request("the metadata of the applied object must be an object")
    if (applied.get("metadata") or {}).get("managedFields"):
        raise errors.bad_request("metadata.managedFields must be nil")
    for field in ("apiVersion", "kind"):
        if not applied.get(field):
            raise errors.bad_request(f"{field} is required in the body of an apply")
    writer = fields.Owner(
        manager, "Apply", kind.api_version, target.subresource, metadata.timestamp(objects.now()), set()
    )

    def change(live: JSON) -> JSON:
        merged, conflicts = fields.apply(live, applied, kind.schema, writer, force=force)
        if conflicts:
            raise _conflict(target, conflicts)
        return merged

    if objects.storage.get(kind.key(namespace, name)) is not None:
        updated = objects.update(kind, namespace, name, change, writing, subresource=target.subresource, applying=True)
        return updated, False
    if target.subresource:
        raise errors.not_found(kind.group, kind.plural, name)
    new = change({"metadata": {}})
    if new["metadata"].setdefault("name", name) != name:
        raise errors.bad_request(
            f"the name of the object ({new['metadata']['name']}) does not match the name on the URL ({name})"
        )
    return objects.create(kind, namespace, new, writing), True


def _conflict(target: Target, conflicts: list[fields.FieldConflict]) -> errors.StatusError:
    kind = target.kind
    texts = [f'conflict with "{conflict.manager}": {conflict.path}' for conflict in conflicts]
    details = errors.object_details(kind.group, kind.plural, target.name)
    details["causes"] = [
        {"reason": "FieldManagerConflict", "message": f'conflict with "{item.manager}"', "field": item.path}
        for item in conflicts
    ]
    count = "1 conflict" if len(texts) == 1 else f"{len(texts)} conflicts"
    return errors.StatusError(409, "Conflict", f"Apply failed with {count}: " + "\n".join(texts), details=details)

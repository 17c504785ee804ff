"""Server-side apply as a request: create or change an object, or tell who owns the fields in conflict.

Sources: apiserver pkg/endpoints/handlers/patch.go (applyPatcher); apimachinery
pkg/util/managedfields/internal/{structuredmerge,versioncheck,conflict}.go.
"""

from __future__ import annotations

from typing import Any

from footplate_local.apiserver import errors
from footplate_local.apiserver.http.requests import Target
from footplate_local.apiserver.kinds.registry import ResourceType
from footplate_local.apiserver.objects import metadata, scaling
from footplate_local.apiserver.objects.objects import Objects, Writing
from footplate_local.apiserver.patching import last_applied, ownership
from footplate_local.apiserver.patching.field_paths import path_order, shown
from footplate_local.apiserver.patching.fitting import misfits
from footplate_local.apiserver.patching.ownership import Conflict, Conflicts, Writer
from footplate_local.apiserver.patching.versions import shape_of

JSON = dict[str, Any]


def server_side_apply(
    objects: Objects, target: Target, applied: Any, writing: Writing, *, manager: str, force: bool
) -> tuple[JSON, bool]:
    """Returns the object as stored and whether it was created. Raises StatusError (409 on conflicts)."""
    kind, namespace, name = target.kind, target.namespace or "", target.name
    if not manager:
        missing = errors.required("fieldManager", "is required for apply patch")
        raise errors.Subject("meta.k8s.io", "PatchOptions", "").invalid([missing])
    if not isinstance(applied, dict):
        raise errors.bad_request("error decoding YAML: the body of an apply must be an object")
    time = metadata.timestamp(objects.now())
    writer = Writer(manager, kind, objects.registry.of_kind, time, target.subresource)
    if objects.storage.get(kind.key(namespace, name)) is not None:
        updated = objects.update(
            kind,
            namespace,
            name,
            lambda live: _applied(live, applied, writer, force=force),
            writing,
            subresource=target.subresource,
            applying=True,
        )
        return updated, False
    if target.subresource:
        raise errors.not_found(kind.group, kind.plural, name)
    new = _applied(None, applied, writer, force=force)
    _check_new(target, new["metadata"])
    return objects.create(kind, namespace, new, writing, applying=True), True


def apply_scale(objects: Objects, target: Target, applied: Any, writing: Writing, *, manager: str, force: bool) -> JSON:
    """Apply a Scale; returns the object it scales, as stored. Only the replicas have owners. Raises StatusError."""
    kind = target.kind
    if not isinstance(applied, dict) or (applied.get("apiVersion"), applied.get("kind")) != scaling.TYPE:
        given = applied if isinstance(applied, dict) else {}
        raise errors.bad_request(f"invalid object type: {_type_shown(given.get('apiVersion'), given.get('kind'))}")
    types = {"apiVersion": kind.api_version, "kind": kind.kind}
    wanted = scaling.changed(kind, {**types, "metadata": {"name": target.name}}, scaling.decoded(applied, writing))
    objects.read(kind, target.namespace or "", target.name)
    return server_side_apply(objects, target, wanted, writing, manager=manager, force=force)[0]


def _check_new(target: Target, meta: JSON) -> None:
    """What a patch that creates must say of itself; a resourceVersion says nothing yet. Raises 400 and 409."""
    kind, name = target.kind, target.name
    if meta.get("uid"):
        why = f"uid mismatch: the provided object specified uid {meta['uid']}, and no existing object was found"
        raise errors.conflict(kind.group, kind.plural, name, why)
    if not meta.get("name"):
        raise errors.bad_request(
            f"the name of the object ({name} based on URL) was undeterminable: name must be provided"
        )
    if meta["name"] != name:
        raise errors.bad_request(f"the name of the object ({meta['name']}) does not match the name on the URL ({name})")
    meta.pop("resourceVersion", None)


def _applied(live: JSON | None, applied: JSON, writer: Writer, *, force: bool) -> JSON:
    """The object after an apply. Raises StatusError."""
    _check_applied(applied, writer.kind)
    try:
        new = _merged(live, applied, writer, force=force)
    except Conflicts as error:
        raise _conflict(error.found) from error
    except ValueError as error:
        raise errors.bad_request(f"failed to apply to the live object: {error}") from error
    return last_applied.update(new, applied) if writer.manager == last_applied.MANAGER else new


def _merged(live: JSON | None, applied: JSON, writer: Writer, *, force: bool) -> JSON:
    try:
        return ownership.apply(live, applied, writer, force=force)
    except Conflicts as error:
        if writer.manager != last_applied.MANAGER or live is None:
            raise
        mine = last_applied.may_be_taken(live, writer.kind)
        others = [conflict for conflict in error.found if conflict.path not in mine]
        if others:
            raise Conflicts(others) from error
        return ownership.apply(live, applied, writer, force=True)


def _check_applied(applied: JSON, kind: ResourceType) -> None:
    """Refuse what is no configuration of the kind. Raises 400.

    For values that do not fit the schema kube-apiserver answers 500, as for every error that its code gives no status
    to; here, what a client does wrong is never told as the server's fault.
    """
    version, name = applied.get("apiVersion") or "", applied.get("kind") or ""
    kind_shown = _type_shown(version, name)
    if (version, name) != (kind.api_version, kind.kind):
        raise errors.bad_request(f"invalid object type: {kind_shown}")
    meta = applied.get("metadata")
    meta = meta if isinstance(meta, dict) else {}
    if isinstance(meta.get("managedFields"), list):
        raise errors.bad_request("metadata.managedFields must be nil")
    found = misfits(applied, shape_of(kind))
    if found:
        text = found[0] if len(found) == 1 else "\n  ".join(["errors:", *found])
        subject = f"{meta.get('namespace') or ''}/{meta.get('name') or ''}; {kind_shown}"
        raise errors.bad_request(f"failed to create typed patch object ({subject}): {text}")


def _type_shown(api_version: Any, kind: Any) -> str:
    """A type as Go shows a GroupVersionKind."""
    version = str(api_version or "")
    return f"{version if '/' in version else f'/{version}'}, Kind={kind or ''}"


def _conflict(found: list[Conflict]) -> errors.StatusError:
    """409 with a cause for each field, in the words that kubectl prints."""
    causes = [
        {
            "reason": "FieldManagerConflict",
            "message": f"conflict with {conflict.owner.shown()}",
            "field": shown(conflict.path),
        }
        for conflict in found
    ]
    if len(found) == 1:
        text = f"Apply failed with 1 conflict: {causes[0]['message']}: {causes[0]['field']}"
    else:
        by_owner: dict[str, list[Conflict]] = {}
        for conflict in found:
            by_owner.setdefault(conflict.owner.identity, []).append(conflict)
        lines = []
        for _, conflicts in sorted(by_owner.items()):
            lines.append(f"conflicts with {conflicts[0].owner.shown()}:")
            lines += [f"- {shown(each.path)}" for each in sorted(conflicts, key=lambda each: path_order(each.path))]
        text = f"Apply failed with {len(found)} conflicts: " + "\n".join(lines)
    return errors.StatusError(409, "Conflict", text, details={"causes": causes})

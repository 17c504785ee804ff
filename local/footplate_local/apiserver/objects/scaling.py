"""The scale subresource (autoscaling/v1 Scale) of custom kinds and of workloads.

Source: apiextensions-apiserver pkg/registry/customresource/etcd.go; those of workloads are alike.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from footplate_local.apiserver.errors import StatusError, bad_request
from footplate_local.apiserver.kinds import label_selectors
from footplate_local.apiserver.kinds.registry import ResourceType
from footplate_local.apiserver.objects import incoming
from footplate_local.apiserver.objects.deletion import failed_precondition
from footplate_local.apiserver.objects.objects import Writing
from footplate_local.apiserver.schema.jsonpath import first, parse

JSON = dict[str, Any]
Change = Callable[[JSON], JSON]
TYPE = ("autoscaling/v1", "Scale")
_SCALE = ResourceType("autoscaling", "v1", "Scale", "scales", namespaced=True)
_NOT_SET = -(2**31)
"""The replicas that a patch finds where none are set, so that one that sets them can be told."""


def of(kind: ResourceType, obj: JSON) -> JSON:
    """The Scale of an object."""
    assert kind.scale is not None, "only kinds with scale paths have the subresource"
    meta = obj["metadata"]
    scale: JSON = {
        "kind": TYPE[1],
        "apiVersion": TYPE[0],
        "metadata": {
            key: meta[key]
            for key in ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
            if key in meta
        },
        "spec": {"replicas": replicas} if (replicas := first(obj, kind.scale.spec_replicas)) else {},
        "status": {"replicas": first(obj, kind.scale.status_replicas) or 0},
    }
    selector = first(obj, kind.scale.selector) if kind.scale.selector else None
    if selector:
        scale["status"]["selector"] = selector if isinstance(selector, str) else label_selectors.text(selector)
    return scale


def shown(kind: ResourceType, obj: JSON) -> JSON:
    """The Scale of an object as a GET answers it. Raises 400 when no replicas are set (kube-apiserver: 500)."""
    assert kind.scale is not None, "only kinds with scale paths have the subresource"
    if first(obj, kind.scale.spec_replicas) is None:
        raise bad_request(f'the spec replicas field "{kind.scale.spec_replicas}" does not exist')
    return of(kind, obj)


def put(kind: ResourceType, body: JSON, writing: Writing) -> Change:
    """What a Scale in the place of another does to an object. Raises 400, and so does the change."""
    sent = decoded(body, writing)

    def change(obj: JSON) -> JSON:
        _check_names(sent["metadata"], obj["metadata"])
        uid = sent["metadata"].get("uid")
        if uid and uid != obj["metadata"]["uid"]:
            raise failed_precondition(kind, obj["metadata"]["name"], "UID", uid, obj["metadata"]["uid"])
        return changed(kind, obj, sent)

    return change


def patched(kind: ResourceType, patch: Change, writing: Writing) -> Change:
    """What a patch of its Scale does to an object. The change raises 400 and 422."""
    assert kind.scale is not None, "only kinds with scale paths have the subresource"
    path = kind.scale.spec_replicas

    def change(obj: JSON) -> JSON:
        scale = of(kind, obj)
        if first(obj, path) is None:
            scale["spec"]["replicas"] = _NOT_SET
        new = patch(scale)
        try:
            new = decoded(new, writing)
        except StatusError as error:
            raise incoming.unreadable_patch(error) from error
        _check_names(new["metadata"], obj["metadata"])
        if new["spec"].get("replicas") == _NOT_SET:
            raise bad_request(f'the spec replicas field "{path}" cannot be empty')
        return changed(kind, obj, new)

    return change


def decoded(body: JSON, writing: Writing) -> JSON:
    """A Scale as it was sent; it has metadata and a spec. Raises 400."""
    scale, warnings = incoming.decode(_SCALE, dict(body), writing.field_validation, writing.body_problems)
    writing.warnings += warnings
    return {**scale, "metadata": scale.get("metadata") or {}, "spec": scale.get("spec") or {}}


def _check_names(sent: JSON, meta: JSON) -> None:
    """Whether a Scale is that of the object. Raises 400."""
    incoming.check_name(sent, meta["name"])
    if sent.get("namespace"):
        incoming.place(_SCALE, meta.get("namespace", ""), sent)


def changed(kind: ResourceType, obj: JSON, scale: JSON) -> JSON:
    """The object with the replicas that a Scale asks for, and with its resourceVersion if it has one."""
    assert kind.scale is not None, "only kinds with scale paths have the subresource"
    place = obj
    *parents, last = [name for _, name in parse(kind.scale.spec_replicas)]
    for name in parents:
        place = place.setdefault(name, {})
    place[last] = scale["spec"].get("replicas", 0)
    version = scale["metadata"].get("resourceVersion")
    if version:
        obj["metadata"]["resourceVersion"] = version
    return obj

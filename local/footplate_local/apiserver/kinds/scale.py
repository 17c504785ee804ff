"""The scale subresource (autoscaling/v1 Scale) of custom kinds and of workloads."""

from __future__ import annotations

from typing import Any

from footplate_local.apiserver.errors import bad_request
from footplate_local.apiserver.kinds import label_selectors
from footplate_local.apiserver.kinds.registry import ResourceType
from footplate_local.apiserver.schema.jsonpath import first, parse

JSON = dict[str, Any]
TYPE = ("autoscaling/v1", "Scale")


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


def changed(kind: ResourceType, obj: JSON, scale: Any) -> JSON:
    """The object with the replicas that a Scale asks for. Raises 400."""
    assert kind.scale is not None, "only kinds with scale paths have the subresource"
    spec, meta = (scale.get(part) or {} for part in ("spec", "metadata")) if isinstance(scale, dict) else (None, None)
    if not isinstance(spec, dict) or not isinstance(meta, dict):
        raise bad_request("a Scale must be an object, and so must its metadata and its spec")
    replicas = spec.get("replicas", 0)
    if not isinstance(replicas, int) or isinstance(replicas, bool):
        raise bad_request(f"spec.replicas of a Scale must be an integer, got {replicas!r}")
    place = obj
    *parents, last = [name for _, name in parse(kind.scale.spec_replicas)]
    for name in parents:
        place = place.setdefault(name, {})
    place[last] = replicas
    version = meta.get("resourceVersion")
    if version:
        obj["metadata"]["resourceVersion"] = version
    return obj

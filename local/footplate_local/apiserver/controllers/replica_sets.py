"""What a ReplicaSet wants: so many pods of its template. Pure functions of the objects.

Source: kubernetes pkg/controller/replicaset. Not done: pods of others are not adopted, and minReadySeconds does not
count: a pod that is ready is available.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

JSON = dict[str, Any]
_ENDED = ("Succeeded", "Failed")


@dataclass(frozen=True, slots=True)
class Scaling:
    """How many pods to make, and the names of those to delete."""

    create: int = 0
    delete: tuple[str, ...] = ()


def scaling(replica_set: JSON, pods: Sequence[JSON]) -> Scaling:
    """From its pods to `spec.replicas` of them; those that are not ready go first, then the youngest."""
    living = active(pods)
    wanted = 0 if "deletionTimestamp" in replica_set["metadata"] else replica_set["spec"]["replicas"]
    if len(living) <= wanted:
        return Scaling(create=wanted - len(living))
    by_worth = sorted(living, key=lambda pod: (ready(pod), _reversed(pod["metadata"]["creationTimestamp"])))
    return Scaling(delete=tuple(pod["metadata"]["name"] for pod in by_worth[: len(living) - wanted]))


def pod_of(replica_set: JSON) -> JSON:
    """A new pod of its template."""
    template, meta = replica_set["spec"]["template"], replica_set["metadata"]
    kept = {key: template["metadata"][key] for key in ("labels", "annotations") if template["metadata"].get(key)}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"generateName": f"{meta['name']}-", "ownerReferences": [owner(replica_set)], **kept},
        "spec": template["spec"],
    }


def status(replica_set: JSON, pods: Sequence[JSON]) -> JSON:
    """What its status is to be."""
    living = active(pods)
    found = {"replicas": len(living), "observedGeneration": replica_set["metadata"]["generation"]}
    if living:
        found["fullyLabeledReplicas"] = len(living)
    if up := sum(map(ready, living)):
        found |= {"readyReplicas": up, "availableReplicas": up}
    return found


def owner(controller: JSON) -> JSON:
    """The reference of what a controller's object makes."""
    meta = controller["metadata"]
    types = {"apiVersion": controller["apiVersion"], "kind": controller["kind"]}
    return {**types, "name": meta["name"], "uid": meta["uid"], "controller": True, "blockOwnerDeletion": True}


def active(pods: Sequence[JSON]) -> list[JSON]:
    """Those that count: neither ended nor being deleted."""
    return [
        pod
        for pod in pods
        if "deletionTimestamp" not in pod["metadata"] and (pod.get("status") or {}).get("phase") not in _ENDED
    ]


def ready(pod: JSON) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(item["type"] == "Ready" and item["status"] == "True" for item in conditions)


def _reversed(timestamp: str) -> tuple[int, ...]:
    """The youngest first."""
    return tuple(-ord(letter) for letter in timestamp)

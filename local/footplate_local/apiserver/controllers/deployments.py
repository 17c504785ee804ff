"""What a Deployment wants of its ReplicaSets, and what its status says. Pure functions of the objects.

Source: kubernetes pkg/controller/deployment (rolling.go, recreate.go, progress.go, sync.go). Not done: paused
Deployments roll out all the same, a rollout that does not progress is not given up, and ReplicaSets of others are not
adopted.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from footplate_local.apiserver.controllers.replica_sets import owner
from footplate_local.apiserver.copying import copied

JSON = dict[str, Any]
HASH = "pod-template-hash"
REVISION = "deployment.kubernetes.io/revision"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done with the ReplicaSets: one to create, replicas by name to set, names to delete."""

    create: JSON | None
    scale: Mapping[str, int]
    delete: tuple[str, ...]
    revision: str


def plan(deployment: JSON, sets: Sequence[JSON], old_pods: int) -> Plan:
    """The next step of the rollout; `sets` are its ReplicaSets, `old_pods` pods of older templates that run."""
    spec, current = deployment["spec"], newest(deployment, sets)
    old = [item for item in sets if item is not current]
    revision = _revision(current, old)
    if spec["strategy"]["type"] == "Recreate":
        size = 0 if old_pods else spec["replicas"]
        down = {item["metadata"]["name"]: 0 for item in old}
    else:
        size, down = _rolling(spec, current, old)
    scale = {**down, **({current["metadata"]["name"]: size} if current else {})}
    sizes = {item["metadata"]["name"]: item["spec"]["replicas"] for item in sets}
    return Plan(
        create=None if current else _replica_set(deployment, size, revision),
        scale={name: number for name, number in scale.items() if sizes[name] != number},
        delete=_forgotten(old, spec["revisionHistoryLimit"]),
        revision=revision,
    )


def newest(deployment: JSON, sets: Sequence[JSON]) -> JSON | None:
    """The ReplicaSet of the template as it is now."""
    name = _name(deployment)
    return next((item for item in sets if item["metadata"]["name"] == name), None)


def _name(deployment: JSON) -> str:
    return f"{deployment['metadata']['name']}-{_hash(deployment)}"


def _hash(deployment: JSON) -> str:
    text = json.dumps(deployment["spec"]["template"], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def _replica_set(deployment: JSON, size: int, revision: str) -> JSON:
    spec, label = deployment["spec"], {HASH: _hash(deployment)}
    template = copied(spec["template"])
    template["metadata"]["labels"] = {**(template["metadata"].get("labels") or {}), **label}
    selector = copied(spec["selector"])
    selector["matchLabels"] = {**(selector.get("matchLabels") or {}), **label}
    meta = {
        "name": _name(deployment),
        "labels": template["metadata"]["labels"],
        "annotations": {REVISION: revision},
        "ownerReferences": [owner(deployment)],
    }
    body = {"replicas": size, "selector": selector, "template": template}
    return {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": meta, "spec": body}


def _revision(current: JSON | None, old: Sequence[JSON]) -> str:
    """Of the newest ReplicaSet: one more than all others have, also when an old template comes back."""
    last = max((_number(item) for item in old), default=0)
    return str(max(last + 1, _number(current) if current else 0))


def _number(replica_set: JSON) -> int:
    return int((replica_set["metadata"].get("annotations") or {}).get(REVISION, 0))


def _rolling(spec: JSON, current: JSON | None, old: Sequence[JSON]) -> tuple[int, dict[str, int]]:
    """Replicas of the newest ReplicaSet, and of the old ones by name."""
    wanted = spec["replicas"]
    surge = _count(spec["strategy"]["rollingUpdate"]["maxSurge"], wanted, math.ceil)
    missing = _count(spec["strategy"]["rollingUpdate"]["maxUnavailable"], wanted, math.floor)
    size = current["spec"]["replicas"] if current else 0
    total = size + sum(item["spec"]["replicas"] for item in old)
    size = min(wanted, size + max(0, wanted + surge - total))
    if current is None:
        return size, {}
    up = (current.get("status") or {}).get("availableReplicas", 0)
    keep = max(0, wanted - missing - min(up, wanted))
    down = {}
    for item in sorted(old, key=_number, reverse=True):
        serving = (item.get("status") or {}).get("availableReplicas", 0)
        down[item["metadata"]["name"]] = kept = min(item["spec"]["replicas"], keep)
        keep -= min(kept, serving)
    return size, down


def _count(value: int | str, of: int, whole: Any) -> int:
    """A number, or a percentage of the replicas."""
    return int(whole(of * int(value[:-1]) / 100)) if isinstance(value, str) else value


def _forgotten(old: Sequence[JSON], limit: int) -> tuple[str, ...]:
    """Old ReplicaSets without pods, but for so many to go back to."""
    empty = [item for item in old if item["spec"]["replicas"] == 0 and not (item.get("status") or {}).get("replicas")]
    oldest_first = sorted(empty, key=_number)
    return tuple(item["metadata"]["name"] for item in oldest_first[: max(0, len(empty) - limit)])


def status(deployment: JSON, sets: Sequence[JSON], now: str) -> JSON:
    """What its status is to be; `now` is a timestamp."""
    spec, current = deployment["spec"], newest(deployment, sets)
    counted = {key: _sum(sets, key) for key in ("replicas", "readyReplicas", "availableReplicas")}
    updated = _sum([current] if current else [], "replicas")
    available = counted["availableReplicas"]
    counted |= {"updatedReplicas": updated, "unavailableReplicas": max(0, spec["replicas"] - available)}
    found: JSON = {key: number for key, number in counted.items() if number}
    before = {item["type"]: item for item in (deployment.get("status") or {}).get("conditions") or ()}
    least = spec["replicas"]
    if spec["strategy"]["type"] == "RollingUpdate":
        least -= _count(spec["strategy"]["rollingUpdate"]["maxUnavailable"], spec["replicas"], math.floor)
    done = updated == counted["replicas"] == available == spec["replicas"]
    conditions = [_available(available >= least), _progressing(_name(deployment), done)]
    return {
        **found,
        "observedGeneration": deployment["metadata"]["generation"],
        "conditions": [_dated(item, before.get(item["type"]), now) for item in conditions],
    }


def _sum(sets: Sequence[JSON], key: str) -> int:
    return sum((item.get("status") or {}).get(key, 0) for item in sets)


def _available(enough: bool) -> JSON:
    if enough:
        reason, message = "MinimumReplicasAvailable", "Deployment has minimum availability."
    else:
        reason, message = "MinimumReplicasUnavailable", "Deployment does not have minimum availability."
    return {"type": "Available", "status": str(enough), "reason": reason, "message": message}


def _progressing(name: str, done: bool) -> JSON:
    if done:
        reason, message = "NewReplicaSetAvailable", f'ReplicaSet "{name}" has successfully progressed.'
    else:
        reason, message = "ReplicaSetUpdated", f'ReplicaSet "{name}" is progressing.'
    return {"type": "Progressing", "status": "True", "reason": reason, "message": message}


def _dated(condition: JSON, before: JSON | None, now: str) -> JSON:
    """The same condition keeps its times."""
    if before is not None and all(before.get(key) == value for key, value in condition.items()):
        return before
    same = before is not None and before["status"] == condition["status"]
    moved = before["lastTransitionTime"] if before is not None and same else now
    return {**condition, "lastUpdateTime": now, "lastTransitionTime": moved}

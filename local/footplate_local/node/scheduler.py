"""Whether a pod fits on this one node, in the words of kube-scheduler. Pure.

Source: Kubernetes documentation, "Scheduling, Preemption and Eviction"; the sentences are kube-scheduler's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from footplate_local.node.resources import Resources, add, pod_requests

Json = Mapping[str, Any]
SCHEDULER = "default-scheduler"


@dataclass(frozen=True, slots=True)
class Node:
    """What the scheduler knows of the node. ``used``: requests of the pods on it; ``cordoned``: spec.unschedulable."""

    allocatable: Resources
    labels: Mapping[str, str]
    cordoned: bool = False
    used: Resources = field(default_factory=dict)
    pods: int = 0


def wants_scheduling(pod: Json) -> bool:
    """Whether POD waits for this scheduler."""
    spec, status = pod["spec"], pod.get("status") or {}
    return (
        not spec.get("nodeName")
        and spec.get("schedulerName", SCHEDULER) == SCHEDULER
        and not spec.get("schedulingGates")
        and not pod["metadata"].get("deletionTimestamp")
        and status.get("phase") not in ("Succeeded", "Failed")
    )


def in_order(pods: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The highest priority first, then the oldest."""
    return sorted(
        pods,
        key=lambda pod: (
            -(pod["spec"].get("priority") or 0),
            pod["metadata"].get("creationTimestamp", ""),
            pod["metadata"]["name"],
        ),
    )


def why_not(pod: Json, node: Node) -> str | None:
    """None when POD fits; else the sentence of its PodScheduled condition."""
    if node.cordoned:
        return _sentence(["node(s) were unschedulable"])
    selector = pod["spec"].get("nodeSelector") or {}
    if any(node.labels.get(key) != value for key, value in selector.items()):
        return _sentence(["node(s) didn't match Pod's node affinity/selector"])
    lacking = [
        f"Insufficient {name}"
        for name, amount in sorted(pod_requests(pod).items())
        if amount > 0 and amount > node.allocatable.get(name, _ZERO) - node.used.get(name, _ZERO)
    ]
    if node.pods >= node.allocatable["pods"]:
        lacking.insert(0, "Too many pods")
    return _sentence(lacking) if lacking else None


def total_requests(pods: Iterable[Json]) -> Resources:
    total: Resources = {}
    for pod in pods:
        total = add(total, pod_requests(pod))
    return total


def _sentence(reasons: list[str]) -> str:
    return f"0/1 nodes are available: {', '.join(f'1 {reason}' for reason in reasons)}."


_ZERO = Decimal(0)

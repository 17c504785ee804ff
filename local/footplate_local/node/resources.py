"""What a pod asks for, as Kubernetes computes it.

Source: Kubernetes documentation, "Resource Management for Pods and Containers" and "Sidecar containers: resource
sharing within containers".
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from footplate.quantity import parse_quantity

GPU = "nvidia.com/gpu"

Resources = Mapping[str, Decimal]  # cores, bytes, devices by resource name

_ZERO = Decimal(0)


def is_sidecar(container: Mapping[str, Any]) -> bool:
    """Of an init container: whether it is a native sidecar."""
    return container.get("restartPolicy") == "Always"


def container_requests(container: Mapping[str, Any]) -> Resources:
    """A container's requests; a limit without a request counts as one."""
    resources = container.get("resources") or {}
    asked = {**(resources.get("limits") or {}), **(resources.get("requests") or {})}
    return {name: parse_quantity(value) for name, value in asked.items()}


def container_limit(container: Mapping[str, Any], resource: str) -> Decimal | None:
    limits = (container.get("resources") or {}).get("limits") or {}
    return parse_quantity(limits[resource]) if resource in limits else None


def pod_requests(pod: Mapping[str, Any]) -> Resources:
    """The larger of what runs together at the end and what each init container needs beside the sidecars before it."""
    spec = pod["spec"]
    sidecars: Resources = {}
    peak: Resources = {}
    for container in spec.get("initContainers") or []:
        together = add(sidecars, container_requests(container))
        if is_sidecar(container):
            sidecars = together
        peak = _larger(peak, together)
    at_the_end = sidecars
    for container in spec["containers"]:
        at_the_end = add(at_the_end, container_requests(container))
    overhead = {name: parse_quantity(value) for name, value in (spec.get("overhead") or {}).items()}
    return add(_larger(peak, at_the_end), overhead)


def add(first: Resources, second: Resources) -> Resources:
    return {name: first.get(name, _ZERO) + second.get(name, _ZERO) for name in {**first, **second}}


def _larger(first: Resources, second: Resources) -> Resources:
    return {name: max(first.get(name, _ZERO), second.get(name, _ZERO)) for name in {**first, **second}}

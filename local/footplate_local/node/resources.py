"""Quantities and what a pod asks for, as Kubernetes computes it.

Source: Kubernetes documentation, "Resource Management for Pods and Containers" and "Sidecar containers: resource
sharing within containers".
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

GPU = "nvidia.com/gpu"

Resources = Mapping[str, Decimal]  # cores, bytes, devices by resource name

_ZERO = Decimal(0)
_SUFFIXES = {
    "n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3"), "": Decimal(1),
    "k": Decimal(10**3), "M": Decimal(10**6), "G": Decimal(10**9), "T": Decimal(10**12),
    "P": Decimal(10**15), "E": Decimal(10**18),
    "Ki": Decimal(2**10), "Mi": Decimal(2**20), "Gi": Decimal(2**30), "Ti": Decimal(2**40),
    "Pi": Decimal(2**50), "Ei": Decimal(2**60),
}  # fmt: skip


def parse_quantity(text: str | int | float) -> Decimal:
    """``"500m"`` -> 0.5, ``"2Gi"`` -> 2147483648. ValueError with a sentence for anything else."""
    value = str(text).strip()
    suffix = value.lstrip("+-0123456789.")
    if suffix[:1] in ("e", "E") and suffix[1:]:  # 1e3: an exponent, not a suffix
        suffix = ""
    factor = _SUFFIXES.get(suffix)
    number: Decimal | None
    try:
        number = Decimal(value[: len(value) - len(suffix)])
    except InvalidOperation:
        number = None
    if factor is None or number is None:
        raise ValueError(f"{text!r} is not a quantity such as 500m, 2 or 4Gi")
    return number * factor


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

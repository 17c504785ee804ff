"""What a pod may learn about itself: fieldRef and resourceFieldRef, for environment variables and volumes.

Source: Kubernetes documentation, "Downward API".
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from footplate.quantity import parse_quantity
from footplate_local.node.resources import Resources, container_limit, container_requests


class ConfigError(Exception):
    """The container's configuration cannot be made yet; the message is the kubelet's sentence."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a pod runs: its address, the node and what the node has to give."""

    pod_ip: str
    host_ip: str
    node_name: str
    allocatable: Resources


_SUBSCRIPT = re.compile(r"metadata\.(labels|annotations)\['(.+)'\]")


def field(pod: Mapping[str, Any], place: Place, path: str) -> str:
    """The value at PATH. ConfigError when a pod has no such field."""
    metadata = pod["metadata"]
    if match := _SUBSCRIPT.fullmatch(path):
        return str((metadata.get(match[1]) or {}).get(match[2], ""))
    if path in ("metadata.labels", "metadata.annotations"):
        values = metadata.get(path.removeprefix("metadata.")) or {}
        return "\n".join(f'{key}="{_escape(value)}"' for key, value in sorted(values.items()))
    known = {
        "metadata.name": metadata["name"],
        "metadata.namespace": metadata["namespace"],
        "metadata.uid": metadata["uid"],
        "spec.nodeName": place.node_name,
        "spec.serviceAccountName": pod["spec"].get("serviceAccountName", "default"),
        "status.podIP": place.pod_ip,
        "status.podIPs": place.pod_ip,
        "status.hostIP": place.host_ip,
        "status.hostIPs": place.host_ip,
    }
    if path not in known:
        raise ConfigError(f"field label not supported: {path}")
    return str(known[path])


def resource_field(
    pod: Mapping[str, Any], place: Place, reference: Mapping[str, Any], default_container: str | None
) -> str:
    """A request or limit in whole units of the divisor, rounded up; a missing limit is what the node has."""
    name = reference.get("containerName") or default_container
    containers = [*pod["spec"]["containers"], *(pod["spec"].get("initContainers") or [])]
    container = next((candidate for candidate in containers if candidate["name"] == name), None)
    if container is None:
        raise ConfigError(f"container {name} not found")
    kind, _, resource = reference["resource"].partition(".")
    if kind == "limits":
        value = container_limit(container, resource) or place.allocatable.get(resource, Decimal(0))
    elif kind == "requests":
        value = container_requests(container).get(resource, Decimal(0))
    else:
        raise ConfigError(f"unsupported container resource: {reference['resource']}")
    divisor = parse_quantity(reference.get("divisor") or "1") or Decimal(1)
    return str(math.ceil(value / divisor))


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

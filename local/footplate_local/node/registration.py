"""The Node object: says what the machine has, and every few seconds that the node lives."""

from __future__ import annotations

import logging
import platform
import time
from collections.abc import Mapping
from decimal import Decimal
from importlib.metadata import version
from typing import Any

from footplate.errors import AlreadyExists
from footplate.kube.client import KubeClient
from footplate.kube.resources import NODES
from footplate_local.node.machine import Machine
from footplate_local.node.resources import Resources
from footplate_local.node.status import merge_conditions, timestamp

log = logging.getLogger(__name__)

Json = dict[str, Any]
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


async def heartbeat(client: KubeClient, machine: Machine, port: int) -> Json:
    """Writes the node's status, creating the object when it is not there, and returns the object."""
    node = await client.get(NODES, machine.name)
    if node is None:
        try:
            node = await client.create(NODES, _node(machine))
        except AlreadyExists:
            node = await client.get(NODES, machine.name) or _node(machine)
    before = (node.get("status") or {}).get("conditions") or []
    return await client.patch(
        NODES, machine.name, None, {"status": node_status(machine, port, before, time.time())}, subresource="status"
    )


def node_status(machine: Machine, port: int, conditions: list[Json], now: float) -> Json:
    ready = {
        "Ready": {
            "status": "True",
            "reason": "KubeletReady",
            "message": "the embedded node runs pods as processes of this machine",
        }
    }
    merged = merge_conditions(ready, conditions, now)
    for condition in merged:
        condition.pop("lastProbeTime", None)
        if condition["type"] == "Ready":
            condition["lastHeartbeatTime"] = timestamp(now)
    release = version("footplate")
    return {
        "capacity": quantities(machine.capacity),
        "allocatable": quantities(machine.allocatable),
        "conditions": merged,
        "addresses": [
            {"type": "InternalIP", "address": machine.host_ip},
            {"type": "Hostname", "address": machine.name},
        ],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
        "nodeInfo": {
            "architecture": _architecture(),
            "operatingSystem": "linux",
            "osImage": _os_image(),
            "kernelVersion": platform.release(),
            "kubeletVersion": f"v{release}-footplate",
            "kubeProxyVersion": "",
            "containerRuntimeVersion": f"footplate://{release}",
            "machineID": "",
            "systemUUID": "",
            "bootID": "",
        },
    }


def quantities(resources: Resources) -> dict[str, str]:
    """Whole units; memory in Ki as the kubelet writes it."""
    return {
        name: f"{int(value) // 1024}Ki" if name in ("memory", "ephemeral-storage") else _plain(value)
        for name, value in resources.items()
    }


def labels_of(node: Mapping[str, Any]) -> dict[str, str]:
    return dict(node["metadata"].get("labels") or {})


def _node(machine: Machine) -> Json:
    labels = {
        "kubernetes.io/hostname": machine.name,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": _architecture(),
    }
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": machine.name, "labels": labels}}


def _architecture() -> str:
    return _ARCHITECTURES.get(platform.machine(), platform.machine())


def _os_image() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return "Linux"


def _plain(value: Decimal) -> str:
    return str(int(value))

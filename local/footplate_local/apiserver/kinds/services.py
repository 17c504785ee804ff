"""Services."""

from __future__ import annotations

from typing import Any

from footplate_local.apiserver import names
from footplate_local.apiserver.errors import FieldError, invalid_value, required
from footplate_local.apiserver.kinds.registry import Strategy

JSON = dict[str, Any]


class ServiceStrategy(Strategy):
    """Services are names here: no addresses are given out, pods are found through the node's hosts file."""

    def name_errors(self, name: str) -> list[str]:
        return names.service_name(name)

    def prepare(self, obj: JSON, old: JSON | None) -> None:
        spec = obj.setdefault("spec", {})
        spec.setdefault("type", "ClusterIP")
        spec.setdefault("sessionAffinity", "None")
        spec.setdefault("clusterIP", "None")
        spec.setdefault("clusterIPs", [spec["clusterIP"]])
        spec.setdefault("ipFamilies", ["IPv4"])
        spec.setdefault("ipFamilyPolicy", "SingleStack")
        spec.setdefault("internalTrafficPolicy", "Cluster")
        for port in spec.get("ports", ()):
            port.setdefault("protocol", "TCP")
            port.setdefault("targetPort", port.get("port"))
        obj.setdefault("status", {"loadBalancer": {}})

    def validate(self, obj: JSON, old: JSON | None, subresource: str) -> list[FieldError]:
        found = []
        ports = obj["spec"].get("ports", [])
        for index, port in enumerate(ports):
            number = port.get("port")
            if not isinstance(number, int) or not 1 <= number <= 65535:
                text = "must be between 1 and 65535, inclusive"
                found.append(invalid_value(f"spec.ports[{index}].port", number, text))
            if len(ports) > 1 and not port.get("name"):
                found.append(required(f"spec.ports[{index}].name"))
        if old is not None and obj["spec"].get("clusterIP") != old["spec"].get("clusterIP"):
            found.append(invalid_value("spec.clusterIPs[0]", obj["spec"].get("clusterIPs"), "may not change once set"))
        return found

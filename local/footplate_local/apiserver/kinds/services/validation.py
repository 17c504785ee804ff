"""Checks of Services.

Source: kubernetes pkg/apis/core/validation/validation.go (ValidateService, ValidateServiceUpdate).
"""

from __future__ import annotations

import ipaddress
from typing import Any

from footplate_local.apiserver.errors import field_forbidden, invalid_value, not_supported, required
from footplate_local.apiserver.kinds import checks
from footplate_local.apiserver.kinds.checks import Errors
from footplate_local.apiserver.objects import names

JSON = dict[str, Any]
_TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
_POLICIES = ("PreferDualStack", "RequireDualStack", "SingleStack")
_TRAFFIC = ("Cluster", "Local")
_LONGEST_AFFINITY = 86400


def spec_errors(spec: JSON) -> Errors:
    kind, ports, headless = spec["type"], spec.get("ports") or [], spec.get("clusterIP") == "None"
    if not ports and not headless and kind != "ExternalName":
        yield required("spec.ports")
    if headless and kind in ("LoadBalancer", "NodePort"):
        yield invalid_value("spec.clusterIPs[0]", "None", f"may not be set to 'None' for {kind} services")
    if kind == "ExternalName":
        yield from _external_name(spec)
    yield from _ports(ports, kind)
    yield from checks.labels(spec.get("selector"), "spec.selector")
    yield from _affinity(spec)
    if kind != "ExternalName":
        yield from address_errors(spec)
    for index, address in enumerate(spec.get("externalIPs") or ()):
        yield from checks.address(address, f"spec.externalIPs[{index}]")
    if kind not in _TYPES:
        yield not_supported("spec.type", kind, _TYPES)
    yield from _load_balancer(spec)
    yield from _traffic(spec)


def _external_name(spec: JSON) -> Errors:
    for part in ("clusterIPs", "ipFamilies", "ipFamilyPolicy"):
        if spec.get(part):
            yield field_forbidden(f"spec.{part}", "may not be set for ExternalName services")
    name = spec.get("externalName", "").removesuffix(".")
    yield from checks.needed(name, "spec.externalName", names.subdomain)


def _ports(ports: list[JSON], kind: str) -> Errors:
    seen: set[str] = set()
    for index, port in enumerate(ports):
        path, name = f"spec.ports[{index}]", port.get("name", "")
        if name:
            yield from checks.by(names.dns_label, name, f"{path}.name")
            if name in seen:
                yield checks.duplicate(f"{path}.name", name)
            seen.add(name)
        elif len(ports) > 1:
            yield required(f"{path}.name")
        yield from checks.port_number(port.get("port", 0), f"{path}.port")
        yield from checks.one_of(port.get("protocol"), checks.PROTOCOLS, f"{path}.protocol")
        yield from checks.port(port["targetPort"], f"{path}.targetPort")
        if port.get("appProtocol") is not None:
            yield from checks.by(names.label_key, port["appProtocol"], f"{path}.appProtocol")
    if kind == "ClusterIP":
        for index, port in enumerate(ports):
            if port.get("nodePort"):
                text = "may not be used when `type` is 'ClusterIP'"
                yield field_forbidden(f"spec.ports[{index}].nodePort", text)
    yield from _taken_twice(ports)


def _taken_twice(ports: list[JSON]) -> Errors:
    node_ports: set[tuple[str, int]] = set()
    numbers: set[tuple[str, int]] = set()
    for index, port in enumerate(ports):
        protocol, node_port = port.get("protocol", ""), port.get("nodePort", 0)
        if node_port and (protocol, node_port) in node_ports:
            yield checks.duplicate(f"spec.ports[{index}].nodePort", node_port)
        node_ports.add((protocol, node_port))
    for index, port in enumerate(ports):
        key = (port.get("protocol", ""), port.get("port", 0))
        if key in numbers:
            yield checks.duplicate(f"spec.ports[{index}]", {"Protocol": key[0], "Port": key[1]})
        numbers.add(key)


def _affinity(spec: JSON) -> Errors:
    yield from checks.one_of(spec.get("sessionAffinity"), ("ClientIP", "None"), "spec.sessionAffinity")
    if spec.get("sessionAffinity") == "ClientIP":
        seconds = spec["sessionAffinityConfig"]["clientIP"]["timeoutSeconds"]
        if not 0 < seconds <= _LONGEST_AFFINITY:
            text = f"must be greater than 0 and less than {_LONGEST_AFFINITY}"
            yield invalid_value("spec.sessionAffinityConfig.clientIP.timeoutSeconds", seconds, text)


def address_errors(spec: JSON) -> Errors:
    """What is wrong with addresses and their families (ValidateServiceClusterIPsRelatedFields)."""
    families, several, first = spec.get("ipFamilies") or [], spec.get("clusterIPs") or [], spec.get("clusterIP", "")
    for index, family in enumerate(families):
        if family not in ("IPv4", "IPv6"):
            yield not_supported(f"spec.ipFamilies[{index}]", family, ("IPv4", "IPv6"))
        if family in families[:index]:
            yield checks.duplicate(f"spec.ipFamilies[{index}]", family)
    yield from checks.maybe_one_of(spec.get("ipFamilyPolicy"), _POLICIES, "spec.ipFamilyPolicy")
    if not first and several:
        yield required("spec.clusterIP", "must be specified when `clusterIPs` is specified")
    elif first and several[:1] != [first]:
        yield invalid_value("spec.clusterIPs", several, "first value must match `clusterIP`")
    for index, address in enumerate(several):
        if address == "None":
            if len(several) > 1:
                yield invalid_value(f"spec.clusterIPs[{index}]", address, "'None' must be the first and only value")
            continue
        problems = list(checks.address(address, f"spec.clusterIPs[{index}]"))
        yield from problems
        if not problems and index < len(families):
            family = f"IPv{ipaddress.ip_address(address).version}"
            if family != families[index]:
                text = f"expected an {families[index]} value as indicated by `ipFamilies[{index}]`"
                yield invalid_value(f"spec.clusterIPs[{index}]", address, text)
    if len(several) > 2:
        yield invalid_value("spec.clusterIPs", several, "may only hold up to 2 values")


def _load_balancer(spec: JSON) -> Errors:
    if spec["type"] == "LoadBalancer":
        return
    text = "may only be used when `type` is 'LoadBalancer'"
    if spec.get("loadBalancerSourceRanges"):
        yield field_forbidden("spec.LoadBalancerSourceRanges", text)
    for part in ("allocateLoadBalancerNodePorts", "loadBalancerClass"):
        if part in spec:
            yield field_forbidden(f"spec.{part}", text)


def _traffic(spec: JSON) -> Errors:
    outside = spec["type"] in ("LoadBalancer", "NodePort") or (spec["type"] == "ClusterIP" and spec.get("externalIPs"))
    policy = spec.get("externalTrafficPolicy", "")
    if policy and not outside:
        text = "may only be set for externally-accessible services"
        yield invalid_value("spec.externalTrafficPolicy", policy, text)
    elif policy:
        yield from checks.one_of(policy, _TRAFFIC, "spec.externalTrafficPolicy")
    local = spec["type"] == "LoadBalancer" and policy == "Local"
    if spec.get("healthCheckNodePort") and not local:
        text = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
        yield invalid_value("spec.healthCheckNodePort", spec["healthCheckNodePort"], text)
    yield from checks.maybe_one_of(spec.get("internalTrafficPolicy"), _TRAFFIC, "spec.internalTrafficPolicy")
    distributions = ("PreferClose", "PreferSameNode", "PreferSameZone")
    yield from checks.maybe_one_of(spec.get("trafficDistribution"), distributions, "spec.trafficDistribution")


def change_errors(spec: JSON, old: JSON) -> Errors:
    """What an update may not change: the addresses and families, unless it comes from or becomes an ExternalName."""
    if "ExternalName" in (spec["type"], old["type"]):
        return
    new_address, old_address = (item.get("clusterIPs") or [] for item in (spec, old))
    if old_address and new_address[:1] != old_address[:1]:
        text = "may not change once set" if new_address else "primary clusterIP can not be unset"
        yield invalid_value("spec.clusterIPs[0]", new_address, text)
    new_family, old_family = (item.get("ipFamilies") or [] for item in (spec, old))
    if old_family and new_family[:1] != old_family[:1]:
        yield invalid_value("spec.ipFamilies[0]", new_family, "may not change once set")

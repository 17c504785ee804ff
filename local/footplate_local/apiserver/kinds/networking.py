"""Ingresses, NetworkPolicies, EndpointSlices and Endpoints. Nothing acts on them in the embedded cluster.

Sources: kubernetes pkg/apis/networking/{v1/defaults.go,validation}, pkg/apis/discovery/{v1/defaults.go,validation},
pkg/apis/core/validation/validation.go (ValidateEndpoints).
"""

from __future__ import annotations

from typing import Any

from footplate_local.apiserver.errors import invalid_value, not_supported, required
from footplate_local.apiserver.kinds import checks
from footplate_local.apiserver.kinds.checks import Errors
from footplate_local.apiserver.objects import names

JSON = dict[str, Any]
_PATH_TYPES = ("Exact", "ImplementationSpecific", "Prefix")
_ADDRESS_TYPES = ("FQDN", "IPv4", "IPv6")


def fill_policy(policy: JSON) -> None:
    spec = policy["spec"]
    for rule in spec.get("ingress") or ():
        _fill_ports(rule)
    for rule in spec.get("egress") or ():
        _fill_ports(rule)
    if not spec.get("policyTypes"):
        spec["policyTypes"] = ["Ingress", *(["Egress"] if spec.get("egress") else ())]


def _fill_ports(rule: JSON) -> None:
    for port in rule.get("ports") or ():
        port.setdefault("protocol", "TCP")


def check_policy(policy: JSON, old: JSON | None) -> Errors:
    spec = policy["spec"]
    yield from checks.label_selector(spec.get("podSelector"), "spec.podSelector")
    for direction, peers in (("ingress", "from"), ("egress", "to")):
        for index, rule in enumerate(spec.get(direction) or ()):
            path = f"spec.{direction}[{index}]"
            for place, port in enumerate(rule.get("ports") or ()):
                where = f"{path}.ports[{place}]"
                if port["protocol"] not in checks.PROTOCOLS:
                    yield not_supported(f"{where}.protocol", port["protocol"], checks.PROTOCOLS)
                if "port" in port:
                    yield from checks.port(port["port"], f"{where}.port")
            for place, peer in enumerate(rule.get(peers) or ()):
                if not peer:
                    yield required(f"{path}.{peers}[{place}]", "must specify a peer")
    types = spec["policyTypes"]
    if len(types) > 2:
        yield invalid_value("spec.policyTypes", types, "may not specify more than two policyTypes")
    for index, kind in enumerate(types):
        yield from checks.maybe_one_of(kind, ("Ingress", "Egress"), f"spec.policyTypes[{index}]")


def check_ingress(ingress: JSON, old: JSON | None) -> Errors:
    spec = ingress["spec"]
    rules, backend = spec.get("rules") or [], spec.get("defaultBackend")
    if not rules and backend is None:
        yield invalid_value("spec", spec, "either `defaultBackend` or `rules` must be specified")
    if backend is not None:
        yield from _backend_errors(backend, "spec.defaultBackend")
    for index, rule in enumerate(rules):
        path, host = f"spec.rules[{index}]", rule.get("host", "")
        if host:
            yield from checks.by(names.subdomain, host.removeprefix("*."), f"{path}.host")
        if "http" not in rule:
            continue
        paths = rule["http"].get("paths") or []
        if not paths:
            yield required(f"{path}.http.paths")
        for place, item in enumerate(paths):
            yield from _path_errors(item, f"{path}.http.paths[{place}]")
    if spec.get("ingressClassName"):
        yield from checks.by(names.subdomain, spec["ingressClassName"], "spec.ingressClassName")


def _path_errors(item: JSON, path: str) -> Errors:
    kind, where = item.get("pathType"), item.get("path", "")
    if not kind:
        yield required(f"{path}.pathType", "pathType must be specified")
    elif kind not in _PATH_TYPES:
        yield not_supported(f"{path}.pathType", kind, _PATH_TYPES)
    elif not where.startswith("/") and (where or kind != "ImplementationSpecific"):
        yield invalid_value(f"{path}.path", where, "must be an absolute path")
    yield from _backend_errors(item.get("backend") or {}, f"{path}.backend")


def _backend_errors(backend: JSON, path: str) -> Errors:
    service, resource = backend.get("service"), backend.get("resource")
    if service is not None and resource is not None:
        yield invalid_value(path, "", "cannot set both resource and service backends")
    elif service is None and resource is None:
        yield required(path, "port name or number is required")
    elif service is not None:
        yield from checks.needed(service.get("name"), f"{path}.service.name", names.service_name)
        port = service.get("port") or {}
        if "name" in port and "number" in port:
            yield invalid_value(path, "", "cannot set both port name & port number")
        elif "name" in port:
            yield from checks.by(checks.port_name, port["name"], f"{path}.service.port.name")
        elif "number" in port:
            yield from checks.port_number(port["number"], f"{path}.service.port.number")
        else:
            yield required(path, "port name or number is required")


def check_class(ingress_class: JSON, old: JSON | None) -> Errors:
    spec = ingress_class["spec"]
    controller = spec.get("controller", "")
    if not controller or "/" not in controller:
        yield invalid_value("spec.controller", controller, 'must be a domain-prefixed path (such as "acme.io/foo")')
    if old is not None and controller != old["spec"].get("controller", ""):
        yield invalid_value("spec.controller", controller, checks.IMMUTABLE)


def fill_slice(endpoint_slice: JSON) -> None:
    for port in endpoint_slice.get("ports") or ():
        port.setdefault("name", "")
        port.setdefault("protocol", "TCP")


def check_slice(endpoint_slice: JSON, old: JSON | None) -> Errors:
    kind = endpoint_slice.get("addressType", "")
    if not kind:
        yield required("addressType")
    elif kind not in _ADDRESS_TYPES:
        yield not_supported("addressType", kind, _ADDRESS_TYPES)
    for index, endpoint in enumerate(endpoint_slice.get("endpoints") or ()):
        found = endpoint.get("addresses") or []
        if not found:
            yield required(f"endpoints[{index}].addresses", "must contain at least 1 address")
        if kind in ("IPv4", "IPv6"):
            for place, address in enumerate(found):
                yield from checks.address(address, f"endpoints[{index}].addresses[{place}]")
    seen: set[str] = set()
    for index, port in enumerate(endpoint_slice.get("ports") or ()):
        if port["name"]:
            yield from checks.by(names.dns_label, port["name"], f"ports[{index}].name")
        if port["name"] in seen:
            yield checks.duplicate(f"ports[{index}].name", port["name"])
        seen.add(port["name"])
        if port["protocol"] not in checks.PROTOCOLS:
            yield not_supported(f"ports[{index}].protocol", port["protocol"], checks.PROTOCOLS)
    if old is not None:
        yield from checks.unchanged(kind, old.get("addressType"), "addressType")


def fill_endpoints(endpoints: JSON) -> None:
    for subset in endpoints.get("subsets") or ():
        for port in subset.get("ports") or ():
            port.setdefault("protocol", "TCP")


def check_endpoints(endpoints: JSON, old: JSON | None) -> Errors:
    for index, subset in enumerate(endpoints.get("subsets") or ()):
        path, ports = f"subsets[{index}]", subset.get("ports") or []
        if not subset.get("addresses") and not subset.get("notReadyAddresses"):
            yield required(path, "must specify `addresses` or `notReadyAddresses`")
        for part in ("addresses", "notReadyAddresses"):
            for place, address in enumerate(subset.get(part) or ()):
                yield from checks.address(address.get("ip", ""), f"{path}.{part}[{place}].ip")
        for place, port in enumerate(ports):
            where = f"{path}.ports[{place}]"
            if len(ports) > 1 and not port.get("name"):
                yield required(f"{where}.name")
            elif port.get("name"):
                yield from checks.by(names.dns_label, port["name"], f"{where}.name")
            yield from checks.port_number(port.get("port", 0), f"{where}.port")
            yield from checks.one_of(port.get("protocol"), checks.PROTOCOLS, f"{where}.protocol")

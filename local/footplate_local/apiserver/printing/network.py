"""How Services, endpoints, Ingresses and NetworkPolicies are shown."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from footplate_local.apiserver.printing.columns import (
    AGE,
    NAME,
    NONE,
    UNSET,
    Column,
    Printer,
    age,
    first,
    labels,
    name,
    selector,
    selector_column,
)

JSON = dict[str, Any]


def _service(obj: JSON, now: datetime) -> list[Any]:
    spec = obj.get("spec", {})
    address = next(iter(spec.get("clusterIPs") or ()), NONE)
    return [
        name(obj), spec.get("type", ""), address, _external(obj), _ports(spec), age(obj, now),
        labels(spec.get("selector")),
    ]  # fmt: skip


def _ports(spec: JSON) -> str:
    shown = [
        f"{port['port']}:{port['nodePort']}/{port['protocol']}"
        if port.get("nodePort")
        else f"{port['port']}/{port['protocol']}"
        for port in spec.get("ports") or ()
    ]
    return ",".join(shown) or NONE


def _external(service: JSON) -> str:
    spec, kind = service.get("spec", {}), service.get("spec", {}).get("type", "")
    addresses = list(spec.get("externalIPs") or ())
    if kind == "ExternalName":
        return str(spec.get("externalName", ""))
    if kind == "LoadBalancer":
        addresses = [*_entries(service), *addresses]
        return ",".join(addresses) or "<pending>"
    return ",".join(addresses) or NONE


def _entries(obj: JSON) -> list[str]:
    """The addresses of the load balancer before an object."""
    entries = ((obj.get("status", {}).get("loadBalancer") or {}).get("ingress")) or ()
    return [entry.get("ip") or entry.get("hostname", "") for entry in entries]


def _endpoints(obj: JSON, now: datetime) -> list[Any]:
    found = []
    for subset in obj.get("subsets") or ():
        addresses = [address["ip"] for address in subset.get("addresses") or ()]
        ports = subset.get("ports") or ()
        if not ports:
            found += addresses
        found += [f"{_host(address)}:{port['port']}" for port in ports for address in addresses]
    return [name(obj), first(found) if obj.get("subsets") else NONE, age(obj, now)]


def _host(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def _slice(obj: JSON, now: datetime) -> list[Any]:
    ports = [str(port.get("port", port.get("name", "*"))) for port in obj.get("ports") or ()]
    addresses = [item for endpoint in obj.get("endpoints") or () for item in endpoint.get("addresses") or ()]
    return [name(obj), obj.get("addressType", ""), first(ports) or UNSET, first(addresses) or UNSET, age(obj, now)]


def _ingress(obj: JSON, now: datetime) -> list[Any]:
    spec = obj.get("spec", {})
    hosts = [rule["host"] for rule in spec.get("rules") or () if rule.get("host")]
    ports = "80, 443" if spec.get("tls") else "80"
    shown = first(hosts) or "*"
    return [name(obj), spec.get("ingressClassName", NONE), shown, ",".join(_entries(obj)), ports, age(obj, now)]


def _ingress_class(obj: JSON, now: datetime) -> list[Any]:
    spec = obj.get("spec", {})
    given, parameters = spec.get("parameters"), NONE
    if given:
        group = f".{given['apiGroup']}" if given.get("apiGroup") else ""
        parameters = f"{given['kind']}{group}/{given['name']}"
    return [name(obj), spec.get("controller", ""), parameters, age(obj, now)]


def _policy(obj: JSON, now: datetime) -> list[Any]:
    return [name(obj), selector(obj.get("spec", {}).get("podSelector")), age(obj, now)]


PRINTERS = {
    "Service": Printer(
        (
            NAME,
            Column("Type", "core.v1.ServiceSpec.type"),
            Column("Cluster-IP", "core.v1.ServiceSpec.clusterIP"),
            Column("External-IP", "core.v1.ServiceSpec.externalIPs"),
            Column("Port(s)", "core.v1.ServiceSpec.ports"),
            AGE,
            selector_column("core.v1.ServiceSpec.selector"),
        ),
        _service,
    ),
    "Endpoints": Printer((NAME, Column("Endpoints", "core.v1.Endpoints.subsets"), AGE), _endpoints),
    "EndpointSlice": Printer(
        (
            NAME,
            Column("AddressType", "discovery.v1.EndpointSlice.addressType"),
            Column("Ports", "discovery.v1.EndpointSlice.ports"),
            Column("Endpoints", "discovery.v1.EndpointSlice.endpoints"),
            AGE,
        ),
        _slice,
    ),
    "Ingress": Printer(
        (
            NAME,
            Column("Class", "The name of the IngressClass resource that should be used for additional configuration"),
            Column("Hosts", "Hosts that incoming requests are matched against before the ingress rule"),
            Column("Address", "Address is a list containing ingress points for the load-balancer"),
            Column("Ports", "Ports of TLS configurations that open"),
            AGE,
        ),
        _ingress,
    ),
    "IngressClass": Printer(
        (
            NAME,
            Column("Controller", "Controller that is responsible for handling this class"),
            Column("Parameters", "A reference to a resource with additional parameters"),
            AGE,
        ),
        _ingress_class,
    ),
    "NetworkPolicy": Printer(
        (NAME, Column("Pod-Selector", "networking.v1.NetworkPolicySpec.podSelector"), AGE), _policy
    ),
}

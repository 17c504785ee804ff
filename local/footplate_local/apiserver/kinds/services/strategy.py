"""Services: filled in, given addresses and ports, checked.

No program listens on the addresses: pods of the embedded cluster find each other by the names of their hosts. Sources:
kubernetes pkg/apis/core/v1/defaults.go, pkg/registry/core/service (strategy.go, storage/alloc.go, storage/storage.go).
"""

from __future__ import annotations

from typing import Any

from footplate_local.apiserver.errors import FieldError, StatusError, Subject, invalid_value
from footplate_local.apiserver.kinds.registry import Strategy
from footplate_local.apiserver.kinds.services import addresses
from footplate_local.apiserver.kinds.services import validation as service_validation
from footplate_local.apiserver.objects import names
from footplate_local.apiserver.storage.model import Storage

JSON = dict[str, Any]
_AFFINITY_SECONDS = 3 * 60 * 60
_EXTERNAL = ("NodePort", "LoadBalancer")
_NEEDS_ADDRESS = ("ClusterIP", *_EXTERNAL)


class ServiceStrategy(Strategy):
    def name_errors(self, name: str) -> list[str]:
        return names.service_name(name)

    def prepare(self, obj: JSON, old: JSON | None) -> None:
        spec = obj["spec"]
        if old is None:
            obj["status"] = {"loadBalancer": {}}
        else:
            _drop_what_its_type_had(spec, old["spec"])
        _default(spec)
        if spec.get("clusterIP") and not spec.get("clusterIPs"):
            spec["clusterIPs"] = [spec["clusterIP"]]
        if old is not None:
            _keep_what_was_given(spec, old["spec"])

    def admit(self, obj: JSON, old: JSON | None, storage: Storage) -> None:
        spec = obj["spec"]
        if spec["type"] not in _NEEDS_ADDRESS:
            return
        problems = list(service_validation.address_errors(spec))
        if problems:
            raise _invalid(obj, problems)
        _choose_families(obj)
        if spec.get("clusterIP") != "None":
            _give_address(obj, old, storage)
        if spec["type"] in _EXTERNAL:
            _give_ports(obj, storage)

    def validate(self, obj: JSON, old: JSON | None, subresource: str) -> list[FieldError]:
        if subresource == "status":
            return []
        found = [] if old is None else list(service_validation.change_errors(obj["spec"], old["spec"]))
        return found + list(service_validation.spec_errors(obj["spec"]))

    def field_values(self, obj: JSON) -> dict[str, str]:
        spec = obj.get("spec", {})
        return {"spec.clusterIP": spec.get("clusterIP", ""), "spec.type": spec.get("type", "")}


def _invalid(service: JSON, problems: list[FieldError]) -> StatusError:
    return Subject("", "Service", service["metadata"].get("name", "")).invalid(problems)


def _default(spec: JSON) -> None:
    spec.setdefault("type", "ClusterIP")
    if spec.setdefault("sessionAffinity", "None") == "None":
        spec.pop("sessionAffinityConfig", None)
    elif spec["sessionAffinity"] == "ClientIP":
        config = spec.setdefault("sessionAffinityConfig", {}).setdefault("clientIP", {})
        config.setdefault("timeoutSeconds", _AFFINITY_SECONDS)
    for port in spec.get("ports") or ():
        port.setdefault("protocol", "TCP")
        if port.get("targetPort") in (None, 0, ""):
            port["targetPort"] = port.get("port", 0)
    if spec["type"] in _EXTERNAL:
        spec.setdefault("externalTrafficPolicy", "Cluster")
    if spec["type"] in _NEEDS_ADDRESS:
        spec.setdefault("internalTrafficPolicy", "Cluster")
    if spec["type"] == "LoadBalancer":
        spec.setdefault("allocateLoadBalancerNodePorts", True)


def _drop_what_its_type_had(spec: JSON, old: JSON) -> None:
    """A service of another type gives back what only the old type has (dropTypeDependentFields)."""
    new_type, old_type = spec.get("type", "ClusterIP"), old["type"]
    same = spec.get("clusterIP", old.get("clusterIP")) == old.get("clusterIP")
    if same and old_type in _NEEDS_ADDRESS and new_type not in _NEEDS_ADDRESS:
        for part in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"):
            spec.pop(part, None)
    if old_type in _EXTERNAL and new_type not in _EXTERNAL:
        had = [port.get("nodePort") for port in old.get("ports") or ()]
        for port in spec.get("ports") or ():
            if port.get("nodePort") in had:
                port.pop("nodePort")
        if spec.get("externalTrafficPolicy") == old.get("externalTrafficPolicy"):
            spec.pop("externalTrafficPolicy", None)
    if old_type == "LoadBalancer" and new_type != old_type:
        for part in ("allocateLoadBalancerNodePorts", "loadBalancerClass", "healthCheckNodePort"):
            if spec.get(part) == old.get(part):
                spec.pop(part, None)


def _keep_what_was_given(spec: JSON, old: JSON) -> None:
    """Addresses and ports that an update does not speak of stay (patchAllocatedValues, normalizeClusterIPs)."""
    if spec["type"] in _NEEDS_ADDRESS and old["type"] in _NEEDS_ADDRESS:
        first, several = spec.get("clusterIP"), spec.get("clusterIPs")
        if not first and (not several or several == old.get("clusterIPs")):
            spec["clusterIP"], spec["clusterIPs"] = old["clusterIP"], list(old["clusterIPs"])
        elif first != old.get("clusterIP") and several == old.get("clusterIPs"):
            spec["clusterIPs"] = [first]
        for part in ("ipFamilies", "ipFamilyPolicy"):
            if part in old:
                spec.setdefault(part, old[part])
    if spec["type"] in _EXTERNAL and old["type"] in _EXTERNAL:
        had = {(port["protocol"], port["port"]): port.get("nodePort") for port in old.get("ports") or ()}
        taken = {port.get("nodePort") for port in spec.get("ports") or ()}
        for port in spec.get("ports") or ():
            number = had.get((port["protocol"], port.get("port")))
            if number and not port.get("nodePort") and number not in taken:
                port["nodePort"] = number


def _choose_families(service: JSON) -> None:
    """The cluster has IPv4 alone; a headless service without selector may have what it likes (initIPFamilyFields)."""
    spec = service["spec"]
    if spec.get("clusterIP") == "None" and not spec.get("selector"):
        families = spec.setdefault("ipFamilies", ["IPv4"])
        if len(families) < 2 and spec.get("ipFamilyPolicy") != "SingleStack":
            families.append("IPv6" if families[0] == "IPv4" else "IPv4")
        spec.setdefault("ipFamilyPolicy", "RequireDualStack" if len(families) == 2 else "SingleStack")
        return
    problems = []
    if spec.get("ipFamilyPolicy") == "RequireDualStack":
        text = "this cluster is not configured for dual-stack services"
        problems.append(invalid_value("spec.ipFamilyPolicy", spec["ipFamilyPolicy"], text))
    for index, family in enumerate(spec.get("ipFamilies") or ()):
        if family != "IPv4":
            problems.append(invalid_value(f"spec.ipFamilies[{index}]", family, "not configured on this cluster"))
    if problems:
        raise _invalid(service, problems)
    spec.setdefault("ipFamilies", ["IPv4"])
    spec.setdefault("ipFamilyPolicy", "SingleStack")


def _give_address(service: JSON, old: JSON | None, storage: Storage) -> None:
    """Give it the address that it asks for, or any; one that had an address gets no other (updateClusterIPs)."""
    spec, wanted = service["spec"], service["spec"].get("clusterIP")
    if old is not None and wanted and old["spec"]["type"] in _NEEDS_ADDRESS:
        return
    taken = {item.get("clusterIP", "") for item in _others(service, storage)}
    try:
        address = addresses.address(service["metadata"]["uid"], taken, wanted)
    except ValueError as error:
        text = f"failed to allocate IP {wanted}: {error}"
        raise _invalid(service, [invalid_value("spec.clusterIPs", [wanted], text)]) from error
    spec["clusterIP"], spec["clusterIPs"] = address, [address]


def _give_ports(service: JSON, storage: Storage) -> None:
    spec = service["spec"]
    only_asked = spec["type"] == "LoadBalancer" and not spec.get("allocateLoadBalancerNodePorts")
    taken = {port.get("nodePort", 0) for item in _others(service, storage) for port in item.get("ports") or ()}
    shared: dict[int, int] = {}  # one number for a port that is there for several protocols
    for index, port in enumerate(spec.get("ports") or ()):
        before = shared.get(port.get("port", 0))
        asked = port.get("nodePort") or before
        if only_asked and not asked:
            continue
        try:
            given = addresses.port(f"{service['metadata']['uid']}{index}", taken - {before}, asked)
        except ValueError as error:
            problem = invalid_value(f"spec.ports[{index}].nodePort", asked, str(error))
            raise _invalid(service, [problem]) from error
        port["nodePort"] = given
        shared[port.get("port", 0)] = given
        taken.add(given)


def _others(service: JSON, storage: Storage) -> list[JSON]:
    """The specs of all other services."""
    uid = service["metadata"]["uid"]
    return [item.object["spec"] for item in storage.listing("services") if item.object["metadata"]["uid"] != uid]

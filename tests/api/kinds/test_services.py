"""Services: defaults, addresses and ports that are given and kept, changes of type, and what is refused."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any

import pytest
from api_objects import MERGE, created, read
from api_server import ApiServerInThread

JSON = dict[str, Any]
SERVICES = "/api/v1/namespaces/default/services"
INVALID, REQUIRED, DUPLICATE = "FieldValueInvalid", "FieldValueRequired", "FieldValueDuplicate"
UNSUPPORTED, FORBIDDEN = "FieldValueNotSupported", "FieldValueForbidden"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServerInThread]:
    server = ApiServerInThread(tmp_path_factory.mktemp("services"))
    server.start()
    yield server
    server.stop()


def _service(name: str, **spec: Any) -> JSON:
    ports = [{"port": 80}]
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": {"ports": ports, **spec}}


def _causes(answer: JSON) -> list[tuple[str, str]]:
    return sorted((cause["reason"], cause["field"]) for cause in answer["details"].get("causes", ()))


def test_an_ordinary_one_gets_an_address_of_its_own(server: ApiServerInThread) -> None:
    specs = [created(server, SERVICES, _service(f"plain-{number}", selector={"a": "b"}))["spec"] for number in range(3)]
    addresses = [spec["clusterIP"] for spec in specs]
    assert len(set(addresses)) == 3
    assert all(ipaddress.ip_address(address) in ipaddress.ip_network("10.96.0.0/12") for address in addresses)
    assert specs[0] == {
        "ports": [{"protocol": "TCP", "port": 80, "targetPort": 80}],
        "selector": {"a": "b"},
        "clusterIP": addresses[0],
        "clusterIPs": [addresses[0]],
        "type": "ClusterIP",
        "sessionAffinity": "None",
        "ipFamilies": ["IPv4"],
        "ipFamilyPolicy": "SingleStack",
        "internalTrafficPolicy": "Cluster",
    }
    assert server.request("DELETE", f"{SERVICES}/plain-0")[0] == 200
    again = created(server, SERVICES, _service("plain-again", clusterIP=addresses[0]))
    assert again["spec"]["clusterIP"] == addresses[0]


@pytest.mark.parametrize(
    ("name", "spec", "expected"),
    [
        ("none", {"clusterIP": "None", "selector": {"a": "b"}},
         {"clusterIPs": ["None"], "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack"}),
        ("without-selector", {"clusterIP": "None"},
         {"clusterIPs": ["None"], "ipFamilies": ["IPv4", "IPv6"], "ipFamilyPolicy": "RequireDualStack"}),
        ("no-ports", {"clusterIP": "None", "ports": [], "selector": {"a": "b"}}, {"clusterIPs": ["None"]}),
        ("sticky", {"sessionAffinity": "ClientIP"}, {"sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 10800}}}),
        ("named", {"ports": [{"port": 80, "targetPort": "http"}]},
         {"ports": [{"protocol": "TCP", "port": 80, "targetPort": "http"}]}),
        ("external", {"type": "ExternalName", "externalName": "db.example.com", "ports": []},
         {"type": "ExternalName", "externalName": "db.example.com", "sessionAffinity": "None"}),
        ("balanced", {"type": "LoadBalancer"},
         {"externalTrafficPolicy": "Cluster", "allocateLoadBalancerNodePorts": True}),
    ],
)  # fmt: skip
def test_defaults(server: ApiServerInThread, name: str, spec: JSON, expected: JSON) -> None:
    found = created(server, SERVICES, _service(name, **spec))
    assert {key: found["spec"].get(key) for key in expected} == expected
    assert found["status"] == {"loadBalancer": {}}
    if name == "external":
        assert found["spec"] == expected


def test_a_service_keeps_its_address_and_ports(server: ApiServerInThread) -> None:
    new = created(server, SERVICES, _service("kept", type="NodePort"))
    number = new["spec"]["ports"][0]["nodePort"]
    assert 30000 <= number <= 32767
    status, same = server.request("PUT", f"{SERVICES}/kept", _service("kept", type="NodePort"))
    assert (status, same["spec"]) == (200, new["spec"])
    status, taken = server.request(
        "POST", SERVICES, _service("thief", type="NodePort", ports=[{"port": 1, "nodePort": number}])
    )
    assert (status, _causes(taken)) == (422, [(INVALID, "spec.ports[0].nodePort")])
    status, plain = server.request("PATCH", f"{SERVICES}/kept", {"spec": {"type": "ClusterIP"}}, MERGE)
    assert status == 200, plain
    assert plain["spec"]["clusterIP"] == new["spec"]["clusterIP"]
    assert "nodePort" not in plain["spec"]["ports"][0]
    assert "externalTrafficPolicy" not in plain["spec"]
    change = {"spec": {"type": "ExternalName", "externalName": "example.com"}}
    status, external = server.request("PATCH", f"{SERVICES}/kept", change, MERGE)
    assert status == 200, external
    assert not {"clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"} & external["spec"].keys()


def test_two_protocols_of_one_port_share_the_port_of_the_node(server: ApiServerInThread) -> None:
    ports = [{"name": "t", "port": 53, "protocol": "TCP"}, {"name": "u", "port": 53, "protocol": "UDP"}]
    found = created(server, SERVICES, _service("dns", type="NodePort", ports=ports))["spec"]["ports"]
    assert found[0]["nodePort"] == found[1]["nodePort"]


@pytest.mark.parametrize(
    "change",
    [
        {"clusterIP": "10.96.200.200"},
        {"clusterIP": "10.96.200.200", "clusterIPs": ["10.96.200.200"]},
        {"clusterIP": "192.0.2.1"},
        {"clusterIP": "None"},
    ],
    ids=str,
)
def test_the_address_stays(server: ApiServerInThread, change: JSON) -> None:
    name = created(server, SERVICES, {**_service("x"), "metadata": {"generateName": "stays-"}})["metadata"]["name"]
    status, answer = server.request("PATCH", f"{SERVICES}/{name}", {"spec": change}, MERGE)
    assert (status, _causes(answer)) == (422, [(INVALID, "spec.clusterIPs[0]")])
    assert read(server, f"{SERVICES}/{name}")["spec"]["clusterIP"] != change["clusterIP"]


WRONG: list[tuple[JSON, list[tuple[str, str]]]] = [
    ({"ports": []}, [(REQUIRED, "ports")]),
    ({"ports": [{"port": 0}]}, [(INVALID, "ports[0].port"), (INVALID, "ports[0].targetPort")]),
    ({"ports": [{"port": 80, "protocol": "ICMP"}]}, [(UNSUPPORTED, "ports[0].protocol")]),
    ({"ports": [{"port": 80, "targetPort": "a_b"}]}, [(INVALID, "ports[0].targetPort")]),
    ({"ports": [{"port": 80}, {"port": 81}]}, [(REQUIRED, "ports[0].name"), (REQUIRED, "ports[1].name")]),
    ({"ports": [{"port": 80, "name": "a"}, {"port": 80, "name": "a"}]},
     [(DUPLICATE, "ports[1]"), (DUPLICATE, "ports[1].name")]),
    ({"ports": [{"port": 80, "name": "A"}]}, [(INVALID, "ports[0].name")]),
    ({"ports": [{"port": 80, "nodePort": 30100}]}, [(FORBIDDEN, "ports[0].nodePort")]),
    ({"type": "NodePort", "ports": [{"port": 80, "nodePort": 80}]}, [(INVALID, "ports[0].nodePort")]),
    ({"type": "Other"}, [(UNSUPPORTED, "type")]),
    ({"type": "NodePort", "clusterIP": "None"}, [(INVALID, "clusterIPs[0]")]),
    ({"type": "ExternalName"}, [(REQUIRED, "externalName")]),
    ({"type": "ExternalName", "externalName": "a b"}, [(INVALID, "externalName")]),
    ({"type": "ExternalName", "externalName": "a", "clusterIP": "10.96.3.3"}, [(FORBIDDEN, "clusterIPs")]),
    ({"clusterIP": "here"}, [(INVALID, "clusterIPs[0]")]),
    ({"clusterIP": "192.168.0.1"}, [(INVALID, "clusterIPs")]),
    ({"clusterIP": "10.96.3.4", "clusterIPs": ["10.96.3.5"]}, [(INVALID, "clusterIPs")]),
    ({"ipFamilies": ["IPv6"]}, [(INVALID, "ipFamilies[0]")]),
    ({"ipFamilyPolicy": "RequireDualStack"}, [(INVALID, "ipFamilyPolicy")]),
    ({"ipFamilyPolicy": "Any"}, [(UNSUPPORTED, "ipFamilyPolicy")]),
    ({"sessionAffinity": "Cookie"}, [(UNSUPPORTED, "sessionAffinity")]),
    ({"sessionAffinity": "ClientIP", "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 90000}}},
     [(INVALID, "sessionAffinityConfig.clientIP.timeoutSeconds")]),
    ({"selector": {"a b": "c"}}, [(INVALID, "selector")]),
    ({"externalIPs": ["there"]}, [(INVALID, "externalIPs[0]")]),
    ({"externalTrafficPolicy": "Local"}, [(INVALID, "externalTrafficPolicy")]),
    ({"internalTrafficPolicy": "Near"}, [(UNSUPPORTED, "internalTrafficPolicy")]),
]  # fmt: skip


@pytest.mark.parametrize(("spec", "expected"), WRONG, ids=lambda value: str(value)[:50])
def test_wrong_ones(server: ApiServerInThread, spec: JSON, expected: list[tuple[str, str]]) -> None:
    status, answer = server.request("POST", SERVICES, _service("wrong", **spec))
    assert status == 422, answer
    assert (answer["details"]["kind"], answer["details"]["name"]) == ("Service", "wrong")
    assert _causes(answer) == [(reason, f"spec.{where}") for reason, where in expected]


def test_names_are_dns_labels_of_the_older_kind(server: ApiServerInThread) -> None:
    for name in ("1st", "a.b"):
        status, answer = server.request("POST", SERVICES, _service(name))
        assert (status, _causes(answer)) == (422, [(INVALID, "metadata.name")])

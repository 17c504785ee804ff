"""Objects in Kubernetes' protobuf encoding are read as the same objects in JSON."""

from __future__ import annotations

import base64
import http.client
import ssl
import struct
from typing import Any

import pytest
from api_objects import PODS, read
from api_server import ApiServerInThread

from footplate_local.apiserver.errors import StatusError
from footplate_local.apiserver.http import protobuf
from footplate_local.apiserver.kinds import builtin_schemas

PROTOBUF = "application/vnd.kubernetes.protobuf"


def varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    found = b""
    while value > 0x7F:
        found, value = found + bytes([value & 0x7F | 0x80]), value >> 7
    return found + bytes([value])


def message(*fields: tuple[int, Any]) -> bytes:
    """Fields as a Go client writes them: numbers and bools as varints, everything else with its length."""
    found = b""
    for number, value in fields:
        if isinstance(value, int):
            found += varint(number << 3) + varint(int(value))
            continue
        if isinstance(value, float):
            found += varint(number << 3 | 1) + struct.pack("<d", value)
            continue
        data = value.encode() if isinstance(value, str) else value
        found += varint(number << 3 | 2) + varint(len(data)) + data
    return found


def entry(key: str, value: Any) -> bytes:
    return message((1, key), (2, value))


def body(api_version: str, kind: str, raw: bytes) -> bytes:
    return b"k8s\x00" + message((1, message((1, api_version), (2, kind))), (2, raw), (3, ""), (4, ""))


META = message((1, "a"), (3, "default"), (8, b""), (11, entry("color", "red")))
CONTAINER = message(
    (1, "main"),
    (2, "i:1"),
    (3, "sleep"),
    (3, "1"),
    (7, message((1, "X"), (3, message((3, message((1, message((1, "conf"))), (2, "key"), (3, False))))))),
    (8, message((1, entry("cpu", message((1, "500m")))))),
    (10, message((1, message((2, message((1, "/"), (2, message((1, 1), (2, 0), (3, "http"))))))), (2, 5))),
    (18, True),
)
VOLUMES = (
    message((1, "scratch"), (2, message((2, message((1, "Memory")))))),
    message((1, "empty"), (2, message((2, b"")))),
    message((1, "conf"), (2, message((19, message((1, message((1, "conf"))), (3, 0o644)))))),
)
POD = message(
    (1, META),
    (
        2,
        message(
            *((1, volume) for volume in VOLUMES),
            (2, CONTAINER),
            (4, 0),
            (11, False),
            (22, message((1, "k"), (2, "Exists"), (4, "NoExecute"), (5, -1))),
        ),
    ),
    (3, b""),
)
SERVICE = message(
    (1, META),
    (2, message((1, message((2, "TCP"), (3, 80), (4, message((1, 0), (2, 8080), (3, "")))), ), (2, entry("a", "b")))),
)  # fmt: skip
LEASE = message((1, META), (2, message((1, "me"), (2, 15), (4, message((1, 1767225600), (2, 123456000))))))
SECRET = message((1, META), (2, entry("k", b"\x00\xff")), (3, "Opaque"))
SCHEMA = message(
    (5, "object"),
    (
        29,
        entry(
            "spec",
            message((5, "object"), (30, message((1, True))), (29, entry("n", message((5, "integer"), (11, 2.5))))),
        ),
    ),
)


@pytest.mark.parametrize(
    ("api_version", "kind", "raw", "expected"),
    [
        (
            "v1",
            "Secret",
            SECRET,
            {"data": {"k": base64.b64encode(b"\x00\xff").decode()}, "type": "Opaque"},
        ),
        ("v1", "Service", SERVICE, {
            "spec": {"ports": [{"protocol": "TCP", "port": 80, "targetPort": 8080}], "selector": {"a": "b"}},
        }),
        ("coordination.k8s.io/v1", "Lease", LEASE, {
            "spec": {
                "holderIdentity": "me",
                "leaseDurationSeconds": 15,
                "renewTime": "2026-01-01T00:00:00.123456Z",
            }
        }),
    ],
)  # fmt: skip
def test_decode(api_version: str, kind: str, raw: bytes, expected: dict[str, Any]) -> None:
    meta = {"name": "a", "namespace": "default", "creationTimestamp": None, "labels": {"color": "red"}}
    decoded = protobuf.decode(body(api_version, kind, raw))
    assert decoded == {"apiVersion": api_version, "kind": kind, "metadata": meta, **expected}


def test_a_pod_has_its_embedded_structs_and_zeros() -> None:
    spec = protobuf.decode(body("v1", "Pod", POD))["spec"]
    assert spec["volumes"] == [
        {"name": "scratch", "emptyDir": {"medium": "Memory"}},
        {"name": "empty", "emptyDir": {}},
        {"name": "conf", "configMap": {"name": "conf", "defaultMode": 0o644}},
    ]
    container = spec["containers"][0]
    assert container["command"] == ["sleep", "1"]
    reference = {"configMapKeyRef": {"name": "conf", "key": "key", "optional": False}}
    assert container["env"] == [{"name": "X", "valueFrom": reference}]
    assert container["resources"] == {"limits": {"cpu": "500m"}}
    probe = {"httpGet": {"path": "/", "port": "http"}, "initialDelaySeconds": 5}
    assert (container["livenessProbe"], container["tty"]) == (probe, True)
    assert (spec["terminationGracePeriodSeconds"], spec["hostNetwork"]) == (0, False)
    assert spec["tolerations"] == [{"key": "k", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": -1}]


def test_a_pod_that_is_posted_is_the_one_of_the_json(api_server: ApiServerInThread) -> None:
    context = ssl.create_default_context(cafile=api_server.certificate)
    connection = http.client.HTTPSConnection("127.0.0.1", api_server.server.port, context=context, timeout=20)
    headers = {"Authorization": f"Bearer {api_server.token}", "Content-Type": PROTOBUF}
    connection.request("POST", PODS, body("v1", "Pod", POD), headers)
    answer = connection.getresponse()
    assert answer.status == 201, answer.read()
    connection.close()
    spec = read(api_server, f"{PODS}/a")["spec"]
    assert "hostNetwork" not in spec  # false there is not set
    assert spec["terminationGracePeriodSeconds"] == 0
    assert spec["volumes"][1] == {"name": "empty", "emptyDir": {}}


def fields_of(name: str) -> set[str]:
    """The fields of a message in the table, with those of embedded structs."""
    found: set[str] = set()
    for field in protobuf.field_names()[name].values():
        package = name.rpartition(".")[0]
        found |= fields_of(f"{package}.{field[1:]}") if field.startswith("+") else {field}
    return found


def test_the_table_has_every_field_of_every_message() -> None:
    for name in protobuf.field_names().keys() & builtin_schemas.definitions().keys():
        properties = builtin_schemas.definitions()[name].get("properties", {}).keys()
        assert (name, fields_of(name) - properties) == (name, set())
        assert properties - fields_of(name) <= {"apiVersion", "kind"}, name


def definition(schema: bytes) -> bytes:
    version = message((1, "v1"), (2, True), (3, True), (4, message((1, schema))))
    raw = message((1, META), (2, message((1, "g.example.com"), (7, version))))
    return body("apiextensions.k8s.io/v1", "CustomResourceDefinition", raw)


def nested(levels: int) -> bytes:
    """A schema that is not (not (not …))."""
    schema = b""
    for _ in range(levels):
        schema = message((28, schema))
    return schema


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"k8s\x00", 400),
        (b"{}", 400),
        (body("v1", "Pod", b"\x0a"), 400),
        (body("v1", "Pod", b"\x0a\x7f"), 400),
        (body("v1", "Pod", message((1, 5))), 400),
        (body("v1", "Pod", b"\x0b"), 400),
        (body("v1", "Pod", b"\x08" + b"\xff" * 20), 400),
        (body("v1", "ConfigMap", message((2, entry("k", b"\xff")))), 400),
        (definition(message((11, float("nan")))), 400),
        (definition(nested(250)), 400),
        (definition(nested(5000)), 400),
        (body("apps/v1", "ControllerRevision", message((2, message((1, "{nope"))))), 400),
        (body("example.com/v1", "Thing", b""), 415),
        (body("v1", "Nope", b""), 415),
    ],
)
def test_what_cannot_be_read(raw: bytes, code: int) -> None:
    with pytest.raises(StatusError) as refused:
        protobuf.decode(raw)
    assert refused.value.code == code


@pytest.mark.parametrize("api_version", ["v1", "apps/v1", "footplate.dev/v1alpha1"])
def test_delete_options_of_any_group(api_version: str) -> None:
    decoded = protobuf.decode(body(api_version, "DeleteOptions", message((1, 0), (4, "Orphan"), (5, "All"))))
    assert (decoded["gracePeriodSeconds"], decoded["propagationPolicy"], decoded["dryRun"]) == (0, "Orphan", ["All"])


def test_a_definition_has_its_schema() -> None:
    decoded = protobuf.decode(definition(SCHEMA))
    schema = decoded["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    assert schema["properties"]["spec"] == {
        "type": "object",
        "additionalProperties": True,
        "properties": {"n": {"type": "integer", "minimum": 2.5}},
    }

"""Kubernetes' protobuf encoding, as far as kubectl sends it: `create namespace|configmap|secret|…`, `auth can-i`.

Source: API Concepts, "Kubernetes Protobuf encoding"; generated.proto of k8s.io/api and k8s.io/apimachinery. Answers are
always JSON, which those clients accept.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from footplate_local.apiserver.errors import bad_request, unsupported_media_type

JSON = dict[str, Any]
_MAGIC = b"k8s\x00"
Kind = Literal["text", "bytes", "bool", "int", "time", "message", "texts", "bytes-map"]


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    kind: Kind = "text"
    repeated: bool = False
    message: dict[int, Field] | None = None


def _texts(name: str) -> Field:
    return Field(name, repeated=True)


def _message(name: str, fields: dict[int, Field], *, repeated: bool = False) -> Field:
    return Field(name, "message", repeated, fields)


_OWNER = {
    1: Field("kind"), 3: Field("name"), 4: Field("uid"), 5: Field("apiVersion"), 6: Field("controller", "bool"),
    7: Field("blockOwnerDeletion", "bool"),
}  # fmt: skip
_META = _message(
    "metadata",
    {
        1: Field("name"), 2: Field("generateName"), 3: Field("namespace"), 5: Field("uid"), 6: Field("resourceVersion"),
        7: Field("generation", "int"), 8: Field("creationTimestamp", "time"), 9: Field("deletionTimestamp", "time"),
        10: Field("deletionGracePeriodSeconds", "int"), 11: Field("labels", "texts"), 12: Field("annotations", "texts"),
        13: _message("ownerReferences", _OWNER, repeated=True), 14: _texts("finalizers"),
    },
)  # fmt: skip
_REFERENCE = {1: Field("name")}
_RESOURCE_ATTRIBUTES = {
    1: Field("namespace"), 2: Field("verb"), 3: Field("group"), 4: Field("version"), 5: Field("resource"),
    6: Field("subresource"), 7: Field("name"),
}  # fmt: skip
_ACCESS = {
    1: _message("resourceAttributes", _RESOURCE_ATTRIBUTES),
    2: _message("nonResourceAttributes", {1: Field("path"), 2: Field("verb")}),
}
_KINDS: dict[tuple[str, str], dict[int, Field]] = {
    ("v1", "Namespace"): {
        1: _META, 2: _message("spec", {1: _texts("finalizers")}), 3: _message("status", {1: Field("phase")}),
    },
    ("v1", "ConfigMap"): {
        1: _META, 2: Field("data", "texts"), 3: Field("binaryData", "bytes-map"), 4: Field("immutable", "bool"),
    },
    ("v1", "Secret"): {
        1: _META, 2: Field("data", "bytes-map"), 3: Field("type"), 4: Field("stringData", "texts"),
        5: Field("immutable", "bool"),
    },
    ("v1", "ServiceAccount"): {
        1: _META, 2: _message("secrets", {3: Field("name")}, repeated=True),
        3: _message("imagePullSecrets", _REFERENCE, repeated=True), 4: Field("automountServiceAccountToken", "bool"),
    },
    ("authorization.k8s.io/v1", "SelfSubjectAccessReview"): {1: _META, 2: _message("spec", _ACCESS)},
    ("authorization.k8s.io/v1", "SelfSubjectRulesReview"): {1: _META, 2: _message("spec", {1: Field("namespace")})},
    ("authentication.k8s.io/v1", "SelfSubjectReview"): {1: _META},
}  # fmt: skip
_TYPE_META = {1: Field("apiVersion"), 2: Field("kind")}
_ENVELOPE = {1: _message("typeMeta", _TYPE_META), 2: Field("raw", "bytes")}


def decode(body: bytes) -> JSON:
    """The object of a protobuf body. Raises StatusError 400 and, for kinds that are not known here, 415."""
    if not body.startswith(_MAGIC):
        raise bad_request("the body is no Kubernetes protobuf")
    try:
        envelope = _decode(body[len(_MAGIC) :], _ENVELOPE)
        type_meta = envelope["typeMeta"]
        fields = _KINDS.get((type_meta["apiVersion"], type_meta["kind"]))
        if fields is None:
            raise unsupported_media_type(f"a {type_meta['kind']} is not read as protobuf here; send application/json")
        return {**type_meta, **_decode(envelope.get("raw", b""), fields)}
    except (ValueError, IndexError, KeyError) as error:
        raise bad_request(f"the body is no Kubernetes protobuf: {error}") from error


def _decode(data: bytes, fields: dict[int, Field]) -> JSON:
    found: JSON = {}
    for number, value in _records(data):
        field = fields.get(number)
        if field is None:
            continue
        if field.kind in ("texts", "bytes-map"):
            key, item = _entry(value, as_text=field.kind == "texts")
            found.setdefault(field.name, {})[key] = item
        elif field.repeated:
            found.setdefault(field.name, []).append(_value(field, value))
        else:
            decoded = _value(field, value)
            if decoded not in ("", {}, None):  # Go writes empty strings and zero messages that JSON leaves out
                found[field.name] = decoded
    return found


def _value(field: Field, value: Any) -> Any:
    match field.kind:
        case "text":
            return value.decode()
        case "bool":
            return bool(value)
        case "message":
            return _decode(value, field.message or {})
        case "time":
            seconds = dict(_records(value)).get(1)
            return None if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return value


def _entry(data: bytes, *, as_text: bool) -> tuple[str, str]:
    parts = dict(_records(data))
    value = parts.get(2, b"")
    return parts.get(1, b"").decode(), value.decode() if as_text else base64.b64encode(value).decode()


def _records(data: bytes) -> Iterator[tuple[int, Any]]:
    """The fields of a message: their numbers, and integers or bytes."""
    position = 0
    while position < len(data):
        tag, position = _varint(data, position)
        match tag & 7:
            case 0:
                value, position = _varint(data, position)
                yield tag >> 3, value
            case 2:
                size, position = _varint(data, position)
                if position + size > len(data):
                    raise ValueError("it is cut short")
                yield tag >> 3, data[position : position + size]
                position += size
            case 1:
                yield tag >> 3, data[position : position + 8]
                position += 8
            case 5:
                yield tag >> 3, data[position : position + 4]
                position += 4
            case wire:
                raise ValueError(f"wire type {wire} is not used in it")


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        value |= (byte & 0x7F) << shift
        position += 1
        shift += 7
        if not byte & 0x80:
            return value, position

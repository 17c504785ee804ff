"""Kubernetes' protobuf encoding of objects, which kubectl and Go clients send for built-in kinds. Answers are JSON.

kubectl knows no fallback: whoever sends protobuf sends nothing else after a 415. The numbers of the fields stand in
`protobuf_fields.txt`, their types in the OpenAPI definitions.

Source: API Concepts, "Kubernetes Protobuf encoding"; protobuf.dev, "Encoding".
"""

from __future__ import annotations

import base64
import importlib.resources
import math
import struct
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

from footplate_local.apiserver.errors import bad_request, unsupported_media_type
from footplate_local.apiserver.http import bodies
from footplate_local.apiserver.kinds import builtin_schemas

JSON = dict[str, Any]
_MAGIC = b"k8s\x00"
_TEXT: JSON = {"type": "string"}
_MACHINERY = "io.k8s.apimachinery.pkg."
_EXTENSIONS = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1."
_SCHEMA: JSON = {"$ref": _EXTENSIONS + "JSONSchemaProps"}


def decode(body: bytes) -> JSON:
    """The object of a body, with every field that was sent. Raises StatusError 400 and, for an unknown kind, 415."""
    if not body.startswith(_MAGIC):
        raise bad_request("the body is no Kubernetes protobuf")
    try:
        envelope = dict(_records(body[len(_MAGIC) :]))
        type_meta = dict(_records(_bytes(envelope[1])))
        api_version, kind = _text(type_meta.get(1, b"")), _text(type_meta.get(2, b""))
        message = _message_of(api_version, kind)
        if message is None:
            raise unsupported_media_type(("application/json", "application/yaml"))
        found = {"apiVersion": api_version, "kind": kind, **_message(_bytes(envelope.get(2, b"")), message)}
    except (ValueError, IndexError, KeyError, OverflowError, RecursionError, struct.error) as error:
        raise bad_request(f"the body is no Kubernetes protobuf: {error}") from error
    bodies.check_depth(found)
    return found


def _message_of(api_version: str, kind: str) -> str | None:
    group, _, version = api_version.rpartition("/")
    names = builtin_schemas.names()
    name = names.get((group, version, kind)) or (names.get(("", "v1", kind)) if kind == "DeleteOptions" else None)
    return name if name in field_names() else None


@cache
def field_names() -> Mapping[str, Mapping[int, str]]:
    """Of each message the names of its fields by their numbers; an embedded message has a + before its name."""
    text = importlib.resources.files(__package__).joinpath("protobuf_fields.txt").read_text()
    found: dict[str, dict[int, str]] = {}
    package = ""
    for line in text.splitlines():
        if line.startswith("["):
            package = line.strip("[]")
        elif line and not line.startswith("#"):
            message, _, fields = line.partition(":")
            found[f"{package}.{message}"] = _numbered(fields.split())
    return found


def _numbered(words: list[str]) -> dict[int, str]:
    found: dict[int, str] = {}
    number = 0
    for word in words:
        given, _, name = word.rpartition("=")
        number = int(given) if given else number + 1
        found[number] = name
    return found


def _message(data: bytes, name: str, properties: JSON | None = None) -> JSON:
    """A message as JSON; `properties` are those of the struct that embeds it."""
    if properties is None:
        properties = builtin_schemas.definitions()[name].get("properties", {})
    numbered = field_names()[name]
    found: JSON = {}
    for number, value in _records(data):
        field = numbered.get(number)
        if field is None:  # of a newer release
            continue
        if field.startswith("+"):
            found |= _message(_bytes(value), f"{name.rpartition('.')[0]}.{field[1:]}", properties)
            continue
        declared = properties[field]
        match _type(declared):
            case "array":
                found.setdefault(field, []).append(_value(value, declared["items"]))
            case "object" if "additionalProperties" in declared:
                key, item = _entry(_bytes(value), declared["additionalProperties"])
                found.setdefault(field, {})[key] = item
            case _:
                found[field] = _value(value, declared)
    return found


def _type(declared: JSON) -> str:
    kind = declared.get("type", "")
    return next(item for item in kind if item != "null") if isinstance(kind, list) else str(kind)


def _value(value: int | bytes, declared: JSON) -> Any:
    if "$ref" in declared:
        name = declared["$ref"].rpartition("/")[2]
        data = _bytes(value)
        return _special(data, name) if name in _SPECIAL else _message(data, name)
    match _type(declared):
        case "integer":
            return _signed(value)
        case "boolean":
            return bool(_signed(value))
        case "number":
            return _finite(_bytes(value))
        case "array":  # the values of a map: messages with their items in field 1
            return [_value(item, declared["items"]) for number, item in _records(_bytes(value)) if number == 1]
    if declared.get("format") == "byte":
        return base64.b64encode(_bytes(value)).decode()
    return _text(value)


def _entry(data: bytes, declared: JSON) -> tuple[str, Any]:
    parts = dict(_records(data))
    return _text(parts.get(1, b"")), _value(parts.get(2, b""), declared)


_SPECIAL = {
    _MACHINERY + "api.resource.Quantity",
    _MACHINERY + "util.intstr.IntOrString",
    _MACHINERY + "runtime.RawExtension",
    _MACHINERY + "apis.meta.v1.Time",
    _MACHINERY + "apis.meta.v1.MicroTime",
    _MACHINERY + "apis.meta.v1.FieldsV1",
    _EXTENSIONS + "JSON",
    _EXTENSIONS + "JSONSchemaPropsOrBool",
    _EXTENSIONS + "JSONSchemaPropsOrArray",
    _EXTENSIONS + "JSONSchemaPropsOrStringArray",
}


def _special(data: bytes, name: str) -> Any:
    """A message whose JSON is no object with its fields."""
    records = list(_records(data))
    parts = dict(records)
    match name.rpartition(".")[2]:
        case "Quantity":
            return _text(parts.get(1, b""))
        case "IntOrString":
            return _text(parts.get(3, b"")) if parts.get(1) else _signed(parts.get(2, 0))
        case "Time" | "MicroTime" as kind:
            return _time(parts, micro=kind == "MicroTime") if parts else None
        case "RawExtension" | "FieldsV1" | "JSON":
            return bodies.from_json(_bytes(parts[1])) if parts.get(1) else None
        case "JSONSchemaPropsOrBool":
            return _value(parts[2], _SCHEMA) if 2 in parts else bool(parts.get(1, 0))
    if 1 in parts:
        return _value(parts[1], _SCHEMA)
    return [_value(value, _TEXT if "String" in name else _SCHEMA) for number, value in records if number == 2]


def _time(parts: dict[int, int | bytes], *, micro: bool) -> str:
    moment = datetime.fromtimestamp(_signed(parts.get(1, 0)), UTC)
    if micro:
        moment = moment.replace(microsecond=_signed(parts.get(2, 0)) // 1000)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ" if micro else "%Y-%m-%dT%H:%M:%SZ")


def _bytes(value: int | bytes) -> bytes:
    if not isinstance(value, bytes):
        raise ValueError("a number stands where bytes belong")
    return value


def _text(value: int | bytes) -> str:
    return _bytes(value).decode()


def _finite(value: bytes) -> float:
    number = float(struct.unpack("<d", value)[0])
    if not math.isfinite(number):
        raise ValueError(f"{number} cannot be written as JSON")
    return number


def _signed(value: int | bytes) -> int:
    if not isinstance(value, int):
        raise ValueError("bytes stand where a number belongs")
    return value - (1 << 64) if value >> 63 else value


def _records(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a message: their numbers, and integers or bytes."""
    position = 0
    while position < len(data):
        tag, position = _varint(data, position)
        match tag & 7:
            case 0:
                value, position = _varint(data, position)
                yield tag >> 3, value
                continue
            case 1:
                size = 8
            case 2:
                size, position = _varint(data, position)
            case 5:
                size = 4
            case wire:
                raise ValueError(f"wire type {wire} is not used in it")
        if position + size > len(data):
            raise ValueError("it is cut short")
        yield tag >> 3, data[position : position + size]
        position += size


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while shift < 70:
        byte = data[position]
        value |= (byte & 0x7F) << shift
        position += 1
        shift += 7
        if not byte & 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, position
    raise ValueError("a number in it is too long")

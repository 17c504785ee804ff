"""The OpenAPI 2 document in protobuf, the only form in which Go clients ask for it.

kubectl and helm look there for kinds that no OpenAPI 3 document names, before they tell that a kind is not served.
Source of the field numbers: gnostic, openapiv2/OpenAPIv2.proto. What OpenAPI 2 does not have (oneOf, anyOf, not,
nullable) is left out, as kube-apiserver leaves it out there.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Mapping
from typing import Any

JSON = dict[str, Any]
Write = Callable[[int, Any], bytes]
"""Writes a field, given its number and its value."""
MEDIA_TYPES = (
    "application/com.github.proto-openapi.spec.v2@v1.0+protobuf",
    "application/com.github.proto-openapi.spec.v2.v1.0+protobuf",
)
_VARINT, _DOUBLE, _LENGTH = 0, 1, 2


def encode(document: JSON) -> bytes:
    """An OpenAPI 2 document (decoded JSON) as an `openapi.v2.Document`."""
    return _fields("Document", document)


def _fields(message: str, value: JSON) -> bytes:
    known, extensions = _MESSAGES[message]
    written = [write(number, value[key]) for key, (number, write) in known.items() if key in value]
    if extensions:
        written += [_entry(extensions, key, _any, value[key]) for key in value if key.startswith("x-")]
    return b"".join(written)


# ---------------------------------------------------------------------- values


def _varint(value: int) -> bytes:
    written = bytearray()
    value &= (1 << 64) - 1  # negative numbers in two's complement
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)


def _bytes(number: int, value: bytes) -> bytes:
    return _varint(number << 3 | _LENGTH) + _varint(len(value)) + value


def _text(number: int, value: str) -> bytes:
    return _bytes(number, value.encode())


def _integer(number: int, value: int) -> bytes:
    return _varint(number << 3 | _VARINT) + _varint(int(value))


def _double(number: int, value: float) -> bytes:
    return _varint(number << 3 | _DOUBLE) + struct.pack("<d", value)


def _any(number: int, value: Any) -> bytes:
    """Any value at all, as YAML text; JSON is YAML."""
    return _bytes(number, _text(2, json.dumps(value)))


def _message(name: str) -> Write:
    return lambda number, value: _bytes(number, _fields(name, value))


def _each(write: Write) -> Write:
    return lambda number, values: b"".join(write(number, value) for value in values)


def _entry(number: int, key: str, write: Write, value: Any) -> bytes:
    return _bytes(number, _text(1, key) + write(2, value))


def _map(write: Write) -> Write:
    """An object whose keys are names: a list of entries."""
    return lambda number, value: b"".join(_entry(number, key, write, item) for key, item in value.items())


def _inside(inner: int, write: Write) -> Write:
    """A message that is there for the one field it has."""
    return lambda number, value: _bytes(number, write(inner, value))


def _schema_or_bool(number: int, value: JSON | bool) -> bytes:
    return _bytes(number, _integer(2, value) if isinstance(value, bool) else _message("Schema")(1, value))


def _parameter(number: int, value: JSON) -> bytes:
    """ParametersItem > Parameter > BodyParameter, or > NonBodyParameter > the kind of its place."""
    match value["in"]:
        case "body":
            inner = _message("BodyParameter")(1, value)
        case "path":
            inner = _bytes(2, _message("PathParameterSubSchema")(4, value))
        case _:
            inner = _bytes(2, _message("QueryParameterSubSchema")(3, value))
    return _bytes(number, _bytes(1, inner))


_SCHEMA = _message("Schema")
_SCHEMAS = _map(_SCHEMA)
_OPERATION = _message("Operation")
_PARAMETERS = _each(_parameter)
_RESPONSE = _inside(1, _message("Response"))

_MESSAGES: Mapping[str, tuple[Mapping[str, tuple[int, Write]], int]] = {
    # message: its fields by their names in JSON, and the number of its vendor extensions (0: it has none)
    "Document": (
        {"swagger": (1, _text), "info": (2, _message("Info")), "paths": (8, _inside(2, _map(_message("PathItem")))),
         "definitions": (9, _inside(1, _SCHEMAS))},
        16,
    ),
    "Info": ({"title": (1, _text), "version": (2, _text), "description": (3, _text)}, 7),
    "PathItem": (
        {"get": (2, _OPERATION), "put": (3, _OPERATION), "post": (4, _OPERATION), "delete": (5, _OPERATION),
         "patch": (8, _OPERATION), "parameters": (9, _PARAMETERS)},
        10,
    ),
    "Operation": (
        {"description": (3, _text), "operationId": (5, _text), "produces": (6, _each(_text)),
         "consumes": (7, _each(_text)), "parameters": (8, _PARAMETERS), "responses": (9, _inside(1, _map(_RESPONSE)))},
        13,
    ),
    "Response": ({"description": (1, _text), "schema": (2, _inside(1, _SCHEMA))}, 5),
    "BodyParameter": (
        {"description": (1, _text), "name": (2, _text), "in": (3, _text), "required": (4, _integer),
         "schema": (5, _SCHEMA)},
        6,
    ),
    "PathParameterSubSchema": (
        {"required": (1, _integer), "in": (2, _text), "description": (3, _text), "name": (4, _text),
         "type": (5, _text), "format": (6, _text), "uniqueItems": (19, _integer)},
        22,
    ),
    "QueryParameterSubSchema": (
        {"required": (1, _integer), "in": (2, _text), "description": (3, _text), "name": (4, _text),
         "type": (6, _text), "format": (7, _text), "uniqueItems": (20, _integer)},
        23,
    ),
    "Schema": (
        {"$ref": (1, _text), "format": (2, _text), "title": (3, _text), "description": (4, _text), "default": (5, _any),
         "multipleOf": (6, _double), "maximum": (7, _double), "exclusiveMaximum": (8, _integer),
         "minimum": (9, _double), "exclusiveMinimum": (10, _integer), "maxLength": (11, _integer),
         "minLength": (12, _integer), "pattern": (13, _text), "maxItems": (14, _integer), "minItems": (15, _integer),
         "uniqueItems": (16, _integer), "maxProperties": (17, _integer), "minProperties": (18, _integer),
         "required": (19, _each(_text)), "enum": (20, _each(_any)), "additionalProperties": (21, _schema_or_bool),
         "type": (22, _inside(1, _text)), "items": (23, _inside(1, _SCHEMA)), "allOf": (24, _each(_SCHEMA)),
         "properties": (25, _inside(1, _SCHEMAS)), "readOnly": (27, _integer), "example": (30, _any)},
        31,
    ),
}  # fmt: skip

"""The types that rules are checked with, made from a structural schema (apiserver pkg/cel/common/schemas.go).

CEL knows the types of objects as protobuf messages, so a schema becomes a file of them. What a message cannot say
(lists of lists, maps of maps) is dynamic inside, and not checked.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from cel_expr_python import cel
from google.protobuf import descriptor_pb2, descriptor_pool, duration_pb2, struct_pb2, timestamp_pb2

JSON = dict[str, Any]
_RESERVED = {
    "true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function", "if", "import",
    "let", "loop", "package", "namespace", "return", "var", "void", "while",
}  # fmt: skip
_ESCAPES = {"__": "__underscores__", ".": "__dot__", "-": "__dash__", "/": "__slash__"}
_NAME = re.compile(r"[a-zA-Z_./-][\w./-]*", re.ASCII)
_TEXT: JSON = {"type": "string"}
_NAMES_ALONE: JSON = {"type": "object", "properties": {"name": _TEXT, "generateName": _TEXT}}
_FIELD = descriptor_pb2.FieldDescriptorProto
_WELL_KNOWN = (timestamp_pb2, duration_pb2, struct_pb2)
_DYNAMIC, _STRUCT, _LIST_VALUE = (f".google.protobuf.{name}" for name in ("Value", "Struct", "ListValue"))


def escape(name: str) -> str | None:
    """A property's name in an expression; None for a name that rules cannot use."""
    if name in _RESERVED:
        return f"__{name}__"
    if not _NAME.fullmatch(name):
        return None
    return re.sub(r"__|[.\-/]", lambda match: _ESCAPES[match[0]], name)


def names_of(name: str) -> list[str]:
    """All names of a property in expressions: a reserved word stands escaped and, since Kubernetes 1.31, as it is."""
    escaped = escape(name)
    if escaped is None:
        return []
    return [escaped, name] if name in _RESERVED else [escaped]


def with_metadata(schema: JSON) -> JSON:
    """The schema of a whole object as its rules see it: with its type and names, and no other metadata."""
    properties = {**(schema.get("properties") or {}), "apiVersion": _TEXT, "kind": _TEXT, "metadata": _NAMES_ALONE}
    return {**schema, "type": "object", "properties": properties}


@dataclass(frozen=True, slots=True)
class Declared:
    """A type: `proto` is that of a message's field, with the name of the message when it is one.

    `values` is what a map holds; only the field of a message can say it.
    """

    type: cel.Type
    proto: int
    message: str = ""
    repeated: bool = False
    values: Declared | None = None


def _scalar(kind: cel.Type, proto: int) -> Declared:
    return Declared(kind, proto)


_DYN = Declared(cel.Type.DYN, _FIELD.TYPE_MESSAGE, _DYNAMIC)
_SCALARS = {
    "boolean": _scalar(cel.Type.BOOL, _FIELD.TYPE_BOOL),
    "integer": _scalar(cel.Type.INT, _FIELD.TYPE_INT64),
    "number": _scalar(cel.Type.DOUBLE, _FIELD.TYPE_DOUBLE),
    "string": _scalar(cel.Type.STRING, _FIELD.TYPE_STRING),
}
_TIMESTAMP = Declared(cel.Type.TIMESTAMP, _FIELD.TYPE_MESSAGE, ".google.protobuf.Timestamp")
_FORMATS = {
    "byte": _scalar(cel.Type.BYTES, _FIELD.TYPE_BYTES),
    "duration": Declared(cel.Type.DURATION, _FIELD.TYPE_MESSAGE, ".google.protobuf.Duration"),
    "date": _TIMESTAMP,
    "date-time": _TIMESTAMP,
}


class Types:
    """Collects the messages of a schema; `pool` is made of them at the end."""

    def __init__(self) -> None:
        self._file = descriptor_pb2.FileDescriptorProto(
            name="schema.proto",
            package="schema",
            syntax="proto2",
            dependency=[module.DESCRIPTOR.name for module in _WELL_KNOWN],
        )

    def pool(self) -> descriptor_pool.DescriptorPool:
        pool = descriptor_pool.DescriptorPool()
        for module in _WELL_KNOWN:
            file = descriptor_pb2.FileDescriptorProto()
            module.DESCRIPTOR.CopyToProto(file)
            pool.Add(file)
        pool.Add(self._file)
        return pool

    def declare(self, schema: JSON, *, root: bool = False) -> Declared | None:
        """The type of a schema's values; None for those that rules do not see, as they have no type."""
        if schema.get("x-kubernetes-int-or-string"):
            return _DYN
        if root or schema.get("x-kubernetes-embedded-resource"):
            schema = with_metadata(schema)
        match schema.get("type"):
            case "array":
                return self._list(schema)
            case "object" if isinstance(schema.get("additionalProperties"), dict):
                return self._map(schema["additionalProperties"])
            case "object":
                return self._message(schema.get("properties") or {})
            case "string" if schema.get("format") in _FORMATS:
                return _FORMATS[schema["format"]]
            case kind:
                return _SCALARS.get(kind or "")

    def _list(self, schema: JSON) -> Declared | None:
        items = self.declare(schema["items"]) if isinstance(schema.get("items"), dict) else None
        if items is None:
            return None
        inner = _held(items)
        return Declared(cel.Type.List(items.type), inner.proto, inner.message, repeated=True)

    def _map(self, schema: JSON) -> Declared | None:
        values = self.declare(schema)
        if values is None:
            return None
        kind = cel.Type.Map(cel.Type.STRING, values.type)
        return Declared(kind, _FIELD.TYPE_MESSAGE, _STRUCT, values=_held(values))

    def _message(self, properties: JSON) -> Declared:
        message = descriptor_pb2.DescriptorProto()
        fields = [(names_of(name), self.declare(schema)) for name, schema in properties.items()]
        message.options.deprecated_legacy_json_field_conflicts = True  # names may differ in an underscore alone
        message.name = f"M{len(self._file.message_type)}"
        for names, declared in fields:
            if declared is not None:
                for name in names:
                    _add(message, name, _map_entry(message, name, declared))
        self._file.message_type.append(message)
        return Declared(cel.Type(f"schema.{message.name}"), _FIELD.TYPE_MESSAGE, f".schema.{message.name}")


def _held(inner: Declared) -> Declared:
    """The type as items of a list or values of a map."""
    return Declared(inner.type, _FIELD.TYPE_MESSAGE, _LIST_VALUE) if inner.repeated else inner


def _map_entry(message: descriptor_pb2.DescriptorProto, name: str, declared: Declared) -> Declared:
    """A field that is a map gets a message of key and value, whose name follows from the field's."""
    if declared.values is None:
        return declared
    entry_name = re.sub(r"(?:^|_+)(.?)", lambda match: match[1].upper(), name) + "Entry"
    if any(other.name == entry_name for other in message.nested_type):
        return declared
    entry = message.nested_type.add(name=entry_name)
    entry.options.map_entry = True
    _add(entry, "key", _SCALARS["string"])
    _add(entry, "value", declared.values)
    place = f".schema.{message.name}.{entry_name}"
    return Declared(declared.type, _FIELD.TYPE_MESSAGE, place, repeated=True)


def _add(message: descriptor_pb2.DescriptorProto, name: str, declared: Declared) -> None:
    number = len(message.field) + 1
    message.field.add(
        name=name,
        json_name=f"f{number}",
        number=number,
        type=declared.proto,
        type_name=declared.message or None,
        label=_FIELD.LABEL_REPEATED if declared.repeated else _FIELD.LABEL_OPTIONAL,
    )

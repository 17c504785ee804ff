"""Built-in objects as kube-apiserver decodes and encodes them: into Go structs and back.

What has a wrong type is refused (400), fields that the struct does not have are dropped and named, null counts as not
set, quantities and times come back in their canonical form, and what Go's `omitempty` leaves out is left out.
Sources: sigs.k8s.io/json, apimachinery pkg/api/resource and pkg/apis/meta/v1 (Time, MicroTime).
"""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime
from typing import Any

from footplate.quantity import canonical
from footplate_local.apiserver.kinds import builtin_schemas

JSON = dict[str, Any]
_QUANTITY = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
_BITS = {"int32": 31, "int64": 63}


class Undecodable(ValueError):
    """A value does not fit the type of its field; the text is that of Go's decoder."""


def decode(obj: JSON, schema: JSON) -> tuple[JSON, list[str]]:
    """The object as its kind's struct holds it, and the paths of what the struct does not have. Raises Undecodable."""
    unknown: list[str] = []
    return _Decoder(unknown).struct(obj, schema, ""), unknown


def decode_metadata(meta: Any) -> tuple[JSON, list[str]]:
    """The same for the metadata of an object of any kind; paths begin with `metadata`."""
    unknown: list[str] = []
    return _Decoder(unknown).value(meta, builtin_schemas.object_meta(), "metadata"), unknown


class _Decoder:
    def __init__(self, unknown: list[str]) -> None:
        self._unknown = unknown
        self._struct = ""

    def struct(self, value: JSON, schema: JSON, path: str) -> JSON:
        outer, self._struct = self._struct, schema["x-go-type"].rpartition(".")[2]
        properties = schema["properties"]
        found: JSON = {}
        for name, item in value.items():
            inner = properties.get(name)
            where = f"{path}.{name}" if path else name
            if inner is None:
                self._unknown.append(where)
                continue
            decoded = None if item is None else self.value(item, inner, where)
            if not _left_out(name, decoded, inner, schema):
                found[name] = decoded
        for name in sorted(schema["x-go-always"]):
            if name not in found:
                found[name] = zero(properties[name])
        self._struct = outer
        return found

    def value(self, value: Any, schema: JSON, path: str) -> Any:
        if schema.get("x-kubernetes-int-or-string"):
            if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
                return value
            raise self._wrong(value, "intstr.IntOrString", path)
        if schema.get("x-kubernetes-preserve-unknown-fields"):
            if "x-go-object" in schema and isinstance(value, dict):
                return self.struct(value, schema["x-go-object"], path)
            return value
        match schema["type"]:
            case "object":
                return self._object(value, schema, path)
            case "array":
                return self._list(value, schema, path)
            case "string":
                return self._text(value, schema, path)
            case "boolean" if isinstance(value, bool):
                return value
            case "integer" if isinstance(value, int) and not isinstance(value, bool):
                most = 2 ** _BITS.get(schema.get("format", ""), 63)
                if -most <= value < most:
                    return value
            case "number" if isinstance(value, int | float) and not isinstance(value, bool):
                return value
        raise self._wrong(value, go_type(schema), path)

    def _object(self, value: Any, schema: JSON, path: str) -> JSON:
        if not isinstance(value, dict):
            raise self._wrong(value, go_type(schema), path)
        if "x-go-type" in schema:
            return self.struct(value, schema, path)
        values = schema.get("additionalProperties")
        if values is None:
            return value
        return {
            key: zero(values) if item is None else self.value(item, values, f"{path}.{key}")
            for key, item in value.items()
        }

    def _list(self, value: Any, schema: JSON, path: str) -> list[Any]:
        if not isinstance(value, list):
            raise self._wrong(value, go_type(schema), path)
        items = schema["items"]
        return [
            zero(items) if item is None else self.value(item, items, f"{path}[{index}]")
            for index, item in enumerate(value)
        ]

    def _text(self, value: Any, schema: JSON, path: str) -> Any:
        kind = schema.get("format")
        if kind == "quantity" and not isinstance(value, bool) and isinstance(value, str | int | float):
            try:
                return canonical(str(value))
            except ValueError:
                raise Undecodable(_QUANTITY) from None
        if not isinstance(value, str):
            raise self._wrong(value, go_type(schema), path)
        if kind in ("time", "micro-time"):
            return _time(value, micro=kind == "micro-time")
        if kind == "byte":
            _check_base64(value)
        return value

    def _wrong(self, value: Any, wanted: str, path: str) -> Undecodable:
        plain = "".join(part.partition("[")[0] + "." for part in path.split(".")).rstrip(".")
        return Undecodable(
            f"json: cannot unmarshal {_found(value)} into Go struct field {self._struct}.{plain} of type {wanted}"
        )


def _left_out(name: str, value: Any, schema: JSON, struct: JSON) -> bool:
    """Whether Go leaves out a field with this value (`omitempty`)."""
    if value is None:
        return True
    if name in struct["x-go-always"]:
        return False
    if value == "" and schema.get("type") == "string":
        return name not in struct["x-go-keep-empty"]
    if (value == [] and "items" in schema) or (value == {} and "additionalProperties" in schema):
        return True
    return value in (0, False) and name in struct["x-go-drop-zero"]


def zero(schema: JSON) -> Any:
    """What Go encodes for a field that nobody set."""
    if schema.get("x-kubernetes-int-or-string"):
        return 0
    if schema.get("format") in ("time", "micro-time") or schema.get("x-kubernetes-preserve-unknown-fields"):
        return None
    if schema.get("format") == "quantity":
        return "0"
    match schema["type"]:
        case "string":
            return ""
        case "boolean":
            return False
        case "integer" | "number":
            return 0
        case "object" if "x-go-type" in schema:
            return {name: zero(schema["properties"][name]) for name in sorted(schema["x-go-always"])}
    return None


def go_type(schema: JSON) -> str:
    """The Go type of a field, as decoding errors name it."""
    if "x-go-type" in schema:
        parts: list[str] = schema["x-go-type"].split(".")
        return f"{parts[1]}.{parts[2]}" if len(parts) > 2 else parts[-1]
    match schema.get("type"):
        case "array":
            return f"[]{go_type(schema['items'])}"
        case "object":
            values = schema.get("additionalProperties")
            return f"map[string]{go_type(values)}" if values else "map[string]interface {}"
        case "boolean":
            return "bool"
        case "integer":
            return str(schema.get("format", "int64"))
        case "number":
            return "float64"
    return {"quantity": "resource.Quantity", "time": "v1.Time", "micro-time": "v1.MicroTime", "byte": "[]uint8"}.get(
        schema.get("format", ""), "string"
    )


def json_type(value: Any) -> str:
    """The type of a JSON value, as Go's decoder names it."""
    match value:
        case bool():
            return "bool"
        case int() | float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
    return "object"


def _found(value: Any) -> str:
    """What was found in the place of something else; a number that fits no integer is shown."""
    kind = json_type(value)
    shown = kind == "number" and (isinstance(value, float) or abs(value) >= 2**63)
    return f"{kind} {value}" if shown else kind


def _time(text: str, *, micro: bool) -> str | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text) if "T" in text or "t" in text else None
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise Undecodable(f'parsing time "{text}" as "2006-01-02T15:04:05Z07:00": cannot parse "{text}"')
    moment = moment.astimezone(UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ" if micro else "%Y-%m-%dT%H:%M:%SZ")


def _check_base64(text: str) -> None:
    try:
        base64.b64decode(text.replace("\n", "").replace("\r", ""), validate=True)
    except (binascii.Error, ValueError):
        raise Undecodable(f"illegal base64 data in {text[:20]!r}") from None

"""Objects against schemas: which causes, where, and what is left of the object."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from footplate_local.apiserver.schema import formats, shaping, validation

JSON = dict[str, Any]
REQUIRED, INVALID, TYPE = "FieldValueRequired", "FieldValueInvalid", "FieldValueTypeInvalid"
MAP_LIST = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"]}
_KEYED: JSON = {"type": "object", "properties": {"k": {"type": "string"}, "v": {"type": "integer"}}, "required": ["k"]}
_TWO: JSON = {
    "type": "object",
    "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
    "anyOf": [{"required": ["a"]}, {"required": ["b"]}],
}


def _found(value: Any, schema: JSON, **options: Any) -> set[tuple[str, str]]:
    return {(error.reason, error.path) for error in validation.validate(value, schema, "spec", **options)}


@pytest.mark.parametrize(
    ("schema", "value", "causes"),
    [
        ({"type": "string"}, 1, {(TYPE, "spec")}),
        ({"type": "integer"}, "1", {(TYPE, "spec")}),
        ({"type": "integer"}, True, {(TYPE, "spec")}),
        ({"type": "integer"}, 1.0, set()),
        ({"type": "integer"}, 1.5, {(TYPE, "spec"), (INVALID, "<nil>")}),
        ({"type": "number"}, 1, set()),
        ({"type": "integer", "format": "int32"}, 2**40, set()),
        ({"type": "string"}, None, {(TYPE, "spec")}),
        ({"type": "string", "nullable": True}, None, set()),
        ({"type": "string", "nullable": True, "enum": ["a"]}, None, {("FieldValueNotSupported", "spec")}),
        ({"x-kubernetes-int-or-string": True}, 1, set()),
        ({"x-kubernetes-int-or-string": True}, 1.5, {(TYPE, "spec")}),
        ({"type": "string", "maxLength": 3}, "äöü", set()),
        ({"type": "string", "maxLength": 3, "pattern": "^a"}, "xxxx", {("FieldValueTooLong", "spec")}),
        ({"type": "string", "minLength": 1}, "", {(INVALID, "spec")}),
        (
            {"type": "string", "enum": ["a"], "maxLength": 1},
            "bb",
            {("FieldValueNotSupported", "spec"), ("FieldValueTooLong", "spec")},
        ),
        ({"type": "integer", "enum": ["1"]}, "2", {(TYPE, "spec"), ("FieldValueNotSupported", "spec")}),
        ({"type": "integer", "minimum": 2, "exclusiveMinimum": True}, 2, {(INVALID, "spec")}),
        ({"type": "integer", "maximum": 2}, 3, {(INVALID, "spec")}),
        ({"type": "integer", "multipleOf": 5}, 7, {(INVALID, "spec")}),
        ({"type": "integer", "multipleOf": 5}, 10, set()),
        ({"type": "number", "multipleOf": 0.1}, 1.1, set()),
        ({"type": "number", "multipleOf": 0.1}, 1.15, {(INVALID, "spec")}),
        ({"type": "number", "multipleOf": 2}, -4.0, set()),
        ({"type": "integer"}, 3.0, set()),
        ({"type": "integer"}, 1e16, {(TYPE, "spec")}),
        ({"type": "integer"}, 2.0**63, {(TYPE, "spec"), (INVALID, "<nil>")}),
        ({"type": "integer"}, 2**63 - 1, set()),
        ({"type": "string", "format": "date-time"}, "soon", {(TYPE, "spec")}),
        ({"type": "string", "format": "no-such-format"}, "soon", set()),
        (
            {"type": "array", "maxItems": 1, "items": {"type": "string"}},
            ["a", 1],
            {("FieldValueTooMany", "spec"), (TYPE, "spec[1]")},
        ),
        ({"type": "object", "required": ["a.b"]}, {}, {(REQUIRED, "spec.a.b")}),
        ({"type": "object", "additionalProperties": {"type": "string"}}, {"a.b/c": 1}, {(TYPE, "spec.a.b/c")}),
        (
            {"type": "object", "maxProperties": 1, "additionalProperties": {"type": "string"}},
            {"a": "", "b": ""},
            {("FieldValueTooMany", "spec")},
        ),
        ({"type": "object", "minProperties": 1}, {}, {(INVALID, "spec")}),
        ({"type": "object", "additionalProperties": False}, {"a": 1}, {(INVALID, "spec")}),
        (_TWO, {}, {(INVALID, "<nil>"), (REQUIRED, "spec.a")}),
        (_TWO, {"b": "x"}, set()),
        ({"type": "integer", "oneOf": [{"minimum": 1}, {"minimum": 2}]}, 3, {(INVALID, "<nil>")}),
        ({"type": "integer", "allOf": [{"minimum": 1}, {"minimum": 2}]}, 1, {(INVALID, "<nil>"), (INVALID, "spec")}),
        ({"type": "integer", "not": {"minimum": 1}}, 1, {(INVALID, "<nil>")}),
    ],
)
def test_each_way_to_break_a_schema_has_its_cause(schema: JSON, value: Any, causes: set[tuple[str, str]]) -> None:
    assert _found(value, schema) == causes


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        (r"^[[:alpha:]]+\z", "abc", "abc\n"),
        (r"^\pL+$", "äb", "1"),
        (r"^a(?i)b$", "aB", "AB"),
        (r"^(?:[a-z]+,?)+$", "a,b", "A"),
        (r"\d", "x1", "x"),
        (r"^a$", "a", "a\n"),
    ],
)
def test_patterns_are_those_of_go(pattern: str, good: str, bad: str) -> None:
    schema = {"type": "string", "pattern": pattern}
    assert (_found(good, schema), _found(bad, schema)) == (set(), {(INVALID, "spec")})


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("bsonobjectid", "507f1f77bcf86cd799439011", "507f1f77bcf86cd79943901"),
        ("uri", "https://a.b/c?d", "a b"),
        ("email", "a@b.c", "a"),
        ("hostname", "a-b.example.com", "a_b!"),
        ("ipv4", "10.0.0.1", "10.0.0.256"),
        ("ipv6", "fe80::1", "10.0.0.1"),
        ("cidr", "10.0.0.1/8", "10.0.0.1"),
        ("mac", "00:1b:44:11:3a:b7", "00:1b:44:11:3a"),
        ("uuid", "0A1b2c3d-0000-1000-8000-000000000000", "0a1b2c3d"),
        ("uuid4", "0a1b2c3d-0000-4000-8000-000000000000", "0a1b2c3d-0000-1000-8000-000000000000"),
        ("isbn", "978-0321751041", "978-0321751042"),
        ("isbn10", "0321751043", "0321751044"),
        ("creditcard", "4111 1111 1111 1111", "4111 1111 1111 1112"),
        ("ssn", "111-22-3333", "111-22-333"),
        ("hexcolor", "#FFFFFF", "#GGG"),
        ("rgbcolor", "rgb(1,2,255)", "rgb(1,2,256)"),
        ("byte", "YWJj", "a"),
        ("date", "2024-02-29", "2023-02-29"),
        ("date-time", "2024-02-29T10:00:00.5+01:00", "2024-02-29 10:00:00Z"),
        ("duration", "1h30m", "soon"),
        ("duration", "2 days", "2 moons"),
        ("k8s-short-name", "a-b", "a.b"),
        ("k8s-long-name", "a.b-c", "a..b"),
    ],
)
def test_formats(name: str, good: str, bad: str) -> None:
    assert (formats.fits(name, good), formats.fits(name, bad)) == (True, False)


@pytest.mark.parametrize(
    ("schema", "value", "causes"),
    [
        (
            {"type": "array", "items": _KEYED, **MAP_LIST},
            [{"k": "a"}, {"k": "b"}, {"k": "a"}, {"k": "a"}],
            {("FieldValueDuplicate", "[2]")},
        ),
        (
            {"type": "array", "items": {"type": "integer"}, "x-kubernetes-list-type": "set"},
            [1, 2, 1],
            {("FieldValueDuplicate", "[2]")},
        ),
        ({"type": "array", "items": {"type": "boolean"}, "x-kubernetes-list-type": "set"}, [1, True], set()),
        (
            {
                "type": "object",
                "additionalProperties": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
            },
            {"a": ["x", "x"]},
            {("FieldValueDuplicate", "[a][1]")},
        ),
    ],
)
def test_what_comes_twice(schema: JSON, value: Any, causes: set[tuple[str, str]]) -> None:
    assert {(error.reason, error.path) for error in validation.list_errors(value, schema)} == causes


def test_only_what_changed_is_checked() -> None:
    schema = {
        "type": "object",
        "properties": {"l": {"type": "array", "items": _KEYED, **MAP_LIST}, "n": {"type": "integer"}},
    }
    old = {"l": [{"k": "a", "v": "bad"}, {"k": "b", "v": 1}], "n": "bad"}
    new = {"l": [{"k": "b", "v": "worse"}, {"k": "a", "v": "bad"}], "n": "bad"}
    assert _found(new, schema, old=old) == {(TYPE, "spec.l[0].v")}
    assert _found({"n": True}, schema, old={"n": 1}) == {(TYPE, "spec.n")}


@pytest.mark.parametrize(
    ("schema", "value", "left", "gone"),
    [
        ({"type": "object"}, {"a": 1}, {}, ["a"]),
        ({"type": "object", "x-kubernetes-preserve-unknown-fields": True}, {"a": {"b": 1}}, {"a": {"b": 1}}, []),
        (
            {"type": "object", "additionalProperties": {"type": "object", "properties": {"x": {}}}},
            {"k": {"x": 1, "y": 2}},
            {"k": {"x": 1}},
            ["k.y"],
        ),
        ({"type": "object", "additionalProperties": True}, {"k": 1, "m": {"y": 2}}, {"k": 1, "m": {}}, ["m.y"]),
        (
            {"type": "object", "properties": {"l": {"type": "array", "items": _KEYED}}},
            {"l": [{"k": "a", "z": 1}]},
            {"l": [{"k": "a"}]},
            ["l[0].z"],
        ),
        (
            {"type": "object", "x-kubernetes-embedded-resource": True, "properties": {"spec": {"type": "object"}}},
            {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "nope": 1}, "spec": {"x": 1}, "y": 1},
            {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {}},
            ["metadata.nope", "spec.x", "y"],
        ),
    ],
)
def test_unknown_fields_go(schema: JSON, value: JSON, left: JSON, gone: list[str]) -> None:
    value = copy.deepcopy(value)
    assert (sorted(shaping.prune(value, schema)), value) == (gone, left)


@pytest.mark.parametrize(
    ("schema", "value", "filled"),
    [
        ({"properties": {"a": {"default": 1}}}, {}, {"a": 1}),
        ({"properties": {"a": {"default": 1}}}, {"a": None}, {"a": 1}),
        ({"properties": {"a": {"default": 1, "nullable": True}}}, {"a": None}, {"a": None}),
        ({"properties": {"a": {"type": "string"}}}, {"a": None}, {}),
        ({"properties": {"a": {"default": {}, "properties": {"b": {"default": 2}}}}}, {}, {"a": {"b": 2}}),
        ({"properties": {"l": {"items": {"properties": {"b": {"default": 2}}}}}}, {"l": [{}]}, {"l": [{"b": 2}]}),
        ({"additionalProperties": {"properties": {"b": {"default": 2}}}}, {"m": {}}, {"m": {"b": 2}}),
        ({"additionalProperties": {"default": 2}}, {"m": None}, {"m": 2}),
    ],
)
def test_defaults_fill_in(schema: JSON, value: JSON, filled: JSON) -> None:
    shaping.apply_defaults(value, schema)
    assert value == filled

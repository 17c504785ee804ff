"""Custom kinds beyond the recorded one: rules at every level, messages, ratcheting, strictness, and bad definitions."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from api_objects import DEFINITIONS, MERGE, THINGS, created, definition, read, thing
from api_server import ApiServerInThread

JSON = dict[str, Any]

SCHEMA: JSON = {
    "type": "object",
    "properties": {
        "spec": {
            "type": "object",
            "properties": {
                "name": {"type": "string", "maxLength": 20},
                "count": {"type": "integer"},
                "ratio": {"type": "number"},
                "namespace": {"type": "string"},
                "size": {"type": "string"},
                "fixed": {
                    "type": "string",
                    "x-kubernetes-validations": [{"rule": "self == oldSelf", "message": "fixed is immutable"}],
                },
                "once": {
                    "type": "integer",
                    "x-kubernetes-validations": [
                        {
                            "rule": "!oldSelf.hasValue() || self >= oldSelf.value()",
                            "optionalOldSelf": True,
                            "messageExpression": "'once may only grow, not become ' + string(self)",
                        }
                    ],
                },
                "parts": {
                    "type": "array",
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["name"],
                    "items": {
                        "type": "object",
                        "required": ["name"],
                        "properties": {"name": {"type": "string"}, "size": {"type": "integer"}},
                        "x-kubernetes-validations": [
                            {"rule": "!has(self.size) || self.size > 0", "message": "size must be positive"},
                            {
                                "rule": "!has(oldSelf.size) || self.size >= oldSelf.size",
                                "fieldPath": ".size",
                                "reason": "FieldValueForbidden",
                                "message": "a part may not shrink",
                            },
                        ],
                    },
                },
                "limits": {
                    "type": "object",
                    "additionalProperties": {
                        "type": "string",
                        "x-kubernetes-validations": [
                            {"rule": "quantity(self).isGreaterThan(quantity('0'))", "message": "must be above 0"}
                        ],
                    },
                },
            },
            "x-kubernetes-validations": [
                {"rule": "!has(self.name) || self.name.lowerAscii() == self.name", "message": "name in lower case"},
                {"rule": "!has(self.ratio) || self.ratio * 2.0 <= 1.0", "message": "ratio at most 0.5"},
                {"rule": "!has(self.__namespace__) || self.__namespace__ != 'x'", "message": "not namespace x"},
            ],
        },
        "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
    },
}


@pytest.fixture
def things(api_server: ApiServerInThread) -> ApiServerInThread:
    created(api_server, DEFINITIONS, definition(SCHEMA))
    return api_server


def _refusal(server: ApiServerInThread, spec: JSON) -> list[tuple[str, str, str]]:
    status, answer = server.request("POST", THINGS, thing("a", spec=spec))
    assert status == 422, answer
    return [(cause["field"], cause["reason"], cause["message"]) for cause in answer["details"]["causes"]]


@pytest.mark.parametrize(
    ("spec", "field", "message"),
    [
        ({"name": "Ada"}, "spec", "name in lower case"),
        ({"ratio": 1}, "spec", "ratio at most 0.5"),
        ({"namespace": "x"}, "spec", "not namespace x"),
        ({"parts": [{"name": "a", "size": 1}, {"name": "b", "size": 0}]}, "spec.parts[1]", "size must be positive"),
        ({"limits": {"cpu": "500m", "memory": "0"}}, "spec.limits[memory]", "must be above 0"),
    ],
)
def test_a_rule_is_checked_where_it_stands(things: ApiServerInThread, spec: JSON, field: str, message: str) -> None:
    ((where, reason, text),) = _refusal(things, spec)
    assert (where, reason) == (field, "FieldValueInvalid")
    assert text.endswith(f": {message}")


def test_transition_rules_hold_for_updates_alone(things: ApiServerInThread) -> None:
    created(things, THINGS, thing("a", spec={"fixed": "x", "once": 3, "parts": [{"name": "p", "size": 2}]}))
    patch = {"spec": {"fixed": "y", "once": 2, "parts": [{"name": "q"}, {"name": "p", "size": 1}]}}
    status, answer = things.request("PATCH", f"{THINGS}/a", patch, MERGE)
    assert status == 422
    causes = {(cause["field"], cause["reason"], cause["message"]) for cause in answer["details"]["causes"]}
    assert causes == {
        ("spec.fixed", "FieldValueInvalid", 'Invalid value: "string": fixed is immutable'),
        ("spec.once", "FieldValueInvalid", 'Invalid value: "integer": once may only grow, not become 2'),
        ("spec.parts[1].size", "FieldValueForbidden", "Forbidden: a part may not shrink"),
    }


def test_the_message_says_what_kubectl_prints(things: ApiServerInThread) -> None:
    _, answer = things.request("POST", THINGS, thing("a", spec={"name": "Ada"}))
    assert answer["message"] == (
        'Thing.test.example.com "a" is invalid: spec: Invalid value: "object": name in lower case'
    )


def test_what_did_not_change_is_not_checked_again(things: ApiServerInThread) -> None:
    created(things, THINGS, thing("a", spec={"name": "a-name-of-19-letters", "count": 1}))
    stricter = copy.deepcopy(SCHEMA)
    stricter["properties"]["spec"]["properties"]["name"]["maxLength"] = 5
    patch = {"spec": definition(stricter)["spec"]}
    assert things.request("PATCH", f"{DEFINITIONS}/things.test.example.com", patch, MERGE)[0] == 200
    assert things.request("PATCH", f"{THINGS}/a/status", {"status": {"phase": "Running"}}, MERGE)[0] == 200
    assert things.request("PATCH", f"{THINGS}/a", {"spec": {"count": 2}}, MERGE)[0] == 200
    assert things.request("PATCH", f"{THINGS}/a", {"spec": {"name": "another-long-name"}}, MERGE)[0] == 422


def test_unknown_fields_are_dropped_warned_of_or_refused(things: ApiServerInThread) -> None:
    body = thing("a", spec={"cuont": 1})
    status, answer = things.request("POST", f"{THINGS}?fieldValidation=Strict", body)
    assert (status, "spec.cuont" in answer["message"]) == (400, True)
    with things.open("POST", THINGS, body) as response:
        assert response.headers["Warning"] == '299 - "unknown field \\"spec.cuont\\""'
    assert read(things, f"{THINGS}/a").get("spec") == {}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"x-kubernetes-validations": [{"rule": "self.("}]}, "x-kubernetes-validations"),
        ({"type": "string"}, "openAPIV3Schema.type"),
    ],
)
def test_a_bad_definition_is_refused(api_server: ApiServerInThread, change: JSON, field: str) -> None:
    status, answer = api_server.request("POST", DEFINITIONS, definition({"type": "object", **change}))
    assert status == 422, answer
    assert field in answer["details"]["causes"][0]["field"]


def test_a_definition_must_be_named_after_its_kind(api_server: ApiServerInThread) -> None:
    body = definition({"type": "object"})
    body["metadata"]["name"] = "stuff.test.example.com"
    status, answer = api_server.request("POST", DEFINITIONS, body)
    assert (status, answer["details"]["causes"][0]["field"]) == (422, "metadata.name")


def test_a_kind_is_served_as_soon_as_its_creation_is_acknowledged(api_server: ApiServerInThread) -> None:
    created(api_server, DEFINITIONS, definition({"type": "object"}))
    answer = read(api_server, f"{DEFINITIONS}/things.test.example.com")
    conditions = {item["type"]: item["status"] for item in answer["status"]["conditions"]}
    assert conditions == {"NamesAccepted": "True", "Established": "True"}
    assert read(api_server, THINGS)["items"] == []


def test_the_kinds_of_footplate_are_served(api_server: ApiServerInThread) -> None:
    api_server.load_crds()
    names = {item["name"] for item in read(api_server, "/apis/footplate.dev/v1alpha1")["resources"]}
    assert {"trainingjobs", "trainingjobs/status", "computepools", "environments"} <= names

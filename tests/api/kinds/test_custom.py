"""Objects of custom kinds over versions, changes of their schema, and the end of their definition."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from api_objects import DEFINITIONS, MERGE, THINGS, created, definition, gone, read, thing
from api_server import ApiServerInThread

JSON = dict[str, Any]
PATH = f"{DEFINITIONS}/things.test.example.com"
SCHEMA: JSON = {
    "type": "object",
    "properties": {
        "spec": {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}}},
        "status": {"type": "object", "properties": {"phase": {"type": "string"}}},
    },
}


def _versions(**second: Any) -> JSON:
    """A definition with v1, which is stored, and v2, whose spec has c instead of b, with a default."""
    body = definition(copy.deepcopy(SCHEMA))
    version = copy.deepcopy(body["spec"]["versions"][0])
    fields = version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    del fields["b"]
    fields["c"] = {"type": "string", "default": "x"}
    body["spec"]["versions"].append({**version, "name": "v2", "storage": False, **second})
    return body


V2 = THINGS.replace("/v1/", "/v2/")


def test_every_version_shows_the_same_objects(api_server: ApiServerInThread) -> None:
    """What the version that is stored does not know is lost, and only its defaults come when objects are read."""
    created(api_server, DEFINITIONS, _versions())
    created(api_server, THINGS, thing("one", spec={"a": "1", "b": "2"}))
    two = {**thing("two", spec={"a": "1", "c": "y"}), "apiVersion": "test.example.com/v2"}
    assert created(api_server, V2, two)["spec"] == {"a": "1"}
    listed = read(api_server, V2)
    assert listed["apiVersion"] == "test.example.com/v2"
    assert [(item["apiVersion"], item["spec"]) for item in listed["items"]] == [
        ("test.example.com/v2", {"a": "1"}),
        ("test.example.com/v2", {"a": "1"}),
    ]
    assert read(api_server, f"{THINGS}/one")["spec"] == {"a": "1", "b": "2"}
    status, answer = api_server.request("PATCH", f"{V2}/one", {"spec": {"a": "3"}}, MERGE)
    assert (status, answer["apiVersion"], answer["spec"]) == (200, "test.example.com/v2", {"a": "3"})
    assert read(api_server, f"{THINGS}/one")["spec"] == {"a": "3"}


def test_a_version_that_is_stored_gives_its_defaults_to_the_others(api_server: ApiServerInThread) -> None:
    body = _versions()
    for version in body["spec"]["versions"]:
        version["storage"] = not version["storage"]
        version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["c"] = {"type": "string"}
    stored = body["spec"]["versions"][1]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    stored["c"]["default"] = "x"
    created(api_server, DEFINITIONS, body)
    assert created(api_server, THINGS, thing("one", spec={"a": "1", "b": "2"}))["spec"] == {"a": "1", "c": "x"}
    assert created(api_server, f"{THINGS}?dryRun=All", thing("two", spec={"b": "2"}))["spec"] == {"c": "x"}
    assert read(api_server, f"{V2}/one")["spec"] == {"a": "1", "c": "x"}
    before = read(api_server, f"{THINGS}/one")["metadata"]
    status, answer = api_server.request("PATCH", f"{THINGS}/one", {"metadata": {"labels": {"l": "1"}}}, MERGE)
    assert (status, answer["metadata"]["generation"], answer["spec"]) == (200, 1, {"a": "1", "c": "x"}), before


def test_a_version_that_is_not_served_is_not_there(api_server: ApiServerInThread) -> None:
    created(api_server, DEFINITIONS, _versions(served=False))
    assert api_server.request("GET", V2)[0] == 404
    assert api_server.request("GET", THINGS)[0] == 200


def test_a_new_schema_holds_for_what_is_stored(api_server: ApiServerInThread) -> None:
    created(api_server, DEFINITIONS, definition(copy.deepcopy(SCHEMA)))
    created(api_server, THINGS, thing("a", spec={"a": "1", "b": "2"}))
    changed = copy.deepcopy(SCHEMA)
    changed["properties"]["spec"]["properties"] = {"a": {"type": "string"}, "d": {"type": "integer", "default": 5}}
    assert api_server.request("PATCH", PATH, {"spec": definition(changed)["spec"]}, MERGE)[0] == 200
    assert read(api_server, f"{THINGS}/a")["spec"] == {"a": "1", "d": 5}
    assert read(api_server, THINGS)["items"][0]["spec"] == {"a": "1", "d": 5}
    assert created(api_server, THINGS, thing("b", spec={"b": "2"}))["spec"] == {"d": 5}


def test_a_status_is_checked_by_itself(api_server: ApiServerInThread) -> None:
    created(api_server, DEFINITIONS, definition(copy.deepcopy(SCHEMA)))
    created(api_server, THINGS, thing("a"))
    stricter = copy.deepcopy(SCHEMA)
    stricter["required"] = ["spec"]
    assert api_server.request("PATCH", PATH, {"spec": definition(stricter)["spec"]}, MERGE)[0] == 200
    status, answer = api_server.request("PATCH", f"{THINGS}/a/status", {"status": {"phase": 1}}, MERGE)
    assert [cause["field"] for cause in answer["details"]["causes"]] == ["status.phase"], status
    assert api_server.request("PATCH", f"{THINGS}/a/status", {"status": {"phase": "Done"}}, MERGE)[0] == 200
    assert api_server.request("PATCH", f"{THINGS}/a", {"spec": {"a": "x"}}, MERGE)[0] == 200


def test_a_definition_takes_its_objects_with_it(api_server: ApiServerInThread) -> None:
    created(api_server, DEFINITIONS, definition(copy.deepcopy(SCHEMA)))
    held = thing("held")
    held["metadata"]["finalizers"] = ["example.com/hold"]
    created(api_server, THINGS, held)
    created(api_server, THINGS, thing("free"))
    assert api_server.request("DELETE", PATH)[0] == 200
    gone(api_server, f"{THINGS}/free")
    assert read(api_server, f"{THINGS}/held")["metadata"]["deletionTimestamp"]
    conditions = {item["type"]: item for item in read(api_server, PATH)["status"]["conditions"]}
    assert (conditions["Terminating"]["status"], conditions["Terminating"]["reason"]) == (
        "True",
        "InstanceDeletionInProgress",
    )
    status, answer = api_server.request("POST", THINGS, thing("late"))
    assert (status, answer["reason"]) == (403, "Forbidden")
    api_server.request("PATCH", f"{THINGS}/held", {"metadata": {"finalizers": None}}, MERGE)
    gone(api_server, PATH)
    assert api_server.request("GET", THINGS)[0] == 404
    created(api_server, DEFINITIONS, definition(copy.deepcopy(SCHEMA)))
    assert read(api_server, THINGS)["items"] == []


@pytest.mark.parametrize("kept", [True, False])
def test_names_are_held_over_a_restart(api_server: ApiServerInThread, kept: bool) -> None:
    created(api_server, DEFINITIONS, definition(copy.deepcopy(SCHEMA)))
    created(api_server, THINGS, thing("a"))
    if not kept:
        api_server.request("DELETE", PATH)
        gone(api_server, PATH)
    api_server.stop()
    api_server.start()
    assert api_server.request("GET", f"{THINGS}/a")[0] == (200 if kept else 404)

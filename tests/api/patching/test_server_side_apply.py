"""Server-side apply between managers, on lists that are merged by key, and what managedFields say."""

from __future__ import annotations

from typing import Any

from api_objects import APPLY, CONFIG_MAPS, MERGE, PODS, config_map, created, read
from api_server import ApiServerInThread

JSON = dict[str, Any]


def _apply(server: ApiServerInThread, path: str, body: JSON, manager: str, query: str = "") -> tuple[int, JSON]:
    return server.request("PATCH", f"{path}?fieldManager={manager}{query}", body, APPLY)


def _with(data: JSON) -> JSON:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": data}


def test_a_field_of_another_manager_is_a_conflict_that_names_it(api_server: ApiServerInThread) -> None:
    path = f"{CONFIG_MAPS}/a"
    assert _apply(api_server, path, _with({"k": "1"}), "one")[0] == 201
    status, answer = _apply(api_server, path, _with({"k": "2"}), "two")
    assert (status, answer["reason"]) == (409, "Conflict")
    assert answer["message"] == 'Apply failed with 1 conflict: conflict with "one": .data.k'
    assert answer["details"]["causes"] == [
        {"reason": "FieldManagerConflict", "message": 'conflict with "one"', "field": ".data.k"}
    ]


def test_force_takes_the_field_over(api_server: ApiServerInThread) -> None:
    path = f"{CONFIG_MAPS}/a"
    _apply(api_server, path, _with({"k": "1", "mine": "1"}), "one")
    status, answer = _apply(api_server, path, _with({"k": "2"}), "two", "&force=true")
    assert (status, answer["data"]) == (200, {"k": "2", "mine": "1"})
    _apply(api_server, path, _with({"mine": "1"}), "one")
    assert read(api_server, path)["data"] == {"k": "2", "mine": "1"}


def test_the_same_value_is_shared_not_fought_over(api_server: ApiServerInThread) -> None:
    path = f"{CONFIG_MAPS}/a"
    _apply(api_server, path, _with({"k": "1"}), "one")
    assert _apply(api_server, path, _with({"k": "1"}), "two")[0] == 200
    _apply(api_server, path, _with({}), "one")
    assert read(api_server, path)["data"] == {"k": "1"}


def test_applying_the_same_again_changes_nothing(api_server: ApiServerInThread) -> None:
    path = f"{CONFIG_MAPS}/a"
    first = _apply(api_server, path, _with({"k": "1"}), "one")[1]
    again = _apply(api_server, path, _with({"k": "1"}), "one")[1]
    assert again == first


def test_containers_are_merged_by_name(api_server: ApiServerInThread) -> None:
    def pod(*containers: JSON) -> JSON:
        return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": list(containers)}}

    path = f"{PODS}/p"
    assert _apply(api_server, path, pod({"name": "a", "image": "a:1"}, {"name": "b", "image": "b:1"}), "one")[0] == 201
    status, answer = _apply(api_server, path, pod({"name": "b", "image": "b:2"}), "two", "&force=true")
    assert status == 200, answer
    images = {item["name"]: item["image"] for item in answer["spec"]["containers"]}
    assert images == {"a": "a:1", "b": "b:2"}


def test_managed_fields_name_the_writer_of_each_field(api_server: ApiServerInThread) -> None:
    created(api_server, f"{CONFIG_MAPS}?fieldManager=maker", config_map("a", {"x": "1", "y": "1"}))
    api_server.request("PATCH", f"{CONFIG_MAPS}/a?fieldManager=changer", {"data": {"y": "2"}}, MERGE)
    entries = read(api_server, f"{CONFIG_MAPS}/a")["metadata"]["managedFields"]
    owned = {entry["manager"]: entry["fieldsV1"] for entry in entries}
    assert owned == {"maker": {"f:data": {".": {}, "f:x": {}}}, "changer": {"f:data": {"f:y": {}}}}


def test_a_removed_field_has_no_owner(api_server: ApiServerInThread) -> None:
    created(api_server, CONFIG_MAPS, config_map("a", {"x": "1", "y": "1"}))
    api_server.request("PATCH", f"{CONFIG_MAPS}/a", {"data": {"y": None}}, MERGE)
    (entry,) = read(api_server, f"{CONFIG_MAPS}/a")["metadata"]["managedFields"]
    assert entry["fieldsV1"] == {"f:data": {".": {}, "f:x": {}}}

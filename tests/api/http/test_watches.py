"""Watches beyond the recorded ones: where they begin, what they end with, and when they must begin again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from api_objects import CONFIG_MAPS, MERGE, config_map, created, events, read
from api_server import ApiServerInThread


@pytest.fixture
def forgetful(tmp_path: Path) -> Iterator[ApiServerInThread]:
    """A server that remembers ten changes."""
    server = ApiServerInThread(tmp_path / "forgetful", history=10)
    server.start()
    yield server
    server.stop()


def _shape(event: dict[str, Any]) -> tuple[str, str]:
    return event["type"], event["object"]["metadata"].get("name", "")


def test_a_version_that_is_no_longer_remembered_is_410(forgetful: ApiServerInThread) -> None:
    old = created(forgetful, CONFIG_MAPS, config_map("first"))["metadata"]["resourceVersion"]
    for number in range(20):
        created(forgetful, CONFIG_MAPS, config_map(f"c-{number}"))
    with forgetful.open("GET", f"{CONFIG_MAPS}?watch=true&resourceVersion={old}") as response:
        (event,) = events(response)
    assert (event["type"], event["object"]["code"], event["object"]["reason"]) == ("ERROR", 410, "Expired")


def test_a_recent_version_is_remembered_while_older_ones_go(forgetful: ApiServerInThread) -> None:
    for number in range(50):
        created(forgetful, CONFIG_MAPS, config_map(f"c-{number}"))
    version = read(forgetful, f"{CONFIG_MAPS}/c-47")["metadata"]["resourceVersion"]
    with forgetful.open("GET", f"{CONFIG_MAPS}?watch=true&resourceVersion={version}&timeoutSeconds=1") as response:
        assert [_shape(event) for event in events(response)] == [("ADDED", "c-48"), ("ADDED", "c-49")]


def test_an_object_that_begins_to_match_a_selector_is_added(api_server: ApiServerInThread) -> None:
    version = created(api_server, CONFIG_MAPS, config_map("a"))["metadata"]["resourceVersion"]
    api_server.request("PATCH", f"{CONFIG_MAPS}/a", {"metadata": {"labels": {"x": "1"}}}, MERGE)
    path = f"{CONFIG_MAPS}?watch=true&labelSelector=x%3D1&resourceVersion={version}&timeoutSeconds=1"
    with api_server.open("GET", path) as response:
        assert [_shape(event) for event in events(response)] == [("ADDED", "a")]


def test_initial_events_end_with_a_bookmark(api_server: ApiServerInThread) -> None:
    created(api_server, CONFIG_MAPS, config_map("a"))
    query = "watch=true&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan"
    with api_server.open("GET", f"{CONFIG_MAPS}?{query}") as response:
        stream = events(response)
        first, bookmark = next(stream), next(stream)
    assert _shape(first) == ("ADDED", "a")
    assert bookmark["type"] == "BOOKMARK"
    assert bookmark["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
    assert bookmark["object"]["metadata"]["resourceVersion"] == first["object"]["metadata"]["resourceVersion"]


def test_a_watch_ends_in_time_with_a_bookmark_if_asked(api_server: ApiServerInThread) -> None:
    created(api_server, "/api/v1/namespaces/default/secrets", {"metadata": {"name": "elsewhere"}})
    path = f"{CONFIG_MAPS}?watch=true&allowWatchBookmarks=true&timeoutSeconds=1"
    with api_server.open("GET", path) as response:
        assert [event["type"] for event in events(response)] == ["BOOKMARK"]


def test_one_object_can_be_watched_by_its_name(api_server: ApiServerInThread) -> None:
    created(api_server, CONFIG_MAPS, config_map("a"))
    created(api_server, CONFIG_MAPS, config_map("b"))
    path = f"{CONFIG_MAPS}?watch=true&fieldSelector=metadata.name%3Db&timeoutSeconds=1"
    with api_server.open("GET", path) as response:
        assert [_shape(event) for event in events(response)] == [("ADDED", "b")]


def test_kubectl_gets_rows_and_their_headers_once(api_server: ApiServerInThread) -> None:
    created(api_server, CONFIG_MAPS, config_map("a"))
    created(api_server, CONFIG_MAPS, config_map("b"))
    table = "application/json;as=Table;v=v1;g=meta.k8s.io"
    with api_server.open("GET", f"{CONFIG_MAPS}?watch=true&timeoutSeconds=1", Accept=table) as response:
        first, second = events(response)
    assert [column["name"] for column in first["object"]["columnDefinitions"]] == ["Name", "Data", "Age"]
    assert second["object"]["columnDefinitions"] == []
    assert [event["object"]["rows"][0]["cells"][:2] for event in (first, second)] == [["a", 1], ["b", 1]]


def test_dropped_watches_end_and_nothing_is_lost_when_they_resume(api_server: ApiServerInThread) -> None:
    version = read(api_server, CONFIG_MAPS)["metadata"]["resourceVersion"]
    with api_server.open("GET", f"{CONFIG_MAPS}?watch=true&resourceVersion={version}") as response:
        stream = events(response)
        created(api_server, CONFIG_MAPS, config_map("a"))
        seen = next(stream)
        api_server.drop_watches()
        assert list(stream) == []
    created(api_server, CONFIG_MAPS, config_map("b"))
    version = seen["object"]["metadata"]["resourceVersion"]
    with api_server.open("GET", f"{CONFIG_MAPS}?watch=true&resourceVersion={version}&timeoutSeconds=1") as response:
        assert [_shape(event) for event in events(response)] == [("ADDED", "b")]

"""The faults that other tests ask for strike whom they should, and only them."""

from __future__ import annotations

import http.client
import time

import pytest
from api_objects import CONFIG_MAPS, config_map, created, events
from api_server import ApiServerInThread


def test_a_status_is_answered_as_often_as_asked(api_server: ApiServerInThread) -> None:
    api_server.faults.add("GET", "/configmaps$", code=429, count=2, retry_after=1)
    answers = [api_server.request("GET", CONFIG_MAPS)[0] for _ in range(3)]
    assert answers == [429, 429, 200]


def test_retry_after_is_told(api_server: ApiServerInThread) -> None:
    api_server.faults.add("GET", "/configmaps$", code=429, retry_after=7)
    with api_server.open("GET", CONFIG_MAPS) as response:
        assert response.headers["Retry-After"] == "7"


def test_other_methods_and_paths_are_not_struck(api_server: ApiServerInThread) -> None:
    api_server.faults.add("POST", "/configmaps$", code=500)
    assert api_server.request("GET", CONFIG_MAPS)[0] == 200
    assert api_server.request("GET", "/api/v1/namespaces/default/pods")[0] == 200
    assert api_server.request("POST", CONFIG_MAPS, config_map("a"))[0] == 500


@pytest.mark.parametrize(("after", "status"), [(False, 404), (True, 200)])
def test_a_dropped_write_was_carried_out_or_not(api_server: ApiServerInThread, after: bool, status: int) -> None:
    api_server.faults.add("POST", "/configmaps$", action="drop", after=after)
    with pytest.raises((http.client.RemoteDisconnected, OSError)):
        api_server.request("POST", CONFIG_MAPS, config_map("a"))
    assert api_server.request("GET", f"{CONFIG_MAPS}/a")[0] == status


def test_a_watch_is_cut_in_the_middle_and_only_once(api_server: ApiServerInThread) -> None:
    api_server.faults.add("GET", "watch=true", action="cut", seconds=0.3)
    created(api_server, CONFIG_MAPS, config_map("a"))
    path = f"{CONFIG_MAPS}?watch=true&fieldSelector=metadata.name%3Da&timeoutSeconds=20"
    with api_server.open("GET", path) as response:
        stream = events(response)
        assert next(stream)["object"]["metadata"]["name"] == "a"
        began = time.monotonic()
        assert list(stream) == []
        assert time.monotonic() - began < 10
    with api_server.open("GET", path.replace("20", "1")) as response:
        assert [event["type"] for event in events(response)] == ["ADDED"]


def test_a_conflict_is_one_that_clients_know(api_server: ApiServerInThread) -> None:
    api_server.faults.add("PUT", "/configmaps/a$", code=409)
    created(api_server, CONFIG_MAPS, config_map("a"))
    status, answer = api_server.request("PUT", f"{CONFIG_MAPS}/a", config_map("a"))
    assert (status, answer["kind"], answer["reason"]) == (409, "Status", "Conflict")


def test_a_delay_delays(api_server: ApiServerInThread) -> None:
    api_server.faults.add("GET", "/configmaps$", action="delay", seconds=0.2)
    began = time.monotonic()
    assert api_server.request("GET", CONFIG_MAPS)[0] == 200
    assert time.monotonic() - began >= 0.2


def test_requests_are_recorded(api_server: ApiServerInThread) -> None:
    created(api_server, CONFIG_MAPS, config_map("a"))
    api_server.request("GET", f"{CONFIG_MAPS}/zz?x=y")
    last_two = [(item.method, item.path, item.user_agent, item.status) for item in api_server.requests[-2:]]
    assert last_two == [("POST", CONFIG_MAPS, "tests", 201), ("GET", f"{CONFIG_MAPS}/zz?x=y", "tests", 404)]

"""Lists in pages show one moment, whatever happens between the pages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from api_objects import CONFIG_MAPS, config_map, created, read
from api_server import ApiServerInThread


def _names(answer: dict[str, Any]) -> list[str]:
    return [item["metadata"]["name"] for item in answer["items"]]


def test_pages_are_of_one_moment(api_server: ApiServerInThread) -> None:
    for name in "abcde":
        created(api_server, CONFIG_MAPS, config_map(name))
    first = read(api_server, f"{CONFIG_MAPS}?limit=2")
    assert (_names(first), first["metadata"]["remainingItemCount"]) == (["a", "b"], 3)
    api_server.request("DELETE", f"{CONFIG_MAPS}/d")
    created(api_server, CONFIG_MAPS, config_map("c2"))
    rest = read(api_server, f"{CONFIG_MAPS}?limit=10&continue={first['metadata']['continue']}")
    assert _names(rest) == ["c", "d", "e"]
    assert rest["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
    assert "continue" not in rest["metadata"]


def test_a_page_of_a_forgotten_moment_is_410(tmp_path: Path) -> None:
    server = ApiServerInThread(tmp_path, history=10)
    server.start()
    try:
        for name in "abc":
            created(server, CONFIG_MAPS, config_map(name))
        token = read(server, f"{CONFIG_MAPS}?limit=1")["metadata"]["continue"]
        for number in range(20):
            created(server, CONFIG_MAPS, config_map(f"c-{number:02}"))
        status, answer = server.request("GET", f"{CONFIG_MAPS}?limit=1&continue={token}")
        assert (status, answer["reason"]) == (410, "Expired")
        goes_on = answer["metadata"]["continue"]
        rest = read(server, f"{CONFIG_MAPS}?limit=3&continue={goes_on}")
        more = read(server, f"{CONFIG_MAPS}?limit=30&continue={rest['metadata']['continue']}")
        assert _names(rest) + _names(more) == ["b", "c", *(f"c-{number:02}" for number in range(20))]
        status, answer = server.request("GET", f"{CONFIG_MAPS}?resourceVersionMatch=Exact&resourceVersion=1001")
        assert (status, answer["reason"], answer["metadata"]) == (410, "Expired", {})
    finally:
        server.stop()


def test_a_made_up_continue_token_is_400(api_server: ApiServerInThread) -> None:
    assert api_server.request("GET", f"{CONFIG_MAPS}?limit=1&continue=abc")[0] == 400

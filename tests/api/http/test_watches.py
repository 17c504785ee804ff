"""Watches beyond the recorded ones: where they begin, what they end with, and when they must begin again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from api_objects import CONFIG_MAPS, MERGE, config_map, created, events, read
from api_server import ApiServerInThread

from footplate_local.apiserver.http.negotiation import Accepted
from footplate_local.apiserver.http.requests import Target
from footplate_local.apiserver.http.watches import Watch, WatchOptions
from footplate_local.apiserver.kinds.builtins import builtin_types
from footplate_local.apiserver.kinds.definitions import DefinitionStrategy
from footplate_local.apiserver.kinds.registry import Registry
from footplate_local.apiserver.storage.sqlite import SqliteStorage


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


class Stuck:
    """A response whose client reads only when it is allowed to."""

    def __init__(self) -> None:
        self.reads = asyncio.Event()
        self.written: list[bytes] = []

    async def prepare(self, request: Any) -> None: ...

    async def write(self, data: bytes) -> None:
        await self.reads.wait()
        self.written.append(data)


@pytest.mark.parametrize(("size", "count"), [(10, 12_000), (1_000_000, 40)], ids=["many", "large"])
async def test_a_client_that_does_not_read_is_cut_off_and_can_resume(tmp_path: Path, size: int, count: int) -> None:
    storage = SqliteStorage(tmp_path / "cluster.db", history=2 * count)
    kind = Registry(builtin_types(DefinitionStrategy())).find("", "v1", "configmaps")
    assert kind is not None
    since = storage.version
    options = WatchOptions(version=since, matches=None, timeout=60, bookmarks=True, send_initial=False)
    watch = Watch(storage, Target(kind, None), options, Accepted(), lambda: datetime.now(UTC))
    response: Any = Stuck()
    serving = asyncio.create_task(watch.serve(cast(Any, None), response))
    await asyncio.sleep(0)
    versions = []
    for number in range(count):
        obj = {"metadata": {"name": f"c-{number}"}, "data": {"pad": "x" * size}}
        versions.append(storage.put(kind.key("default", f"c-{number}"), obj).version)
        if number % 10 == 0:
            await asyncio.sleep(0)
    response.reads.set()
    await asyncio.wait_for(serving, 10)
    seen = [
        int(json.loads(line)["object"]["metadata"]["resourceVersion"]) for line in b"".join(response.written).split()
    ]
    assert 0 < len(seen) < count
    assert seen == versions[: len(seen)]
    storage.close()

"""kopf operators that come and go, and a server that does: restarts, peering, kinds that appear later."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kopf
import pytest
from api_objects import DEFINITIONS, JSON, created, eventually, gone, read
from api_server import ApiServerInThread
from kopf_operator import (
    CATS,
    GROUP,
    HANDLED,
    SECONDS,
    OperatorInThread,
    OperatorProcess,
    Place,
    kind,
    registry_for,
)

SCRIPT = """
import json, os, pathlib, kopf

NOTES = pathlib.Path(__file__).with_suffix(".notes")


def note(*words):
    with NOTES.open("a") as file:
        file.write(" ".join(map(str, words)) + "\\n")


@kopf.on.startup()
def configure(settings, **_):
    settings.posting.loggers = True
    settings.persistence.finalizer = "animals.example.com/finalizer"
    settings.persistence.progress_storage = kopf.StatusProgressStorage(field="status.progress")


@kopf.on.create("animals.example.com", "v1", "cats")
def first(name, **_):
    note("first", name)
    return {"done": True}


@kopf.on.create("animals.example.com", "v1", "cats")
def second(name, retry, **_):
    note("second", name, retry)
    if not NOTES.with_suffix(".allow").exists():
        raise kopf.TemporaryError("not allowed yet", delay=0.1)


@kopf.on.delete("animals.example.com", "v1", "cats")
def deleted(name, **_):
    note("deleted", name)
"""


@pytest.fixture
def server(api_server: ApiServerInThread) -> Iterator[ApiServerInThread]:
    created(api_server, DEFINITIONS, kind(CATS, "Cat"))
    return api_server


@pytest.fixture
def place(server: ApiServerInThread) -> Place:
    return Place(server, "here")


def test_kopf_run_is_killed_and_goes_on(server: ApiServerInThread, place: Place, tmp_path: Path) -> None:
    """`kopf run` with its own login; unfinished handlers go on after SIGKILL, finished ones are not run again."""
    script = tmp_path / "operator.py"
    script.write_text(SCRIPT)
    notes = script.with_suffix(".notes")

    def noted(line: str) -> bool:
        return notes.exists() and line in notes.read_text().splitlines()

    with OperatorProcess(server, script, "--standalone", "--namespace", place.name) as operator:
        place.create("tom")
        eventually(lambda: noted("second tom 1"), SECONDS)
        assert place.read("tom")["metadata"]["finalizers"] == ["animals.example.com/finalizer"]
        assert "second" in place.read("tom")["status"]["progress"]
        operator.kill()
        script.with_suffix(".allow").touch()
        operator.start()
        eventually(lambda: HANDLED in place.read("tom")["metadata"].get("annotations", {}), SECONDS)
        status = place.read("tom")["status"]
        assert (status["first"], status["progress"]) == ({"done": True}, {})
        assert notes.read_text().splitlines().count("first tom") == 1
        selector = "involvedObject.kind=Cat,involvedObject.name=tom,reason=Logging"
        eventually(lambda: bool(read(server, place.core(f"events?fieldSelector={selector}"))["items"]), SECONDS)
        place.delete("tom")
        place.gone("tom")
        assert noted("deleted tom")
        assert operator.terminate() == 0


def test_resume_handlers_see_what_was_there_and_what_changed_meanwhile(place: Place) -> None:
    seen: list[Any] = []

    @kopf.on.resume(CATS, registry=place.registry)
    @kopf.on.create(CATS, registry=place.registry)
    def present(name: str, reason: str, **_: Any) -> None:
        seen.append((name, reason))

    @kopf.on.update(CATS, field="spec.size", registry=place.registry)
    def resized(name: str, old: Any, new: Any, **_: Any) -> None:
        seen.append((name, old, new))

    with place.operator():
        for name in ("a", "b"):
            place.create(name, spec={"size": 1})
            place.handled(name)
    place.patch("b", {"spec": {"size": 2}})
    with place.operator():
        eventually(lambda: len(seen) == 5, SECONDS)
        place.handled("b")
    assert sorted(seen[:2]) == [("a", "create"), ("b", "create")]
    assert sorted(seen[2:], key=str) == [("a", "resume"), ("b", 1, 2), ("b", "update")]


def test_the_server_restarts_under_an_operator(server: ApiServerInThread, place: Place) -> None:
    seen: list[str] = []

    @kopf.on.create(CATS, registry=place.registry)
    def create_fn(name: str, **_: Any) -> None:
        seen.append(name)

    settings = kopf.OperatorSettings()
    settings.networking.error_backoffs = [0.05] * 40
    with place.operator(settings):
        place.create("before")
        place.handled("before")
        server.restart()
        place.create("after")
        place.handled("after")
        server.drop_watches()
        place.create("dropped")
        place.handled("dropped")
    assert seen == ["before", "after", "dropped"]


@pytest.mark.parametrize("streaming", [False, True])
def test_a_watch_that_is_too_far_behind_lists_again(tmp_path: Path, streaming: bool) -> None:
    """The history is short: the operator's version is gone (410) when it comes back."""
    server = ApiServerInThread(tmp_path / "short", history=20)
    server.start()
    try:
        created(server, DEFINITIONS, kind(CATS, "Cat"))
        place = Place(server, "here")
        seen: set[str] = set()

        @kopf.on.event(CATS, registry=place.registry)
        def watch(name: str, **_: Any) -> None:
            seen.add(name)

        settings = kopf.OperatorSettings()
        settings.watching.initial_streaming = streaming
        settings.watching.reconnect_backoff = 0.2
        settings.watching.chunk_size = 3
        with place.operator(settings):
            place.create("first")
            eventually(lambda: "first" in seen, SECONDS)
            server.drop_watches()
            for number in range(25):
                place.create(f"tom-{number}")
            place.delete("tom-0")
            eventually(lambda: "tom-24" in seen, SECONDS)
            assert seen >= {f"tom-{number}" for number in range(1, 25)}
            place.create("last")
            eventually(lambda: "last" in seen, SECONDS)
    finally:
        server.stop()


def listed(server: ApiServerInThread, path: str, times: int) -> None:
    """Wait until kopf has listed what it watches next; what comes between its first list and that one it ignores."""
    eventually(lambda: [call.path for call in server.requests if call.method == "GET"].count(path) >= times, SECONDS)


def test_a_kind_that_comes_after_the_operator_and_goes_before_it(place: Place) -> None:
    seen: list[str] = []

    @kopf.on.create("birds", registry=place.registry)
    def create_fn(name: str, **_: Any) -> None:
        seen.append(name)

    @kopf.on.event(category="animals", registry=place.registry)
    def any_animal(name: str, body: kopf.Body, **_: Any) -> None:
        seen.append(f"{body['kind']} {name}")

    definition = kind("birds", "Bird")
    definition["spec"]["names"]["categories"] = ["animals"]
    with place.operator():
        listed(place.server, DEFINITIONS, 1)
        for name in ("tweety", "woody"):
            created(place.server, DEFINITIONS, definition)
            eventually(lambda: place.server.request("GET", place.path(plural="birds"))[0] == 200)
            place.create(name, kind="Bird", plural="birds")
            place.handled(name, "birds")
            assert {name, f"Bird {name}"} <= set(seen)
            assert place.server.request("DELETE", f"{DEFINITIONS}/birds.{GROUP}")[0] == 200
            gone(place.server, f"{DEFINITIONS}/birds.{GROUP}")


def test_handlers_of_several_versions(place: Place) -> None:
    """Each handler sees the objects in the version it asked for; all versions are one object."""
    definition = kind("fish", "Fish")
    stored = definition["spec"]["versions"][0]
    definition["spec"]["versions"].append({**stored, "name": "v1beta1", "storage": False})
    created(place.server, DEFINITIONS, definition)
    seen: set[tuple[str, str]] = set()

    for version in ("v1", "v1beta1"):

        @kopf.on.event(GROUP, version, "fish", registry=place.registry, id=f"on-{version}")
        def handle(name: str, body: kopf.Body, version: str = version, **_: Any) -> None:
            seen.add((version, body["apiVersion"]))

    with place.operator():
        body = {"apiVersion": f"{GROUP}/v1beta1", "kind": "Fish", "metadata": {"name": "nemo"}}
        created(place.server, f"/apis/{GROUP}/v1beta1/namespaces/{place.name}/fish", body)
        eventually(lambda: seen == {("v1", f"{GROUP}/v1"), ("v1beta1", f"{GROUP}/v1beta1")}, SECONDS)


def test_namespaces_by_pattern_and_the_whole_cluster(server: ApiServerInThread) -> None:
    seen: dict[str, set[str]] = {"pattern": set(), "cluster": set()}
    registries = {}
    for scope in seen:
        registries[scope] = registry_for(server)

        @kopf.on.event(CATS, registry=registries[scope])
        def handle(namespace: str, scope: str = scope, **_: Any) -> None:
            seen[scope].add(namespace)

    with (
        OperatorInThread(registries["pattern"], namespaces=["team-*,!team-secret"]),
        OperatorInThread(registries["cluster"], clusterwide=True),
    ):
        listed(server, "/api/v1/namespaces", 2)
        for name in ("team-secret", "other", "team-a"):
            Place(server, name).create("tom")
        eventually(lambda: seen == {"pattern": {"team-a"}, "cluster": {"team-secret", "other", "team-a"}}, SECONDS)
        assert server.request("DELETE", "/api/v1/namespaces/team-a")[0] == 200
        gone(server, "/api/v1/namespaces/team-a")
        Place(server, "team-b").create("tom")
        eventually(lambda: "team-b" in seen["pattern"], SECONDS)


@pytest.mark.parametrize(
    ("plural", "name", "scope"),
    [("clusterkopfpeerings", "ClusterKopfPeering", "Cluster"), ("kopfpeerings", "KopfPeering", "Namespaced")],
)
def test_peers_pause_for_the_one_with_priority(server: ApiServerInThread, plural: str, name: str, scope: str) -> None:
    place = Place(server, "here")
    created(server, DEFINITIONS, kind(plural, name, group="kopf.dev", scope=scope))
    namespace = "" if scope == "Cluster" else f"/namespaces/{place.name}"
    path = f"/apis/kopf.dev/v1{namespace}/{plural}"
    created(server, path, {"apiVersion": "kopf.dev/v1", "kind": name, "metadata": {"name": "default"}})
    seen: list[tuple[str, str]] = []

    def operator(who: str, priority: int) -> OperatorInThread:
        registry = registry_for(server)

        @kopf.on.create(CATS, registry=registry)
        def create_fn(name: str, **_: Any) -> None:
            seen.append((who, name))

        where: JSON = {"clusterwide": True} if scope == "Cluster" else {"namespaces": [place.name]}
        return OperatorInThread(registry, standalone=False, priority=priority, identity=who, **where)

    def peers() -> dict[str, int]:
        return {who: peer["priority"] for who, peer in read(server, f"{path}/default").get("status", {}).items()}

    with operator("steady", 10):
        eventually(lambda: peers() == {"steady": 10}, SECONDS)
        place.create("one")
        place.handled("one")
        with operator("laptop", 100):
            eventually(lambda: peers() == {"steady": 10, "laptop": 100}, SECONDS)
            place.create("two")
            place.handled("two")
        eventually(lambda: peers() == {"steady": 10}, SECONDS)
        place.create("three")
        place.handled("three")
    assert peers() == {}
    assert json.dumps(seen) == json.dumps([("steady", "one"), ("laptop", "two"), ("steady", "three")])

"""Operators written with kopf, as its documentation shows them, against the server."""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import kopf
import pytest
from api_objects import DEFINITIONS, JSON, created, eventually, gone, read
from api_server import ApiServerInThread
from kopf_operator import CATS, FINALIZER, GROUP, HANDLED, SECONDS, Place, kind

SECOND = re.compile(r"[-0-9]{10}T[:0-9]{8}Z")
MICROSECOND = re.compile(r"[-0-9]{10}T[:0-9]{8}\.[0-9]{6}Z")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServerInThread]:
    found = ApiServerInThread(tmp_path_factory.mktemp("kopf") / "home")
    found.start()
    created(found, DEFINITIONS, kind(CATS, "Cat"))
    created(found, DEFINITIONS, kind("dogs", "Dog", status=True))
    yield found
    found.stop()


@pytest.fixture
def place(server: ApiServerInThread, request: pytest.FixtureRequest) -> Place:
    return Place(server, request.node.name.removeprefix("test_").replace("_", "-")[:60].rstrip("-"))


@pytest.mark.parametrize("plural", [CATS, "dogs"])
def test_create_update_delete(server: ApiServerInThread, plural: str) -> None:
    """With and without the status subresource: kopf keeps results and progress in the status."""
    place = Place(server, f"lifecycle-{plural}")
    seen: list[Any] = []

    @kopf.on.create(plural, registry=place.registry, id="create_fn")
    def create_fn(spec: kopf.Spec, **_: Any) -> JSON:
        seen.append(("create", spec["size"]))
        return {"born": spec["size"]}

    @kopf.on.update(plural, registry=place.registry)
    def update_fn(diff: kopf.Diff, **_: Any) -> None:
        seen.append(("update", [tuple(item) for item in diff]))

    @kopf.on.delete(plural, registry=place.registry)
    def delete_fn(name: str, **_: Any) -> None:
        seen.append(("delete", place.read(name, plural)["metadata"]["finalizers"]))

    with place.operator():
        place.create("tom", kind={CATS: "Cat", "dogs": "Dog"}[plural], plural=plural, spec={"size": 1})
        place.handled("tom", plural)
        made = place.read("tom", plural)
        assert made["metadata"]["finalizers"] == [FINALIZER]
        assert made["status"]["create_fn"] == {"born": 1}
        assert json.loads(made["metadata"]["annotations"][HANDLED]) == {"spec": {"size": 1}}
        place.patch("tom", {"spec": {"size": 2}, "metadata": {"labels": {"colour": "grey"}}}, plural)
        eventually(lambda: len(seen) == 2, SECONDS)
        place.handled("tom", plural)
        place.delete("tom", plural)
        place.gone("tom", plural)
    assert seen[0] == ("create", 1)
    assert sorted(seen[1][1]) == [
        ("add", ("metadata",), None, {"labels": {"colour": "grey"}}),
        ("change", ("spec", "size"), 1, 2),
    ]
    assert seen[2:] == [("delete", [FINALIZER])]


def test_retries_until_it_works(place: Place) -> None:
    tries: list[tuple[str, int]] = []

    @kopf.on.create(CATS, registry=place.registry, id="temporary")
    def temporary(retry: int, name: str, **_: Any) -> str:
        tries.append(("temporary", retry))
        if retry < 2:
            progress = place.read(name)["metadata"].get("annotations", {})
            assert ("kopf.zalando.org/temporary" in progress) is (retry > 0)
            raise kopf.TemporaryError("not yet", delay=0.05)
        return "at last"

    @kopf.on.create(CATS, registry=place.registry, id="arbitrary", backoff=0.05, retries=2)
    def arbitrary(retry: int, **_: Any) -> None:
        tries.append(("arbitrary", retry))
        raise ValueError("it never works")

    @kopf.on.create(CATS, registry=place.registry, id="permanent")
    def permanent(**_: Any) -> None:
        tries.append(("permanent", 0))
        raise kopf.PermanentError("it cannot work")

    with place.operator():
        place.create("tom")
        place.handled("tom")
        assert place.read("tom")["status"] == {"temporary": "at last"}
    assert Counter(name for name, _ in tries) == {"temporary": 3, "arbitrary": 2, "permanent": 1}


def test_sub_handlers_and_field_handlers(place: Place) -> None:
    seen: list[Any] = []

    @kopf.on.create(CATS, registry=place.registry, id="parent")
    def parent(spec: kopf.Spec, **_: Any) -> None:
        for kitten in spec["kittens"]:

            @kopf.subhandler(id=kitten)
            def child(kitten: str = kitten, **_: Any) -> JSON:
                seen.append(kitten)
                return {"name": kitten}

    @kopf.on.field(CATS, field="spec.toys.ball", registry=place.registry)
    def ball(old: Any, new: Any, **_: Any) -> None:
        seen.append((old, new))

    with place.operator():
        place.create("tom", spec={"kittens": ["a", "b"], "toys": {"ball": "red"}})
        place.handled("tom")
        assert {"a", "b"} <= {item for item in seen if isinstance(item, str)}
        assert place.read("tom")["status"]["parent/a"] == {"name": "a"}
        place.patch("tom", {"spec": {"toys": {"ball": "blue"}}})
        eventually(lambda: ("red", "blue") in seen, SECONDS)
        place.patch("tom", {"spec": {"toys": {"ball": None}}})
        eventually(lambda: ("blue", None) in seen, SECONDS)
        place.patch("tom", {"spec": {"toys": {"rope": 1}}})
        place.handled("tom")
    assert [item for item in seen if isinstance(item, tuple)] == [(None, "red"), ("red", "blue"), ("blue", None)]


def test_events_are_filtered_by_labels_annotations_and_functions(place: Place) -> None:
    seen: dict[str, set[str]] = {}

    def note(filter_name: str, name: str) -> None:
        seen.setdefault(filter_name, set()).add(name)

    filters: dict[str, Any] = {
        "present": {"labels": {"colour": kopf.PRESENT}},
        "absent": {"labels": {"colour": kopf.ABSENT}},
        "grey": {"labels": {"colour": "grey"}},
        "callback": {"labels": {"colour": lambda value, **_: value in ("black", "white")}},
        "annotated": {"annotations": {"example.com/note": "yes"}},
        "field": {"field": "spec.size", "value": 3},
        "when": {"when": lambda name, **_: name.startswith("t")},
    }
    for filter_name, options in filters.items():

        @kopf.on.event(CATS, registry=place.registry, id=filter_name, **options)
        def handle(name: str, filter_name: str = filter_name, **_: Any) -> None:
            note(filter_name, name)

    done = threading.Event()

    @kopf.on.event("secrets", registry=place.registry)
    def last(name: str, **_: Any) -> None:
        done.set()

    with place.operator():
        place.create("tom", labels={"colour": "grey"})
        place.create("kit", labels={"colour": "black"}, annotations={"example.com/note": "yes"})
        place.create("lou", spec={"size": 3})
        created(place.server, place.core("secrets"), {"metadata": {"name": "end"}, "stringData": {"k": "v"}})
        eventually(lambda: sum(map(len, seen.values())) == 8 and done.is_set(), SECONDS)
    assert seen == {
        "present": {"tom", "kit"},
        "absent": {"lou"},
        "grey": {"tom"},
        "callback": {"kit"},
        "annotated": {"kit"},
        "field": {"lou"},
        "when": {"tom"},
    }
    assert "finalizers" not in place.read("tom")["metadata"], "watching alone changes nothing"


def test_timers_and_daemons(place: Place) -> None:
    ticks: Counter[str] = Counter()
    daemons: list[str] = []

    @kopf.timer(CATS, interval=0.02, registry=place.registry, when=lambda name, **_: name == "tom")
    def tick(name: str, patch: kopf.Patch, **_: Any) -> None:
        ticks[name] += 1
        patch.status["ticks"] = ticks[name]

    @kopf.daemon(CATS, registry=place.registry, cancellation_backoff=5.0)
    async def live(name: str, stopped: kopf.DaemonStopped, **_: Any) -> None:
        daemons.append(f"{name} lives")
        await stopped.wait(SECONDS)
        daemons.append(f"{name} {stopped.reason.name if stopped.reason else 'ran out'}")

    with place.operator():
        place.create("tom")
        eventually(lambda: place.read("tom").get("status", {}).get("ticks", 0) >= 3, SECONDS)
        eventually(lambda: "tom lives" in daemons, SECONDS)
        assert place.read("tom")["metadata"]["finalizers"] == [FINALIZER]
        place.delete("tom")
        place.gone("tom")
        assert daemons[0] == "tom lives"
        assert "RESOURCE_DELETED" in daemons[1]
        place.create("kit")
        eventually(lambda: "kit lives" in daemons, SECONDS)
    assert "OPERATOR_EXITING" in daemons[3], "a stopped operator takes its daemons with it"


def test_an_index_serves_another_handler(place: Place) -> None:
    seen: list[Any] = []

    @kopf.index("configmaps", labels={"toy": kopf.PRESENT}, registry=place.registry, id="toys")
    def toys(name: str, labels: kopf.Labels, **_: Any) -> dict[str, str]:
        return {labels["toy"]: name}

    @kopf.on.create(CATS, registry=place.registry)
    def play(toys: kopf.Index[str, str], spec: kopf.Spec, **_: Any) -> None:
        found = sorted(toys.get(spec["toy"], ()))
        if not found:
            raise kopf.TemporaryError("no such toy yet", delay=0.05)
        seen.append(found)

    for name in ("a", "b"):
        body = {"metadata": {"name": name, "labels": {"toy": "ball"}}}
        created(place.server, place.core("configmaps"), body)
    with place.operator():
        place.create("tom", spec={"toy": "ball"})
        eventually(lambda: seen == [["a", "b"]], SECONDS)
        place.create("kit", spec={"toy": "rope"})
        created(place.server, place.core("configmaps"), {"metadata": {"name": "c", "labels": {"toy": "rope"}}})
        eventually(lambda: seen == [["a", "b"], ["c"]], SECONDS)


def test_adopted_children_go_with_their_owner(place: Place) -> None:
    @kopf.on.create(CATS, registry=place.registry, id="make")
    def make(body: kopf.Body, **_: Any) -> JSON:
        child: JSON = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"k": "v"}}
        kopf.adopt(child)
        kopf.label(child, {"made-by": "kopf"})
        made = created(place.server, place.core("configmaps"), child)
        kopf.event(body, type="Normal", reason="Made", message="made " + made["metadata"]["name"])
        kopf.warn(body, reason="Careful", message="m" * 2000)
        return {"child": made["metadata"]["name"]}

    with place.operator():
        tom = place.create("tom")
        place.handled("tom")
        name = place.read("tom")["status"]["make"]["child"]
        assert name.startswith("tom-")
        child = read(place.server, f"{place.core('configmaps')}/{name}")
        owner = {"apiVersion": f"{GROUP}/v1", "kind": "Cat", "name": "tom", "uid": tom["metadata"]["uid"]}
        assert child["metadata"]["ownerReferences"] == [{"controller": True, "blockOwnerDeletion": True, **owner}]
        selector = f"involvedObject.name=tom,involvedObject.kind=Cat,involvedObject.uid={tom['metadata']['uid']}"

        def events() -> dict[str, JSON]:
            return {
                item["reason"]: item
                for item in read(place.server, place.core(f"events?fieldSelector={selector}"))["items"]
            }

        eventually(lambda: {"Made", "Careful"} <= events().keys(), SECONDS)
        made = events()["Made"]
        assert (made["type"], made["message"], made["source"]) == ("Normal", f"made {name}", {"component": "kopf"})
        assert made["metadata"]["name"].startswith("kopf-event-")
        assert SECOND.fullmatch(made["firstTimestamp"]), "kopf sends microseconds and +00:00"
        assert MICROSECOND.fullmatch(made["eventTime"])
        assert len(events()["Careful"]["message"]) <= 1024
        place.delete("tom")
        place.gone("tom")
        gone(place.server, f"{place.core('configmaps')}/{name}")

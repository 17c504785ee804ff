"""A simple model of what an API server does to objects, and a seeded walk that compares a real one with it.

The model knows two kinds: ConfigMaps, and a custom kind `Thing` with a status subresource. Of an object it keeps what
clients see of the rules: content, labels, finalizers, whether it is being deleted, generation and resourceVersion.
"""

from __future__ import annotations

import copy
import http.client
import json
import random
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

JSON = dict[str, Any]
Place = tuple[str, str, str]  # kind, namespace, name
KINDS = {"ConfigMap": ("v1", "configmaps", "data"), "Thing": ("test.example.com/v1", "things", "spec")}
NAMESPACES = ("default", "other")
NAMES = ("a", "b", "c", "d", "e")
FINALIZER = "example.com/hold"


class Connection:
    """Requests over one connection. `home` is the folder of the server, which may restart between them."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._open: http.client.HTTPSConnection | None = None

    def request(self, method: str, path: str, body: Any = None, media: str = "application/json") -> tuple[int, Any]:
        """Status and decoded body. Raises OSError and HTTPException when the server goes away meanwhile."""
        if self._open is None:
            self._open = self._connect()
        try:
            self._open.request(method, path, None if body is None else json.dumps(body), self._headers(media))
            response = self._open.getresponse()
            return response.status, json.loads(response.read())
        except (OSError, http.client.HTTPException):
            self.close()
            raise

    def close(self) -> None:
        if self._open is not None:
            self._open.close()
            self._open = None

    @contextmanager
    def watch(self, path: str) -> Iterator[Iterator[JSON]]:
        """The events of a watch as they come."""
        connection = self._connect()
        try:
            connection.request("GET", path, headers=self._headers("application/json"))
            yield (json.loads(line) for line in connection.getresponse())
        finally:
            connection.close()

    def _connect(self) -> http.client.HTTPSConnection:
        context = ssl.create_default_context(cafile=self._home / "run" / "apiserver.pem")
        port = int((self._home / "run" / "apiserver.port").read_text())
        return http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=20)

    def _headers(self, media: str) -> dict[str, str]:
        token = (self._home / "token").read_text().strip()
        return {"Authorization": f"Bearer {token}", "Content-Type": media, "User-Agent": "tests"}


@dataclass
class Modelled:
    """What the model knows of an object."""

    uid: str
    version: int
    generation: int
    content: JSON
    labels: JSON
    finalizers: list[str]
    status: Any = None
    deleting: bool = False


def seen(obj: JSON) -> Modelled:
    """The same of an object that the server showed."""
    meta = obj["metadata"]
    return Modelled(
        meta["uid"],
        int(meta["resourceVersion"]),
        meta.get("generation", 0),
        obj.get("data", obj.get("spec", {})),
        meta.get("labels", {}),
        meta.get("finalizers", []),
        obj.get("status"),
        "deletionTimestamp" in meta,
    )


def collection(kind: str, namespace: str = "") -> str:
    api_version, plural, _ = KINDS[kind]
    root = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
    return f"{root}/namespaces/{namespace}/{plural}" if namespace else f"{root}/{plural}"


@dataclass
class Snapshot:
    """A list as it was: later, a watch from its version must lead to the list of then."""

    kind: str
    selector: str
    version: int
    objects: dict[Place, Modelled]


@dataclass
class Walk:
    """Random operations on a server, each compared with the model as it is answered."""

    connection: Connection
    random: random.Random
    objects: dict[Place, Modelled] = field(default_factory=dict)
    stale: dict[Place, list[int]] = field(default_factory=dict)
    snapshots: list[Snapshot] = field(default_factory=list)
    newest: int = 0
    doing: Place = ("", "", "")

    def step(self) -> None:
        kind = self.random.choice(list(KINDS))
        place = self.doing = (kind, self.random.choice(NAMESPACES), self.random.choice(NAMES))
        operations = (
            [self.create] * 4 + [self.replace] * 4 + [self.patch] * 4 + [self.apply] * 2 + [self.delete] * 3
            + [self.set_status, self.get, self.list, self.pages, self.delete_collection]
        )  # fmt: skip
        self.random.choice(operations)(place)

    # ------------------------------------------------------------------ writes

    def create(self, place: Place) -> None:
        dry = self.random.random() < 0.1
        body = self._body(place, self._content(), self._labels(), self._finalizers())
        status, answer = self._send("POST", collection(*place[:2]), body, dryRun="All" if dry else "")
        if place in self.objects:
            assert (status, answer["reason"]) == (409, "AlreadyExists"), answer
            return
        assert status == 201, answer
        wanted = Modelled("", 0, self._first_generation(place), self._shown(body), *self._meta(body))
        self._written(place, wanted, answer, dry=dry)

    def replace(self, place: Place) -> None:
        old = self.objects.get(place)
        body = self._body(place, self._content(), self._labels(), self._finalizers())
        if old is not None and old.content and self.random.random() < 0.3:  # nothing changes
            body = self._body(place, old.content, old.labels, old.finalizers)
        version = self._some_version(place)
        if version:
            body["metadata"]["resourceVersion"] = str(version)
        status, answer = self._send("PUT", self._path(place), body)
        if old is None:
            assert status == 404, answer
        elif not version and place[0] == "Thing":
            assert (status, answer["reason"]) == (422, "Invalid"), answer
        elif version not in (0, old.version):
            assert (status, answer["reason"]) == (409, "Conflict"), answer
        elif old.deleting and set(body["metadata"]["finalizers"]) - set(old.finalizers):
            assert status == 422, answer
        else:
            assert status == 200, answer
            self._changed(place, old, self._shown(body), *self._meta(body), answer)

    def patch(self, place: Place) -> None:
        """A merge patch of a few fields, sometimes with a version."""
        old = self.objects.get(place)
        labels, finalizers, content = (self._labels(), self._finalizers(), self._content())
        part: JSON = {"metadata": {}}
        if self.random.random() < 0.5:
            part["metadata"]["finalizers"] = finalizers
        if self.random.random() < 0.5:
            part["metadata"]["labels"] = labels
        if self.random.random() < 0.5:
            part[KINDS[place[0]][2]] = content
        version = self._some_version(place) if self.random.random() < 0.3 else 0
        if version:
            part["metadata"]["resourceVersion"] = str(version)
        status, answer = self._send("PATCH", self._path(place), part, "application/merge-patch+json")
        if old is None:
            assert status == 404, answer
            return
        if version not in (0, old.version):
            assert (status, answer["reason"]) == (409, "Conflict"), answer
            return
        after = part["metadata"].get("finalizers", old.finalizers)
        if old.deleting and set(after) - set(old.finalizers):
            assert status == 422, answer
            return
        assert status == 200, answer
        content = {**old.content, **part.get(KINDS[place[0]][2], {})}
        self._changed(place, old, content, {**old.labels, **part["metadata"].get("labels", {})}, after, answer)

    def apply(self, place: Place) -> None:
        """Server-side apply by a manager of its own, of one field that no other operation sets."""
        old = self.objects.get(place)
        value = self.random.choice(("x", "y", None if old else "x"))
        content = {} if value is None else {"applied": value}
        meta = {"name": place[2]}
        body = {"apiVersion": KINDS[place[0]][0], "kind": place[0], "metadata": meta}
        if content:  # even an empty object would be owned, which is a change
            body[KINDS[place[0]][2]] = content
        query = {"fieldManager": "applier", "force": "true"}
        status, answer = self._send("PATCH", self._path(place), body, "application/apply-patch+yaml", **query)
        if old is None:
            assert status == 201, answer
            self._written(place, Modelled("", 0, self._first_generation(place), content, {}, []), answer)
            return
        assert status == 200, answer
        kept = {key: value for key, value in old.content.items() if key != "applied"}
        if value is None and kept == old.content:  # no field changes, but perhaps who owns them
            self._written(place, copy.deepcopy(old), answer, same=seen(answer).version == old.version)
            return
        self._changed(place, old, {**kept, **content}, old.labels, old.finalizers, answer)

    def set_status(self, place: Place) -> None:
        """A status changes nothing else, and nothing else changes a status."""
        place, old = ("Thing", *place[1:]), self.objects.get(("Thing", *place[1:]))
        part = {"status": {"n": self.random.randrange(3)}, "spec": {"ignored": "1"}}
        status, answer = self._send("PATCH", self._path(place) + "/status", part, "application/merge-patch+json")
        if old is None:
            assert status == 404, answer
            return
        wanted = copy.deepcopy(old)
        wanted.status = part["status"]
        self._written(place, wanted, answer, same=wanted == old)

    def delete(self, place: Place) -> None:
        old, options = self.objects.get(place), dict[str, Any]()
        version = self._some_version(place) if self.random.random() < 0.3 else 0
        dry = self.random.random() < 0.1
        if version:
            options["preconditions"] = {"resourceVersion": str(version)}
        if dry:
            options["dryRun"] = ["All"]
        status, answer = self._send("DELETE", self._path(place), options or None)
        if old is None:
            assert status == 404, answer
        elif version not in (0, old.version):
            assert (status, answer["reason"]) == (409, "Conflict"), answer
        else:
            assert status == 200, answer
            if not dry:
                self._deleted(place, old, self.newest)

    def delete_collection(self, place: Place) -> None:
        selector = self.random.choice(("x=1", "x=2,y"))
        status, answer = self._send("DELETE", collection(*place[:2]), labelSelector=selector)
        assert status == 200, answer
        before = self.newest
        for other, old in list(self.objects.items()):
            if other[:2] == place[:2] and _matches(old, selector):
                self._deleted(other, old, before)

    # ------------------------------------------------------------------ reads

    def get(self, place: Place) -> None:
        status, answer = self._send("GET", self._path(place))
        if place in self.objects:
            assert seen(answer) == self.objects[place]
        else:
            assert status == 404, answer

    def list(self, place: Place) -> None:
        """A list agrees with the model; remembered, so that watches are tried from here."""
        kind, selector = place[0], self.random.choice(("", "x=1", "x!=1", "y"))
        status, answer = self._send("GET", collection(kind), labelSelector=selector)
        assert status == 200, answer
        self.snapshots.append(Snapshot(kind, selector, self._list_version(answer), self.expected(kind, selector)))
        assert self._places(kind, answer) == self.snapshots[-1].objects

    def pages(self, place: Place) -> None:
        """Pages show one moment, though something is written between them."""
        kind, expected = place[0], self.expected(place[0], "")
        status, answer = self._send("GET", collection(kind), limit="2")
        assert status == 200, answer
        version, found = self._list_version(answer), self._places(kind, answer)
        while token := answer["metadata"].get("continue"):
            self.random.choice((self.create, self.delete, self.patch))(place)
            status, answer = self._send("GET", collection(kind), **{"limit": "2", "continue": token})
            assert (status, answer["metadata"]["resourceVersion"]) == (200, str(version)), answer
            found |= self._places(kind, answer)
        assert found == expected

    def expected(self, kind: str, selector: str) -> dict[Place, Modelled]:
        """What a list must show now."""
        return {
            place: copy.deepcopy(obj)
            for place, obj in self.objects.items()
            if place[0] == kind and _matches(obj, selector)
        }

    def replay(self, snapshot: Snapshot) -> None:
        """A watch from a list leads to the list of now, in rising versions."""
        expected = self.expected(snapshot.kind, snapshot.selector)
        replayed, last = copy.deepcopy(snapshot.objects), snapshot.version
        query = urlencode({"watch": "true", "resourceVersion": last, "labelSelector": snapshot.selector,
                           "timeoutSeconds": 1, "allowWatchBookmarks": "true"})  # fmt: skip
        with self.connection.watch(f"{collection(snapshot.kind)}?{query}") as events:
            for event in events:
                version = int(event["object"]["metadata"]["resourceVersion"])
                if event["type"] == "BOOKMARK":
                    assert version >= last, event
                    break
                assert version > last, event
                last = version
                self._follow(snapshot.kind, replayed, event)
        assert replayed == expected

    def _follow(self, kind: str, replayed: dict[Place, Modelled], event: JSON) -> None:
        obj = event["object"]
        place = (kind, obj["metadata"]["namespace"], obj["metadata"]["name"])
        assert (place in replayed) == (event["type"] != "ADDED"), event
        if event["type"] == "DELETED":
            del replayed[place]
            return
        before, after = replayed.get(place), seen(obj)
        assert before is None or not before.deleting or after.deleting, event
        replayed[place] = after

    def recover(self) -> None:
        """After a kill in the middle of a step: what was acknowledged is there, what was under way may be."""
        newest = self.newest
        for kind in KINDS:
            status, answer = self._send("GET", collection(kind))
            assert status == 200, answer
            assert int(answer["metadata"]["resourceVersion"]) >= newest
            found = self._places(kind, answer)
            for place in found.keys() | self.expected(kind, "").keys():
                now, before = found.get(place), self.objects.pop(place, None)
                if now != before:
                    assert place[1] == self.doing[1], (now, before)
                    assert now is None or now.version > newest, place
                if now is not None:
                    self.objects[place] = now
            self.newest = max(self.newest, int(answer["metadata"]["resourceVersion"]))

    # ------------------------------------------------------------------ the rules

    def _changed(
        self, place: Place, old: Modelled, content: JSON, labels: JSON, finalizers: list[str], answer: JSON
    ) -> None:
        """An update was accepted: what must be there now."""
        wanted = copy.deepcopy(old)
        if place[0] == "Thing" and content != old.content:
            wanted.generation += 1
        wanted.content, wanted.labels, wanted.finalizers = content, labels, finalizers
        if old.deleting and not finalizers:
            self._gone(place)
        else:
            self._written(place, wanted, answer, same=wanted == old)

    def _written(self, place: Place, wanted: Modelled, answer: JSON, *, same: bool = False, dry: bool = False) -> None:
        """The answer to a write is what the model says; its version is new unless nothing changed."""
        found = seen(answer) if not dry or place in self.objects else seen(_with_version(answer))
        wanted.uid = wanted.uid or found.uid
        if same:
            assert found == wanted, "nothing should have changed"
            return
        if not dry:
            assert found.version > self.newest, answer
        wanted.version = found.version
        assert found == wanted
        if not dry:
            self.newest = found.version
            if place in self.objects:
                self.stale.setdefault(place, []).append(self.objects[place].version)
            self.objects[place] = wanted

    def _deleted(self, place: Place, old: Modelled, before: int) -> None:
        if not old.finalizers:
            self._gone(place)
        elif not old.deleting:
            status, answer = self._send("GET", self._path(place))
            assert status == 200, answer
            wanted = copy.deepcopy(old)
            wanted.deleting = True
            wanted.generation += 1 if place[0] == "Thing" else 0
            newest, self.newest = self.newest, before  # of several, the order is not ours to know
            self._written(place, wanted, answer)
            self.newest = max(self.newest, newest)

    def _gone(self, place: Place) -> None:
        assert self._send("GET", self._path(place))[0] == 404
        self.stale.setdefault(place, []).append(self.objects.pop(place).version)

    # ------------------------------------------------------------------ requests

    def _send(
        self, method: str, path: str, body: Any = None, media: str = "application/json", **query: str
    ) -> tuple[int, Any]:
        wanted = {key: value for key, value in query.items() if value}
        return self.connection.request(method, f"{path}?{urlencode(wanted)}" if wanted else path, body, media)

    def _path(self, place: Place) -> str:
        return f"{collection(*place[:2])}/{place[2]}"

    def _list_version(self, answer: JSON) -> int:
        version = int(answer["metadata"]["resourceVersion"])
        assert version >= self.newest
        self.newest = version
        return version

    def _places(self, kind: str, answer: JSON) -> dict[Place, Modelled]:
        return {(kind, item["metadata"]["namespace"], item["metadata"]["name"]): seen(item) for item in answer["items"]}

    def _body(self, place: Place, content: JSON, labels: JSON, finalizers: list[str]) -> JSON:
        kind, namespace, name = place
        meta = {"name": name, "namespace": namespace, "labels": labels, "finalizers": finalizers}
        return {"apiVersion": KINDS[kind][0], "kind": kind, "metadata": meta, KINDS[kind][2]: content}

    def _shown(self, body: JSON) -> JSON:
        return copy.deepcopy(body.get("data", body.get("spec", {})))

    def _meta(self, body: JSON) -> tuple[JSON, list[str]]:
        return body["metadata"]["labels"], body["metadata"]["finalizers"]

    def _first_generation(self, place: Place) -> int:
        return 1 if place[0] == "Thing" else 0

    def _some_version(self, place: Place) -> int:
        """The version of an object, an older one, or none (0)."""
        known = [self.objects[place].version] * 3 if place in self.objects else []
        return self.random.choice([0, *known, *self.stale.get(place, [])[-2:]])

    def _content(self) -> JSON:
        return {"value": self.random.choice(("1", "2", "3"))}

    def _labels(self) -> JSON:
        return self.random.choice(({}, {"x": "1"}, {"x": "2"}, {"x": "2", "y": ""}))

    def _finalizers(self) -> list[str]:
        return self.random.choice(([], [], [FINALIZER]))


def _with_version(obj: JSON) -> JSON:
    """What a dry run would have created has no version."""
    return {**obj, "metadata": {**obj["metadata"], "resourceVersion": "0"}}


def _matches(obj: Modelled, selector: str) -> bool:
    match selector:
        case "x=1":
            return obj.labels.get("x") == "1"
        case "x!=1":
            return obj.labels.get("x") != "1"
        case "x=2,y":
            return obj.labels.get("x") == "2" and "y" in obj.labels
        case "y":
            return "y" in obj.labels
    return True

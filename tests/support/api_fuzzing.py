"""Random requests for the API server: valid ones, and what can be broken about each.

A `Fuzzer` is a seeded stream of requests. It learns: what the server answered becomes material for updates, patches and
deletions of objects that are really there.
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import yaml
from fuzz_corpus import READS, Draft, made, manifests, scenarios
from fuzz_values import (
    ACCEPT,
    APPLY_PATCH,
    JSON_PATCH,
    KEYS,
    MEDIA,
    MERGE_PATCH,
    METHODS,
    QUERY,
    RAW_BODIES,
    SEGMENTS,
    STRATEGIC_PATCH,
    VALUES,
)

JSON = dict[str, Any]
LIVE_OBJECTS = 150


class Fuzzer:
    """An endless stream of requests: `next()`, then `learn()` what was answered."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        created = [*scenarios(), *made(), *manifests()]
        self._valid = [*created, *made(), *made(), *(Draft("GET", path) for path in READS)]
        self._live: list[tuple[str, JSON]] = []
        self._tokens: list[str] = []
        self._count = 0

    def setup(self) -> list[Draft]:
        """Valid requests to begin with, to have something to work on: namespaces, kinds, then objects."""
        creations = [draft for draft in self._valid if draft.method == "POST" and isinstance(draft.body, dict)]
        places = {part.split("/")[0] for draft in self._valid for part in draft.path.split("/namespaces/")[1:]}
        headers = {"Content-Type": "application/json"}
        namespaces = [
            Draft("POST", "/api/v1/namespaces", [], headers, {"metadata": {"name": name}}) for name in sorted(places)
        ]
        kinds = [draft for draft in creations if draft.path.endswith("/customresourcedefinitions")]
        return [*namespaces, *kinds, *creations]

    def learn(self, draft: Draft, status: int, answer: Any) -> None:
        """Remember an object that the server answered with, and tokens of pages."""
        if not isinstance(answer, dict) or not isinstance(answer.get("metadata"), dict) or status >= 300:
            return
        if token := answer["metadata"].get("continue"):
            self._tokens = [*self._tokens[-5:], token]
        name = answer["metadata"].get("name")
        if not name or "uid" not in answer["metadata"]:
            return
        path = draft.path if draft.method in ("PUT", "PATCH", "GET") else f"{draft.path}/{quote(name, safe='')}"
        self._live.append((path, answer))
        if len(self._live) > LIVE_OBJECTS:
            del self._live[self.random.randrange(len(self._live))]

    def next(self) -> Draft:
        self._count += 1
        draft = self._live_request() if self._live and self.random.random() < 0.5 else self._from_corpus()
        for _ in range(self.random.choice((0, 1, 1, 1, 2, 3))):
            self.random.choices(_BREAKERS, _WEIGHTS)[0](self, draft)
        return draft

    def _from_corpus(self) -> Draft:
        draft = copy.deepcopy(self.random.choice(self._valid))
        if draft.method == "POST" and isinstance(draft.body, dict) and self.random.random() < 0.6:
            meta = draft.body.get("metadata")
            if isinstance(meta, dict):
                meta["name"] = f"made-{self._count}"
        return draft

    def _live_request(self) -> Draft:
        path, obj = self.random.choice(self._live)
        obj = copy.deepcopy(obj)
        collection = path.rpartition("/")[0]
        headers = {"Content-Type": "application/json"}
        made = self.random.randrange(10)
        if made == 0:
            return Draft("GET", path, [], {"Accept": self.random.choice(ACCEPT)})
        if made == 1:
            return Draft(
                "GET", collection, [("watch", "true"), ("resourceVersion", obj["metadata"].get("resourceVersion", "0"))]
            )
        if made == 2:
            tokens = [("continue", token) for token in self._tokens[-1:]]
            return Draft("GET", collection, [("limit", "2"), *tokens], {"Accept": self.random.choice(ACCEPT)})
        if made == 3:
            options = self.random.choice((None, {"propagationPolicy": "Foreground"}, {"gracePeriodSeconds": 0},
                                          {"preconditions": {"uid": obj["metadata"]["uid"]}}))  # fmt: skip
            return Draft("DELETE", path, [], headers, options)
        subresource = self.random.choice(("", "", "", "/status", "/scale", "/binding"))
        if made in (4, 5):
            if self.random.random() < 0.5:
                obj["metadata"].pop("resourceVersion", None)
            self._break_value(obj)
            return Draft("PUT", path + subresource, [], headers, obj)
        return self._patch(path + subresource, obj)

    def _patch(self, path: str, obj: JSON) -> Draft:
        media = self.random.choice((JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH, APPLY_PATCH))
        headers = {"Content-Type": media}
        if media == JSON_PATCH:
            return Draft(
                "PATCH", path, [], headers, [self._operation(obj) for _ in range(self.random.choice((0, 1, 1, 2, 5)))]
            )
        for _ in range(self.random.choice((1, 2))):
            self._break_value(obj)
        if media == APPLY_PATCH:
            if isinstance(obj.get("metadata"), dict):
                obj["metadata"] = {"name": obj["metadata"].get("name")}
            query = [("fieldManager", self.random.choice(("m", "n"))), ("force", self.random.choice(("true", "false")))]
            return Draft("PATCH", path, query, headers, obj)
        if isinstance(obj.get("metadata"), dict) and self.random.random() < 0.7:
            obj["metadata"] = {"labels": obj["metadata"].get("labels")}
        return Draft("PATCH", path, [], headers, obj)

    def _operation(self, obj: JSON) -> Any:
        pointer = "/" + "/".join(quote(str(step), safe=" ").replace("/", "~1") for step in self._place(obj))
        pointer = self.random.choice(
            (pointer, pointer, pointer, pointer + "/-", pointer + "/x", "", "/", "x", "/metadata", 7)
        )
        kind = self.random.choice(("add", "replace", "remove", "test", "copy", "move", "add", "replace", "bad", None))
        operation = {
            "op": kind,
            "path": pointer,
            "value": copy.deepcopy(self.random.choice(VALUES)),
            "from": "/metadata",
        }
        if self.random.random() < 0.1:
            operation.pop(self.random.choice(list(operation)))
        return self.random.choice((*[operation] * 9, None))

    # ------------------------------------------------------------------ breakers

    def _place(self, value: Any) -> list[Any]:
        """A random path to somewhere in a value."""
        path: list[Any] = []
        while isinstance(value, dict | list) and value and (not path or self.random.random() < 0.8):
            step = self.random.choice(list(value)) if isinstance(value, dict) else self.random.randrange(len(value))
            path.append(step)
            value = value[step]
        return path

    def _break_value(self, value: Any) -> None:
        """Change something anywhere in an object or a list."""
        path = self._place(value)
        if not path:
            return
        for step in path[:-1]:
            value = value[step]
        last, weird = path[-1], copy.deepcopy(self.random.choice(VALUES))
        match self.random.randrange(6):
            case 0:
                del value[last]
            case 1 if isinstance(value, dict):
                value[self.random.choice(KEYS)] = weird
            case 2 if isinstance(value, dict):
                value[self.random.choice(KEYS)] = value.pop(last)
            case 3:
                value[last] = [value[last]]
            case 4 if isinstance(value, list):
                value.append(copy.deepcopy(self.random.choice((value[last], weird))))
            case _:
                value[last] = weird

    def break_body(self, draft: Draft) -> None:
        if isinstance(draft.body, dict | list):
            self._break_value(draft.body)
        else:
            draft.body = copy.deepcopy(self.random.choice(VALUES))

    def break_bytes(self, draft: Draft) -> None:
        content = bytearray(draft.content())
        if not content or self.random.random() < 0.5:
            draft.raw = self.random.choice(RAW_BODIES)
            return
        for _ in range(self.random.choice((1, 1, 3))):
            place = self.random.randrange(len(content) + 1)
            match self.random.randrange(4):
                case 0:
                    del content[place:]
                case 1:
                    content[place : place + 1] = bytes([self.random.randrange(256)])
                case 2:
                    content[place:place] = self.random.choice((b'"', b"{", b"\\ud800", b"\xff", b"0", b",", b"\x00"))
                case _:
                    del content[place : place + 3]
        draft.raw = bytes(content)

    def break_as_yaml(self, draft: Draft) -> None:
        media = self.random.choice((APPLY_PATCH, "application/yaml"))
        draft.headers["Content-Type"] = media
        draft.raw = yaml.safe_dump(
            json.loads(json.dumps(draft.body).replace("\\ud800", "")), allow_unicode=True
        ).encode()

    def break_method(self, draft: Draft) -> None:
        draft.method = self.random.choice(METHODS)

    def break_path(self, draft: Draft) -> None:
        parts = draft.path.split("/")
        place = self.random.randrange(1, len(parts)) if len(parts) > 1 else 0
        match self.random.randrange(4):
            case 0:
                del parts[place]
            case 1:
                parts.insert(place, self.random.choice(SEGMENTS))
            case 2:
                parts.append(self.random.choice(SEGMENTS))
            case _:
                parts[place] = self.random.choice(SEGMENTS)
        draft.path = "/" + "/".join(parts).lstrip("/")

    def break_query(self, draft: Draft) -> None:
        for _ in range(self.random.choice((1, 1, 2, 4))):
            name = self.random.choice(list(QUERY))
            draft.query.append((name, self.random.choice(QUERY[name])))

    def break_headers(self, draft: Draft) -> None:
        match self.random.randrange(5):
            case 0:
                draft.headers["Accept"] = self.random.choice(ACCEPT)
            case 1:
                draft.headers["Content-Type"] = self.random.choice(MEDIA)
            case 2:
                draft.headers.pop("Content-Type", None)
            case 3:
                draft.headers["User-Agent"] = self.random.choice(
                    ("", "kubectl/v1", "é", "x" * 300, "/", "\x80\xff", "a b")
                )
            case _:
                draft.headers["Authorization"] = self.random.choice(
                    ("", "Bearer", "Bearer x", "Basic eDp5", "bearer é", "\xff")
                )


_BREAKERS: tuple[Callable[[Fuzzer, Draft], None], ...] = (
    Fuzzer.break_body, Fuzzer.break_bytes, Fuzzer.break_as_yaml, Fuzzer.break_method, Fuzzer.break_path,
    Fuzzer.break_query,
    Fuzzer.break_headers,
)  # fmt: skip
_WEIGHTS = (10, 3, 1, 1, 2, 4, 2)

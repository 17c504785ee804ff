"""What a request asks to do, as access control sees it (apiserver pkg/endpoints/request/requestinfo.go)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

JSON = dict[str, Any]
_VERBS = {"POST": "create", "GET": "get", "HEAD": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_OF_NAMESPACES = ("status", "finalize")
_BY_NAME = re.compile(r"(?:^|,)metadata\.name==?([^,]+)(?:,|$)")


@dataclass(frozen=True, slots=True)
class Attributes:
    """A verb on a resource (`group` may be empty), or on a `path` that is of none.

    `namespace` is empty for all namespaces and for what is in none.
    """

    verb: str
    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""

    @property
    def whole_resource(self) -> str:
        """As rules name it: `pods/log`."""
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource

    @classmethod
    def of_review(cls, spec: JSON) -> Attributes:
        """What an access review asks for."""
        other = spec.get("nonResourceAttributes")
        if other is not None:
            return cls(verb=other.get("verb", ""), path=other.get("path", ""))
        asked = spec.get("resourceAttributes") or {}
        return cls(**{part: asked.get(part, "") for part in cls.__slots__ if part != "path"})


def attributes_of(method: str, path: str, query: Mapping[str, str], *, watch: bool = False) -> Attributes:
    """What a request asks; `watch`: its query says so."""
    parts = path.strip("/").split("/")
    if parts[0] == "api" and len(parts) > 2:
        group, rest = "", parts[2:]
    elif parts[0] == "apis" and len(parts) > 3:
        group, rest = parts[1], parts[3:]
    else:
        return Attributes(verb=method.lower(), path=path)
    if rest[0] == "watch" and len(rest) > 1:
        rest, watch = rest[1:], True
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 1:
        namespace = rest[1]
        if len(rest) > 2 and rest[2] not in _OF_NAMESPACES:
            rest = rest[2:]
    resource, name, subresource = (*rest, "", "")[:3]
    verb = _VERBS.get(method, method.lower())
    if verb == "get" and not name:
        verb = "watch" if watch else "list"
        found = _BY_NAME.search(query.get("fieldSelector", ""))
        name = found[1] if found else ""
    elif verb == "get" and watch:
        verb = "watch"
    elif verb == "delete" and not name:
        verb = "deletecollection"
    return Attributes(verb, group, resource, subresource, namespace, name)

"""Serves OpenAPI documents: what `kubectl explain` shows and what `kubectl apply` asks before it sends anything.

Documents are made when they are asked for and kept while their kinds stay the same. The list of them names each with a
hash, under which clients may keep it for ever. Source: kube-openapi pkg/handler, pkg/handler3.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from footplate_local.apiserver.errors import PageNotFound, not_acceptable
from footplate_local.apiserver.http import access, negotiation, openapi_documents, openapi_protobuf
from footplate_local.apiserver.kinds.registry import Registry, ResourceType
from footplate_local.apiserver.storage.model import encode

JSON = dict[str, Any]
_JSON = "application/json"


@dataclass(frozen=True, slots=True)
class _Document:
    kinds: tuple[ResourceType, ...]
    body: bytes
    tag: str


class Documents:
    """The documents of the kinds that a registry serves at the moment."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._kept: dict[str, _Document] = {}

    def answer(self, request: web.BaseRequest, parts: list[str]) -> web.Response:
        """Answer a GET below /openapi. Raises StatusError 404 and, for who reads neither form, 406."""
        match parts:
            case ["v2"]:
                return self._version_2(request)
            case ["v3"]:
                body = encode({"paths": self._index()})
                return _served(request, body, _tag(body))
            case ["v3", *path]:
                found = self._versions().get("/".join(path))
                if found is None:
                    raise PageNotFound
                _chosen(request, (_JSON,))
                return self._version_3(request, "/".join(path), found)
        raise PageNotFound

    def _kinds(self) -> list[ResourceType]:
        return [*self._registry.types(), *access.KINDS]

    def _version_2(self, request: web.BaseRequest) -> web.Response:
        media = _chosen(request, (_JSON, *openapi_protobuf.MEDIA_TYPES))
        if media == _JSON:
            document = self._document("v2", self._kinds(), lambda kinds: encode(openapi_documents.version_2(kinds)))
            return _served(request, document.body, document.tag)
        document = self._document(
            "v2 in protobuf",
            self._kinds(),
            lambda kinds: openapi_protobuf.encode(openapi_documents.version_2(kinds)),
        )
        return _served(request, document.body, document.tag, openapi_protobuf.MEDIA_TYPES[-1])

    def _version_3(self, request: web.BaseRequest, path: str, kinds: list[ResourceType]) -> web.Response:
        document = self._document(path, kinds, _encoded_3)
        asked = request.query.get("hash", "")
        if asked and asked != document.tag:
            return web.Response(status=301, headers={"Location": _url(path, document.tag), "Vary": "Accept"})
        response = _served(request, document.body, document.tag)
        if asked:
            response.headers["Cache-Control"] = "public, immutable"
        return response

    def _index(self) -> JSON:
        versions = sorted(self._versions().items())
        tags = {path: self._document(path, kinds, _encoded_3).tag for path, kinds in versions}
        return {path: {"serverRelativeURL": _url(path, tag)} for path, tag in tags.items()}

    def _versions(self) -> dict[str, list[ResourceType]]:
        """The kinds of every version of a group, by its path."""
        found: dict[str, list[ResourceType]] = {}
        for kind in self._kinds():
            path = f"apis/{kind.group}/{kind.version}" if kind.group else f"api/{kind.version}"
            found.setdefault(path, []).append(kind)
        return found

    def _document(
        self, name: str, kinds: Iterable[ResourceType], make: Callable[[Iterable[ResourceType]], bytes]
    ) -> _Document:
        kinds = tuple(kinds)
        kept = self._kept.get(name)
        if kept is None or not _same(kept.kinds, kinds):
            body = make(kinds)
            kept = self._kept[name] = _Document(kinds, body, _tag(body))
        return kept


def _encoded_3(kinds: Iterable[ResourceType]) -> bytes:
    return encode(openapi_documents.version_3(kinds))


def _same(some: tuple[ResourceType, ...], others: tuple[ResourceType, ...]) -> bool:
    return len(some) == len(others) and all(one is other for one, other in zip(some, others, strict=True))


def _tag(body: bytes) -> str:
    return hashlib.sha512(body).hexdigest().upper()


def _url(path: str, tag: str) -> str:
    return f"/openapi/v3/{path}?hash={tag}"


def _chosen(request: web.BaseRequest, offered: Sequence[str]) -> str:
    """The media type of the answer, of those that are offered. Raises StatusError 406."""
    for wanted, _ in negotiation.choices(request.headers.get("Accept") or "*/*"):
        if wanted in offered:
            return wanted
        if wanted in ("*/*", "application/*"):
            return offered[0]
    raise not_acceptable(f"this document is served as {', '.join(offered)}")


def _served(request: web.BaseRequest, body: bytes, tag: str, media: str = _JSON) -> web.Response:
    """A document, or 304 for a client that has it."""
    headers = {"Etag": f'"{tag}"', "Vary": "Accept"}
    if request.headers.get("If-None-Match") == f'"{tag}"':
        return web.Response(status=304, headers=headers)
    return web.Response(body=body, content_type=media, headers=headers)

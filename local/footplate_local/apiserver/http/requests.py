"""What a request speaks of: the kind, object or collection that its path names, and its body.

Sources: Kubernetes "API Concepts"; apiserver pkg/endpoints/request/requestinfo.go.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from footplate_local.apiserver import errors
from footplate_local.apiserver.errors import StatusError, bad_request
from footplate_local.apiserver.http import bodies, duplicates, negotiation, protobuf
from footplate_local.apiserver.kinds.registry import Registry, ResourceType

JSON = dict[str, Any]
LARGEST_BODY = 3 * 1024 * 1024
"""Bytes of a body that are accepted (kube-apiserver's MaxRequestBodyBytes)."""


@dataclass(frozen=True, slots=True)
class Target:
    """The object or the collection that a path names. `namespace` is None for all namespaces.

    `watch`: the path says that it is watched (`/api/v1/watch/…`).
    """

    kind: ResourceType
    namespace: str | None
    name: str = ""
    subresource: str = ""
    watch: bool = False


def resolve(registry: Registry, parts: Sequence[str], method: str) -> Target:
    """The target of a path below /api or /apis, split at its slashes. Raises StatusError 404."""
    group, version, *rest = ("", *parts[1:]) if parts[0] == "api" else parts[1:]
    builtin = registry.is_builtin(group, version)
    nowhere = errors.unknown_path() if builtin else errors.PageNotFound()
    watch = len(rest) > 1 and rest[0] == "watch"
    if watch:
        rest = rest[1:]
    namespace: str | None = None
    if len(rest) > 2 and rest[0] == "namespaces" and registry.find(group, version, rest[2]):
        namespace, rest = rest[1], rest[2:]
    kind = registry.find(group, version, rest[0]) if rest else None
    if kind is None or not 1 <= len(rest) <= 3 or (watch and len(rest) > 2):
        raise nowhere
    name, subresource = (*rest[1:], "", "")[:2]
    if kind.namespaced != (namespace is not None) and (name or not kind.namespaced):
        raise nowhere
    if kind.custom and kind.namespaced and namespace is None and method not in ("GET", "HEAD"):
        raise nowhere
    if subresource and subresource not in kind.subresources:
        raise errors.not_found(group, kind.plural, name) if kind.custom else nowhere
    return Target(kind, namespace if kind.namespaced else "", name, subresource, watch)


def content_type(request: web.BaseRequest) -> str:
    """The media type of the body, "" when it is not told."""
    return request.headers.get("Content-Type", "").partition(";")[0].strip().lower()


async def raw_body(request: web.BaseRequest) -> bytes:
    """The bytes of the body. Raises 413."""
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge as error:
        raise errors.too_large(f"limit is {LARGEST_BODY}") from error


async def body(request: web.BaseRequest, *, custom: bool = False) -> Any:
    """The decoded body; None when there is none. Raises 400, 413 and 415."""
    accepted = negotiation.media_types(custom=custom)
    media = content_type(request) or negotiation.JSON_TYPE
    if media not in accepted:
        raise errors.unsupported_media_type(accepted)
    raw = await raw_body(request)
    return decode(raw, media) if raw.strip() else None


def decode(raw: bytes, media: str) -> Any:
    """Read JSON, YAML or protobuf. Raises 400."""
    if media == negotiation.PROTOBUF_TYPE:
        return protobuf.decode(raw)
    return bodies.from_yaml(raw) if media.endswith("yaml") else bodies.from_json(raw)


async def body_problems(request: web.BaseRequest) -> list[str]:
    """What is wrong with the text of a body that is read: fields that it has twice."""
    return duplicates.problems(await raw_body(request), content_type(request) or negotiation.JSON_TYPE)


async def object_body(request: web.BaseRequest, *, custom: bool = False) -> JSON:
    """The body, which must be an object. Raises 400, 413 and 415."""
    decoded = await body(request, custom=custom)
    if not isinstance(decoded, dict):
        raise not_an_object(decoded)
    return decoded


def not_an_object(decoded: Any) -> StatusError:
    what = "nothing" if decoded is None else f"a {type(decoded).__name__}"
    return bad_request(f"the object provided is unrecognized: the body must be an object, got {what}")

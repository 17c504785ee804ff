"""What a request asks for: its path, its query and its body (Kubernetes: API Concepts)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from footplate_local.apiserver.errors import bad_request, unknown_path, unsupported_media_type
from footplate_local.apiserver.http import protobuf
from footplate_local.apiserver.kinds.registry import Registry, ResourceType
from footplate_local.apiserver.objects import Deletion, Writing

JSON = dict[str, Any]
_TRUE = ("1", "t", "T", "true", "True", "TRUE")


@dataclass(frozen=True, slots=True)
class Target:
    """The object or the collection that a path names. `namespace` is None for all namespaces."""

    kind: ResourceType
    namespace: str | None
    name: str = ""
    subresource: str = ""


def resolve(registry: Registry, parts: list[str]) -> Target:
    """The target of a path below /api or /apis, split at its slashes. Raises StatusError 404."""
    if parts[0] == "api":
        group, rest = "", parts[1:]
    else:
        group, rest = parts[1], parts[2:]
    if len(rest) < 2:
        raise unknown_path()
    version, rest = rest[0], rest[1:]
    namespace: str | None = None
    if rest[0] == "namespaces" and len(rest) > 2 and registry.find(group, version, rest[2]):
        namespace, rest = rest[1], rest[2:]
    kind = registry.find(group, version, rest[0])
    if kind is None or len(rest) > 3:
        raise unknown_path()
    if kind.namespaced != (namespace is not None) and len(rest) > 1:
        raise unknown_path()
    if not kind.namespaced and namespace is not None:
        raise unknown_path()
    name = rest[1] if len(rest) > 1 else ""
    subresource = rest[2] if len(rest) > 2 else ""
    if subresource and subresource not in kind.subresources:
        raise unknown_path()
    return Target(kind, namespace if kind.namespaced else "", name, subresource)


def flag(query: Mapping[str, str], name: str) -> bool:
    return query.get(name, "") in _TRUE


def number(query: Mapping[str, str], name: str) -> int | None:
    """A number of the query, or None. Raises 400."""
    text = query.get(name, "")
    if not text:
        return None
    try:
        return int(text)
    except ValueError:
        raise bad_request(f"{name} must be a number, got {text!r}") from None


def content_type(request: web.BaseRequest) -> str:
    return request.headers.get("Content-Type", "application/json").partition(";")[0].strip().lower()


async def body(request: web.BaseRequest) -> Any:
    """The decoded body, JSON or YAML; None when there is none. Raises 400 and 415."""
    raw = await request.read()
    if not raw.strip():
        return None
    kind = content_type(request)
    if kind.endswith("yaml"):
        import yaml  # only who sends YAML waits for it

        try:
            return yaml.load(raw, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        except yaml.YAMLError as error:
            raise bad_request(f"the body is no YAML: {error}") from error
    if kind == "application/vnd.kubernetes.protobuf":
        return protobuf.decode(raw)
    if "protobuf" in kind or "cbor" in kind:
        raise unsupported_media_type(f"the body of the request is {kind}; send application/json")
    try:
        return json.loads(raw, parse_constant=_no_constant)
    except ValueError as error:
        raise bad_request(f"the body is no JSON: {error}") from error


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


async def object_body(request: web.BaseRequest) -> JSON:
    """The body, which must be an object. Raises 400."""
    decoded = await body(request)
    if not isinstance(decoded, dict):
        raise bad_request(f"the body must be an object, got {type(decoded).__name__}")
    return decoded


def writing(request: web.BaseRequest) -> Writing:
    """The options of a create, update or patch."""
    query = request.query
    agent = request.headers.get("User-Agent", "").partition("/")[0]
    validation = query.get("fieldValidation", "Warn")
    if validation not in ("Ignore", "Warn", "Strict"):
        raise bad_request(f"fieldValidation must be Ignore, Warn or Strict, got {validation!r}")
    return Writing(
        manager=query.get("fieldManager") or agent or "unknown",
        dry_run=_dry_run(query.getall("dryRun", [])),
        field_validation=validation,
    )


def _dry_run(values: list[str]) -> bool:
    wanted = [value for value in values if value]
    if any(value != "All" for value in wanted):
        raise bad_request(f"dryRun must be All, got {wanted}")
    return bool(wanted)


async def deletion(request: web.BaseRequest) -> Deletion:
    """The options of a delete, from the body or the query. Raises 400."""
    options = await body(request) or {}
    if not isinstance(options, dict):
        raise bad_request("the body of a delete must be DeleteOptions")
    preconditions = options.get("preconditions") or {}
    grace = options.get("gracePeriodSeconds")
    propagation = options.get("propagationPolicy") or request.query.get("propagationPolicy", "")
    if flag(request.query, "orphanDependents") or options.get("orphanDependents"):
        propagation = "Orphan"
    if propagation not in ("", "Background", "Foreground", "Orphan"):
        raise bad_request(f"propagationPolicy must be Background, Foreground or Orphan, got {propagation!r}")
    return Deletion(
        grace_seconds=grace if grace is not None else number(request.query, "gracePeriodSeconds"),
        propagation=propagation,
        uid=preconditions.get("uid") or "",
        resource_version=preconditions.get("resourceVersion") or "",
        dry_run=_dry_run([*(options.get("dryRun") or []), *request.query.getall("dryRun", [])]),
    )


@dataclass(frozen=True, slots=True)
class Accepted:
    """The representation that the Accept header asks for: `form` is "", "Table" or "PartialObjectMetadata"."""

    form: str = ""


def accepted(request: web.BaseRequest) -> Accepted:
    for choice in request.headers.get("Accept", "").split(","):
        media, *parameters = (part.strip() for part in choice.split(";"))
        if media not in ("application/json", "*/*", "application/*"):
            continue
        values = dict(part.split("=", 1) for part in parameters if "=" in part)
        form = values.get("as", "")
        if form.startswith("PartialObjectMetadata"):
            return Accepted("PartialObjectMetadata")
        if form in ("", "Table"):
            return Accepted(form)
    return Accepted()

"""The verbs of the resource API over HTTP: which may be used on a path, and those that write.

Sources: apiserver pkg/endpoints/handlers/{create,update,patch,delete}.go; which paths and methods there are:
pkg/endpoints/installer.go for built-in kinds, apiextensions-apiserver customresource_handler.go for custom ones.
"""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

from aiohttp import web

from footplate_local.apiserver import errors
from footplate_local.apiserver.copying import copied
from footplate_local.apiserver.http import logs, negotiation, options, requests, tokens, views
from footplate_local.apiserver.http.answers import answer, success
from footplate_local.apiserver.http.reading import Reading
from footplate_local.apiserver.http.requests import Target
from footplate_local.apiserver.kinds import builtin_schemas, typed
from footplate_local.apiserver.kinds.pods import strategy as pods
from footplate_local.apiserver.objects import metadata, policies, scaling
from footplate_local.apiserver.objects.deletion import check_preconditions
from footplate_local.apiserver.objects.objects import Objects, Writing
from footplate_local.apiserver.patching import patches
from footplate_local.apiserver.patching.patches import JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH
from footplate_local.apiserver.patching.server_side_apply import apply_scale, server_side_apply
from footplate_local.apiserver.rights.users import Tokens

JSON = dict[str, Any]

APPLY_PATCH = "application/apply-patch+yaml"
_ON_COLLECTIONS = {"GET": "list", "POST": "create", "DELETE": "deletecollection"}
_ON_OBJECTS = {"GET": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_ON_SUBRESOURCES = {
    "status": ("GET", "PUT", "PATCH"),
    "scale": ("GET", "PUT", "PATCH"),
    "log": ("GET",),
    "attach": ("GET", "POST"),
    "exec": ("GET", "POST"),
    "portforward": ("GET", "POST"),
    "finalize": ("PUT",),
    "ephemeralcontainers": ("GET", "PUT", "PATCH"),
    "resize": ("GET", "PUT", "PATCH"),
}


class ResourceApi:
    """Handles requests below /api/v1/… and /apis/GROUP/VERSION/…"""

    def __init__(self, objects: Objects, source: random.Random, tokens: Tokens) -> None:
        self._objects = objects
        self._tokens = tokens
        self._reading = Reading(objects, source)

    def close_watches(self) -> None:
        """End all streams, as a server that stops does."""
        self._reading.close_watches()

    async def handle(self, request: web.BaseRequest, target: Target) -> web.StreamResponse:
        """Answer a request. Raises StatusError."""
        _check_method(target, request.method)
        if target.subresource == "log":
            return await logs.serve(request, self._objects, target)
        if target.subresource in logs.STREAMS:
            raise logs.no_stream(self._objects, target)
        if target.subresource == "token":
            return await tokens.issue(request, target, self._objects, self._tokens)
        if target.subresource == "binding":
            return await self._bind(request, target)
        if target.subresource == "eviction":
            return await self._evict(request, target)
        if target.subresource == "scale":
            return await self._scale(request, target)
        match request.method:
            case "GET" | "HEAD" if target.name and not target.watch:
                return await self._reading.get(request, target)
            case "GET" | "HEAD":
                return await self._reading.list_or_watch(request, target)
            case "POST":
                return await self._create(request, target)
            case "PUT":
                return await self._replace(request, target)
            case "PATCH":
                return await self._patch(request, target)
            case _ if target.name:
                return await self._delete(request, target)
        return await self._delete_collection(request, target)

    def _shown(
        self, request: web.BaseRequest, target: Target, obj: JSON, status: int, writing: Writing
    ) -> web.Response:
        body = views.one(target.kind, obj, negotiation.accepted(request), self._objects.now())
        return answer(body, status, writing.warnings)

    async def _create(self, request: web.BaseRequest, target: Target) -> web.Response:
        negotiation.accepted(request)
        body = await requests.body(request, custom=target.kind.custom)
        writing = options.writing(request.query, _agent(request), creating=True)
        writing.body_problems = await requests.body_problems(request)
        created = self._objects.create(target.kind, target.namespace or "", _object(body), writing)
        return self._shown(request, target, created, 201, writing)

    async def _replace(self, request: web.BaseRequest, target: Target) -> web.Response:
        if not target.name:
            raise errors.bad_request("name must be provided")
        negotiation.accepted(request)
        body = await requests.body(request, custom=target.kind.custom)
        writing = options.writing(request.query, _agent(request))
        writing.body_problems = await requests.body_problems(request)
        replaced, created = self._objects.replace(
            target.kind, target.namespace or "", target.name, _object(body), writing, subresource=target.subresource
        )
        return self._shown(request, target, replaced, 201 if created else 200, writing)

    async def _patch(self, request: web.BaseRequest, target: Target) -> web.Response:
        media = _patch_type(request, custom=target.kind.custom)
        if not target.name:
            raise errors.bad_request("name must be provided")
        negotiation.accepted(request)
        patch, writing = await _patch_sent(request, media)
        if media == APPLY_PATCH:
            force, manager = options.flag(request.query, "force"), request.query["fieldManager"]
            applied, created = server_side_apply(self._objects, target, patch, writing, manager=manager, force=force)
            return self._shown(request, target, applied, 201 if created else 200, writing)
        patched = self._objects.update(
            target.kind,
            target.namespace or "",
            target.name,
            patches.change(target.kind, media, patch),
            writing,
            subresource=target.subresource,
        )
        return self._shown(request, target, patched, 200, writing)

    async def _delete(self, request: web.BaseRequest, target: Target) -> web.Response:
        kind = target.kind
        accepted = negotiation.accepted(request)
        deletion = options.deletion(request.query, await requests.body(request))
        obj, gone = self._objects.delete(kind, target.namespace or "", target.name, deletion)
        status = 202 if deletion.told_to_cascade and not gone else 200
        warnings = policies.deletion_warnings(kind, deletion.propagation)
        if gone and not policies.answers_with_deleted(kind):
            details = errors.object_details(kind.group, kind.plural, target.name)
            return answer(success({**details, "uid": obj["metadata"]["uid"]}), status, warnings=warnings)
        return answer(views.one(kind, obj, accepted, self._objects.now()), status, warnings=warnings)

    async def _delete_collection(self, request: web.BaseRequest, target: Target) -> web.Response:
        """Delete what a list of the same query shows, and answer with that list."""
        kind = target.kind
        accepted = negotiation.accepted(request)
        wanted = options.listing(request.query)
        deletion = options.deletion(request.query, await requests.body(request))
        page = await self._reading.page(target, wanted)
        for item in page.items:
            try:
                self._objects.delete(kind, item.key.namespace, item.key.name, deletion)
            except errors.StatusError as error:
                if error.code != 404:  # gone meanwhile: as it should be
                    raise
        warnings = policies.deletion_warnings(kind, deletion.propagation)
        return answer(views.many(kind, page.items, page.meta, accepted, self._objects.now()), warnings=warnings)

    async def _bind(self, request: web.BaseRequest, target: Target) -> web.Response:
        binding = _decoded(await requests.body(request), "", "v1", "Binding")
        writing = options.writing(request.query, _agent(request), creating=True)
        kind, namespace = target.kind, target.namespace or ""
        pod = copied(self._objects.read(kind, namespace, target.name))
        pods.bind(pod, binding, metadata.timestamp(self._objects.now()))
        if not writing.dry_run:
            self._objects.storage.put(kind.key(namespace, target.name), pod)
        return answer(success({}, code=201), 201)

    async def _evict(self, request: web.BaseRequest, target: Target) -> web.Response:
        """Delete a pod as its budget allows; here every budget allows it (registry/core/pod/storage/eviction.go)."""
        eviction = _decoded(await requests.body(request), "policy", "v1", "Eviction")
        kind, namespace, name = target.kind, target.namespace or "", target.name
        if eviction["metadata"].get("name", "") != name:
            raise errors.bad_request("name in URL does not match name in Eviction object")
        deletion = options.deletion(request.query, eviction.get("deleteOptions"))
        pod = copied(self._objects.read(kind, namespace, name))
        check_preconditions(kind, pod["metadata"], deletion)
        if not deletion.dry_run:
            pods.set_condition(pod, pods.EVICTED, metadata.timestamp(self._objects.now()))
            self._objects.storage.put(kind.key(namespace, name), pod)
        self._objects.delete(kind, namespace, name, replace(deletion, resource_version=None))
        return answer(success({}, code=201), 201)

    async def _scale(self, request: web.BaseRequest, target: Target) -> web.Response:
        kind, namespace, name = target.kind, target.namespace or "", target.name
        if request.method in ("GET", "HEAD"):
            return answer(scaling.shown(kind, self._objects.read(kind, namespace, name)))
        if request.method == "PATCH":
            media = _patch_type(request, custom=kind.custom)
            patch, writing = await _patch_sent(request, media)
            if media == APPLY_PATCH:
                force, manager = options.flag(request.query, "force"), request.query["fieldManager"]
                applied = apply_scale(self._objects, target, patch, writing, manager=manager, force=force)
                return answer(scaling.of(kind, applied), warnings=writing.warnings)
            change = scaling.patched(kind, patches.on_any(media, patch), writing)
        else:
            body = _object(await requests.body(request, custom=kind.custom))
            writing = options.writing(request.query, _agent(request))
            writing.body_problems = await requests.body_problems(request)
            change = scaling.put(kind, body, writing)
        updated = self._objects.update(kind, namespace, name, change, writing, subresource="scale")
        return answer(scaling.of(kind, updated), warnings=writing.warnings)


def _decoded(body: Any, group: str, version: str, kind: str) -> JSON:
    """What is posted to a subresource, as an object of its kind. Raises 400."""
    try:
        return typed.decode(_object(body), builtin_schemas.schema_of(group, version, kind))[0]
    except typed.Undecodable as error:
        raise errors.undecodable(kind, version, str(error)) from error


async def _patch_sent(request: web.BaseRequest, media: str) -> tuple[Any, Writing]:
    """The decoded body of a patch and its options. Raises 400 and 422."""
    raw = await requests.raw_body(request)
    writing = options.writing(request.query, _agent(request), patch=media)
    patch = requests.decode(raw, media) if raw.strip() else None
    writing.body_problems = await requests.body_problems(request)
    if media == APPLY_PATCH:
        _check_applied_text(writing)
    return patch, writing


def _agent(request: web.BaseRequest) -> str:
    return request.headers.get("User-Agent", "")


def _check_applied_text(writing: Writing) -> None:
    """What is wrong with the text of an apply is told in other words, and not with what the kind does not have.

    Raises 400 when it was asked to be strict.
    """
    texts = [f"error converting YAML to JSON: {text}" for text in writing.body_problems]
    writing.body_problems = []
    if texts and writing.field_validation == "Strict":
        raise errors.bad_request(f"error strict decoding YAML: {texts[0]}")
    if writing.field_validation == "Warn":
        writing.warnings += texts


def _object(body: Any) -> JSON:
    if not isinstance(body, dict):
        raise requests.not_an_object(body)
    return body


def _check_method(target: Target, method: str) -> None:
    """Raises 405: built-in kinds have a route for each method, custom ones know the verbs."""
    kind = target.kind
    if kind.custom:
        if method not in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"):
            raise errors.not_supported_on(kind.group, kind.plural, "")
        if target.subresource and method in ("POST", "DELETE"):
            raise errors.not_supported_on(kind.group, kind.plural, "create" if method == "POST" else "delete")
        return
    if target.subresource:
        allowed = method in _ON_SUBRESOURCES.get(target.subresource, ("POST",))
    elif target.name:
        allowed = _ON_OBJECTS.get(method) in kind.verbs
    else:
        allowed = _ON_COLLECTIONS.get(method) in kind.verbs and (method == "GET" or target.namespace is not None)
    if not allowed or (target.watch and method != "GET"):
        raise errors.method_not_allowed()


def _patch_type(request: web.BaseRequest, *, custom: bool) -> str:
    """Raises 415."""
    accepted = (
        [JSON_PATCH, MERGE_PATCH, APPLY_PATCH] if custom else [JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH, APPLY_PATCH]
    )
    media = requests.content_type(request)
    if media not in accepted:
        raise errors.unsupported_media_type(accepted)
    return media

"""The verbs of the resource API over HTTP: get, list, watch, create, update, patch, delete, and the subresources."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from typing import Any

from aiohttp import web

from footplate_local.apiserver import errors, metadata, selectors
from footplate_local.apiserver.http import logs, requests, views
from footplate_local.apiserver.http.requests import Target
from footplate_local.apiserver.http.watches import Watch, WatchOptions
from footplate_local.apiserver.kinds import pods, scale
from footplate_local.apiserver.objects import Objects, Writing
from footplate_local.apiserver.patching import patches
from footplate_local.apiserver.patching.server_side_apply import server_side_apply
from footplate_local.apiserver.storage import paging
from footplate_local.apiserver.storage.model import encode

JSON = dict[str, Any]
Change = Callable[[JSON], JSON]


def answer(body: Any, status: int = 200, warnings: list[str] | None = None) -> web.Response:
    """A JSON answer; `warnings` become Warning headers, which kubectl prints."""
    response = web.Response(
        body=body if isinstance(body, bytes) else encode(body), status=status, content_type="application/json"
    )
    for text in warnings or ():
        response.headers.add("Warning", f'299 - "{text.replace(chr(92), "").replace(chr(34), chr(39))}"')
    return response


class ResourceApi:
    """Handles requests below /api/v1/… and /apis/GROUP/VERSION/…"""

    def __init__(self, objects: Objects, source: random.Random) -> None:
        self._objects = objects
        self._random = source
        self._watches: set[Watch] = set()

    def close_watches(self) -> None:
        """End all streams, as a server that stops does."""
        for watch in tuple(self._watches):
            watch.close()

    async def handle(self, request: web.BaseRequest, target: Target) -> web.StreamResponse:
        """Answer a request. Raises StatusError."""
        method = request.method
        if target.subresource == "log":
            return await logs.serve(request, self._objects, target)
        if target.subresource == "binding":
            return await self._bind(request, target)
        if target.subresource == "scale":
            return await self._scale(request, target)
        match method:
            case "GET" | "HEAD" if requests.flag(request.query, "watch"):
                return await self._watch(request, target)
            case "GET" | "HEAD" if target.name:
                return self._get(request, target)
            case "GET" | "HEAD":
                return self._list(request, target)
            case "POST" if not target.name:
                return await self._create(request, target)
            case "PUT" if target.name:
                return await self._replace(request, target)
            case "PATCH" if target.name:
                return await self._patch(request, target)
            case "DELETE" if target.name and not target.subresource:
                return await self._delete(request, target)
            case "DELETE" if not target.name:
                return await self._delete_collection(request, target)
        raise errors.method_not_allowed(method)

    def _shown(
        self, request: web.BaseRequest, target: Target, obj: JSON, status: int = 200, writing: Writing | None = None
    ) -> web.Response:
        body = views.one(target.kind, obj, requests.accepted(request), self._objects.now())
        return answer(body, status, writing.warnings if writing else None)

    def _get(self, request: web.BaseRequest, target: Target) -> web.Response:
        return self._shown(request, target, self._objects.read(target.kind, target.namespace or "", target.name))

    def _list(self, request: web.BaseRequest, target: Target) -> web.Response:
        query, storage = request.query, self._objects.storage
        matches = selectors.matcher(target.kind, query.get("labelSelector", ""), query.get("fieldSelector", ""))
        page = paging.page(
            storage,
            target.kind.resource,
            target.namespace,
            matches,
            limit=requests.number(query, "limit"),
            token=query.get("continue", ""),
            version=query.get("resourceVersion", "") if query.get("resourceVersionMatch") == "Exact" else "",
        )
        return answer(views.many(target.kind, page.items, page.meta, requests.accepted(request), self._objects.now()))

    async def _watch(self, request: web.BaseRequest, target: Target) -> web.StreamResponse:
        query = request.query
        version = query.get("resourceVersion", "")
        if version and not version.isdigit():
            raise errors.bad_request(f"invalid resource version {version!r}")
        options = WatchOptions(
            version=int(version) if version not in ("", "0") else None,
            matches=selectors.matcher(target.kind, query.get("labelSelector", ""), query.get("fieldSelector", "")),
            timeout=requests.number(query, "timeoutSeconds") or WatchOptions.default_timeout(self._random),
            bookmarks=requests.flag(query, "allowWatchBookmarks"),
            send_initial=requests.flag(query, "sendInitialEvents"),
        )
        watch = Watch(self._objects.storage, target, options, requests.accepted(request), self._objects.now)
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        response.enable_chunked_encoding()
        self._watches.add(watch)
        try:
            await watch.serve(request, response)
        finally:
            self._watches.discard(watch)
        return response

    async def _create(self, request: web.BaseRequest, target: Target) -> web.Response:
        if target.namespace is None:
            raise errors.method_not_allowed("POST")
        body = await requests.object_body(request)
        writing = requests.writing(request)
        created = self._objects.create(target.kind, target.namespace, body, writing)
        return self._shown(request, target, created, 201, writing)

    async def _replace(self, request: web.BaseRequest, target: Target) -> web.Response:
        body = await requests.object_body(request)
        writing = requests.writing(request)
        updated = self._objects.update(
            target.kind,
            target.namespace or "",
            target.name,
            lambda _: copy.deepcopy(body),
            writing,
            subresource=target.subresource,
            needs_version=True,
        )
        return self._shown(request, target, updated, 200, writing)

    async def _patch(self, request: web.BaseRequest, target: Target) -> web.Response:
        kind, media = target.kind, requests.content_type(request)
        patch = await requests.body(request)
        writing = requests.writing(request)
        if media == "application/apply-patch+yaml":
            force = requests.flag(request.query, "force")
            manager = request.query.get("fieldManager", "")
            obj, created = server_side_apply(self._objects, target, patch, writing, manager=manager, force=force)
            return self._shown(request, target, obj, 201 if created else 200, writing)
        change = _patch_function(kind.custom, media, patch)
        updated = self._objects.update(
            kind, target.namespace or "", target.name, change, writing, subresource=target.subresource
        )
        return self._shown(request, target, updated, 200, writing)

    async def _delete(self, request: web.BaseRequest, target: Target) -> web.Response:
        deletion = await requests.deletion(request)
        obj, gone = self._objects.delete(target.kind, target.namespace or "", target.name, deletion)
        if not gone or target.kind.plural in ("pods", "namespaces"):
            return self._shown(request, target, obj)
        details = errors.object_details(target.kind.group, target.kind.plural, target.name)
        return answer(
            {
                "kind": "Status",
                "apiVersion": "v1",
                "metadata": {},
                "status": "Success",
                "details": {**details, "uid": obj["metadata"]["uid"]},
            }
        )

    async def _delete_collection(self, request: web.BaseRequest, target: Target) -> web.Response:
        if "deletecollection" not in target.kind.verbs or target.namespace is None:
            raise errors.method_not_allowed("DELETE")
        query, kind = request.query, target.kind
        deletion = await requests.deletion(request)
        matches = selectors.matcher(kind, query.get("labelSelector", ""), query.get("fieldSelector", ""))
        found = [
            item
            for item in self._objects.storage.listing(kind.resource, target.namespace)
            if matches is None or matches(item.object)
        ]
        for item in found:
            self._objects.delete(kind, item.key.namespace, item.key.name, deletion)
        meta = {"resourceVersion": str(self._objects.storage.version)}
        return answer(views.many(kind, found, meta, requests.accepted(request), self._objects.now()))

    async def _bind(self, request: web.BaseRequest, target: Target) -> web.Response:
        if request.method != "POST":
            raise errors.method_not_allowed(request.method)
        binding = await requests.object_body(request)
        kind, namespace = target.kind, target.namespace or ""
        pod = copy.deepcopy(self._objects.read(kind, namespace, target.name))
        pods.bind(pod, binding, metadata.timestamp(self._objects.now()))
        if not requests.writing(request).dry_run:
            self._objects.storage.put(kind.key(namespace, target.name), pod)
        return answer({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}, 201)

    async def _scale(self, request: web.BaseRequest, target: Target) -> web.Response:
        kind, namespace = target.kind, target.namespace or ""
        if request.method == "GET":
            return answer(scale.of(kind, self._objects.read(kind, namespace, target.name)))
        if request.method not in ("PUT", "PATCH"):
            raise errors.method_not_allowed(request.method)
        body = await requests.body(request)
        writing = requests.writing(request)
        to_scale: Change = lambda _: body  # noqa: E731
        if request.method == "PATCH":
            to_scale = _patch_function(True, requests.content_type(request), body)
        updated = self._objects.update(
            kind, namespace, target.name, lambda obj: scale.changed(kind, obj, to_scale(scale.of(kind, obj))), writing
        )
        return answer(scale.of(kind, updated))


def _patch_function(custom: bool, media: str, patch: Any) -> Change:
    """The change that a patch means. Raises 400 and 415."""
    if media == "application/json-patch+json":
        return lambda obj: patches.json_patch(obj, patch)
    allowed = ["application/json-patch+json", "application/merge-patch+json", "application/apply-patch+yaml"]
    if not custom:
        allowed.append("application/strategic-merge-patch+json")
    if media not in allowed:
        raise errors.unsupported_media_type(
            "the body of the request was in an unknown format - accepted media types include: " + ", ".join(allowed)
        )
    if not isinstance(patch, dict):
        raise errors.bad_request("the patch must be an object")
    if media == "application/merge-patch+json":
        return lambda obj: dict(patches.merge_patch(obj, patch))
    return lambda obj: dict(patches.strategic_merge_patch(obj, patch))

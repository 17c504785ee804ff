"""Get, list and watch over HTTP (apiserver pkg/endpoints/handlers/get.go)."""

from __future__ import annotations

import random

from aiohttp import web

from footplate_local.apiserver.errors import bad_request
from footplate_local.apiserver.http import freshness, negotiation, options, views
from footplate_local.apiserver.http.answers import answer, warning
from footplate_local.apiserver.http.options import ListOptions
from footplate_local.apiserver.http.requests import Target
from footplate_local.apiserver.http.watches import Watch, WatchOptions
from footplate_local.apiserver.objects import selectors
from footplate_local.apiserver.objects.objects import Objects
from footplate_local.apiserver.storage import paging
from footplate_local.apiserver.storage.paging import Wanted


class Reading:
    """Answers what only looks. All methods raise StatusError."""

    def __init__(self, objects: Objects, source: random.Random) -> None:
        self._objects = objects
        self._random = source
        self._watches: set[Watch] = set()

    def close_watches(self) -> None:
        """End all streams, as a server that stops does."""
        for watch in tuple(self._watches):
            watch.close()

    async def get(self, request: web.BaseRequest, target: Target) -> web.Response:
        accepted = negotiation.accepted(request)
        if options.flag(request.query, "export"):
            raise bad_request("the export parameter, deprecated since v1.14, is no longer supported")
        version = paging.parse_version(request.query.get("resourceVersion", ""))
        await freshness.wait_for(self._objects.storage, version)
        found = self._objects.read(target.kind, target.namespace or "", target.name)
        return answer(views.one(target.kind, found, accepted, self._objects.now()))

    async def list_or_watch(self, request: web.BaseRequest, target: Target) -> web.StreamResponse:
        wanted = options.listing(request.query, watch=target.watch)
        if wanted.watch and request.method != "HEAD":
            return await self._watch(request, target, wanted)
        accepted = negotiation.accepted(request)
        page = await self.page(target, wanted)
        return answer(views.many(target.kind, page.items, page.meta, accepted, self._objects.now()))

    async def page(self, target: Target, wanted: ListOptions) -> paging.Page:
        """What a list shows; when a version is asked for that is still to come, a little later."""
        storage, kind = self._objects.storage, target.kind
        matches = _matcher(target, wanted)
        state = Wanted(wanted.version, wanted.version_match, wanted.limit, wanted.token)
        await freshness.wait_for(storage, state.at_least)
        return paging.page(storage, kind.resource, target.namespace, matches, state)

    async def _watch(self, request: web.BaseRequest, target: Target, wanted: ListOptions) -> web.StreamResponse:
        accepted = negotiation.accepted(request)
        watch_options = WatchOptions(
            version=paging.parse_version(wanted.version),
            matches=_matcher(target, wanted),
            timeout=wanted.timeout or WatchOptions.default_timeout(self._random),
            bookmarks=wanted.bookmarks,
            send_initial=bool(wanted.send_initial),
        )
        watch = Watch(self._objects.storage, target, watch_options, accepted, self._objects.now)
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        if target.kind.warning:
            response.headers["Warning"] = warning(target.kind.warning)
        response.enable_chunked_encoding()
        self._watches.add(watch)
        try:
            await watch.serve(request, response)
        finally:
            self._watches.discard(watch)
        return response


def _matcher(target: Target, wanted: ListOptions) -> selectors.Match | None:
    """A function of the objects that are asked for, None for all of them. Raises 400."""
    if target.name and not all(
        (term.path, term.value, term.equal) == ("metadata.name", target.name, True)
        for term in selectors.field_terms(wanted.fields)
    ):
        raise bad_request("fieldSelector metadata.name doesn't match requested name")
    return selectors.matcher(target.kind, wanted.labels, wanted.fields)

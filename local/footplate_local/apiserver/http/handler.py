"""The HTTP face of the server: who may ask, which part answers, and how errors are told."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import Any

from aiohttp import web

from footplate_local.apiserver.errors import (
    PageNotFound,
    StatusError,
    bad_request,
    internal_error,
)
from footplate_local.apiserver.http import access, discovery, openapi, options, requests
from footplate_local.apiserver.http.answers import answer, warning
from footplate_local.apiserver.http.faults import Fault, Faults, Request, drop, strike
from footplate_local.apiserver.http.verbs import ResourceApi
from footplate_local.apiserver.kinds.registry import Registry
from footplate_local.apiserver.rights import impersonation
from footplate_local.apiserver.rights.attributes import attributes_of
from footplate_local.apiserver.rights.rbac import Authorizer
from footplate_local.apiserver.rights.users import Tokens, User

JSON = dict[str, Any]
_LOG = logging.getLogger(__name__)
REMEMBERED_REQUESTS = 20_000
_REMEMBERED_CHARACTERS = 1000
_PATHS = [
    "/api",
    "/api/v1",
    "/apis",
    "/healthz",
    "/livez",
    "/openapi/v2",
    "/openapi/v3",
    "/readyz",
    "/version",
]


class Handler:
    """Answers every request of a server. `requests` is a record of the last ones, `faults` are for tests."""

    def __init__(
        self,
        registry: Registry,
        api: ResourceApi,
        tokens: Tokens,
        authorizer: Authorizer,
        now: Callable[[], datetime],
    ) -> None:
        self._registry = registry
        self._api = api
        self._tokens = tokens
        self._authorizer = authorizer
        self._reviews = access.Reviews(tokens, authorizer, now)
        self._openapi = openapi.Documents(registry)
        self.faults = Faults()
        self.requests: deque[Request] = deque(maxlen=REMEMBERED_REQUESTS)

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        fault = self.faults.take(request)
        user = self._user_of(request)
        try:
            response = await self._struck(request, user, fault)
        except PageNotFound as error:
            response = web.Response(text=error.TEXT, status=404)
        except StatusError as error:
            response = answer(error.body(), error.code)
            response.headers.update(error.headers)
        except (ConnectionResetError, BrokenPipeError, asyncio.CancelledError):  # the client is gone
            self._record(request, user, 499, fault)
            raise
        except RecursionError:
            response = answer(bad_request("the object is nested too deeply").body(), 400)
        except Exception as error:  # noqa: BLE001 - one bad request must not end the server; it is logged in full
            _LOG.exception("%s %s failed", request.method, request.path_qs)
            response = answer(internal_error(str(error)).body(), 500)
        self._record(request, user, response.status, fault)
        if fault is not None and fault.action == "drop":
            drop(request)
        return response

    async def _struck(self, request: web.BaseRequest, user: User | None, fault: Fault | None) -> web.StreamResponse:
        """The answer under a rule of a test, if there is one."""
        if fault is None:
            return await self._answer(request, user)
        await strike(fault, request)
        if fault.action != "cut":
            return await self._answer(request, user)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(fault.seconds):
                return await self._answer(request, user)
        return drop(request)

    def _record(self, request: web.BaseRequest, user: User | None, status: int, fault: Fault | None) -> None:
        agent = request.headers.get("User-Agent", "")[:_REMEMBERED_CHARACTERS]
        path = request.path_qs[:_REMEMBERED_CHARACTERS]
        struck, name = fault.action if fault else "", user.name if user else ""
        self.requests.append(Request(request.method, path, agent, status, struck, user=name))

    async def _answer(self, request: web.BaseRequest, user: User | None) -> web.StreamResponse:
        parts = request.path.strip("/").split("/")
        if parts[0] in ("healthz", "livez", "readyz"):
            return web.Response(text="ok")
        if user is None:
            raise StatusError(401, "Unauthorized", "Unauthorized")
        headers = request.headers
        wanted = headers.get(impersonation.USER, "")
        user = impersonation.acting(user, wanted, headers.getall(impersonation.GROUP, []), self._authorizer)
        self._authorize(request, user)
        if "" in parts[1:]:
            raise PageNotFound
        match parts:
            case ["version"]:
                return answer(discovery.VERSION)
            case ["openapi", *rest]:
                return self._openapi.answer(request, rest)
            case ["api" | "apis"] | ["api" | "apis", _] | ["apis", _, _]:
                return discovery.serve(request, self._registry, parts)
            case ["apis", group, *_] if group in access.GROUPS:
                return await self._reviews.answer(request, parts[1:], user)
            case ["api" | "apis", *_]:
                target = requests.resolve(self._registry, parts, request.method)
                return await self._served(request, target)
            case [""]:
                return answer({"paths": _PATHS})
        raise PageNotFound

    async def _served(self, request: web.BaseRequest, target: requests.Target) -> web.StreamResponse:
        """The answer with a warning, if the kind has one."""
        if not target.kind.warning:
            return await self._api.handle(request, target)
        try:
            response = await self._api.handle(request, target)
        except StatusError as error:
            error.headers["Warning"] = warning(target.kind.warning)
            raise
        if not response.prepared:  # a watch has said it
            response.headers.add("Warning", warning(target.kind.warning))
        return response

    def _user_of(self, request: web.BaseRequest) -> User | None:
        """None for whoever has no valid token."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        return self._tokens.user_of(token.strip()) if scheme.lower() == "bearer" else None

    def _authorize(self, request: web.BaseRequest, user: User) -> None:
        if user.may_do_everything:
            return
        watch = options.flag(request.query, "watch")
        asked = attributes_of(request.method, request.path, request.query, watch=watch)
        try:
            self._authorizer.check(user, asked)
        except StatusError as error:
            _LOG.warning("refused: %s", error.message)
            raise

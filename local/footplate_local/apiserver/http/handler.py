"""The HTTP face of the server: who may ask, which part answers, and how errors are told."""

from __future__ import annotations

import hmac
import logging
from collections import deque
from typing import Any

from aiohttp import web

from footplate_local.apiserver.errors import StatusError, method_not_allowed, unknown_path
from footplate_local.apiserver.http import access, discovery, openapi, requests
from footplate_local.apiserver.http.faults import Fault, Faults, Request, drop, strike
from footplate_local.apiserver.http.verbs import ResourceApi, answer
from footplate_local.apiserver.kinds.registry import Registry

JSON = dict[str, Any]
_LOG = logging.getLogger(__name__)
REMEMBERED_REQUESTS = 20_000


class Handler:
    """Answers every request of a server. `requests` is a record of the last ones, `faults` are for tests."""

    def __init__(self, registry: Registry, api: ResourceApi, token: str) -> None:
        self._registry = registry
        self._api = api
        self._token = token.encode()
        self._openapi = openapi.Documents(registry)
        self.faults = Faults()
        self.requests: deque[Request] = deque(maxlen=REMEMBERED_REQUESTS)

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        fault = self.faults.take(request)
        try:
            response = await self._answer(request, fault)
        except StatusError as error:
            response = answer(error.body(), error.code)
            response.headers.update(error.headers)
        except (ConnectionResetError, BrokenPipeError):
            self._record(request, 499)
            raise
        except Exception as error:  # noqa: BLE001 - one bad request must not end the server; it is logged in full
            _LOG.exception("%s %s failed", request.method, request.path_qs)
            response = answer(StatusError(500, "InternalError", f"Internal error occurred: {error}").body(), 500)
        self._record(request, response.status)
        if fault is not None and fault.action == "drop":
            drop(request)
        return response

    def _record(self, request: web.BaseRequest, status: int) -> None:
        agent = request.headers.get("User-Agent", "")
        self.requests.append(Request(request.method, request.path_qs, agent, status))

    async def _answer(self, request: web.BaseRequest, fault: Fault | None) -> web.StreamResponse:
        if fault is not None:
            await strike(fault, request)
        path = request.path
        if path in ("/healthz", "/livez", "/readyz"):
            return web.Response(text="ok")
        self._authenticate(request)
        parts = [part for part in path.split("/") if part]
        match parts:
            case ["version"]:
                return answer(discovery.VERSION)
            case ["openapi", *rest]:
                return self._openapi.answer(request, rest)
            case ["api" | "apis"] | ["api" | "apis", _] | ["apis", _, _]:
                return self._discover(request, parts)
            case ["apis", "authorization.k8s.io" | "authentication.k8s.io", "v1", plural] if request.method == "POST":
                return answer(access.review(plural, await requests.object_body(request)), 201)
            case ["api" | "apis", *_]:
                return await self._api.handle(request, requests.resolve(self._registry, parts))
            case []:
                return answer(
                    {"paths": ["/api", "/api/v1", "/apis", "/healthz", "/openapi/v2", "/openapi/v3", "/version"]}
                )
        raise unknown_path()

    def _authenticate(self, request: web.BaseRequest) -> None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or not hmac.compare_digest(token.strip().encode(), self._token):
            raise StatusError(401, "Unauthorized", "Unauthorized")

    def _discover(self, request: web.BaseRequest, parts: list[str]) -> web.Response:
        if request.method not in ("GET", "HEAD"):
            raise method_not_allowed(request.method)
        if len(parts) == 1 and discovery.AGGREGATED in request.headers.get("Accept", ""):
            response = answer(discovery.aggregated(self._registry, core=parts[0] == "api"))
            response.headers["Content-Type"] = (
                f"application/json;g={discovery.AGGREGATED};v=v2;as=APIGroupDiscoveryList"
            )
            return response
        match parts:
            case ["api"]:
                return answer(discovery.api_versions(request.host))
            case ["apis"]:
                return answer(discovery.group_list(self._registry))
            case ["api", version]:
                return answer(discovery.resource_list(self._registry, "", version))
            case ["apis", group]:
                return answer(discovery.group(self._registry, group))
        return answer(discovery.resource_list(self._registry, parts[1], parts[2]))

"""The API server as a few verbs on plain JSON.

Typed models cost ten times the parsing time and know none of our kinds, so the official client serves for
finding the cluster and its credentials alone.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Mapping
from random import Random
from typing import Any

from footplate.engine.clock import Clock
from footplate.errors import Conflict, Gone, NotFound
from footplate.kube import config, watching
from footplate.kube.fence import Fence
from footplate.kube.rate import TokenBucket
from footplate.kube.resources import PODS, Resource
from footplate.kube.transport import ANSWER_SECONDS, TRIES, CallObserver, Request, Transport

MERGE_PATCH = "application/merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"  # JSON is YAML
LISTINGS = 4  # how often a listing is begun, when its continue token expires under way
LOG_IDLE_SECONDS = 3600.0  # a program may be silent for long

Json = dict[str, Any]
Objects = list[Json]  # inside KubeClient, `list` is the verb


class KubeClient:
    """One connection pool to one cluster.

    Every method raises a subclass of ApiError when the API server refuses, and retries 429, 5xx and lost
    connections a few times first, also for writes: a create that was carried out although its answer got lost
    ends in AlreadyExists, an update in Conflict.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    @classmethod
    async def connect(
        cls,
        *,
        kubeconfig: str | None = None,
        context: str | None = None,
        qps: float | None = 100,
        burst: int = 200,
        tries: int = TRIES,
        answer_seconds: float = ANSWER_SECONDS,
        fence: Fence | None = None,
        clock: Clock,
        random: Random | None = None,
        user_agent: str = "footplate",
        environ: Mapping[str, str] = os.environ,
        observer: CallObserver | None = None,
    ) -> KubeClient:
        """Read the credentials (nothing is sent yet). Raises NoCluster when there are none.

        `qps` and `burst` bound the rate of calls (None: no limit); `observer` hears of each of them. `tries`,
        `answer_seconds` and `fence` are those of Transport.
        """

        async def reconnect() -> config.Connection:
            return await config.load(kubeconfig, context, environ)

        transport = Transport(
            await reconnect(),
            reconnect,
            None if qps is None else TokenBucket(clock, qps, burst),
            clock,
            random or Random(),
            user_agent,
            observer=observer,
            fence=fence,
            tries=tries,
            answer_seconds=answer_seconds,
        )
        return cls(transport)

    @property
    def namespace(self) -> str:
        """The namespace of the context."""
        return self._transport.connection.namespace

    @property
    def server(self) -> str:
        """The URL of the API server."""
        return self._transport.connection.server

    async def credentials(self) -> config.Credentials:
        """For kopf, whose watches go to the same API server."""
        return await self._transport.connection.credentials()

    async def close(self) -> None:
        await self._transport.close()

    async def writes_ended(self, seconds: float) -> bool:
        """Wait so long for the writes under way; False when some have not ended. To be called behind a shut fence."""
        return await self._transport.writes_ended(seconds)

    async def get(self, resource: Resource, name: str, namespace: str | None = None) -> Json | None:
        """The object; None when there is none."""
        action = f"read {resource.describe(namespace, name)}"
        try:
            return await self._call(Request("get", "GET", resource.path(namespace, name), action))
        except NotFound:
            return None

    async def list(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        label_selector: str | None = None,
        field_selector: str | None = None,
        chunk: int = 500,
    ) -> Objects:
        """All objects of a namespace, or of all, read in pages of `chunk` so that no single parse holds the loop.

        A continue token that expires under way begins the listing again.
        """
        params = {"limit": str(chunk)}
        if label_selector:
            params["labelSelector"] = label_selector
        if field_selector:
            params["fieldSelector"] = field_selector
        for _ in range(LISTINGS - 1):
            try:
                return await self._pages(resource, namespace, params)
            except Gone:
                continue
        return await self._pages(resource, namespace, params)

    async def _pages(self, resource: Resource, namespace: str | None, params: Mapping[str, str]) -> Objects:
        action = f"list {resource.describe(namespace)}"
        items: Objects = []
        token = ""
        while True:
            page_params = {**params, "continue": token} if token else params
            page = await self._call(Request("list", "GET", resource.path(namespace), action, page_params))
            for item in page.get("items") or ():
                # Lists leave these out of built-in kinds; an object should look the same from list, get and watch.
                item.setdefault("apiVersion", resource.api_version)
                item.setdefault("kind", resource.kind)
                items.append(item)
            token = page["metadata"].get("continue") or ""
            if not token:
                return items

    async def create(
        self, resource: Resource, body: Mapping[str, Any], namespace: str | None = None, *, strict: bool = False
    ) -> Json:
        """The object as created. Raises AlreadyExists when the name is taken.

        `strict` refuses a field that the kind does not have, which is dropped otherwise: for what a person has written.
        """
        metadata = body["metadata"]
        namespace = namespace or metadata.get("namespace")
        name = metadata.get("name") or metadata.get("generateName")
        action = f"create {resource.describe(namespace, name)}"
        return await self._call(Request("create", "POST", resource.path(namespace), action, _validation(strict), body))

    async def update(self, resource: Resource, body: Mapping[str, Any], *, subresource: str | None = None) -> Json:
        """The object as written. Raises Conflict when it has changed since the body's resourceVersion."""
        metadata = body["metadata"]
        namespace, name = metadata.get("namespace"), metadata["name"]
        path = resource.path(namespace, name, subresource)
        action = f"write {_part(subresource)}{resource.describe(namespace, name)}"
        return await self._call(Request("update", "PUT", path, action, body=body))

    async def patch(
        self,
        resource: Resource,
        name: str,
        namespace: str | None,
        patch: Mapping[str, Any],
        *,
        subresource: str | None = None,
    ) -> Json:
        """Merge the patch into the object (RFC 7386: lists are replaced, null removes) and return it."""
        path = resource.path(namespace, name, subresource)
        action = f"change {_part(subresource)}{resource.describe(namespace, name)}"
        return await self._call(Request("patch", "PATCH", path, action, body=patch, content_type=MERGE_PATCH))

    async def apply(
        self, resource: Resource, body: Mapping[str, Any], *, field_manager: str, strict: bool = False
    ) -> Json:
        """Server-side apply: create it or make our fields so, taking them over from other managers.

        `strict` is that of `create`.
        """
        metadata = body["metadata"]
        namespace, name = metadata.get("namespace"), metadata["name"]
        request = Request(
            "apply",
            "PATCH",
            resource.path(namespace, name),
            f"apply {resource.describe(namespace, name)}",
            {"fieldManager": field_manager, "force": "true", **_validation(strict)},
            body,
            APPLY_PATCH,
        )
        return await self._call(request)

    async def delete(
        self,
        resource: Resource,
        name: str,
        namespace: str | None = None,
        *,
        uid: str | None = None,
        resource_version: str | None = None,
        grace_seconds: int | None = None,
        propagation: str | None = None,
    ) -> bool:
        """True when its deletion has begun; False when it is gone already, or is not what it was.

        `uid` deletes that very object only, `resource_version` only in that very state; `propagation` is Background,
        Foreground or Orphan.
        """
        options: Json = {"apiVersion": "v1", "kind": "DeleteOptions"}
        conditions = {"uid": uid, "resourceVersion": resource_version}
        preconditions = {name: value for name, value in conditions.items() if value is not None}
        if preconditions:
            options["preconditions"] = preconditions
        if grace_seconds is not None:
            options["gracePeriodSeconds"] = grace_seconds
        if propagation is not None:
            options["propagationPolicy"] = propagation
        action = f"delete {resource.describe(namespace, name)}"
        request = Request("delete", "DELETE", resource.path(namespace, name), action, body=options)
        try:
            await self._call(request)
        except NotFound:
            return False
        except Conflict:
            if not preconditions:
                raise
            return False
        return True

    def watch(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        name: str | None = None,
        label_selector: str | None = None,
        resource_version: str | None = None,
        timeout_seconds: float | None = None,
    ) -> AsyncGenerator[Json, None]:
        """Events {"type": ADDED | MODIFIED | DELETED, "object": {…}} for `timeout_seconds`, or until it is closed.

        Without a resource version it begins with an ADDED for everything that exists. Lost connections are taken
        up where they broke; when that point is too old (410) everything that exists comes as ADDED once more.
        Raises Unavailable when the API server stays away.
        """
        return watching.watch(
            self._transport,
            resource,
            namespace,
            name=name,
            label_selector=label_selector,
            resource_version=resource_version,
            timeout_seconds=timeout_seconds,
        )

    async def pod_log(
        self,
        name: str,
        namespace: str,
        container: str,
        *,
        follow: bool = False,
        tail: int | None = None,
        since_seconds: int | None = None,
        timestamps: bool = False,
    ) -> AsyncGenerator[bytes, None]:
        """What a container printed, in pieces that need not end at a line; with `follow` until it has ended.

        Raises NotFound when there is no such pod, ApiError (400) while the container has not started, and
        Unavailable when the stream breaks.
        """
        params = {"container": container}
        if follow:
            params["follow"] = "true"
        if tail is not None:
            params["tailLines"] = str(tail)
        if since_seconds is not None:
            params["sinceSeconds"] = str(since_seconds)
        if timestamps:
            params["timestamps"] = "true"
        action = f"read the log of {container} in {PODS.describe(namespace, name)}"
        request = Request("log", "GET", PODS.path(namespace, name, "log"), action, params)
        async with self._transport.stream(request, LOG_IDLE_SECONDS) as pieces:
            async for piece in pieces:
                yield piece

    async def _call(self, request: Request) -> Json:
        answer: Json = await self._transport.call(request)
        return answer


def _validation(strict: bool) -> dict[str, str]:
    return {"fieldValidation": "Strict"} if strict else {}


def _part(subresource: str | None) -> str:
    return f"the {subresource} of " if subresource else ""

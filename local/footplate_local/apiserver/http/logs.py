"""Logs of a container: passed on from the node that runs it (kubelet API, /containerLogs).

Source: kubernetes pkg/registry/core/pod/rest/log.go, pkg/registry/core/pod/strategy.go (LogLocation),
pkg/apis/core/validation (ValidatePodLogOptions).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import aiohttp
from aiohttp import web
from yarl import URL

from footplate_local.apiserver.errors import (
    FieldError,
    StatusError,
    Subject,
    bad_request,
    field_forbidden,
    invalid_value,
)
from footplate_local.apiserver.http import options
from footplate_local.apiserver.http.requests import Target
from footplate_local.apiserver.objects.objects import Objects
from footplate_local.apiserver.storage.model import ObjectKey

JSON = dict[str, Any]
_PASSED_ON = ("follow", "tailLines", "sinceSeconds", "sinceTime", "timestamps", "previous", "limitBytes")
STREAMS = ("attach", "exec", "portforward")


async def serve(request: web.BaseRequest, objects: Objects, target: Target) -> web.StreamResponse:
    """Stream the log of a container: nothing, with 204, before it has a node.

    Raises StatusError: 400 for a container that the pod does not have, 422 for options out of range, 503 when the node
    does not answer.
    """
    _check_options(request.query, target.name)
    pod = objects.read(target.kind, target.namespace or "", target.name)
    container = _container(pod, request.query.get("container", ""))
    if not pod["spec"].get("nodeName"):
        return web.Response(status=204)
    url = _node_url(objects, pod, container, request.query)
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=5)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        try:
            upstream = await session.get(url)
        except aiohttp.ClientError as error:
            raise StatusError(
                503,
                "ServiceUnavailable",
                f"the node of pod {target.name} does not answer at {url.host}:{url.port}: {error}",
            ) from error
        async with upstream:
            if upstream.status != 200:
                text = (await upstream.text()).strip()
                raise StatusError(upstream.status, "BadRequest" if upstream.status == 400 else "InternalError", text)
            response = web.StreamResponse(headers={"Content-Type": "text/plain"})
            await response.prepare(request)
            async for piece in upstream.content.iter_any():
                await response.write(piece)
            return response


def no_stream(objects: Objects, target: Target) -> StatusError:
    """Why kubectl exec, attach, cp and port-forward do not work here. Raises 404 for a pod that is not there."""
    objects.read(target.kind, target.namespace or "", target.name)
    text = (
        f"{target.subresource} is not possible in this cluster, whose containers are processes of this machine; "
        "kubectl logs shows what they print"
    )
    return StatusError(501, "NotImplemented", text)


def _check_options(query: options.Query, name: str) -> None:
    """PodLogOptions. Raises StatusError 400 and 422."""
    tail, limit = options.number(query, "tailLines"), options.number(query, "limitBytes")
    since = options.number(query, "sinceSeconds")
    found: list[FieldError] = []
    if tail is not None and tail < 0:
        found.append(invalid_value("tailLines", tail, "must be greater than or equal to 0"))
    if limit is not None and limit < 1:
        found.append(invalid_value("limitBytes", limit, "must be greater than 0"))
    if since is not None and query.get("sinceTime"):
        found.append(field_forbidden("", "at most one of `sinceTime` or `sinceSeconds` may be specified"))
    elif since is not None and since < 1:
        found.append(invalid_value("sinceSeconds", since, "must be greater than 0"))
    if found:
        raise Subject("", "PodLogOptions", name).invalid(found)


def _container(pod: JSON, asked: str) -> str:
    spec, name = pod["spec"], pod["metadata"]["name"]
    init, main, ephemeral = (
        [str(item["name"]) for item in spec.get(part) or ()]
        for part in ("initContainers", "containers", "ephemeralContainers")
    )
    if not asked:  # kubectl's annotation of a default container is kubectl's business
        if len(main) > 1:
            choices = f"choose one of: [{' '.join(main)}]" + (
                f" or one of the init containers: [{' '.join(init)}]" if init else ""
            )
            raise bad_request(f"a container name must be specified for pod {name}, {choices}")
        return main[0]
    if asked not in [*init, *main, *ephemeral]:
        raise bad_request(f"container {asked} is not valid for pod {name}")
    return asked


def _node_url(objects: Objects, pod: JSON, container: str, query: Mapping[str, str]) -> URL:
    meta, node_name = pod["metadata"], pod["spec"]["nodeName"]
    node = objects.storage.get(ObjectKey("nodes", "", node_name))
    if node is None:
        raise StatusError(503, "ServiceUnavailable", f"node {node_name} of pod {meta['name']} is not there")
    status = node.object.get("status", {})
    address = next((item["address"] for item in status.get("addresses", ()) if item.get("type") == "InternalIP"), None)
    port = status.get("daemonEndpoints", {}).get("kubeletEndpoint", {}).get("Port")
    if not address or not port:
        raise StatusError(503, "ServiceUnavailable", f"node {node_name} does not say where its logs are served")
    passed = {key: query[key] for key in _PASSED_ON if query.get(key)}
    path = f"/containerLogs/{meta['namespace']}/{meta['name']}/{container}"
    return URL.build(scheme="http", host=address, port=int(port), path=path, query=passed)

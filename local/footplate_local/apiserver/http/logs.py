"""Logs of a container: passed on from the node that runs it (kubelet API, /containerLogs)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import aiohttp
from aiohttp import web
from yarl import URL

from footplate_local.apiserver.errors import StatusError, bad_request
from footplate_local.apiserver.http.requests import Target
from footplate_local.apiserver.objects import Objects
from footplate_local.apiserver.storage.model import ObjectKey

JSON = dict[str, Any]
_PASSED_ON = ("follow", "tailLines", "sinceSeconds", "sinceTime", "timestamps", "previous", "limitBytes")


async def serve(request: web.BaseRequest, objects: Objects, target: Target) -> web.StreamResponse:
    """Stream the log of a container. Raises StatusError: 400 when it cannot have one yet, 503 without the node."""
    pod = objects.read(target.kind, target.namespace or "", target.name)
    container = _container(pod, request.query.get("container", ""))
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


def _container(pod: JSON, asked: str) -> str:
    spec, name = pod["spec"], pod["metadata"]["name"]
    init = [item["name"] for item in spec.get("initContainers") or ()]
    main = [item["name"] for item in spec["containers"]]
    if not asked:
        default = pod["metadata"].get("annotations", {}).get("kubectl.kubernetes.io/default-container")
        if default in main:
            return str(default)
        if len(main) > 1:
            choices = f"choose one of: [{' '.join(main)}]" + (
                f" or one of the init containers: [{' '.join(init)}]" if init else ""
            )
            raise bad_request(f"a container name must be specified for pod {name}, {choices}")
        return str(main[0])
    if asked not in init + main:
        raise bad_request(f"container {asked} is not valid for pod {name}")
    return asked


def _node_url(objects: Objects, pod: JSON, container: str, query: Mapping[str, str]) -> URL:
    meta, node_name = pod["metadata"], pod["spec"].get("nodeName")
    if not node_name:
        raise bad_request(f"pod {meta['name']} does not have a host assigned")
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

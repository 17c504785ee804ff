"""Discovery: which groups, versions and kinds there are (Kubernetes: API Concepts, "API discovery")."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from typing import Any

from aiohttp import web

from footplate_local.apiserver.errors import PageNotFound, method_not_allowed
from footplate_local.apiserver.http import access, negotiation
from footplate_local.apiserver.http.answers import answer
from footplate_local.apiserver.kinds.registry import Registry, ResourceType
from footplate_local.apiserver.storage.model import encode

JSON = dict[str, Any]
_AGGREGATED = "apidiscovery.k8s.io"
VERSION: JSON = {
    "major": "1",
    "minor": "34",
    "gitVersion": "v1.34.0+footplate",
    "gitCommit": "",
    "gitTreeState": "clean",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "",
    "compiler": "",
    "platform": "linux/amd64",
}
_SUBRESOURCES: dict[str, tuple[str, tuple[str, ...], tuple[str, str]]] = {
    "status": ("", ("get", "patch", "update"), ("", "")),
    "scale": ("Scale", ("get", "patch", "update"), ("autoscaling", "v1")),
    "log": ("", ("get",), ("", "")),
    "attach": ("PodAttachOptions", ("create", "get"), ("", "")),
    "binding": ("Binding", ("create",), ("", "")),
    "ephemeralcontainers": ("", ("get", "patch", "update"), ("", "")),
    "eviction": ("Eviction", ("create",), ("policy", "v1")),
    "exec": ("PodExecOptions", ("create", "get"), ("", "")),
    "finalize": ("", ("update",), ("", "")),
    "portforward": ("PodPortForwardOptions", ("create", "get"), ("", "")),
    "resize": ("", ("get", "patch", "update"), ("", "")),
    "token": ("TokenRequest", ("create",), ("authentication.k8s.io", "v1")),
}


def serve(request: web.BaseRequest, registry: Registry, parts: Sequence[str]) -> web.Response:
    """Answer a request for /api, /apis, or a group or version below them. Raises StatusError 404 and 405."""
    if request.method not in ("GET", "HEAD"):
        raise method_not_allowed()
    match parts:
        case ["api" | "apis" as root] if version := _aggregated_version(request):
            return _served_aggregated(request, aggregated(registry, core=root == "api", version=version), version)
        case ["api"]:
            return answer(api_versions(request.host))
        case ["apis"]:
            return answer(group_list(registry))
        case ["api", version]:
            return answer(resource_list(registry, "", version))
        case ["apis", name]:
            return answer(group(registry, name))
    return answer(resource_list(registry, parts[1], parts[2]))


def _aggregated_version(request: web.BaseRequest) -> str:
    """The version of the one document with everything, if the client likes that best."""
    for media, parameters in negotiation.choices(request.headers.get("Accept", "")):
        if media == "application/json" and parameters.get("g") == _AGGREGATED:
            if parameters.get("as") == "APIGroupDiscoveryList" and parameters.get("v") in ("v2", "v2beta1"):
                return parameters["v"]
        elif media in ("application/json", "application/*", "*/*") and "as" not in parameters:
            return ""
    return ""


def _served_aggregated(request: web.BaseRequest, document: JSON, version: str) -> web.Response:
    """The document, or 304 for a client that has it."""
    body = encode(document)
    tag = f'"{hashlib.sha512(body).hexdigest().upper()}"'
    headers = {"Etag": tag, "Vary": "Accept"}
    if request.headers.get("If-None-Match") == tag:
        return web.Response(status=304, headers=headers)
    headers["Content-Type"] = f"application/json;g={_AGGREGATED};v={version};as=APIGroupDiscoveryList"
    return web.Response(body=body, headers=headers)


def api_versions(host: str) -> JSON:
    return {
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": host}],
    }


def _group(name: str, versions: list[str]) -> JSON:
    shown = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": shown, "preferredVersion": shown[0]}


def _groups(registry: Registry) -> dict[str, list[str]]:
    return registry.groups() | {group: ["v1"] for group in access.GROUPS}


def group_list(registry: Registry) -> JSON:
    groups = [_group(name, versions) for name, versions in _groups(registry).items() if name]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}


def group(registry: Registry, name: str) -> JSON:
    """Raises StatusError 404."""
    versions = _groups(registry).get(name)
    if not name or versions is None:
        raise PageNotFound
    return {"kind": "APIGroup", "apiVersion": "v1", **_group(name, versions)}


def resource_list(registry: Registry, group_name: str, version: str) -> JSON:
    """Raises StatusError 404."""
    kinds = [kind for kind in (*registry.types(), *access.KINDS) if (kind.group, kind.version) == (group_name, version)]
    resources = [entry for kind in kinds for entry in _resources(kind)]
    if not resources:
        raise PageNotFound
    group_version = f"{group_name}/{version}" if group_name else version
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": resources}


def _resources(kind: ResourceType) -> list[JSON]:
    main: JSON = {
        "name": kind.plural,
        "singularName": kind.singular,
        "namespaced": kind.namespaced,
        "kind": kind.kind,
        "verbs": list(kind.verbs),
    }
    if kind.short_names:
        main["shortNames"] = list(kind.short_names)
    if kind.categories:
        main["categories"] = list(kind.categories)
    if "list" in kind.verbs:  # what is not stored has no form of storage
        main["storageVersionHash"] = storage_hash(kind)
    found = [main]
    for name in kind.subresources:
        other_kind, verbs, (group_name, version) = _SUBRESOURCES[name]
        entry: JSON = {"name": f"{kind.plural}/{name}", "singularName": "", "namespaced": kind.namespaced}
        if group_name:
            entry |= {"group": group_name, "version": version}
        found.append({**entry, "kind": other_kind or kind.kind, "verbs": list(verbs)})
    return found


def storage_hash(kind: ResourceType) -> str:
    """Tells clients that objects are stored in another form now (discovery.StorageVersionHash)."""
    text = f"{kind.group}/{kind.storage_version or kind.version}/{kind.kind}"
    return base64.b64encode(hashlib.sha256(text.encode()).digest()[:8]).decode()


def aggregated(registry: Registry, *, core: bool, version: str = "v2") -> JSON:
    """All groups with all resources in one document, for /api (core) or /apis."""
    items = []
    for name, versions in _groups(registry).items():
        if (name == "") is core:
            shown = [_version(registry, name, version) for version in versions]
            items.append({"metadata": {"name": name} if name else {}, "versions": shown})
    return {"kind": "APIGroupDiscoveryList", "apiVersion": f"{_AGGREGATED}/{version}", "metadata": {}, "items": items}


def _version(registry: Registry, group_name: str, version: str) -> JSON:
    resources = []
    main: JSON = {}
    for entry in resource_list(registry, group_name, version)["resources"]:
        kind = {
            "group": entry.get("group", group_name),
            "version": entry.get("version", version),
            "kind": entry["kind"],
        }
        plural, _, subresource = entry["name"].partition("/")
        if subresource:
            part = {"subresource": subresource, "responseKind": kind, "verbs": entry["verbs"]}
            main.setdefault("subresources", []).append(part)
            continue
        main = {
            "resource": plural,
            "responseKind": kind,
            "scope": "Namespaced" if entry["namespaced"] else "Cluster",
            "singularResource": entry["singularName"],
            "verbs": entry["verbs"],
        }
        for key in ("shortNames", "categories"):
            if key in entry:
                main[key] = entry[key]
        resources.append(main)
    return {"version": version, "resources": resources, "freshness": "Current"}

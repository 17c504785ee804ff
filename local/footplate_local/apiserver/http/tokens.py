"""Issues tokens of service accounts: `POST …/serviceaccounts/NAME/token` (pkg/registry/core/serviceaccount/storage)."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from footplate_local.apiserver import errors
from footplate_local.apiserver.errors import FieldError, Subject, invalid_value
from footplate_local.apiserver.http import requests
from footplate_local.apiserver.http.answers import answer
from footplate_local.apiserver.http.requests import Target
from footplate_local.apiserver.kinds import builtin_schemas, typed
from footplate_local.apiserver.objects import metadata
from footplate_local.apiserver.objects.objects import Objects
from footplate_local.apiserver.rights.users import Tokens

JSON = dict[str, Any]
GROUP, KIND = "authentication.k8s.io", "TokenRequest"
_USUAL_SECONDS, _LEAST_SECONDS, _MOST_SECONDS = 3600, 600, 1 << 32


async def issue(request: web.BaseRequest, target: Target, objects: Objects, tokens: Tokens) -> web.Response:
    """Answer a TokenRequest. Raises StatusError 400, 404 and 422."""
    body = await requests.object_body(request)
    try:
        asked = typed.decode(body, builtin_schemas.schema_of(GROUP, "v1", KIND))[0]
    except typed.Undecodable as error:
        raise errors.undecodable(KIND, "v1", str(error)) from error
    account = objects.read(target.kind, target.namespace or "", target.name)
    spec = asked.get("spec") or {}
    if spec.get("boundObjectRef"):
        raise errors.bad_request("this server issues no tokens that are bound to an object")
    seconds = spec.get("expirationSeconds", _USUAL_SECONDS)
    problems = list(_problems(seconds))
    if problems:
        raise Subject(GROUP, KIND, target.name).invalid(problems)
    audiences = spec.get("audiences") or []
    token, expiry = tokens.issue(account, seconds, audiences)
    meta = {
        "name": target.name,
        "namespace": target.namespace,
        "creationTimestamp": metadata.timestamp(objects.now()),
    }
    return answer(
        {
            "kind": KIND,
            "apiVersion": f"{GROUP}/v1",
            "metadata": meta,
            "spec": {"audiences": audiences, "expirationSeconds": seconds, "boundObjectRef": None},
            "status": {"token": token, "expirationTimestamp": metadata.timestamp(expiry)},
        },
        201,
    )


def _problems(seconds: int) -> list[FieldError]:
    path = "spec.expirationSeconds"
    if seconds < _LEAST_SECONDS:
        return [invalid_value(path, seconds, "may not specify a duration less than 10 minutes")]
    if seconds > _MOST_SECONDS:
        return [invalid_value(path, seconds, "may not specify a duration larger than 2^32 seconds")]
    return []

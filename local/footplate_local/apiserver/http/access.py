"""Access and authentication reviews: kinds that can only be created and are answered, not stored.

Source: kubernetes pkg/apis/authorization/validation, pkg/registry/authorization, pkg/registry/authentication.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from aiohttp import web

from footplate_local.apiserver.errors import (
    FieldError,
    Subject,
    bad_request,
    invalid_value,
    method_not_allowed,
    unknown_path,
)
from footplate_local.apiserver.http import options, requests
from footplate_local.apiserver.http.answers import answer
from footplate_local.apiserver.kinds.registry import ResourceType
from footplate_local.apiserver.objects import metadata
from footplate_local.apiserver.patching import ownership
from footplate_local.apiserver.rights.attributes import Attributes
from footplate_local.apiserver.rights.rbac import Authorizer
from footplate_local.apiserver.rights.users import OWNER, Tokens, User

JSON = dict[str, Any]
_AUTHORIZATION, _AUTHENTICATION = "authorization.k8s.io", "authentication.k8s.io"
GROUPS = (_AUTHENTICATION, _AUTHORIZATION)


def _kind(group: str, kind: str, *, namespaced: bool = False) -> ResourceType:
    return ResourceType(
        group, "v1", kind, f"{kind.lower()}s", namespaced, singular=kind.lower(), verbs=("create",)
    )  # fmt: skip


KINDS = (
    _kind(_AUTHENTICATION, "SelfSubjectReview"),
    _kind(_AUTHENTICATION, "TokenReview"),
    _kind(_AUTHORIZATION, "LocalSubjectAccessReview", namespaced=True),
    _kind(_AUTHORIZATION, "SelfSubjectAccessReview"),
    _kind(_AUTHORIZATION, "SelfSubjectRulesReview"),
    _kind(_AUTHORIZATION, "SubjectAccessReview"),
)


class Reviews:
    """Answers what is posted below the two groups."""

    def __init__(self, tokens: Tokens, authorizer: Authorizer, now: Callable[[], datetime]) -> None:
        self._tokens = tokens
        self._authorizer = authorizer
        self._now = now

    async def answer(self, request: web.BaseRequest, parts: list[str], user: User) -> web.Response:
        """Answer a request; `parts` is its path from the group on. Raises StatusError 400, 404, 405 and 422."""
        group, *rest = parts
        match rest:
            case ["v1", plural]:
                namespace = None
            case ["v1", "namespaces", namespace, plural]:
                pass
            case _:
                raise unknown_path()
        kind = next((kind for kind in KINDS if (kind.group, kind.plural) == (group, plural)), None)
        if kind is None or kind.namespaced != (namespace is not None):
            raise unknown_path()
        if request.method != "POST":
            raise method_not_allowed()
        review = _decoded(kind, await requests.object_body(request))
        writing = options.writing(request.query, request.headers.get("User-Agent", ""), creating=True)
        review.setdefault("metadata", {})
        time = metadata.timestamp(self._now())
        ownership.record_update(None, review, ownership.Writer(writing.manager, kind, lambda *_: kind, time))
        return answer(self._review(kind, namespace, review, user), 201)

    def _review(self, kind: ResourceType, namespace: str | None, review: JSON, user: User) -> JSON:
        head = {"kind": kind.kind, "apiVersion": kind.api_version}
        meta = review.get("metadata", {})
        spec = review.get("spec", {})
        match kind.kind:
            case "SelfSubjectReview":
                created = {"creationTimestamp": metadata.timestamp(self._now())}
                return {**head, "metadata": created, "status": {"userInfo": user.as_json()}}
            case "TokenReview":
                return {**head, "metadata": meta, "spec": spec, "status": self._token_status(spec)}
            case "SelfSubjectRulesReview":
                if not spec.get("namespace"):
                    raise bad_request("no namespace on request")
                rules = list(self._authorizer.rules(user, spec["namespace"]))
                return {**head, "metadata": {}, "spec": {}, "status": _rules(rules)}
        errors = _access_errors(kind.kind, meta, spec)
        if errors:
            raise Subject(kind.group, "", "").invalid(errors)  # kube-apiserver, too, leaves out the kind here
        if namespace is not None and namespace != meta.get("namespace"):
            raise bad_request(f"spec.resourceAttributes.namespace must match namespace: {namespace}")
        asking = user if kind.kind == "SelfSubjectAccessReview" else _subject(spec)
        allowed = self._authorizer.allows(asking, Attributes.of_review(spec))
        return {**head, "metadata": meta, "spec": spec, "status": {"allowed": allowed}}

    def _token_status(self, spec: JSON) -> JSON:
        token = spec.get("token", "")
        if not token:
            raise bad_request("token is required for TokenReview in authentication")
        user = self._tokens.user_of(token)
        if user is None:
            return {"user": {}, "error": "invalid bearer token"}
        return {"authenticated": True, "user": user.as_json(), **_audiences(spec)}


def _decoded(kind: ResourceType, body: JSON) -> JSON:
    """The body as the kind can hold it. Raises StatusError 400."""
    sent_kind, sent_version = body.get("kind", kind.kind), body.get("apiVersion", kind.api_version)
    if sent_kind != kind.kind:
        raise bad_request(f'{sent_kind} in version "{sent_version}" cannot be handled as a {kind.kind}')
    if sent_version != kind.api_version:
        raise bad_request(
            f"the API version in the data ({sent_version}) does not match the expected API version ({kind.api_version})"
        )
    return kind.decode(body)[0]


def _access_errors(kind: str, meta: JSON, spec: JSON) -> list[FieldError]:
    found = []
    resource, other = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    if resource is not None and other is not None:
        text = "cannot be specified in combination with resourceAttributes"
        found.append(invalid_value("spec.nonResourceAttributes", other, text))
    if resource is None and other is None:
        text = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
        found.append(invalid_value("spec.resourceAttributes", None, text))
    if kind != "SelfSubjectAccessReview" and not spec.get("user") and not spec.get("groups"):
        found.append(invalid_value("spec.user", "", "at least one of user or group must be specified"))
    local = kind == "LocalSubjectAccessReview"
    sent = {key: value for key, value in meta.items() if key != "managedFields"}
    if sent.keys() - ({"namespace"} if local else set()):
        text = "must be empty except for namespace" if local else "must be empty"
        found.append(invalid_value("metadata", sent, text))
    if not local:
        return found
    if resource is not None and resource.get("namespace", "") != meta.get("namespace", ""):
        asked = resource.get("namespace", "")
        found.append(invalid_value("spec.resourceAttributes.namespace", asked, "must match metadata.namespace"))
    if other is not None:
        found.append(invalid_value("spec.nonResourceAttributes", other, "disallowed on this kind of request"))
    return found


def _subject(spec: JSON) -> User:
    """Whom a review speaks of. The owner's groups are known; of others only those that are told."""
    name = spec.get("user", "")
    return OWNER if name == OWNER.name else User(name, tuple(spec.get("groups") or ()))


def _rules(rules: Sequence[JSON]) -> JSON:
    return {
        "resourceRules": [rule for rule in rules if "resources" in rule],
        "nonResourceRules": [rule for rule in rules if "nonResourceURLs" in rule],
        "incomplete": False,
    }


def _audiences(spec: JSON) -> JSON:
    return {"audiences": spec["audiences"]} if spec.get("audiences") else {}

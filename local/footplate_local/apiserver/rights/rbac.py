"""Role-based access control over the roles and bindings that are stored.

Sources: Kubernetes "Using RBAC Authorization"; kubernetes plugin/pkg/auth/authorizer/rbac/rbac.go,
pkg/registry/rbac/validation/rule.go, pkg/apis/rbac/v1/evaluation_helpers.go; the words of a refusal: apiserver
pkg/endpoints/handlers/responsewriters/errors.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from footplate_local.apiserver.errors import StatusError, forbidden
from footplate_local.apiserver.rights.attributes import Attributes
from footplate_local.apiserver.rights.users import User, service_account
from footplate_local.apiserver.storage.model import ObjectKey
from footplate_local.apiserver.storage.sqlite import SqliteStorage

JSON = dict[str, Any]
GROUP = "rbac.authorization.k8s.io"
_EVERYTHING: Sequence[JSON] = (
    {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]},
    {"verbs": ["*"], "nonResourceURLs": ["*"]},
)
# What kube-apiserver binds to all who are authenticated: system:discovery and system:basic-user.
_ALL_MAY: Sequence[JSON] = (
    {
        "verbs": ["get"],
        "nonResourceURLs": ["/", "/api", "/api/*", "/apis", "/apis/*", "/openapi", "/openapi/*", "/version"],
    },
    {
        "verbs": ["create"],
        "apiGroups": ["authorization.k8s.io"],
        "resources": ["selfsubjectaccessreviews", "selfsubjectrulesreviews"],
    },
    {"verbs": ["create"], "apiGroups": ["authentication.k8s.io"], "resources": ["selfsubjectreviews"]},
)


class Authorizer:
    """Says who may do what."""

    def __init__(self, storage: SqliteStorage) -> None:
        self._storage = storage

    def check(self, user: User, asked: Attributes) -> None:
        """Raises StatusError 403."""
        if not self.allows(user, asked):
            raise refusal(user, asked)

    def allows(self, user: User, asked: Attributes) -> bool:
        return any(rule_allows(rule, asked) for rule in self.rules(user, asked.namespace))

    def rules(self, user: User, namespace: str) -> Iterator[JSON]:
        """What a user may do in a namespace (empty: in all, and with what is in none)."""
        if user.may_do_everything:
            yield from _EVERYTHING
            return
        yield from _ALL_MAY
        yield from self._bound(user, "clusterrolebindings", "")
        if namespace:
            yield from self._bound(user, "rolebindings", namespace)

    def _bound(self, user: User, bindings: str, namespace: str) -> Iterator[JSON]:
        for stored in self._storage.listing(f"{bindings}.{GROUP}", namespace):
            binding = stored.object
            if any(_is(subject, user, namespace) for subject in binding.get("subjects") or ()):
                yield from self._of_role(binding["roleRef"], namespace)

    def _of_role(self, reference: JSON, namespace: str) -> Iterable[JSON]:
        """The rules of a role; one that is not there allows nothing."""
        of_cluster = reference["kind"] == "ClusterRole"
        plural = "clusterroles" if of_cluster else "roles"
        stored = self._storage.get(ObjectKey(f"{plural}.{GROUP}", "" if of_cluster else namespace, reference["name"]))
        return () if stored is None else stored.object.get("rules") or ()


def refusal(user: User, asked: Attributes) -> StatusError:
    """403 in kube-apiserver's words."""
    if asked.path:
        text = f'forbidden: User "{user.name}" cannot {asked.verb} path "{asked.path}"'
        return StatusError(403, "Forbidden", text, details={})
    where = f'in the namespace "{asked.namespace}"' if asked.namespace else "at the cluster scope"
    what = f'resource "{asked.whole_resource}" in API group "{asked.group}"'
    return forbidden(asked.group, asked.resource, asked.name, f'User "{user.name}" cannot {asked.verb} {what} {where}')


def _is(subject: JSON, user: User, namespace: str) -> bool:
    match subject["kind"]:
        case "User":
            return bool(subject["name"] == user.name)
        case "Group":
            return subject["name"] in user.groups
    return service_account(subject.get("namespace") or namespace, subject["name"]).name == user.name


def rule_allows(rule: JSON, asked: Attributes) -> bool:
    """Whether one rule of a role allows it, in the namespace of the binding."""
    if not _has(rule.get("verbs"), asked.verb):
        return False
    if asked.path:
        return any(_path_matches(url, asked.path) for url in rule.get("nonResourceURLs") or ())
    names = rule.get("resourceNames") or ()
    return (
        _has(rule.get("apiGroups"), asked.group)
        and _resource_matches(rule.get("resources") or (), asked)
        and (not names or asked.name in names)
    )


def _has(words: Sequence[str] | None, word: str) -> bool:
    return "*" in (words or ()) or word in (words or ())


def _resource_matches(resources: Sequence[str], asked: Attributes) -> bool:
    """`*/scale` is that subresource of everything; `pods` is not `pods/log`."""
    of_all = f"*/{asked.subresource}" if asked.subresource else "*"
    return bool({"*", of_all, asked.whole_resource} & set(resources))


def _path_matches(url: str, path: str) -> bool:
    return path.startswith(url[:-1]) if url.endswith("*") else url == path

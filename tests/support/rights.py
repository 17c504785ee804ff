"""The rights that the chart gives the operator, on an API server that enforces them, and which of them are used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import chart
from api_objects import created
from api_server import ApiServerInThread

from footplate_local import kubeconfig
from footplate_local.apiserver.http.faults import Request
from footplate_local.apiserver.http.options import flag
from footplate_local.apiserver.rights.attributes import Attributes, attributes_of
from footplate_local.apiserver.rights.rbac import rule_allows
from footplate_local.apiserver.rights.users import service_account

JSON = dict[str, Any]
ACCOUNT = "footplate-operator"
USER = service_account(chart.NAMESPACE, ACCOUNT).name
_KINDS = {  # in the order in which they are made
    "ServiceAccount": "/api/v1/namespaces/{}/serviceaccounts",
    "ClusterRole": "/apis/rbac.authorization.k8s.io/v1/clusterroles",
    "Role": "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/roles",
    "ClusterRoleBinding": "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
    "RoleBinding": "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/rolebindings",
}
_FOREVER = 10 * 365 * 24 * 3600


@dataclass(frozen=True, order=True)
class Right:
    """One verb on one resource; `namespace` is empty for all."""

    namespace: str
    verb: str
    group: str
    resource: str
    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        where = f"in {self.namespace}" if self.namespace else "in all namespaces"
        what = f"{self.resource}.{self.group}" if self.group else self.resource
        return f"{self.verb} {what}{' ' + ', '.join(self.names) if self.names else ''} {where}"

    def allows(self, asked: Attributes) -> bool:
        rule = {
            "verbs": [self.verb],
            "apiGroups": [self.group],
            "resources": [self.resource],
            "resourceNames": self.names,
        }
        return self.namespace in ("", asked.namespace) and rule_allows(rule, asked)


def rights(values: JSON | None = None) -> list[Right]:
    """Those of the operator's account, one for each verb and resource, as the chart gives them for these values."""
    rendered = chart.render(values)
    return sorted(
        Right(role["metadata"].get("namespace", ""), verb, group, resource, tuple(rule.get("resourceNames", ())))
        for role in _bound(rendered.manifests)
        for rule in role["rules"]
        for verb in rule["verbs"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    )


def _bound(manifests: list[JSON]) -> Iterator[JSON]:
    """The roles that are bound to the account."""
    roles = {(m["kind"], m["metadata"].get("namespace"), m["metadata"]["name"]): m for m in manifests}
    for binding in manifests:
        if binding["kind"] in ("ClusterRoleBinding", "RoleBinding"):
            subject = {"kind": "ServiceAccount", "name": ACCOUNT, "namespace": chart.NAMESPACE}
            assert binding["subjects"] == [subject], "the chart binds rights to its own account alone"
            reference = binding["roleRef"]
            namespace = binding["metadata"].get("namespace") if reference["kind"] == "Role" else None
            yield roles[reference["kind"], namespace, reference["name"]]


def kubeconfig_of(server: ApiServerInThread) -> Path:
    """That of the account, once it has been made."""
    return server.home / "operator.kubeconfig"


def granted(server: ApiServerInThread, values: JSON | None = None) -> Path:
    """Make the chart's account and rights on a server; the kubeconfig of who has them and nothing else."""
    manifests = chart.render(values).manifests
    for kind, path in _KINDS.items():
        for manifest in manifests:
            if manifest["kind"] == kind:
                created(server, path.format(manifest["metadata"].get("namespace", "")), manifest)
    account = _KINDS["ServiceAccount"].format(chart.NAMESPACE)
    wanted = {"spec": {"expirationSeconds": _FOREVER}}
    token = created(server, f"{account}/{ACCOUNT}/token", wanted)["status"]["token"]
    path = kubeconfig_of(server)
    kubeconfig.write(path, server.url, token, certificate=server.certificate.read_text())
    return path


def asked(requests: list[Request]) -> Mapping[Attributes, Request]:
    """What the operator has asked to do with resources, each with the last of its requests."""
    found = {}
    for request in requests:
        if request.user == USER:
            split = urlsplit(request.path)
            query = dict(parse_qsl(split.query, keep_blank_values=True))
            attributes = attributes_of(request.method, split.path, query, watch=flag(query, "watch"))
            if not attributes.path:
                found[attributes] = request
    return found


def beyond(requests: list[Request], given: list[Right]) -> list[str]:
    """A sentence for each call that no right allows."""
    return [
        f"{USER} may not {call.verb} {call.whole_resource} in API group {call.group!r} "
        f"{'in ' + call.namespace if call.namespace else 'in all namespaces'}: {request.method} {request.path}"
        for call, request in asked(requests).items()
        if not any(right.allows(call) for right in given)
    ]


def unused(requests: list[Request], given: list[Right]) -> list[str]:
    """Those rights that no call has needed."""
    calls = asked(requests)
    return [str(right) for right in given if not any(right.allows(call) for call in calls)]

"""Valid requests to the API server, from the recorded conversations, the project's manifests and of every kind."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import yaml

JSON = dict[str, Any]
ROOT = Path(__file__).parents[2]


@dataclass
class Draft:
    """A request being made. `raw` wins over `body`."""

    method: str
    path: str
    query: list[tuple[str, str]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None
    raw: bytes | None = None

    def content(self) -> bytes:
        if self.raw is not None:
            return self.raw
        if self.body is None:
            return b""
        return json.dumps(self.body).encode()

    def target(self) -> str:
        """Path and query as they go over the wire."""
        path = quote(self.path, safe="/%:;*~!$&'()+,=@-._")
        encoded = [
            urlencode([(name.encode(errors="replace"), value.encode(errors="replace"))]) for name, value in self.query
        ]
        return path + ("?" + "&".join(encoded) if encoded else "")

    def __str__(self) -> str:
        shown = self.content()
        text = repr(shown[:3000]) + (f"… ({len(shown)} bytes)" if len(shown) > 3000 else "")
        return f"{self.method} {self.target()[:600]}\n{self.headers}\n{text}"


def scenarios() -> list[Draft]:
    """The requests of the recorded conversations."""
    drafts = []
    for file in sorted((ROOT / "tests/api/scenarios").glob("*.json")):
        document = json.loads(file.read_text())
        for step in document["steps"]:
            request = step.get("request")
            if request is None:
                continue
            path, _, query = request["path"].partition("?")
            pairs = [(name, value) for name, _, value in (part.partition("=") for part in query.split("&") if part)]
            headers = {"Content-Type": request.get("contentType") or "application/json"}
            if request["method"] == "DELETE" and path.count("/") <= 4:
                continue  # of the namespace and the definition, without which the rest means little
            drafts.append(Draft(request["method"], path, pairs, headers, request.get("body")))
    return drafts


def manifests() -> list[Draft]:
    """Creations of our CRDs and of the examples' objects."""
    drafts = []
    for file in [*sorted((ROOT / "crds").glob("*.yaml")), *sorted((ROOT / "examples").glob("*/*.yaml"))]:
        for body in yaml.safe_load_all(file.read_text()):
            if not isinstance(body, dict) or "metadata" not in body:
                continue
            group = body["apiVersion"]
            plural = body["kind"].lower() + "s"
            place = f"/apis/{group}/{plural}" if body["kind"].endswith("Definition") else _collection(group, plural)
            drafts.append(Draft("POST", place, [], {"Content-Type": "application/json"}, body))
    return drafts


def _collection(api_version: str, plural: str, namespace: str = "default") -> str:
    root = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
    return f"{root}/namespaces/{namespace}/{plural}"


def made() -> list[Draft]:
    """One creation of each kind that training jobs meet, with most of what it can have."""
    meta = {"name": "made", "labels": {"a": "b"}, "annotations": {"x/y": "z"}, "finalizers": ["example.com/hold"]}
    container = {
        "name": "main", "image": "busybox:1", "command": ["sh"], "args": ["-c", "true"], "env": [{"name": "A",
        "value": "1"}],
        "ports": [{"containerPort": 80, "name": "http"}], "resources": {"limits": {"cpu": "1", "memory": "1Gi"}},
        "volumeMounts": [{"name": "v", "mountPath": "/v"}],
        "readinessProbe": {"httpGet": {"path": "/", "port": 80}, "periodSeconds": 1},
    }  # fmt: skip
    pod_spec = {
        "containers": [container], "initContainers": [{**container, "name": "init", "restartPolicy": "Always"}],
        "volumes": [{"name": "v", "emptyDir": {}}, {"name": "c", "configMap": {"name": "made"}}],
        "restartPolicy": "Never",
        "nodeSelector": {"a": "b"}, "tolerations": [{"key": "a", "operator": "Exists"}],
        "terminationGracePeriodSeconds": 5,
    }  # fmt: skip
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [container], "restartPolicy": "Never"}}
    about = {"apiVersion": "v1", "kind": "Pod", "name": "made", "namespace": "default"}
    schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": {
        "n": {"type": "integer", "minimum": 0, "default": 1}, "s": {"type": "string", "pattern": "^a", "maxLength": 5},
        "m": {"type": "object", "additionalProperties": {"type": "string"}}, "f": {"type": "string",
        "format": "date-time"},
        "l": {"type": "array", "items": {"type": "object", "properties": {"k": {"type": "string"}}, "required": ["k"]},
              "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"], "maxItems": 9},
        "i": {"x-kubernetes-int-or-string": True}, "u": {"type": "object",
        "x-kubernetes-preserve-unknown-fields": True}},
        "x-kubernetes-validations": [{"rule": "self.n <= 100", "message": "too many"}]},
        "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}}  # fmt: skip
    version = {
        "name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema},
        "subresources": {"status": {}, "scale": {"specReplicasPath": ".spec.n", "statusReplicasPath": ".status.n"}},
        "additionalPrinterColumns": [{"name": "N", "type": "integer", "jsonPath": ".spec.n"}],
        "selectableFields": [{"jsonPath": ".spec.s"}],
    }  # fmt: skip
    thing = {"n": 2, "s": "a", "m": {"a": "b"}, "l": [{"k": "x"}], "i": "50%", "u": {"any": [1]}}
    names = {"plural": "fuzzes", "kind": "Fuzz", "shortNames": ["fz"], "categories": ["all"]}
    crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    bodies: list[tuple[str, str, str, JSON]] = [
        ("v1", "Pod", _collection("v1", "pods"), {"spec": pod_spec, "status": {"phase": "Pending"}}),
        ("v1", "ConfigMap", _collection("v1", "configmaps"), {"data": {"a": "b"}, "binaryData": {"c": "aGk="}}),
        ("v1", "Secret", _collection("v1", "secrets"), {"stringData": {"a": "b"}, "type": "Opaque",
        "immutable": False}),
        ("v1", "Service", _collection("v1", "services"),
         {"spec": {"ports": [{"port": 80, "name": "a"}, {"port": 81, "name": "b"}], "selector": {"a": "b"}}}),
        ("v1", "ServiceAccount", _collection("v1", "serviceaccounts"), {"secrets": [{"name": "x"}]}),
        ("v1", "Endpoints", _collection("v1", "endpoints"), {"subsets": [{"addresses": [{"ip": "10.0.0.1"}]}]}),
        ("v1", "Event", _collection("v1", "events"),
         {"involvedObject": about, "reason": "R", "message": "m", "type": "Normal", "count": 1,
         "source": {"component": "c"}}),
        ("events.k8s.io/v1", "Event", _collection("events.k8s.io/v1", "events"),
         {"regarding": about, "reason": "R", "note": "m", "type": "Normal", "eventTime": "2026-01-02T03:04:05.000000Z",
          "reportingController": "c", "reportingInstance": "i", "action": "a"}),
        ("v1", "Namespace", "/api/v1/namespaces", {}),
        ("v1", "Node", "/api/v1/nodes",
         {"spec": {"taints": [{"key": "a", "effect": "NoSchedule"}]},
          "status": {"capacity": {"cpu": "4"}, "conditions": [{"type": "Ready", "status": "True"}]}}),
        ("coordination.k8s.io/v1", "Lease", _collection("coordination.k8s.io/v1", "leases"),
         {"spec": {"holderIdentity": "a", "leaseDurationSeconds": 15, "renewTime": "2026-01-02T03:04:05.000000Z"}}),
        ("apiextensions.k8s.io/v1", "CustomResourceDefinition", crds,
         {"metadata": {"name": "fuzzes.example.com"},
          "spec": {"group": "example.com", "scope": "Namespaced", "names": names, "versions": [version]}}),
        ("apps/v1", "Deployment", _collection("apps/v1", "deployments"),
         {"spec": {"replicas": 1, "selector": {"matchLabels": {"a": "b"}}, "template": template}}),
        ("batch/v1", "Job", _collection("batch/v1", "jobs"),
         {"spec": {"template": template, "completions": 2, "backoffLimit": 1, "completionMode": "Indexed"}}),
        ("rbac.authorization.k8s.io/v1", "Role", _collection("rbac.authorization.k8s.io/v1", "roles"),
         {"rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]}),
        ("v1", "PersistentVolumeClaim", _collection("v1", "persistentvolumeclaims"),
         {"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}),
        ("example.com/v1", "Fuzz", _collection("example.com/v1", "fuzzes"), {"spec": thing}),
        ("authorization.k8s.io/v1", "SelfSubjectAccessReview", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
         {"spec": {"resourceAttributes": {"verb": "get", "resource": "pods"}}}),
    ]  # fmt: skip
    headers = {"Content-Type": "application/json"}
    return [
        Draft("POST", path, [], dict(headers), {"apiVersion": version, "kind": kind, "metadata": dict(meta), **body})
        for version, kind, path, body in bodies
    ]


READS = (
    "/", "/version", "/healthz", "/readyz", "/livez", "/api", "/apis", "/api/v1", "/apis/apps/v1", "/openapi/v2",
    "/openapi/v3",
    "/openapi/v3/api/v1", "/openapi/v3/apis/example.com/v1", "/apis/example.com", "/apis/example.com/v1", "/metrics",
    "/api/v1/pods", "/api/v1/namespaces/default/pods/made/log", "/api/v1/namespaces/default/pods/made/binding",
    "/apis/example.com/v1/namespaces/default/fuzzes/made/scale", "/apis/example.com/v1/fuzzes", "/api/v1/nodes",
    "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", "/api/v1/namespaces/default/events", "/logs",
    "/favicon.ico",
)  # fmt: skip

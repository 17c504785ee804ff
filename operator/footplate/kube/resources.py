"""The kinds we talk about, and where the API server keeps them."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from footplate.constants import GROUP, VERSION


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource of the API (Kubernetes: API concepts, Resource URIs)."""

    group: str  # empty for the core group
    version: str
    plural: str
    kind: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None = None, name: str | None = None, subresource: str | None = None) -> str:
        """The URL path of a collection (all namespaces when none is given), an object or its subresource."""
        parts = ["apis", self.group] if self.group else ["api"]
        parts.append(self.version)
        if self.namespaced and namespace:
            parts += ["namespaces", quote(namespace, safe="")]
        parts.append(self.plural)
        if name:
            parts.append(quote(name, safe=""))
        if subresource:
            parts.append(subresource)
        return "/" + "/".join(parts)

    def describe(self, namespace: str | None = None, name: str | None = None) -> str:
        """For sentences: "Pod default/digits", "Pods of default", "Pods of all namespaces"."""
        if name:
            return f"{self.kind} {namespace}/{name}" if self.namespaced and namespace else f"{self.kind} {name}"
        if not self.namespaced:
            return self.plural
        return f"{self.plural} of {f'namespace {namespace}' if namespace else 'all namespaces'}"


PODS = Resource("", "v1", "pods", "Pod")
SERVICES = Resource("", "v1", "services", "Service")
CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap")
SECRETS = Resource("", "v1", "secrets", "Secret")
EVENTS = Resource("", "v1", "events", "Event")
NODES = Resource("", "v1", "nodes", "Node", namespaced=False)
NAMESPACES = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
LEASES = Resource("coordination.k8s.io", "v1", "leases", "Lease")
CRDS = Resource("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", namespaced=False)

TRAINING_JOBS = Resource(GROUP, VERSION, "trainingjobs", "TrainingJob")
COMPUTE_POOLS = Resource(GROUP, VERSION, "computepools", "ComputePool", namespaced=False)
ENVIRONMENTS = Resource(GROUP, VERSION, "environments", "Environment")
REGISTERED_MODELS = Resource(GROUP, VERSION, "registeredmodels", "RegisteredModel")
DATASETS = Resource(GROUP, VERSION, "datasets", "Dataset")

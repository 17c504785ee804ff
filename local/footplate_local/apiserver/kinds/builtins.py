"""The kinds of Kubernetes itself that are served, in kube-apiserver's order of groups and resources.

Names, categories, verbs and subresources are those of kube-apiserver's discovery documents (v1.34).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from footplate_local.apiserver import names
from footplate_local.apiserver.kinds.data import DataStrategy
from footplate_local.apiserver.kinds.events import EventStrategy
from footplate_local.apiserver.kinds.nodes import LeaseStrategy, NamespaceStrategy, NodeStrategy
from footplate_local.apiserver.kinds.plain import PlainStrategy
from footplate_local.apiserver.kinds.pods import PodStrategy
from footplate_local.apiserver.kinds.registry import ALL_VERBS, ResourceType, ScalePaths, Strategy
from footplate_local.apiserver.kinds.services import ServiceStrategy

_ALL = ("all",)
_EXTENSIONS = ("api-extensions",)
_STATUS = ("status",)
_POD_SUBRESOURCES = ("attach", "binding", "ephemeralcontainers", "eviction", "exec", "log", "portforward", "status")
_SCALED = ("scale", "status")
_REPLICAS = ScalePaths(".spec.replicas", ".status.replicas", ".spec.selector")


class _Group:
    """One version of one API group, for declaring its kinds."""

    def __init__(self, group: str, version: str = "v1") -> None:
        self._group = group
        self._version = version
        self._api_version = f"{group}/{version}" if group else version

    def kind(
        self,
        kind: str,
        plural: str,
        *short: str,
        namespaced: bool = True,
        strategy: Strategy | None = None,
        **more: Any,
    ) -> ResourceType:
        """A kind with a strategy of its own, or with none special."""
        return ResourceType(
            self._group,
            self._version,
            kind,
            plural,
            namespaced,
            singular=kind.lower(),
            short_names=short,
            strategy=strategy or Strategy(),
            **more,
        )

    def plain(
        self,
        kind: str,
        plural: str,
        *short: str,
        generation: bool = False,
        name_rule: Any = names.subdomain,
        **more: Any,
    ) -> ResourceType:
        """A kind that is stored as it was sent; its status, if it has one, is its own path's."""
        status = "status" in more.get("subresources", ())
        strategy = PlainStrategy(self._api_version, kind, generation=generation, status=status, name_rule=name_rule)
        return self.kind(kind, plural, *short, strategy=strategy, **more)

    def scaled(self, kind: str, plural: str, short: str) -> ResourceType:
        """A kind of workload that the scale subresource makes larger and smaller."""
        return self.plain(kind, plural, short, generation=True, subresources=_SCALED, scale=_REPLICAS, categories=_ALL)


def builtin_types(definitions: Strategy) -> list[ResourceType]:
    """All built-in kinds; `definitions` is the strategy of CustomResourceDefinition."""
    return [*_core(), *_workloads(), *_others(definitions)]


def _core() -> Iterable[ResourceType]:
    core = _Group("")
    no_collection = tuple(verb for verb in ALL_VERBS if verb != "deletecollection")
    return [
        core.kind("ConfigMap", "configmaps", "cm", strategy=DataStrategy(secret=False)),
        core.kind("Endpoints", "endpoints", "ep"),
        core.kind("Event", "events", "ev", strategy=EventStrategy(core=True)),
        core.plain("LimitRange", "limitranges", "limits"),
        core.kind("Namespace", "namespaces", "ns", namespaced=False, verbs=no_collection,
                  subresources=("finalize", "status"), strategy=NamespaceStrategy()),
        core.kind("Node", "nodes", "no", namespaced=False, subresources=_STATUS, strategy=NodeStrategy()),
        core.plain("PersistentVolumeClaim", "persistentvolumeclaims", "pvc", subresources=_STATUS),
        core.plain("PersistentVolume", "persistentvolumes", "pv", namespaced=False, subresources=_STATUS),
        core.kind("Pod", "pods", "po", categories=_ALL, subresources=_POD_SUBRESOURCES,
                  strategy=PodStrategy()),
        core.plain("PodTemplate", "podtemplates", generation=True),
        core.scaled("ReplicationController", "replicationcontrollers", "rc"),
        core.plain("ResourceQuota", "resourcequotas", "quota", subresources=_STATUS),
        core.kind("Secret", "secrets", strategy=DataStrategy(secret=True)),
        core.kind("ServiceAccount", "serviceaccounts", "sa"),
        core.kind("Service", "services", "svc", categories=_ALL, subresources=_STATUS, strategy=ServiceStrategy()),
    ]  # fmt: skip


def _workloads() -> Iterable[ResourceType]:
    apps, batch = _Group("apps"), _Group("batch")
    return [
        apps.plain("ControllerRevision", "controllerrevisions"),
        apps.plain("DaemonSet", "daemonsets", "ds", generation=True, subresources=_STATUS, categories=_ALL),
        apps.scaled("Deployment", "deployments", "deploy"),
        apps.scaled("ReplicaSet", "replicasets", "rs"),
        apps.scaled("StatefulSet", "statefulsets", "sts"),
        _Group("events.k8s.io").kind("Event", "events", "ev", stored_in="events", strategy=EventStrategy(core=False)),
        _Group("autoscaling", "v2").plain("HorizontalPodAutoscaler", "horizontalpodautoscalers", "hpa",
                                          subresources=_STATUS, categories=_ALL),
        batch.plain("CronJob", "cronjobs", "cj", generation=True, subresources=_STATUS, categories=_ALL),
        batch.plain("Job", "jobs", generation=True, subresources=_STATUS, categories=_ALL),
    ]  # fmt: skip


def _others(definitions: Strategy) -> Iterable[ResourceType]:
    networking, rbac = _Group("networking.k8s.io"), _Group("rbac.authorization.k8s.io")
    admission = _Group("admissionregistration.k8s.io")
    any_name = names.path_segment
    return [
        networking.plain("IngressClass", "ingressclasses", namespaced=False, generation=True),
        networking.plain("Ingress", "ingresses", "ing", generation=True, subresources=_STATUS),
        networking.plain("NetworkPolicy", "networkpolicies", "netpol", generation=True),
        _Group("policy").plain("PodDisruptionBudget", "poddisruptionbudgets", "pdb", generation=True,
                               subresources=_STATUS),
        rbac.plain("ClusterRoleBinding", "clusterrolebindings", namespaced=False, name_rule=any_name),
        rbac.plain("ClusterRole", "clusterroles", namespaced=False, name_rule=any_name),
        rbac.plain("RoleBinding", "rolebindings", name_rule=any_name),
        rbac.plain("Role", "roles", name_rule=any_name),
        _Group("storage.k8s.io").plain("StorageClass", "storageclasses", "sc", namespaced=False),
        admission.plain("MutatingWebhookConfiguration", "mutatingwebhookconfigurations", namespaced=False,
                        generation=True, categories=_EXTENSIONS),
        admission.plain("ValidatingWebhookConfiguration", "validatingwebhookconfigurations", namespaced=False,
                        generation=True, categories=_EXTENSIONS),
        _Group("apiextensions.k8s.io").kind("CustomResourceDefinition", "customresourcedefinitions", "crd", "crds",
                                            namespaced=False, subresources=_STATUS, strategy=definitions,
                                            categories=_EXTENSIONS),
        _Group("scheduling.k8s.io").plain("PriorityClass", "priorityclasses", "pc", namespaced=False, generation=True),
        _Group("coordination.k8s.io").kind("Lease", "leases", strategy=LeaseStrategy()),
        _Group("node.k8s.io").plain("RuntimeClass", "runtimeclasses", namespaced=False),
        _Group("discovery.k8s.io").plain("EndpointSlice", "endpointslices", generation=True),
    ]  # fmt: skip

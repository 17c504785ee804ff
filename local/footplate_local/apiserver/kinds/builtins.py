"""The kinds of Kubernetes itself that are served, in kube-apiserver's order of groups and resources.

Names, categories, verbs and subresources are those of kube-apiserver's discovery documents (v1.34).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from footplate_local.apiserver.kinds import access, networking, policies, quotas, volumes, workloads
from footplate_local.apiserver.kinds.data import ConfigMapStrategy, SecretStrategy
from footplate_local.apiserver.kinds.events import EventStrategy
from footplate_local.apiserver.kinds.jobs import CronJobStrategy, JobStrategy
from footplate_local.apiserver.kinds.nodes import LeaseStrategy, NamespaceStrategy, NodeStrategy
from footplate_local.apiserver.kinds.plain import Check, Fill, Names, PlainStrategy, fill_nothing, find_nothing
from footplate_local.apiserver.kinds.pods.strategy import PodStrategy
from footplate_local.apiserver.kinds.registry import ALL_VERBS, ResourceType, ScalePaths, Strategy
from footplate_local.apiserver.kinds.services.strategy import ServiceStrategy
from footplate_local.apiserver.kinds.workloads import WorkloadStrategy
from footplate_local.apiserver.objects import names

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
        name_rule: Names = names.subdomain,
        fill: Fill = fill_nothing,
        check: Check = find_nothing,
        **more: Any,
    ) -> ResourceType:
        """A kind with little that is special; its status, if it has one, is its own path's."""
        strategy = PlainStrategy(
            self._api_version,
            kind,
            generation=generation,
            status="status" in more.get("subresources", ()),
            name_rule=name_rule,
            fill=fill,
            check=check,
        )
        return self.kind(kind, plural, *short, strategy=strategy, **more)

    def workload(self, kind: str, plural: str, short: str, **more: Any) -> ResourceType:
        """A kind of workload, which the scale subresource makes larger and smaller."""
        given: dict[str, Any] = {"subresources": _SCALED, "scale": _REPLICAS, "categories": _ALL, **more}
        return self.kind(kind, plural, short, strategy=WorkloadStrategy(self._api_version, kind), **given)


def builtin_types(definitions: Strategy) -> list[ResourceType]:
    """All built-in kinds; `definitions` is the strategy of CustomResourceDefinition."""
    return [*_core(), *_workloads(), *_others(definitions)]


def _core() -> Iterable[ResourceType]:
    core = _Group("")
    no_collection = tuple(verb for verb in ALL_VERBS if verb != "deletecollection")
    return [
        core.kind("ConfigMap", "configmaps", "cm", strategy=ConfigMapStrategy()),
        core.plain("Endpoints", "endpoints", "ep", fill=networking.fill_endpoints, check=networking.check_endpoints,
                   warning="v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"),
        core.kind("Event", "events", "ev", strategy=EventStrategy(core=True)),
        core.plain("LimitRange", "limitranges", "limits", fill=quotas.fill_limits, check=quotas.check_limits),
        core.kind("Namespace", "namespaces", "ns", namespaced=False, verbs=no_collection,
                  subresources=("finalize", "status"), strategy=NamespaceStrategy()),
        core.kind("Node", "nodes", "no", namespaced=False, subresources=_STATUS, strategy=NodeStrategy()),
        core.plain("PersistentVolumeClaim", "persistentvolumeclaims", "pvc", subresources=_STATUS,
                   fill=volumes.fill_claim, check=volumes.check_claim),
        core.plain("PersistentVolume", "persistentvolumes", "pv", namespaced=False, subresources=_STATUS,
                   fill=volumes.fill_volume, check=volumes.check_volume),
        core.kind("Pod", "pods", "po", categories=_ALL, subresources=_POD_SUBRESOURCES,
                  strategy=PodStrategy()),
        core.plain("PodTemplate", "podtemplates", generation=True, fill=workloads.fill_template,
                   check=workloads.check_template),
        core.workload("ReplicationController", "replicationcontrollers", "rc"),
        core.plain("ResourceQuota", "resourcequotas", "quota", subresources=_STATUS, check=quotas.check_quota),
        core.kind("Secret", "secrets", strategy=SecretStrategy()),
        core.kind("ServiceAccount", "serviceaccounts", "sa", subresources=("token",)),
        core.kind("Service", "services", "svc", categories=_ALL, subresources=_STATUS, strategy=ServiceStrategy()),
    ]  # fmt: skip


def _workloads() -> Iterable[ResourceType]:
    apps, batch = _Group("apps"), _Group("batch")
    return [
        apps.plain("ControllerRevision", "controllerrevisions"),
        apps.workload("DaemonSet", "daemonsets", "ds", subresources=_STATUS, scale=None),
        apps.workload("Deployment", "deployments", "deploy"),
        apps.workload("ReplicaSet", "replicasets", "rs"),
        apps.workload("StatefulSet", "statefulsets", "sts"),
        _Group("events.k8s.io").kind("Event", "events", "ev", stored_in="events", strategy=EventStrategy(core=False)),
        _Group("autoscaling", "v2").plain("HorizontalPodAutoscaler", "horizontalpodautoscalers", "hpa",
                                          subresources=_STATUS, categories=_ALL,
                                          fill=policies.fill_autoscaler, check=policies.check_autoscaler),
        batch.kind("CronJob", "cronjobs", "cj", subresources=_STATUS, categories=_ALL, strategy=CronJobStrategy()),
        batch.kind("Job", "jobs", subresources=_STATUS, categories=_ALL, strategy=JobStrategy()),
    ]  # fmt: skip


def _others(definitions: Strategy) -> Iterable[ResourceType]:
    net, rbac = _Group("networking.k8s.io"), _Group("rbac.authorization.k8s.io")
    admission = _Group("admissionregistration.k8s.io")
    any_name = names.path_segment
    return [
        net.plain("IngressClass", "ingressclasses", namespaced=False, generation=True,
                  check=networking.check_class),
        net.plain("Ingress", "ingresses", "ing", generation=True, subresources=_STATUS,
                  check=networking.check_ingress),
        net.plain("NetworkPolicy", "networkpolicies", "netpol", generation=True, fill=networking.fill_policy,
                  check=networking.check_policy),
        _Group("policy").plain("PodDisruptionBudget", "poddisruptionbudgets", "pdb", generation=True,
                               subresources=_STATUS, check=policies.check_budget),
        rbac.plain("ClusterRoleBinding", "clusterrolebindings", namespaced=False, name_rule=any_name,
                   fill=access.fill_binding, check=access.check_binding),
        rbac.plain("ClusterRole", "clusterroles", namespaced=False, name_rule=any_name, check=access.check_role),
        rbac.plain("RoleBinding", "rolebindings", name_rule=any_name,
                   fill=access.fill_binding, check=access.check_binding),
        rbac.plain("Role", "roles", name_rule=any_name, check=access.check_role),
        _Group("storage.k8s.io").plain("StorageClass", "storageclasses", "sc", namespaced=False,
                                       fill=volumes.fill_class, check=volumes.check_class),
        admission.plain("MutatingWebhookConfiguration", "mutatingwebhookconfigurations", namespaced=False,
                        generation=True, categories=_EXTENSIONS, fill=policies.fill_webhooks,
                        check=policies.check_webhooks),
        admission.plain("ValidatingWebhookConfiguration", "validatingwebhookconfigurations", namespaced=False,
                        generation=True, categories=_EXTENSIONS, fill=policies.fill_webhooks,
                        check=policies.check_webhooks),
        _Group("apiextensions.k8s.io").kind("CustomResourceDefinition", "customresourcedefinitions", "crd", "crds",
                                            namespaced=False, subresources=_STATUS, strategy=definitions,
                                            categories=_EXTENSIONS),
        _Group("scheduling.k8s.io").kind("PriorityClass", "priorityclasses", "pc", namespaced=False,
                                         strategy=policies.PriorityStrategy()),
        _Group("coordination.k8s.io").kind("Lease", "leases", strategy=LeaseStrategy()),
        _Group("node.k8s.io").plain("RuntimeClass", "runtimeclasses", namespaced=False),
        _Group("discovery.k8s.io").plain("EndpointSlice", "endpointslices", generation=True,
                                         fill=networking.fill_slice, check=networking.check_slice),
    ]  # fmt: skip

"""In what the generic rules of create, update and delete differ from kind to kind.

Source: the REST strategies and stores of kubernetes pkg/registry (AllowCreateOnUpdate, AllowUnconditionalUpdate,
ReturnDeletedObject, DefaultGarbageCollectionPolicy) and the order of pkg/apis/*/validation.
"""

from __future__ import annotations

from enum import Enum

from footplate_local.apiserver.kinds.registry import ResourceType

IMMORTAL_NAMESPACES = ("default", "kube-system", "kube-public")

_CREATED_BY_UPDATE = {
    "endpoints",
    "events",
    "leases.coordination.k8s.io",
    "limitranges",
    "clusterroles.rbac.authorization.k8s.io",
    "clusterrolebindings.rbac.authorization.k8s.io",
    "roles.rbac.authorization.k8s.io",
    "rolebindings.rbac.authorization.k8s.io",
}
_ONLY_WITH_VERSION = {
    "leases.coordination.k8s.io",
    "serviceaccounts",
    "customresourcedefinitions.apiextensions.k8s.io",
    "poddisruptionbudgets.policy",
    "apiservices.apiregistration.k8s.io",
}
_ANSWERED_WITH_DELETED = {
    "namespaces",
    "persistentvolumeclaims",
    "persistentvolumes",
    "pods",
    "podtemplates",
    "resourcequotas",
    "serviceaccounts",
    "services",
}
_ORPHANS = {"jobs.batch", "replicationcontrollers"}
_KEPT_BY_STATUS = {
    "customresourcedefinitions.apiextensions.k8s.io": ("annotations", "finalizers", "labels", "ownerReferences"),
    "deployments.apps": ("labels",),
    "pods": ("ownerReferences",),
}
_METADATA_CHECKED_ONCE = {"leases.coordination.k8s.io"}


class MetadataRules(Enum):
    """How often and how strictly a kind's metadata is checked, beside what is checked of every kind."""

    GENERIC = "not at all: events"
    EXTENSION = "by the generic rules: custom kinds and their definitions"
    CORE_ONCE = "by those of Kubernetes' own kinds, on an update only as a change"
    CORE = "by those of Kubernetes' own kinds, on an update also as a whole"

    @property
    def core(self) -> bool:
        return self in (MetadataRules.CORE, MetadataRules.CORE_ONCE)


def created_by_update(kind: ResourceType) -> bool:
    """Whether a PUT of an object that is not there creates it."""
    return kind.resource in _CREATED_BY_UPDATE


def updated_only_with_version(kind: ResourceType) -> bool:
    """Whether a PUT must name the resourceVersion that it replaces; elsewhere one without replaces what there is."""
    return kind.custom or kind.resource in _ONLY_WITH_VERSION


def kept_by_status(kind: ResourceType) -> tuple[str, ...]:
    """The fields of metadata that a write of the status leaves as they were (PrepareForUpdate of status strategies)."""
    return _KEPT_BY_STATUS.get(kind.resource, ())


def answers_with_deleted(kind: ResourceType) -> bool:
    """Whether a delete answers with the object that is gone, and not with a Status."""
    return kind.resource in _ANSWERED_WITH_DELETED


def metadata_rules(kind: ResourceType) -> MetadataRules:
    if kind.custom or kind.group == "apiextensions.k8s.io":
        return MetadataRules.EXTENSION
    if kind.resource == "events":
        return MetadataRules.GENERIC
    return MetadataRules.CORE_ONCE if kind.resource in _METADATA_CHECKED_ONCE else MetadataRules.CORE


def collects_dependents(kind: ResourceType) -> bool:
    """Whether a delete may leave it to the garbage collector to finish: finalizers `orphan`, `foregroundDeletion`."""
    return kind.resource != "events"


def orphans_by_default(kind: ResourceType) -> bool:
    """Whether a delete that does not say what becomes of the dependents leaves them."""
    return kind.resource in _ORPHANS


def deletion_warnings(kind: ResourceType, propagation: str) -> list[str]:
    """What a client is told that deletes without saying what becomes of the dependents (registry/batch/job/storage)."""
    if propagation or kind.resource != "jobs.batch":
        return []
    return [
        "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them "
        "or set propagationPolicy=Orphan to suppress this warning"
    ]

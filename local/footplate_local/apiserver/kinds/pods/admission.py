"""What a cluster's admission adds to new pods, and which it turns away.

Source: kubernetes plugin/pkg/admission (serviceaccount, priority, runtimeclass, defaulttolerationseconds). The volume
with a token of the service account, which a cluster mounts into every container, is left out: the embedded cluster
gives no tokens to pods. LimitRanges and ResourceQuotas are stored, not enforced.
"""

from __future__ import annotations

from typing import Any

from footplate_local.apiserver.errors import StatusError, forbidden
from footplate_local.apiserver.storage.model import ObjectKey, Storage

JSON = dict[str, Any]
_PREEMPT = "PreemptLowerPriority"
_UNREACHABLE_SECONDS = 300
PRIORITY_CLASSES = "priorityclasses.scheduling.k8s.io"
_RUNTIME_CLASSES = "runtimeclasses.node.k8s.io"


def admit(pod: JSON, storage: Storage) -> None:
    """Fill in a new pod. Raises StatusError 403 for what it names and the cluster does not have."""
    _service_account(pod, storage)
    _priority(pod, storage)
    _runtime_class(pod, storage)
    tolerate(pod["spec"])


def keep(spec: JSON, old: JSON) -> None:
    """Fill in an update of a pod."""
    for part in ("priority", "preemptionPolicy"):
        if part in old:
            spec.setdefault(part, old[part])
    tolerate(spec)


def _service_account(pod: JSON, storage: Storage) -> None:
    spec, namespace = pod["spec"], pod["metadata"]["namespace"]
    name = spec.setdefault("serviceAccountName", "default")
    spec["serviceAccount"] = name
    stored = storage.get(ObjectKey("serviceaccounts", namespace, name))
    if stored is None:
        raise _refused(pod, f'error looking up service account {namespace}/{name}: serviceaccount "{name}" not found')
    secrets = stored.object.get("imagePullSecrets")
    if secrets and not spec.get("imagePullSecrets"):
        spec["imagePullSecrets"] = [dict(secret) for secret in secrets]


def _priority(pod: JSON, storage: Storage) -> None:
    spec = pod["spec"]
    chosen = _class_named(pod, storage) if spec.get("priorityClassName") else _default_class(storage)
    value, policy = 0, _PREEMPT
    if chosen is not None:
        value, policy = chosen.get("value", 0), chosen.get("preemptionPolicy", _PREEMPT)
        spec["priorityClassName"] = chosen["metadata"]["name"]
    if spec.get("priority", value) != value:
        raise _refused(
            pod,
            f"the integer value of priority ({spec['priority']}) must not be provided in pod spec; priority admission "
            f"controller computed {value} from the given PriorityClass name",
        )
    if spec.get("preemptionPolicy", policy) != policy:
        raise _refused(
            pod,
            f"the string value of PreemptionPolicy ({spec['preemptionPolicy']}) must not be provided in pod spec; "
            f"priority admission controller computed {policy} from the given PriorityClass name",
        )
    spec["priority"], spec["preemptionPolicy"] = value, policy


def _class_named(pod: JSON, storage: Storage) -> JSON:
    name = pod["spec"]["priorityClassName"]
    stored = storage.get(ObjectKey(PRIORITY_CLASSES, "", name))
    if stored is None:
        raise _refused(pod, f"no PriorityClass with name {name} was found")
    return stored.object


def _default_class(storage: Storage) -> JSON | None:
    """The class of pods that name none; of several the one with the lowest value."""
    defaults = [item.object for item in storage.listing(PRIORITY_CLASSES) if item.object.get("globalDefault")]
    return min(defaults, key=lambda item: item["value"], default=None)


def _runtime_class(pod: JSON, storage: Storage) -> None:
    """What the pod's RuntimeClass adds: resources that it takes itself, nodes that have it."""
    spec, name = pod["spec"], pod["spec"].get("runtimeClassName")
    stored = storage.get(ObjectKey(_RUNTIME_CLASSES, "", name)) if name else None
    if name and stored is None:
        raise _refused(pod, f'pod rejected: RuntimeClass "{name}" not found')
    chosen: JSON = stored.object if stored is not None else {}
    overhead = (chosen.get("overhead") or {}).get("podFixed")
    if not overhead and spec.get("overhead"):
        raise _refused(pod, "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead")
    if overhead and spec.setdefault("overhead", dict(overhead)) != overhead:
        raise _refused(pod, "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead")
    scheduling = chosen.get("scheduling") or {}
    selector, own = scheduling.get("nodeSelector") or {}, spec.get("nodeSelector") or {}
    for key in sorted(selector.keys() & own.keys()):
        if selector[key] != own[key]:
            raise _refused(pod, f"conflict: runtimeClass.scheduling.nodeSelector[{key}] = {selector[key]}")
    if selector:
        spec["nodeSelector"] = {**own, **selector}
    new = [item for item in scheduling.get("tolerations") or () if item not in spec.get("tolerations", ())]
    if new:
        spec["tolerations"] = [*spec.get("tolerations", ()), *(dict(item) for item in new)]


def tolerate(spec: JSON) -> None:
    """Nodes that are not ready or not reachable are borne for five minutes."""
    tolerations = spec.setdefault("tolerations", [])
    wanted = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
    missing = [key for key in wanted if not any(_tolerates(item, key) for item in tolerations)]
    tolerations += [
        {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": _UNREACHABLE_SECONDS}
        for key in missing
    ]


def _tolerates(toleration: JSON, key: str) -> bool:
    return toleration.get("key", "") in (key, "") and toleration.get("effect", "") in ("NoExecute", "")


def _refused(pod: JSON, why: str) -> StatusError:
    return forbidden("", "pods", pod["metadata"].get("name", ""), why)

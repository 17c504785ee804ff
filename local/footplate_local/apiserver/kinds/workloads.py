"""Workloads of apps/v1: Deployments, ReplicaSets, StatefulSets, DaemonSets, and the ReplicationControllers before them.

They are filled in and checked here; `controllers/workloads.py` makes pods of Deployments and ReplicaSets, and nothing
does of the others. Sources: kubernetes pkg/apis/apps/v1/defaults.go, pkg/apis/apps/validation/validation.go,
pkg/apis/core/v1/defaults.go.
"""

from __future__ import annotations

from typing import Any

from footplate_local.apiserver.errors import field_forbidden, invalid_value, not_supported, required
from footplate_local.apiserver.kinds import checks, label_selectors
from footplate_local.apiserver.kinds.checks import Errors
from footplate_local.apiserver.kinds.plain import Check, Fill, PlainStrategy
from footplate_local.apiserver.kinds.pods import defaults as pod_defaults
from footplate_local.apiserver.kinds.pods import validation as pod_validation

JSON = dict[str, Any]
_ROLLING: dict[str, JSON] = {
    "Deployment": {"maxUnavailable": "25%", "maxSurge": "25%"},
    "DaemonSet": {"maxUnavailable": 1, "maxSurge": 0},
    "StatefulSet": {"partition": 0},
}
_STATEFUL_MAY_CHANGE = {
    "replicas", "ordinals", "template", "updateStrategy", "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy", "minReadySeconds",
}  # fmt: skip


class WorkloadStrategy(PlainStrategy):
    """A workload: `fill` and `check` are those of its kind; what all have in common is done here."""

    def __init__(self, api_version: str, kind: str) -> None:
        fill, check = _KINDS[kind]
        super().__init__(api_version, kind, generation=True, status=True, fill=fill, check=check)
        self._kind = kind

    def field_values(self, obj: JSON) -> dict[str, str]:
        if self._kind not in ("ReplicaSet", "ReplicationController"):
            return {}
        return {"status.replicas": str(obj.get("status", {}).get("replicas", 0))}


def _rolling_update(strategy: JSON, kind: str) -> None:
    strategy.setdefault("type", "RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        rolling = strategy.setdefault("rollingUpdate", {})
        for key, value in _ROLLING[kind].items():
            rolling.setdefault(key, value)


def _fill_deployment(obj: JSON) -> None:
    spec = obj["spec"]
    spec.setdefault("replicas", 1)
    _rolling_update(spec["strategy"], "Deployment")
    spec.setdefault("revisionHistoryLimit", 10)
    spec.setdefault("progressDeadlineSeconds", 600)
    pod_defaults.apply(spec["template"]["spec"], template=True)


def _fill_replica_set(obj: JSON) -> None:
    obj["spec"].setdefault("replicas", 1)
    pod_defaults.apply(obj["spec"]["template"]["spec"], template=True)


def _fill_daemon_set(obj: JSON) -> None:
    spec = obj["spec"]
    _rolling_update(spec["updateStrategy"], "DaemonSet")
    spec.setdefault("revisionHistoryLimit", 10)
    pod_defaults.apply(spec["template"]["spec"], template=True)


def _fill_stateful_set(obj: JSON) -> None:
    spec = obj["spec"]
    spec.setdefault("podManagementPolicy", "OrderedReady")
    _rolling_update(spec["updateStrategy"], "StatefulSet")
    kept = spec.setdefault("persistentVolumeClaimRetentionPolicy", {})
    for when in ("whenDeleted", "whenScaled"):
        kept.setdefault(when, "Retain")
    spec.setdefault("replicas", 1)
    spec.setdefault("revisionHistoryLimit", 10)
    for claim in spec.get("volumeClaimTemplates") or ():
        claim |= {"apiVersion": "v1", "kind": "PersistentVolumeClaim"}
        claim["spec"].setdefault("volumeMode", "Filesystem")
        claim["status"].setdefault("phase", "Pending")
    pod_defaults.apply(spec["template"]["spec"], template=True)


def _fill_controller(obj: JSON) -> None:
    spec = obj["spec"]
    spec.setdefault("replicas", 1)
    template = spec.get("template")
    if template is None:
        return
    labels = template["metadata"].get("labels")
    if labels:
        if not spec.get("selector"):
            spec["selector"] = dict(labels)
        if not obj["metadata"].get("labels"):
            obj["metadata"]["labels"] = dict(labels)
    pod_defaults.apply(template["spec"], template=True)


def _selector_errors(spec: JSON, old: JSON | None, kind: str) -> Errors:
    selector = spec.get("selector")
    if selector is None:
        yield required("spec.selector")
    else:
        yield from checks.label_selector(selector, "spec.selector")
        if not selector.get("matchLabels") and not selector.get("matchExpressions"):
            yield invalid_value("spec.selector", selector, f"empty selector is invalid for {kind}")
    if old is not None:
        yield from checks.unchanged(selector, old["spec"].get("selector"), "spec.selector")


def template_errors(template: JSON, selector: JSON | None, *, claims: bool = False) -> Errors:
    """The template of pods that are to live until they are scaled away, which the selector must pick.

    No selector picks nothing, an empty one everything. With `claims` the pods get volumes beside those of the template,
    and kube-apiserver looks at nothing but its metadata (ValidatePodTemplateSpecForStatefulSet).
    """
    labels = template["metadata"].get("labels") or {}
    if selector is None or (selector and not label_selectors.matches(selector, labels)):
        text = "`selector` does not match template `labels`"
        yield invalid_value("spec.template.metadata.labels", labels, text)
    check = pod_validation.template_metadata_errors if claims else pod_validation.template_errors
    yield from check(template, "spec.template")
    policy = template["spec"]["restartPolicy"]
    if policy != "Always":
        yield not_supported("spec.template.spec.restartPolicy", policy, ("Always",))
    if "activeDeadlineSeconds" in template["spec"]:
        path = "spec.template.spec.activeDeadlineSeconds"
        yield field_forbidden(path, "activeDeadlineSeconds in ReplicaSet is not Supported")


def _check_deployment(obj: JSON, old: JSON | None) -> Errors:
    spec = obj["spec"]
    yield from checks.not_negative(spec["replicas"], "spec.replicas")
    yield from _selector_errors(spec, old, "deployment")
    yield from template_errors(spec["template"], spec.get("selector"))
    yield from _rollout_errors(spec["strategy"])
    minimum, deadline = spec.get("minReadySeconds", 0), spec["progressDeadlineSeconds"]
    yield from checks.not_negative(minimum, "spec.minReadySeconds")
    yield from checks.not_negative(spec["revisionHistoryLimit"], "spec.revisionHistoryLimit")
    yield from checks.not_negative(deadline, "spec.progressDeadlineSeconds")
    if deadline <= minimum:
        yield invalid_value("spec.progressDeadlineSeconds", deadline, "must be greater than minReadySeconds")


def _rollout_errors(strategy: JSON) -> Errors:
    match strategy["type"]:
        case "Recreate":
            if "rollingUpdate" in strategy:
                text = "may not be specified when strategy `type` is 'Recreate'"
                yield field_forbidden("spec.strategy.rollingUpdate", text)
        case "RollingUpdate":
            rolling = strategy["rollingUpdate"]
            for part in ("maxUnavailable", "maxSurge"):
                yield from checks.count_or_percent(rolling[part], f"spec.strategy.rollingUpdate.{part}")
            if rolling["maxUnavailable"] in (0, "0%") and rolling["maxSurge"] in (0, "0%"):
                path = "spec.strategy.rollingUpdate.maxUnavailable"
                yield invalid_value(path, rolling["maxUnavailable"], "may not be 0 when `maxSurge` is 0")
        case other:
            yield not_supported("spec.strategy", other, ("Recreate", "RollingUpdate"))


def _check_replica_set(obj: JSON, old: JSON | None) -> Errors:
    spec = obj["spec"]
    yield from checks.not_negative(spec["replicas"], "spec.replicas")
    yield from checks.not_negative(spec.get("minReadySeconds"), "spec.minReadySeconds")
    yield from _selector_errors(spec, old, "deployment")
    yield from template_errors(spec["template"], spec.get("selector"))


def _check_daemon_set(obj: JSON, old: JSON | None) -> Errors:
    spec = obj["spec"]
    yield from _selector_errors(spec, old, "daemonset")
    yield from template_errors(spec["template"], spec.get("selector"))
    yield from checks.not_negative(spec.get("minReadySeconds"), "spec.minReadySeconds")
    kind = spec["updateStrategy"]["type"]
    if kind not in ("OnDelete", "RollingUpdate"):
        yield not_supported("spec.updateStrategy", kind, ("RollingUpdate", "OnDelete"))
    yield from checks.not_negative(spec["revisionHistoryLimit"], "spec.revisionHistoryLimit")


def _check_stateful_set(obj: JSON, old: JSON | None) -> Errors:
    spec = obj["spec"]
    policies = ("OrderedReady", "Parallel")
    if spec["podManagementPolicy"] not in policies:
        text = f"must be '{policies[0]}' or '{policies[1]}'"
        yield invalid_value("spec.podManagementPolicy", spec["podManagementPolicy"], text)
    kind = spec["updateStrategy"]["type"]
    if kind not in ("OnDelete", "RollingUpdate"):
        yield invalid_value("spec.updateStrategy", spec["updateStrategy"], "must be 'RollingUpdate' or 'OnDelete'")
    yield from checks.not_negative(spec["replicas"], "spec.replicas")
    yield from checks.not_negative(spec.get("minReadySeconds"), "spec.minReadySeconds")
    yield from _selector_errors(spec, None, "statefulset")
    yield from template_errors(spec["template"], spec.get("selector"), claims=True)
    if old is not None:
        new_rest, old_rest = (
            {key: value for key, value in item["spec"].items() if key not in _STATEFUL_MAY_CHANGE}
            for item in (obj, old)
        )
        if new_rest != old_rest:
            yield field_forbidden(
                "spec",
                "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', "
                "'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and "
                "'minReadySeconds' are forbidden",
            )


def _check_controller(obj: JSON, old: JSON | None) -> Errors:
    spec = obj["spec"]
    yield from checks.not_negative(spec.get("minReadySeconds"), "spec.minReadySeconds")
    if not spec.get("selector"):
        yield required("spec.selector")
    yield from checks.not_negative(spec["replicas"], "spec.replicas")
    if spec.get("template") is None:
        yield required("spec.template")
    else:
        yield from template_errors(spec["template"], {"matchLabels": spec.get("selector") or {}})


_KINDS: dict[str, tuple[Fill, Check]] = {
    "Deployment": (_fill_deployment, _check_deployment),
    "ReplicaSet": (_fill_replica_set, _check_replica_set),
    "DaemonSet": (_fill_daemon_set, _check_daemon_set),
    "StatefulSet": (_fill_stateful_set, _check_stateful_set),
    "ReplicationController": (_fill_controller, _check_controller),
}


def fill_template(obj: JSON) -> None:
    """Of a PodTemplate."""
    pod_defaults.apply(obj["template"]["spec"], template=True)


def check_template(obj: JSON, old: JSON | None) -> Errors:
    """Of a PodTemplate."""
    yield from pod_validation.template_errors(obj["template"], "template")

"""How workloads are shown: what runs pods, and what scales and protects them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from footplate_local.apiserver.kinds import label_selectors
from footplate_local.apiserver.printing.columns import (
    AGE,
    CONTAINERS,
    IMAGES,
    NAME,
    NONE,
    UNKNOWN,
    UNSET,
    Column,
    Printer,
    age,
    containers,
    human,
    labels,
    name,
    selector,
    selector_column,
    since,
    yes_or_no,
)

JSON = dict[str, Any]
_READY = Column("Ready", "Number of the pod with ready state")


def _template(obj: JSON) -> JSON | None:
    return (obj.get("spec") or {}).get("template")


def _replicated(obj: JSON, now: datetime) -> list[Any]:
    spec, status = obj.get("spec", {}), obj.get("status", {})
    return [
        name(obj), spec.get("replicas", 0), status.get("replicas", 0), status.get("readyReplicas", 0), age(obj, now),
        *containers(_template(obj)),
    ]  # fmt: skip


def _controller(obj: JSON, now: datetime) -> list[Any]:
    return [*_replicated(obj, now), labels(obj.get("spec", {}).get("selector"))]


def _replica_set(obj: JSON, now: datetime) -> list[Any]:
    return [*_replicated(obj, now), selector(obj.get("spec", {}).get("selector"))]


def _daemon_set(obj: JSON, now: datetime) -> list[Any]:
    spec, status = obj.get("spec", {}), obj.get("status", {})
    counts = [
        status.get(key, 0)
        for key in (
            "desiredNumberScheduled", "currentNumberScheduled", "numberReady", "updatedNumberScheduled",
            "numberAvailable",
        )
    ]  # fmt: skip
    nodes = labels(((spec.get("template") or {}).get("spec") or {}).get("nodeSelector"))
    return [name(obj), *counts, nodes, age(obj, now), *containers(_template(obj)), selector(spec.get("selector"))]


def _deployment(obj: JSON, now: datetime) -> list[Any]:
    spec, status = obj.get("spec", {}), obj.get("status", {})
    ready = f"{status.get('readyReplicas', 0)}/{spec.get('replicas', 0)}"
    return [
        name(obj), ready, status.get("updatedReplicas", 0), status.get("availableReplicas", 0), age(obj, now),
        *containers(_template(obj)), label_selectors.text(spec.get("selector")),
    ]  # fmt: skip


def _stateful_set(obj: JSON, now: datetime) -> list[Any]:
    ready = f"{obj.get('status', {}).get('readyReplicas', 0)}/{obj.get('spec', {}).get('replicas', 0)}"
    return [name(obj), ready, age(obj, now), *containers(_template(obj))]


def _job(obj: JSON, now: datetime) -> list[Any]:
    spec, status = obj.get("spec", {}), obj.get("status", {})
    done, wanted, parallel = status.get("succeeded", 0), spec.get("completions"), spec.get("parallelism", 0)
    completions = f"{done}/{wanted}" if wanted is not None else f"{done}/1"
    if wanted is None and parallel > 1:
        completions += f" of {parallel}"
    return [
        name(obj), _job_state(obj), completions, _job_duration(status, now), age(obj, now),
        *containers(_template(obj)), selector(spec.get("selector")),
    ]  # fmt: skip


def _job_state(job: JSON) -> str:
    conditions = job.get("status", {}).get("conditions") or ()
    true = {item.get("type") for item in conditions if item.get("status") == "True"}
    for kind in ("Complete", "Failed"):
        if kind in true:
            return kind
    if job["metadata"].get("deletionTimestamp"):
        return "Terminating"
    for kind in ("Suspended", "FailureTarget", "SuccessCriteriaMet"):
        if kind in true:
            return kind
    return "Running"


def _job_duration(status: JSON, now: datetime) -> str:
    if not status.get("startTime"):
        return ""
    ended = status.get("completionTime")
    end = datetime.fromisoformat(ended) if ended else now
    return human((end - datetime.fromisoformat(status["startTime"])).total_seconds())


def _cron_job(obj: JSON, now: datetime) -> list[Any]:
    spec, status = obj.get("spec", {}), obj.get("status", {})
    last = status.get("lastScheduleTime")
    job = (spec.get("jobTemplate") or {}).get("spec") or {}
    return [
        name(obj), spec.get("schedule", ""), spec.get("timeZone", NONE), yes_or_no(spec.get("suspend")),
        len(status.get("active") or ()), since(last, now) if last else NONE, age(obj, now),
        *containers(job.get("template")), selector(job.get("selector")),
    ]  # fmt: skip


def _pod_template(obj: JSON, now: datetime) -> list[Any]:
    template = obj.get("template") or {}
    return [name(obj), *containers(template), labels((template.get("metadata") or {}).get("labels"))]


def _autoscaler(obj: JSON, now: datetime) -> list[Any]:
    spec, status = obj.get("spec", {}), obj.get("status", {})
    target = spec.get("scaleTargetRef") or {}
    return [
        name(obj), f"{target.get('kind', '')}/{target.get('name', '')}", _metrics(spec, status),
        str(spec.get("minReplicas", UNSET)), spec.get("maxReplicas", 0), status.get("currentReplicas", 0),
        age(obj, now),
    ]  # fmt: skip


def _metrics(spec: JSON, status: JSON) -> str:
    """`cpu: 10%/80%` of resources, which are what training jobs scale by; of other metrics the targets alone."""
    wanted, current = spec.get("metrics") or [], status.get("currentMetrics") or []
    found = []
    for index, metric in enumerate(wanted):
        kind = metric["type"][:1].lower() + metric["type"][1:]
        source = metric.get(kind) or {}
        reached = (current[index].get(kind) or {}) if index < len(current) else {}
        label = f"{source['name']}: " if kind in ("resource", "containerResource") else ""
        found.append(f"{label}{_value(reached.get('current')) or UNKNOWN}/{_value(source.get('target')) or '<auto>'}")
    if not found:
        return NONE
    shown = ", ".join(found[:2])
    return f"{shown} + {len(found) - 2} more..." if len(found) > 2 else shown


def _value(target: JSON | None) -> str | None:
    if not target:
        return None
    if "averageUtilization" in target:
        return f"{target['averageUtilization']}%"
    return target.get("averageValue") or target.get("value")


def _budget(obj: JSON, now: datetime) -> list[Any]:
    spec, status = obj.get("spec", {}), obj.get("status", {})
    low, high = (str(spec[key]) if key in spec else "N/A" for key in ("minAvailable", "maxUnavailable"))
    return [name(obj), low, high, status.get("disruptionsAllowed", 0), age(obj, now)]


def _revision(obj: JSON, now: datetime) -> list[Any]:
    owner = next((item for item in obj["metadata"].get("ownerReferences") or () if item.get("controller")), None)
    controller = NONE
    if owner is not None:
        group = owner["apiVersion"].rpartition("/")[0]
        kind = owner["kind"].lower()
        controller = f"{kind}.{group}/{owner['name']}" if group else f"{kind}/{owner['name']}"
    return [name(obj), controller, obj.get("revision", 0), age(obj, now)]


def _replica_columns(kind: str) -> tuple[Column, ...]:
    return (
        NAME,
        Column("Desired", f"{kind}Spec.replicas", "integer"),
        Column("Current", f"{kind}Status.replicas", "integer"),
        Column("Ready", f"{kind}Status.readyReplicas", "integer"),
        AGE,
        CONTAINERS,
        IMAGES,
        selector_column(f"{kind}Spec.selector"),
    )


PRINTERS = {
    "ReplicationController": Printer(_replica_columns("core.v1.ReplicationController"), _controller),
    "ReplicaSet": Printer(_replica_columns("apps.v1.ReplicaSet"), _replica_set),
    "DaemonSet": Printer(
        (
            NAME,
            Column("Desired", "apps.v1.DaemonSetStatus.desiredNumberScheduled", "integer"),
            Column("Current", "apps.v1.DaemonSetStatus.currentNumberScheduled", "integer"),
            Column("Ready", "apps.v1.DaemonSetStatus.numberReady", "integer"),
            Column("Up-to-date", "apps.v1.DaemonSetStatus.updatedNumberScheduled", "integer"),
            Column("Available", "apps.v1.DaemonSetStatus.numberAvailable", "integer"),
            Column("Node Selector", "core.v1.PodSpec.nodeSelector"),
            AGE,
            CONTAINERS,
            IMAGES,
            selector_column("apps.v1.DaemonSetSpec.selector"),
        ),
        _daemon_set,
    ),
    "Deployment": Printer(
        (
            NAME,
            _READY,
            Column("Up-to-date", "apps.v1.DeploymentStatus.updatedReplicas"),
            Column("Available", "apps.v1.DeploymentStatus.availableReplicas"),
            AGE,
            CONTAINERS,
            IMAGES,
            selector_column("apps.v1.DeploymentSpec.selector"),
        ),
        _deployment,
    ),
    "StatefulSet": Printer((NAME, _READY, AGE, CONTAINERS, IMAGES), _stateful_set),
    "Job": Printer(
        (
            NAME,
            Column("Status", "Status of the job."),
            Column("Completions", "batch.v1.JobStatus.succeeded"),
            Column("Duration", "Time required to complete the job."),
            AGE,
            CONTAINERS,
            IMAGES,
            selector_column("batch.v1.JobSpec.selector"),
        ),
        _job,
    ),
    "CronJob": Printer(
        (
            NAME,
            Column("Schedule", "batch.v1.CronJobSpec.schedule"),
            Column("Timezone", "batch.v1.CronJobSpec.timeZone"),
            Column("Suspend", "batch.v1.CronJobSpec.suspend", "boolean"),
            Column("Active", "batch.v1.CronJobStatus.active", "integer"),
            Column("Last Schedule", "batch.v1.CronJobStatus.lastScheduleTime"),
            AGE,
            CONTAINERS,
            IMAGES,
            selector_column("batch.v1.JobSpec.selector"),
        ),
        _cron_job,
    ),
    "PodTemplate": Printer(
        (
            NAME,
            Column("Containers", CONTAINERS.about),
            Column("Images", IMAGES.about),
            Column("Pod Labels", "The labels for the pod template."),
        ),
        _pod_template,
    ),
    "HorizontalPodAutoscaler": Printer(
        (
            NAME,
            Column("Reference", "autoscaling.v2.HorizontalPodAutoscalerSpec.scaleTargetRef"),
            Column("Targets", "autoscaling.v2.HorizontalPodAutoscalerSpec.metrics"),
            Column("MinPods", "autoscaling.v2.HorizontalPodAutoscalerSpec.minReplicas"),
            Column("MaxPods", "autoscaling.v2.HorizontalPodAutoscalerSpec.maxReplicas"),
            Column("Replicas", "autoscaling.v2.HorizontalPodAutoscalerStatus.currentReplicas"),
            AGE,
        ),
        _autoscaler,
    ),
    "PodDisruptionBudget": Printer(
        (
            NAME,
            Column("Min Available", "The minimum number of pods that must be available."),
            Column("Max Unavailable", "The maximum number of pods that may be unavailable."),
            Column("Allowed Disruptions", "Calculated number of pods that may be disrupted at this time.", "integer"),
            AGE,
        ),
        _budget,
    ),
    "ControllerRevision": Printer(
        (
            NAME,
            Column("Controller", "Controller of the object"),
            Column("Revision", "apps.v1.ControllerRevision.revision"),
            AGE,
        ),
        _revision,
    ),
}

"""The status of a pod as the kubelet would write it: a pure function of what is known of its containers.

Source: Kubernetes kubelet, ``getPhase`` and ``pkg/kubelet/status/generate.go``; Pod Lifecycle in its documentation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from footplate_local.node.lifecycle import Container, Ended, Kind, Pod

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Waiting:
    """Why a container does not run though it should: the kubelet's reason and sentence."""

    reason: str
    message: str = ""


@dataclass(frozen=True, slots=True)
class Detail:
    """What the status tells of a container beyond its lifecycle. ``last``: the end of the run before the latest."""

    image: str
    image_id: str = ""
    container_id: str = ""
    restarts: int = 0
    started_at: float = 0.0
    waiting: Waiting | None = None
    last: Ended | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The pod failed for a reason beyond its exit codes.

    ``disrupted``: when it was taken down from outside (unix seconds); None when it was not.
    """

    reason: str
    message: str
    disrupted: float | None = None


@dataclass(frozen=True, slots=True)
class Observed:
    """All that a status is made of. ``details`` by container name; times in unix seconds."""

    pod: Pod
    details: Mapping[str, Detail]
    pod_ip: str
    host_ip: str
    start_time: float
    finished: bool
    verdict: Verdict | None = None


def pod_status(observed: Observed, conditions: Sequence[Json], now: float) -> Json:
    """The status to write. CONDITIONS are those the pod has: unchanged ones keep their time, foreign ones stay."""
    current = phase(observed.pod, observed.finished, observed.verdict)
    verdict = observed.verdict
    status: Json = {
        "phase": current,
        "reason": verdict.reason if verdict is not None and current == "Failed" else None,
        "message": verdict.message if verdict is not None and current == "Failed" else None,
        "hostIP": observed.host_ip,
        "hostIPs": [{"ip": observed.host_ip}],
        "podIP": observed.pod_ip,
        "podIPs": [{"ip": observed.pod_ip}],
        "startTime": timestamp(observed.start_time),
        "conditions": _conditions(observed, current, conditions, now),
        "containerStatuses": [_container(observed, c) for c in observed.pod.mains],
    }
    init = observed.pod.of(Kind.INIT, Kind.SIDECAR)
    if init:
        status["initContainerStatuses"] = [_container(observed, container) for container in init]
    return status


def phase(pod: Pod, finished: bool, verdict: Verdict | None = None) -> str:
    """Terminal only when nothing runs any more; by the main containers' exit codes alone."""
    if finished:
        codes = [main.ended.exit_code if main.ended is not None else None for main in pod.mains]
        return "Succeeded" if verdict is None and all(code == 0 for code in codes) else "Failed"
    if pod.initialized and all(main.has_run for main in pod.mains):
        return "Running"
    return "Pending"


def timestamp(seconds: float) -> str:
    """A metav1.Time: RFC 3339 in UTC, whole seconds."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _container(observed: Observed, container: Container) -> Json:
    detail = observed.details[container.name]
    status: Json = {
        "name": container.name,
        "image": detail.image,
        "imageID": detail.image_id,
        "ready": _ready(container),
        "started": container.running,
        "restartCount": detail.restarts,
        "state": _state(observed, container, detail),
        "lastState": {},
    }
    if detail.container_id:
        status["containerID"] = detail.container_id
    last = container.ended if "waiting" in status["state"] else detail.last
    if last is not None:
        status["lastState"] = {"terminated": _terminated(last, detail.container_id)}
    return status


def _ready(container: Container) -> bool:
    if container.kind is Kind.INIT:
        return container.ended is not None and container.ended.exit_code == 0
    return container.running


def _state(observed: Observed, container: Container, detail: Detail) -> Json:
    if container.running:
        return {"running": {"startedAt": timestamp(detail.started_at)}}
    if container.ended is not None and detail.waiting is None:
        return {"terminated": _terminated(container.ended, detail.container_id)}
    waiting = detail.waiting
    if waiting is None:
        uninitialized = container.kind is Kind.MAIN and not observed.pod.initialized
        many = bool(observed.pod.of(Kind.INIT, Kind.SIDECAR))
        waiting = Waiting(
            "PodInitializing" if many and (uninitialized or container.kind is not Kind.MAIN) else "ContainerCreating"
        )
    return {"waiting": _drop_empty({"reason": waiting.reason, "message": waiting.message})}


def _terminated(ended: Ended, container_id: str) -> Json:
    return _drop_empty(
        {
            "exitCode": ended.exit_code,
            "reason": ended.reason,
            "message": ended.message,
            "startedAt": timestamp(ended.started_at if ended.started_at is not None else 0.0),
            "finishedAt": timestamp(ended.finished_at),
            "containerID": container_id,
        }
    )


def _drop_empty(value: Json) -> Json:
    return {key: item for key, item in value.items() if item != ""}


def _conditions(observed: Observed, current: str, before: Sequence[Json], now: float) -> list[Json]:
    pod = observed.pod
    ended = {"Succeeded": "PodCompleted", "Failed": "PodFailed"}.get(current)
    incomplete = [
        container.name
        for container in pod.of(Kind.INIT, Kind.SIDECAR)
        if not (container.running if container.kind is Kind.SIDECAR else _ready(container))
    ]
    unready = [c.name for c in pod.of(Kind.MAIN, Kind.SIDECAR) if not c.running]
    initialized: Json = {"status": "True"}
    if not pod.initialized:
        initialized = {
            "status": "False",
            "reason": "ContainersNotInitialized",
            "message": f"containers with incomplete status: [{' '.join(incomplete)}]",
        }
    elif current == "Succeeded":
        initialized = {"status": "True", "reason": "PodCompleted"}
    ready: Json = {"status": "True"}
    if ended is not None:
        ready = {"status": "False", "reason": ended}
    elif unready:
        ready = {
            "status": "False",
            "reason": "ContainersNotReady",
            "message": f"containers with unready status: [{' '.join(unready)}]",
        }
    wanted: dict[str, Json] = {
        "PodReadyToStartContainers": {"status": "False" if ended else "True"},
        "Initialized": initialized,
        "Ready": ready,
        "ContainersReady": ready,
        "PodScheduled": {"status": "True"},
    }
    if observed.verdict is not None and observed.verdict.disrupted is not None:
        wanted["DisruptionTarget"] = {
            "status": "True",
            "reason": "TerminationByKubelet",
            "message": observed.verdict.message,
            "lastTransitionTime": timestamp(observed.verdict.disrupted),
        }
    return merge_conditions(wanted, before, now)


def merge_conditions(wanted: Mapping[str, Json], before: Sequence[Json], now: float) -> list[Json]:
    """BEFORE with the WANTED conditions (by type) in it; the time of one changes with its status only.

    A new one is of NOW unless it brings its own time.
    """
    known = {condition["type"]: condition for condition in before}
    merged = []
    for kind, condition in wanted.items():
        old = known.pop(kind, None)
        same = old is not None and old.get("status") == condition["status"] and old.get("lastTransitionTime")
        since = old["lastTransitionTime"] if old is not None and same else timestamp(now)
        merged.append({"type": kind, "lastProbeTime": None, "lastTransitionTime": since, **condition})
    return merged + list(known.values())

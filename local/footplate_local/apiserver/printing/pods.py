"""How pods are shown: what `kubectl get pods` says of their state (printPod)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from footplate_local.apiserver.printing.columns import AGE, NAME, NONE, Column, Printer, age, name, since

JSON = dict[str, Any]
_ENDED = {
    "Succeeded": ("Succeeded", "The pod has completed successfully."),
    "Failed": ("Failed", "The pod failed."),
}
_COLUMNS = (
    NAME,
    Column("Ready", "The aggregate readiness state of this pod for accepting traffic."),
    Column("Status", "The aggregate status of the containers in this pod."),
    Column(
        "Restarts",
        "The number of times the containers in this pod have been restarted and when the last container in this pod "
        "has restarted.",
    ),
    AGE,
    Column("IP", "core.v1.PodStatus.podIP", priority=1),
    Column("Node", "core.v1.PodSpec.nodeName", priority=1),
    Column("Nominated Node", "core.v1.PodStatus.nominatedNodeName", priority=1),
    Column("Readiness Gates", "core.v1.PodSpec.readinessGates", priority=1),
)


@dataclass(slots=True)
class _Seen:
    """What the statuses of containers add up to."""

    reason: str
    ready: int = 0
    restarts: int = 0
    last_restart: str = ""

    def count(self, status: JSON) -> None:
        self.restarts += status.get("restartCount", 0)
        ended = (status.get("lastState") or {}).get("terminated") or {}
        self.last_restart = max(self.last_restart, ended.get("finishedAt") or "")


def _state(pod: JSON) -> _Seen:
    spec, status = pod.get("spec", {}), pod.get("status", {})
    seen = _Seen(status.get("reason") or status.get("phase", ""))
    conditions = {item.get("type"): item for item in status.get("conditions") or ()}
    if (conditions.get("PodScheduled") or {}).get("reason") == "SchedulingGated":
        seen.reason = "SchedulingGated"
    sidecars = _sidecars(spec)
    lasting = _Seen("")
    starting = _starting(spec, status, sidecars, seen, lasting)
    if not starting or (conditions.get("Initialized") or {}).get("status") == "True":
        seen.restarts, seen.last_restart = lasting.restarts, lasting.last_restart
        _running(status.get("containerStatuses") or (), seen, conditions)
    if pod["metadata"].get("deletionTimestamp"):
        if status.get("reason") == "NodeLost":
            seen.reason = "Unknown"
        elif status.get("phase") not in ("Succeeded", "Failed"):
            seen.reason = "Terminating"
    return seen


def _sidecars(spec: JSON) -> set[str]:
    return {item["name"] for item in spec.get("initContainers") or () if item.get("restartPolicy") == "Always"}


def _starting(spec: JSON, status: JSON, sidecars: set[str], seen: _Seen, lasting: _Seen) -> bool:
    """Whether an initial container is still in the way; `lasting` counts those that go on beside the main ones."""
    for index, container in enumerate(status.get("initContainerStatuses") or ()):
        state = container.get("state") or {}
        ended, sidecar = state.get("terminated"), container.get("name") in sidecars
        seen.count(container)
        if sidecar:
            lasting.count(container)
        if ended is not None and not ended.get("exitCode"):
            continue
        if sidecar and container.get("started"):
            seen.ready += bool(container.get("ready"))
            continue
        waiting = (state.get("waiting") or {}).get("reason", "")
        if ended is not None:
            seen.reason = f"Init:{_end(ended)}"
        elif waiting and waiting != "PodInitializing":
            seen.reason = f"Init:{waiting}"
        else:
            seen.reason = f"Init:{index}/{len(spec.get('initContainers') or ())}"
        return True
    return False


def _running(statuses: Sequence[JSON], seen: _Seen, conditions: JSON) -> None:
    going = False
    for container in reversed(statuses):
        seen.count(container)
        state = container.get("state") or {}
        waiting, ended = (state.get("waiting") or {}).get("reason"), state.get("terminated")
        if waiting:
            seen.reason = waiting
        elif ended is not None:
            seen.reason = _end(ended)
        elif container.get("ready") and state.get("running") is not None:
            going = True
            seen.ready += 1
    if seen.reason == "Completed" and going:
        ready = (conditions.get("Ready") or {}).get("status") == "True"
        seen.reason = "Running" if ready else "NotReady"


def _end(ended: JSON) -> str:
    if ended.get("reason"):
        return str(ended["reason"])
    return f"Signal:{ended['signal']}" if ended.get("signal") else f"ExitCode:{ended.get('exitCode', 0)}"


def _gates(spec: JSON, status: JSON) -> str:
    gates = [gate.get("conditionType") for gate in spec.get("readinessGates") or ()]
    if not gates:
        return NONE
    true = {item.get("type") for item in status.get("conditions") or () if item.get("status") == "True"}
    return f"{sum(gate in true for gate in gates)}/{len(gates)}"


def _cells(pod: JSON, now: datetime) -> list[Any]:
    spec, status = pod.get("spec", {}), pod.get("status", {})
    seen = _state(pod)
    total = len(spec.get("containers") or ()) + len(_sidecars(spec))
    restarts = str(seen.restarts)
    if seen.restarts and seen.last_restart:
        restarts += f" ({since(seen.last_restart, now)} ago)"
    return [
        name(pod), f"{seen.ready}/{total}", seen.reason, restarts, age(pod, now), status.get("podIP") or NONE,
        spec.get("nodeName") or NONE, status.get("nominatedNodeName") or NONE, _gates(spec, status),
    ]  # fmt: skip


def _conditions(pod: JSON) -> list[JSON]:
    ended = _ENDED.get(pod.get("status", {}).get("phase", ""))
    if ended is None:
        return []
    reason, message = ended
    return [{"type": "Completed", "status": "True", "reason": reason, "message": message}]


PODS = Printer(_COLUMNS, _cells, _conditions)

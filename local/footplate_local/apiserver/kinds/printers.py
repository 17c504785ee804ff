"""The columns of the built-in kinds, as kubectl prints them (kubernetes pkg/printers/internalversion/printers.go)."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from footplate_local.apiserver.kinds.registry import ResourceType

JSON = dict[str, Any]
Cells = Callable[[JSON, datetime], list[Any]]


@dataclass(frozen=True, slots=True)
class Printer:
    columns: tuple[JSON, ...]
    cells: Cells
    named: bool = True
    """Whether the name stands in front."""


def _column(name: str, priority: int = 0, kind: str = "string") -> JSON:
    return {"name": name, "type": kind, "format": "", "description": name, "priority": priority}


def compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def since(moment: str | None, now: datetime) -> str:
    """How long ago, as kubectl writes ages; `<unknown>` for no time (apimachinery util/duration HumanDuration)."""
    if not moment:
        return "<unknown>"
    try:
        then = datetime.fromisoformat(moment)
    except ValueError:
        return "<invalid>"
    return human((now - then).total_seconds())


def human(seconds: float) -> str:
    whole = int(seconds)
    if whole < -1:
        return "<invalid>"
    if whole < 0:
        return "0s"
    minutes, hours = whole // 60, whole // 3600
    days, years = whole // 86400, whole // (86400 * 365)
    if whole < 120:
        return f"{whole}s"
    if minutes < 10:
        return f"{minutes}m{whole % 60}s" if whole % 60 else f"{minutes}m"
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return f"{hours}h{minutes % 60}m" if minutes % 60 else f"{hours}h"
    if hours < 48:
        return f"{hours}h"
    if hours < 192:
        return f"{days}d{hours % 24}h" if hours % 24 else f"{days}d"
    if days < 730:
        return f"{days}d"
    if years < 8:
        rest = days % 365
        return f"{years}y{rest}d" if rest else f"{years}y"
    return f"{years}y"


def _age(obj: JSON, now: datetime) -> str:
    return since(obj["metadata"].get("creationTimestamp"), now)


def _plain(obj: JSON, now: datetime) -> list[Any]:
    return [_age(obj, now)]


def _namespace(obj: JSON, now: datetime) -> list[Any]:
    return [obj.get("status", {}).get("phase", ""), _age(obj, now)]


def _config_map(obj: JSON, now: datetime) -> list[Any]:
    return [len(obj.get("data", {})) + len(obj.get("binaryData", {})), _age(obj, now)]


def _secret(obj: JSON, now: datetime) -> list[Any]:
    return [obj.get("type", ""), len(obj.get("data", {})), _age(obj, now)]


def _service(obj: JSON, now: datetime) -> list[Any]:
    spec = obj.get("spec", {})
    ports = ",".join(f"{port.get('port')}/{port.get('protocol', 'TCP')}" for port in spec.get("ports", ()))
    selector = ",".join(f"{key}={value}" for key, value in (spec.get("selector") or {}).items())
    address = spec.get("clusterIP") or "<none>"
    return [spec.get("type", ""), address, "<none>", ports or "<none>", _age(obj, now), selector or "<none>"]


def _event(obj: JSON, now: datetime) -> list[Any]:
    about = obj.get("involvedObject") or obj.get("regarding") or {}
    last = obj.get("lastTimestamp") or obj.get("deprecatedLastTimestamp") or obj.get("eventTime")
    first = obj.get("firstTimestamp") or obj.get("deprecatedFirstTimestamp") or obj.get("eventTime")
    source = (obj.get("source") or obj.get("deprecatedSource") or {}).get("component", "")
    source = source or obj.get("reportingComponent") or obj.get("reportingController") or ""
    message = str(obj.get("message", obj.get("note", ""))).strip()
    seen = since(last or obj["metadata"].get("creationTimestamp"), now)
    whom = f"{str(about.get('kind', '')).lower()}/{about.get('name', '')}"
    return [
        seen, obj.get("type", ""), obj.get("reason", ""), whom,
        about.get("fieldPath", ""), source, message, since(first, now) if first else seen,
        obj.get("count") or obj.get("deprecatedCount") or 1, obj["metadata"]["name"],
    ]  # fmt: skip


def _node(obj: JSON, now: datetime) -> list[Any]:
    status = obj.get("status", {})
    ready = next((item for item in status.get("conditions", ()) if item.get("type") == "Ready"), None)
    words = ["Unknown"] if ready is None else ["Ready" if ready.get("status") == "True" else "NotReady"]
    if obj.get("spec", {}).get("unschedulable"):
        words.append("SchedulingDisabled")
    info = status.get("nodeInfo", {})
    prefix = "node-role.kubernetes.io/"
    roles = sorted(key[len(prefix) :] for key in obj["metadata"].get("labels", {}) if key.startswith(prefix))
    address = {item.get("type"): item.get("address") for item in status.get("addresses", ())}
    return [
        ",".join(words), ",".join(roles) or "<none>", _age(obj, now), info.get("kubeletVersion", ""),
        address.get("InternalIP", "<none>"), address.get("ExternalIP", "<none>"), info.get("osImage", "<unknown>"),
        info.get("kernelVersion", "<unknown>"), info.get("containerRuntimeVersion", "<unknown>"),
    ]  # fmt: skip


def _lease(obj: JSON, now: datetime) -> list[Any]:
    return [obj.get("spec", {}).get("holderIdentity", ""), _age(obj, now)]


def _definition(obj: JSON, now: datetime) -> list[Any]:
    return [obj["metadata"].get("creationTimestamp", "")]


def _pod(obj: JSON, now: datetime) -> list[Any]:
    spec, status = obj.get("spec", {}), obj.get("status", {})
    sidecars = {item["name"] for item in spec.get("initContainers", ()) if item.get("restartPolicy") == "Always"}
    running = [
        item
        for item in [*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())]
        if item.get("name") in sidecars or item in status.get("containerStatuses", ())
    ]
    ready = sum(bool(item.get("ready")) for item in running)
    total = len(spec.get("containers", ())) + len(sidecars)
    restarts = sum(int(item.get("restartCount", 0)) for item in running)
    gates = "<none>"
    return [
        f"{ready}/{total}", pod_state(obj), str(restarts), _age(obj, now), status.get("podIP") or "<none>",
        spec.get("nodeName") or "<none>", status.get("nominatedNodeName") or "<none>", gates,
    ]  # fmt: skip


def pod_state(pod: JSON) -> str:
    """The STATUS column: the phase, or the most telling reason of a container (printPod)."""
    status, spec = pod.get("status", {}), pod.get("spec", {})
    state: str = status.get("reason") or status.get("phase", "")
    starting = _init_state(spec, status)
    if starting:
        state = starting
    else:
        for container in reversed(status.get("containerStatuses", [])):
            waiting = container.get("state", {}).get("waiting") or {}
            ended = container.get("state", {}).get("terminated") or {}
            if waiting.get("reason"):
                state = waiting["reason"]
            elif ended:
                state = ended.get("reason") or _how_it_ended(ended)
        going = any(
            item.get("ready") and "running" in item.get("state", {}) for item in status.get("containerStatuses", ())
        )
        if state == "Completed" and going:
            state = "Running"
    if pod["metadata"].get("deletionTimestamp") and status.get("phase") not in ("Succeeded", "Failed"):
        return "Unknown" if status.get("reason") == "NodeLost" else "Terminating"
    return state


def _init_state(spec: JSON, status: JSON) -> str:
    sidecars = {item["name"] for item in spec.get("initContainers", ()) if item.get("restartPolicy") == "Always"}
    total = len(spec.get("initContainers", ()))
    for index, container in enumerate(status.get("initContainerStatuses", ())):
        now = container.get("state", {})
        ended = now.get("terminated")
        if ended is not None and ended.get("exitCode") == 0:
            continue
        if container.get("name") in sidecars and (container.get("started") or ended is not None):
            continue
        if ended is not None:
            return f"Init:{ended.get('reason') or _how_it_ended(ended)}"
        reason = (now.get("waiting") or {}).get("reason", "")
        if reason and reason != "PodInitializing":
            return f"Init:{reason}"
        return f"Init:{index}/{total}"
    return ""


def _how_it_ended(ended: JSON) -> str:
    return f"Signal:{ended['signal']}" if ended.get("signal") else f"ExitCode:{ended.get('exitCode', 0)}"


_AGE = _column("Age")
_PRINTERS: dict[str, Printer] = {
    "Namespace": Printer((_column("Status"), _AGE), _namespace),
    "ConfigMap": Printer((_column("Data"), _AGE), _config_map),
    "Secret": Printer((_column("Type"), _column("Data"), _AGE), _secret),
    "Service": Printer(
        (
            _column("Type"), _column("Cluster-IP"), _column("External-IP"), _column("Port(s)"), _AGE,
            _column("Selector", 1),
        ),
        _service,
    ),
    "Event": Printer(
        (
            _column("Last Seen"), _column("Type"), _column("Reason"), _column("Object"), _column("Subobject", 1),
            _column("Source", 1), _column("Message"), _column("First Seen", 1), _column("Count", 1), _column("Name", 1),
        ),
        _event,
        named=False,
    ),
    "Node": Printer(
        (
            _column("Status"), _column("Roles"), _AGE, _column("Version"), _column("Internal-IP", 1),
            _column("External-IP", 1), _column("OS-Image", 1), _column("Kernel-Version", 1),
            _column("Container-Runtime", 1),
        ),
        _node,
    ),
    "Lease": Printer((_column("Holder"), _AGE), _lease),
    "CustomResourceDefinition": Printer((_column("Created At"),), _definition),
    "Pod": Printer(
        (
            _column("Ready"), _column("Status"), _column("Restarts"), _AGE, _column("IP", 1), _column("Node", 1),
            _column("Nominated Node", 1), _column("Readiness Gates", 1),
        ),
        _pod,
    ),
}  # fmt: skip
_OTHER = Printer((_AGE,), _plain)


def of(kind: ResourceType) -> Printer:
    return _PRINTERS.get(kind.kind, _OTHER)

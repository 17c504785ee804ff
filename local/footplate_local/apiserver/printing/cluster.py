"""How nodes, namespaces, events, configuration and access rules are shown."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from footplate_local.apiserver.printing.columns import AGE, NAME, NONE, UNKNOWN, Column, Printer, age, name, since

JSON = dict[str, Any]
_ROLE, _OLD_ROLE = "node-role.kubernetes.io/", "kubernetes.io/role"


def _namespace(obj: JSON, now: datetime) -> list[Any]:
    return [name(obj), obj.get("status", {}).get("phase", ""), age(obj, now)]


def _config_map(obj: JSON, now: datetime) -> list[Any]:
    return [name(obj), len(obj.get("data") or ()) + len(obj.get("binaryData") or ()), age(obj, now)]


def _secret(obj: JSON, now: datetime) -> list[Any]:
    return [name(obj), obj.get("type", ""), len(obj.get("data") or ()), age(obj, now)]


def _service_account(obj: JSON, now: datetime) -> list[Any]:
    return [name(obj), len(obj.get("secrets") or ()), age(obj, now)]


def _node(obj: JSON, now: datetime) -> list[Any]:
    status = obj.get("status", {})
    ready = next((item for item in status.get("conditions") or () if item.get("type") == "Ready"), None)
    words = ["Unknown"] if ready is None else ["Ready" if ready.get("status") == "True" else "NotReady"]
    if obj.get("spec", {}).get("unschedulable"):
        words.append("SchedulingDisabled")
    info = status.get("nodeInfo") or {}
    address = {item.get("type"): item.get("address") for item in reversed(status.get("addresses") or ())}
    return [
        name(obj), ",".join(words), ",".join(_roles(obj)) or NONE, age(obj, now), info.get("kubeletVersion", ""),
        address.get("InternalIP", NONE), address.get("ExternalIP", NONE), info.get("osImage") or UNKNOWN,
        info.get("kernelVersion") or UNKNOWN, info.get("containerRuntimeVersion") or UNKNOWN,
    ]  # fmt: skip


def _roles(node: JSON) -> list[str]:
    labels = node["metadata"].get("labels") or {}
    found = {key[len(_ROLE) :] for key in labels if key.startswith(_ROLE)} | {labels.get(_OLD_ROLE, "")}
    return sorted(found - {""})


def _event(obj: JSON, now: datetime) -> list[Any]:
    """Of an event in either group: core/v1 or events.k8s.io/v1."""
    about = obj.get("involvedObject") or obj.get("regarding") or {}
    happened, series = obj.get("eventTime"), obj.get("series")
    first = since(obj.get("firstTimestamp") or obj.get("deprecatedFirstTimestamp") or happened, now)
    latest = obj.get("lastTimestamp") or obj.get("deprecatedLastTimestamp")
    last = since(latest, now) if latest else first
    count = obj.get("count") or obj.get("deprecatedCount") or 1
    if series:
        last, count = since(series.get("lastObservedTime"), now), series.get("count", 0)
    kind, message = about.get("kind", "").lower(), obj.get("message") or obj.get("note") or ""
    return [
        last, obj.get("type", ""), obj.get("reason", ""), f"{kind}/{about['name']}" if about.get("name") else kind,
        about.get("fieldPath", ""), _source(obj), message.strip(), first, count,
        name(obj),
    ]  # fmt: skip


def _source(event: JSON) -> str:
    source = event.get("source") or event.get("deprecatedSource") or {}
    component = source.get("component") or event.get("reportingComponent") or event.get("reportingController") or ""
    instance = source.get("host") or event.get("reportingInstance") or ""
    return f"{component}, {instance}" if instance else component


def _lease(obj: JSON, now: datetime) -> list[Any]:
    return [name(obj), obj.get("spec", {}).get("holderIdentity", ""), age(obj, now)]


def _binding(obj: JSON, now: datetime) -> list[Any]:
    role, subjects = obj.get("roleRef") or {}, obj.get("subjects") or ()
    users, groups = (", ".join(item["name"] for item in subjects if item["kind"] == kind) for kind in ("User", "Group"))
    accounts = [item for item in subjects if item["kind"] == "ServiceAccount"]
    return [
        name(obj), f"{role.get('kind', '')}/{role.get('name', '')}", age(obj, now), users, groups,
        ", ".join(f"{item.get('namespace', '')}/{item['name']}" for item in accounts),
    ]  # fmt: skip


def _priority_class(obj: JSON, now: datetime) -> list[Any]:
    policy = obj.get("preemptionPolicy", "")
    return [name(obj), obj.get("value", 0), bool(obj.get("globalDefault")), age(obj, now), policy]


def _runtime_class(obj: JSON, now: datetime) -> list[Any]:
    return [name(obj), obj.get("handler", ""), age(obj, now)]


def _webhooks(obj: JSON, now: datetime) -> list[Any]:
    return [name(obj), len(obj.get("webhooks") or ()), age(obj, now)]


def _binding_columns(kind: str, role: str) -> tuple[Column, ...]:
    subjects = [Column(f"{who}", f"{who} in the {kind}", priority=1) for who in ("Users", "Groups", "ServiceAccounts")]
    return (NAME, Column("Role", role), AGE, *subjects)


_WEBHOOKS = Printer(
    (
        NAME,
        Column("Webhooks", "Webhooks indicates the number of webhooks registered in this configuration", "integer"),
        AGE,
    ),
    _webhooks,
)
PRINTERS = {
    "Namespace": Printer((NAME, Column("Status", "The status of the namespace"), AGE), _namespace),
    "ConfigMap": Printer((NAME, Column("Data", "core.v1.ConfigMap.data"), AGE), _config_map),
    "Secret": Printer(
        (NAME, Column("Type", "core.v1.Secret.type"), Column("Data", "core.v1.Secret.data"), AGE), _secret
    ),
    "ServiceAccount": Printer((NAME, Column("Secrets", "core.v1.ServiceAccount.secrets"), AGE), _service_account),
    "Node": Printer(
        (
            NAME,
            Column("Status", "The status of the node"),
            Column("Roles", "The roles of the node"),
            AGE,
            Column("Version", "core.v1.NodeSystemInfo.kubeletVersion"),
            Column("Internal-IP", "core.v1.NodeStatus.addresses", priority=1),
            Column("External-IP", "core.v1.NodeStatus.addresses", priority=1),
            Column("OS-Image", "core.v1.NodeSystemInfo.osImage", priority=1),
            Column("Kernel-Version", "core.v1.NodeSystemInfo.kernelVersion", priority=1),
            Column("Container-Runtime", "core.v1.NodeSystemInfo.containerRuntimeVersion", priority=1),
        ),
        _node,
    ),
    "Event": Printer(
        (
            Column("Last Seen", "core.v1.Event.lastTimestamp"),
            Column("Type", "core.v1.Event.type"),
            Column("Reason", "core.v1.Event.reason"),
            Column("Object", "core.v1.Event.involvedObject"),
            Column("Subobject", "core.v1.ObjectReference.fieldPath", priority=1),
            Column("Source", "core.v1.Event.source", priority=1),
            Column("Message", "core.v1.Event.message"),
            Column("First Seen", "core.v1.Event.firstTimestamp", priority=1),
            Column("Count", "core.v1.Event.count", priority=1),
            Column("Name", "ObjectMeta.name", priority=1, format="name"),
        ),
        _event,
    ),
    "Lease": Printer((NAME, Column("Holder", "coordination.v1.LeaseSpec.holderIdentity"), AGE), _lease),
    "RoleBinding": Printer(_binding_columns("roleBinding", "rbac.v1.RoleBinding.roleRef"), _binding),
    "ClusterRoleBinding": Printer(
        _binding_columns("clusterRoleBinding", "rbac.v1.ClusterRoleBinding.roleRef"), _binding
    ),
    "PriorityClass": Printer(
        (
            NAME,
            Column("Value", "scheduling.v1.PriorityClass.value", "integer"),
            Column("Global-Default", "scheduling.v1.PriorityClass.globalDefault", "boolean"),
            AGE,
            Column("PreemptionPolicy", "scheduling.v1.PriorityClass.preemptionPolicy"),
        ),
        _priority_class,
    ),
    "RuntimeClass": Printer((NAME, Column("Handler", ""), AGE), _runtime_class),
    "MutatingWebhookConfiguration": _WEBHOOKS,
    "ValidatingWebhookConfiguration": _WEBHOOKS,
}

"""The kinds of Kubernetes itself that are served, and what is special about each but Pod."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from footplate_local.apiserver import names
from footplate_local.apiserver.errors import FieldError, bad_request, field_forbidden, invalid_value, required
from footplate_local.apiserver.kinds.pods import PodStrategy
from footplate_local.apiserver.kinds.registry import ResourceType, Strategy

JSON = dict[str, Any]


class NamespaceStrategy(Strategy):
    def name_errors(self, name: str) -> list[str]:
        return names.dns_label(name)

    def prepare(self, obj: JSON, old: JSON | None) -> None:
        obj["metadata"].setdefault("labels", {})["kubernetes.io/metadata.name"] = obj["metadata"].get("name", "")
        if old is None:
            obj["spec"] = {"finalizers": ["kubernetes"]}
            obj["status"] = {"phase": "Active"}
        else:
            obj["spec"] = old["spec"]

    def field_values(self, obj: JSON) -> dict[str, str]:
        return {"status.phase": obj.get("status", {}).get("phase", "")}


class DataStrategy(Strategy):
    """ConfigMaps and Secrets: maps that `immutable: true` seals."""

    def __init__(self, *, secret: bool) -> None:
        self._secret = secret

    def prepare(self, obj: JSON, old: JSON | None) -> None:
        for key in ("data", "binaryData", "stringData"):
            if not obj.get(key):
                obj.pop(key, None)
            elif not isinstance(obj[key], dict):
                raise bad_request(f"{obj['kind']}.{key} must be an object of strings")
        if self._secret:
            for key, value in (obj.pop("stringData", None) or {}).items():
                obj.setdefault("data", {})[key] = base64.b64encode(str(value).encode()).decode()
            obj.setdefault("type", "Opaque")
        for key in ("data", "binaryData"):
            for name, value in obj.get(key, {}).items():
                if not isinstance(value, str):
                    raise bad_request(f"{obj['kind']}.{key}.{name} must be a string, got {type(value).__name__}")
        self._check_base64(obj)

    def _check_base64(self, obj: JSON) -> None:
        for name, value in (obj.get("data" if self._secret else "binaryData") or {}).items():
            try:
                base64.b64decode(value, validate=True)
            except binascii.Error as error:
                raise bad_request(f"{obj['kind']} {name}: illegal base64 data: {error}") from error

    def validate(self, obj: JSON, old: JSON | None, subresource: str) -> list[FieldError]:
        found = []
        for part in ("data", "binaryData"):
            for key in obj.get(part, {}):
                if not names.DATA_KEY.fullmatch(key) or key in (".", ".."):
                    found.append(
                        invalid_value(
                            f"{part}[{key}]",
                            key,
                            "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
                        )
                    )
        if old is not None and old.get("immutable"):
            sealed = "field is immutable when `immutable` is set"
            if not obj.get("immutable"):
                found.append(field_forbidden("immutable", sealed))
            found += [
                field_forbidden(part, sealed) for part in ("data", "binaryData") if obj.get(part) != old.get(part)
            ]
        return found

    def field_values(self, obj: JSON) -> dict[str, str]:
        return {"type": obj.get("type", "")} if self._secret else {}


class ServiceStrategy(Strategy):
    """Services are names here: no addresses are given out, pods are found through the node's hosts file."""

    def name_errors(self, name: str) -> list[str]:
        return names.service_name(name)

    def prepare(self, obj: JSON, old: JSON | None) -> None:
        spec = obj.setdefault("spec", {})
        spec.setdefault("type", "ClusterIP")
        spec.setdefault("sessionAffinity", "None")
        spec.setdefault("clusterIP", "None")
        spec.setdefault("clusterIPs", [spec["clusterIP"]])
        spec.setdefault("ipFamilies", ["IPv4"])
        spec.setdefault("ipFamilyPolicy", "SingleStack")
        spec.setdefault("internalTrafficPolicy", "Cluster")
        for port in spec.get("ports", ()):
            port.setdefault("protocol", "TCP")
            port.setdefault("targetPort", port.get("port"))
        obj.setdefault("status", {"loadBalancer": {}})

    def validate(self, obj: JSON, old: JSON | None, subresource: str) -> list[FieldError]:
        found = []
        ports = obj["spec"].get("ports", [])
        for index, port in enumerate(ports):
            number = port.get("port")
            if not isinstance(number, int) or not 1 <= number <= 65535:
                text = "must be between 1 and 65535, inclusive"
                found.append(invalid_value(f"spec.ports[{index}].port", number, text))
            if len(ports) > 1 and not port.get("name"):
                found.append(required(f"spec.ports[{index}].name"))
        if old is not None and obj["spec"].get("clusterIP") != old["spec"].get("clusterIP"):
            found.append(invalid_value("spec.clusterIPs[0]", obj["spec"].get("clusterIPs"), "may not change once set"))
        return found


class NodeStrategy(Strategy):
    def prepare(self, obj: JSON, old: JSON | None) -> None:
        obj.setdefault("spec", {})
        obj.setdefault("status", {})

    def field_values(self, obj: JSON) -> dict[str, str]:
        return {"spec.unschedulable": "true" if obj.get("spec", {}).get("unschedulable") else "false"}


class LeaseStrategy(Strategy):
    def prepare(self, obj: JSON, old: JSON | None) -> None:
        obj.setdefault("spec", {})

    def validate(self, obj: JSON, old: JSON | None, subresource: str) -> list[FieldError]:
        seconds = obj["spec"].get("leaseDurationSeconds")
        if seconds is not None and (not isinstance(seconds, int) or seconds <= 0):
            return [invalid_value("spec.leaseDurationSeconds", seconds, "must be greater than 0")]
        return []


# core/v1 name -> events.k8s.io/v1 name of the same field
_EVENT_FIELDS = {
    "involvedObject": "regarding",
    "message": "note",
    "source": "deprecatedSource",
    "firstTimestamp": "deprecatedFirstTimestamp",
    "lastTimestamp": "deprecatedLastTimestamp",
    "count": "deprecatedCount",
    "reportingComponent": "reportingController",
}


class EventStrategy(Strategy):
    """Stored as core/v1; the same objects are read and written as events.k8s.io/v1."""

    def __init__(self, *, core: bool) -> None:
        self._core = core

    def to_version(self, obj: JSON, version: str) -> JSON:
        if self._core:
            return obj
        return {_EVENT_FIELDS.get(key, key): value for key, value in obj.items()}

    def from_version(self, obj: JSON, version: str) -> JSON:
        if self._core:
            return obj
        back = {new: core for core, new in _EVENT_FIELDS.items()}
        return {**{back.get(key, key): value for key, value in obj.items()}, "apiVersion": "v1"}

    def prepare(self, obj: JSON, old: JSON | None) -> None:
        obj.setdefault("involvedObject", {})
        obj.setdefault("source", {})
        for key in ("firstTimestamp", "lastTimestamp", "eventTime"):
            obj.setdefault(key, None)
        for key in ("reportingComponent", "reportingInstance"):
            obj.setdefault(key, "")

    def validate(self, obj: JSON, old: JSON | None, subresource: str) -> list[FieldError]:
        involved = obj["involvedObject"].get("namespace", "")
        own = obj["metadata"]["namespace"]
        if involved and involved != own:
            return [invalid_value("involvedObject.namespace", involved, "does not match event.namespace")]
        if not involved and own != "default":
            return [invalid_value("involvedObject.namespace", involved, "does not match event.namespace")]
        return []

    def field_values(self, obj: JSON) -> dict[str, str]:
        about = obj.get("involvedObject") or {}
        first = "involvedObject" if self._core else "regarding"
        values = {
            f"{first}.{key}": str(about.get(key, ""))
            for key in ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
        }
        source = (obj.get("source") or {}).get("component", "") or obj.get("reportingComponent", "")
        return values | {
            "reason": obj.get("reason", ""),
            "type": obj.get("type", ""),
            "source": source,
            "reportingComponent": obj.get("reportingComponent", ""),
        }


def _core(kind: str, plural: str, *short: str, namespaced: bool = True, **more: Any) -> ResourceType:
    return ResourceType("", "v1", kind, plural, namespaced, singular=kind.lower(), short_names=short, **more)


def builtin_types(definitions: Strategy) -> list[ResourceType]:
    """All built-in kinds; `definitions` is the strategy of CustomResourceDefinition."""
    return [
        _core("Namespace", "namespaces", "ns", namespaced=False, subresources=("status",),
              verbs=("create", "delete", "get", "list", "patch", "update", "watch"), strategy=NamespaceStrategy()),
        _core("Pod", "pods", "po", categories=("all",),
              subresources=("status", "log", "binding", "attach", "exec", "portforward"),
              strategy=PodStrategy()),
        _core("Service", "services", "svc", categories=("all",), subresources=("status",), strategy=ServiceStrategy()),
        _core("ConfigMap", "configmaps", "cm", strategy=DataStrategy(secret=False)),
        _core("Secret", "secrets", strategy=DataStrategy(secret=True)),
        _core("Event", "events", "ev", strategy=EventStrategy(core=True)),
        _core("Node", "nodes", "no", namespaced=False, subresources=("status",), strategy=NodeStrategy()),
        _core("ServiceAccount", "serviceaccounts", "sa"),
        _core("Endpoints", "endpoints", "ep"),
        ResourceType("events.k8s.io", "v1", "Event", "events", True, singular="event", short_names=("ev",),
                     stored_in="events", storage_version="", strategy=EventStrategy(core=False)),
        ResourceType("coordination.k8s.io", "v1", "Lease", "leases", True, singular="lease", strategy=LeaseStrategy()),
        ResourceType("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", False,
                     singular="customresourcedefinition", short_names=("crd", "crds"),
                     categories=("api-extensions",), subresources=("status",), strategy=definitions),
    ]  # fmt: skip

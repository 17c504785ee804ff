"""How volumes, claims, storage classes and quotas are shown."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from footplate_local.apiserver.printing.columns import AGE, NAME, UNSET, Column, Printer, age, name

JSON = dict[str, Any]
_MODES = {"ReadWriteOnce": "RWO", "ReadOnlyMany": "ROX", "ReadWriteMany": "RWX", "ReadWriteOncePod": "RWOP"}
_DEFAULT_CLASS = ("storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class")
_CLASS = "volume.beta.kubernetes.io/storage-class"


def _modes(modes: list[str] | None) -> str:
    return ",".join(short for mode, short in _MODES.items() if mode in (modes or ()))


def _class(obj: JSON) -> str:
    annotated: str | None = obj["metadata"].get("annotations", {}).get(_CLASS)
    return str(obj.get("spec", {}).get("storageClassName", "")) if annotated is None else annotated


def _phase(obj: JSON) -> str:
    return "Terminating" if obj["metadata"].get("deletionTimestamp") else str(obj.get("status", {}).get("phase", ""))


def _volume(obj: JSON, now: datetime) -> list[Any]:
    spec, claim = obj.get("spec", {}), obj.get("spec", {}).get("claimRef")
    return [
        name(obj), (spec.get("capacity") or {}).get("storage", "0"), _modes(spec.get("accessModes")),
        spec.get("persistentVolumeReclaimPolicy", ""), _phase(obj),
        f"{claim.get('namespace', '')}/{claim.get('name', '')}" if claim else "", _class(obj),
        spec.get("volumeAttributesClassName") or UNSET, obj.get("status", {}).get("reason", ""), age(obj, now),
        spec.get("volumeMode", UNSET),
    ]  # fmt: skip


def _claim(obj: JSON, now: datetime) -> list[Any]:
    spec, status = obj.get("spec", {}), obj.get("status", {})
    bound = bool(spec.get("volumeName"))
    return [
        name(obj), _phase(obj), spec.get("volumeName", ""),
        (status.get("capacity") or {}).get("storage", "0") if bound else "",
        _modes(status.get("accessModes")) if bound else "", _class(obj),
        spec.get("volumeAttributesClassName") or UNSET, age(obj, now), spec.get("volumeMode", UNSET),
    ]  # fmt: skip


def _storage_class(obj: JSON, now: datetime) -> list[Any]:
    annotations = obj["metadata"].get("annotations", {})
    default = " (default)" if any(annotations.get(key) == "true" for key in _DEFAULT_CLASS) else ""
    return [
        name(obj) + default, obj.get("provisioner", ""), obj.get("reclaimPolicy", "Delete"),
        obj.get("volumeBindingMode", "Immediate"), bool(obj.get("allowVolumeExpansion")), age(obj, now),
    ]  # fmt: skip


def _quota(obj: JSON, now: datetime) -> list[Any]:
    status = obj.get("status", {})
    used = status.get("used") or {}
    requests: list[str] = []
    limits: list[str] = []
    for resource, hard in sorted((status.get("hard") or {}).items()):
        column = limits if resource.startswith("limits") else requests
        column.append(f"{resource}: {used.get(resource, '0')}/{hard}")
    return [name(obj), ", ".join(requests), ", ".join(limits), age(obj, now)]


PRINTERS = {
    "PersistentVolume": Printer(
        (
            NAME,
            Column("Capacity", "core.v1.PersistentVolumeSpec.capacity"),
            Column("Access Modes", "core.v1.PersistentVolumeSpec.accessModes"),
            Column("Reclaim Policy", "core.v1.PersistentVolumeSpec.persistentVolumeReclaimPolicy"),
            Column("Status", "core.v1.PersistentVolumeStatus.phase"),
            Column("Claim", "core.v1.PersistentVolumeSpec.claimRef"),
            Column("StorageClass", "StorageClass of the pv"),
            Column("VolumeAttributesClass", "VolumeAttributesClass of the pv"),
            Column("Reason", "core.v1.PersistentVolumeStatus.reason"),
            AGE,
            Column("VolumeMode", "core.v1.PersistentVolumeSpec.volumeMode", priority=1),
        ),
        _volume,
    ),
    "PersistentVolumeClaim": Printer(
        (
            NAME,
            Column("Status", "core.v1.PersistentVolumeClaimStatus.phase"),
            Column("Volume", "core.v1.PersistentVolumeClaimSpec.volumeName"),
            Column("Capacity", "core.v1.PersistentVolumeClaimStatus.capacity"),
            Column("Access Modes", "core.v1.PersistentVolumeClaimStatus.accessModes"),
            Column("StorageClass", "StorageClass of the pvc"),
            Column("VolumeAttributesClass", "VolumeAttributesClass of the pvc"),
            AGE,
            Column("VolumeMode", "core.v1.PersistentVolumeClaimSpec.volumeMode", priority=1),
        ),
        _claim,
    ),
    "StorageClass": Printer(
        (
            NAME,
            Column("Provisioner", "storage.v1.StorageClass.provisioner"),
            Column("ReclaimPolicy", "storage.v1.StorageClass.reclaimPolicy"),
            Column("VolumeBindingMode", "storage.v1.StorageClass.volumeBindingMode"),
            Column("AllowVolumeExpansion", "storage.v1.StorageClass.allowVolumeExpansion"),
            AGE,
        ),
        _storage_class,
    ),
    "ResourceQuota": Printer(
        (
            NAME,
            Column("Request", "Request represents a minimum amount of cpu/memory that a container may consume."),
            Column(
                "Limit",
                "Limits control the maximum amount of cpu/memory that a container may use independent of contention on "
                "the node.",
            ),
            AGE,
        ),
        _quota,
    ),
}

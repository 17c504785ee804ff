"""Checks of the volumes of a pod: one source each, named and complete.

Source: kubernetes pkg/apis/core/validation/validation.go (ValidateVolumes). Of sources that only storage drivers
know, that there is one is all that is checked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from footplate.quantity import parse_quantity
from footplate_local.apiserver.errors import FieldError, field_forbidden, invalid_value, not_supported, required
from footplate_local.apiserver.kinds import checks
from footplate_local.apiserver.kinds.checks import Errors
from footplate_local.apiserver.objects import names

JSON = dict[str, Any]
_HOST_PATH_TYPES = (
    "", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket",
)  # fmt: skip
_VOLUME_FIELDS = ("metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid")
_ENV_FIELDS = (
    "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName", "status.hostIP",
    "status.hostIPs", "status.podIP", "status.podIPs",
)  # fmt: skip
_CONVERTIBLE = {*_VOLUME_FIELDS, *_ENV_FIELDS, "spec.restartPolicy", "spec.schedulerName", "status.phase"}
_RESOURCES = (
    "limits.cpu", "limits.ephemeral-storage", "limits.memory", "requests.cpu", "requests.ephemeral-storage",
    "requests.memory",
)  # fmt: skip
_HUGE_PAGES = ("limits.hugepages-", "requests.hugepages-")
_CPU_DIVISORS = ("1m", "1")
_DIVISORS = ("1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei")
_SHORTEST_TOKEN, _LONGEST_TOKEN = 10 * 60, 1 << 32


def volumes(found: Sequence[JSON], path: str) -> tuple[list[FieldError], dict[str, JSON]]:
    """What is wrong with the volumes, and the good ones by name: only those can be mounted."""
    errors: list[FieldError] = []
    good: dict[str, JSON] = {}
    for index, volume in enumerate(found):
        where, name = f"{path}[{index}]", volume.get("name", "")
        problems = [*_source(volume, where), *checks.needed(name, f"{where}.name", names.dns_label)]
        if name in good:
            problems.append(checks.duplicate(f"{where}.name", name))
        if not problems:
            good[name] = volume
        errors += problems
    return errors, good


def _source(volume: JSON, path: str) -> Errors:
    sources = [key for key in volume if key != "name"]
    if not sources:
        yield required(path, "must specify a volume type")
    ordered = sorted(sources, key=lambda key: _ORDER.index(key) if key in _ORDER else len(_ORDER))
    for count, source in enumerate(ordered):
        where = f"{path}.{source}"
        if count:
            yield field_forbidden(where, "may not specify more than 1 volume type")
        elif source in _SOURCES:
            yield from _SOURCES[source](volume[source], where)


def _empty_dir(source: JSON, path: str) -> Errors:
    limit = source.get("sizeLimit")
    if limit is not None and parse_quantity(limit) < 0:
        yield field_forbidden(f"{path}.sizeLimit", "SizeLimit field must be a valid resource quantity")


def _host_path(source: JSON, path: str) -> Errors:
    if not source.get("path"):
        yield required(f"{path}.path")
        return
    yield from checks.no_steps_back(source["path"], f"{path}.path")
    kind = source.get("type", "")
    if kind not in _HOST_PATH_TYPES:
        yield not_supported(f"{path}.type", kind, _HOST_PATH_TYPES)


def _nfs(source: JSON, path: str) -> Errors:
    yield from checks.needed(source.get("server"), f"{path}.server")
    yield from checks.needed(source.get("path"), f"{path}.path")
    if source.get("path") and not source["path"].startswith("/"):
        yield invalid_value(f"{path}.path", source["path"], "must be an absolute path")


def _secret(source: JSON, path: str) -> Errors:
    yield from checks.needed(source.get("secretName"), f"{path}.secretName")
    yield from _mode(source.get("defaultMode"), f"{path}.defaultMode")
    yield from _items(source, path)


def _config_map(source: JSON, path: str) -> Errors:
    yield from checks.needed(source.get("name"), f"{path}.name")
    yield from _mode(source.get("defaultMode"), f"{path}.defaultMode")
    yield from _items(source, path)


def _claim(source: JSON, path: str) -> Errors:
    yield from checks.needed(source.get("claimName"), f"{path}.claimName")


def _csi(source: JSON, path: str) -> Errors:
    yield from checks.needed(source.get("driver"), f"{path}.driver")


def _ephemeral(source: JSON, path: str) -> Errors:
    if not source.get("volumeClaimTemplate"):
        yield required(f"{path}.volumeClaimTemplate")


def _items(source: JSON, path: str) -> Errors:
    for index, item in enumerate(source.get("items") or ()):
        where = f"{path}.items[{index}]"
        yield from checks.needed(item.get("key"), f"{where}.key")
        yield from _file(item.get("path", ""), f"{where}.path")
        yield from _mode(item.get("mode"), f"{where}.mode")


def _mode(mode: int | None, path: str) -> Errors:
    if mode is not None and not 0 <= mode <= 0o777:
        yield invalid_value(path, mode, "must be a number between 0 and 0777 (octal), both inclusive")


def _file(name: str, path: str) -> Errors:
    if not name:
        yield required(path)
        return
    yield from checks.relative_path(name, path)
    if name.startswith("..") and not name.startswith("../"):
        yield invalid_value(path, name, "must not start with '..'")


def _downward(source: JSON, path: str) -> Errors:
    yield from _mode(source.get("defaultMode"), f"{path}.defaultMode")
    yield from _downward_items(source, path)


def _downward_items(source: JSON, path: str) -> Errors:
    for item in source.get("items") or ():  # kube-apiserver leaves the index out of these paths
        yield from _file(item.get("path", ""), f"{path}.path")
        if "fieldRef" in item:
            yield from field_reference(item["fieldRef"], f"{path}.fieldRef", _VOLUME_FIELDS)
            if "resourceFieldRef" in item:
                text = "fieldRef and resourceFieldRef can not be specified simultaneously"
                yield invalid_value(path, "resource", text)
        elif "resourceFieldRef" in item:
            yield from resource_reference(item["resourceFieldRef"], f"{path}.resourceFieldRef", volume=True)
        else:
            yield required(path, "one of fieldRef and resourceFieldRef is required")
        yield from _mode(item.get("mode"), f"{path}.mode")


def field_reference(reference: JSON, path: str, allowed: Sequence[str] = _ENV_FIELDS) -> Errors:
    """A field of the pod that a variable or a file shows (validateObjectFieldSelector)."""
    name = reference.get("fieldPath", "")
    if not name:
        yield required(f"{path}.fieldPath")
        return
    base, bracket, key = name.partition("['")
    if bracket and key.endswith("']"):
        rule = base in ("metadata.labels", "metadata.annotations")
        if rule:
            yield from checks.by(names.label_key, key[:-2].lower() if "annotations" in base else key[:-2], path)
        else:
            text = f"error converting fieldPath: field label does not support subscript: {name}"
            yield invalid_value(f"{path}.fieldPath", name, text)
    elif name not in _CONVERTIBLE:
        text = f"error converting fieldPath: field label not supported: {name}"
        yield invalid_value(f"{path}.fieldPath", name, text)
    elif name not in allowed:
        yield not_supported(f"{path}.fieldPath", name, allowed)


def resource_reference(reference: JSON, path: str, *, volume: bool = False) -> Errors:
    """A resource of a container that a variable or a file shows (validateContainerResourceFieldSelector)."""
    resource, divisor = reference.get("resource", ""), reference.get("divisor", "0")
    if volume and not reference.get("containerName"):
        yield required(f"{path}.containerName")
    elif not resource:
        yield required(f"{path}.resource")
    elif resource not in _RESOURCES and not resource.startswith(_HUGE_PAGES):
        yield not_supported(f"{path}.resource", resource, _RESOURCES)
    allowed = _CPU_DIVISORS if resource.endswith(".cpu") else _DIVISORS
    if parse_quantity(divisor) and divisor not in allowed and (resource in _RESOURCES or "hugepages-" in resource):
        what = resource.partition(".")[2]
        text = f"only divisor's values {', '.join(allowed)} are supported with the {what} resource"
        yield invalid_value(f"{path}.divisor", resource, text)


def _projected(source: JSON, path: str) -> Errors:
    yield from _mode(source.get("defaultMode"), f"{path}.defaultMode")
    for index, projection in enumerate(source.get("sources") or ()):
        where = f"{path}.sources[{index}]"
        for count, (name, inner) in enumerate(projection.items()):
            if count:
                yield field_forbidden(f"{where}.{name}", "may not specify more than 1 volume type")
            else:
                yield from _projection(name, inner, f"{where}.{name}")


def _projection(name: str, source: JSON, path: str) -> Errors:
    if name in ("secret", "configMap"):
        yield from checks.needed(source.get("name"), f"{path}.name")
        yield from _items(source, path)
    elif name == "downwardAPI":
        yield from _downward_items(source, path)
    elif name == "serviceAccountToken":
        seconds = source.get("expirationSeconds", _SHORTEST_TOKEN)
        if seconds < _SHORTEST_TOKEN:
            yield invalid_value(f"{path}.expirationSeconds", seconds, "may not specify a duration less than 10 minutes")
        if seconds > _LONGEST_TOKEN:
            yield invalid_value(f"{path}.expirationSeconds", seconds, "may not specify more than 2^32 seconds")
        yield from _file(source.get("path", ""), f"{path}.path")


_SOURCES: dict[str, Callable[[JSON, str], Errors]] = {
    "emptyDir": _empty_dir,
    "hostPath": _host_path,
    "secret": _secret,
    "nfs": _nfs,
    "persistentVolumeClaim": _claim,
    "configMap": _config_map,
    "projected": _projected,
    "downwardAPI": _downward,
    "csi": _csi,
    "ephemeral": _ephemeral,
}
_ORDER = (
    "emptyDir", "hostPath", "gitRepo", "gcePersistentDisk", "awsElasticBlockStore", "secret", "nfs", "iscsi",
    "glusterfs", "flocker", "persistentVolumeClaim", "rbd", "cinder", "cephfs", "quobyte", "downwardAPI", "fc",
    "configMap", "azureFile", "vsphereVolume", "photonPersistentDisk", "portworxVolume", "azureDisk", "storageos",
    "projected", "scaleIO", "csi", "ephemeral", "image",
)  # fmt: skip
"""The order in which kube-apiserver looks for sources: what comes after the first one is too much."""

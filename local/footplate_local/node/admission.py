"""Whether a pod's object can be read at all.

kube-apiserver refuses what does not fit the types of a pod; the embedded one does not check all of them, and a pod
that cannot be read must not end the node. Source of the fields: Kubernetes API reference, Pod v1.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from footplate_local.node.resources import parse_quantity

_REFERENCES = {
    "configMapKeyRef": ("name", "key"),
    "secretKeyRef": ("name", "key"),
    "fieldRef": ("fieldPath",),
    "resourceFieldRef": ("resource",),
}


def defect(pod: Mapping[str, Any]) -> str | None:
    """The first thing in POD that is of a wrong type, as a sentence; None when it can be run."""
    return next(_defects(pod["spec"]), None)


def _defects(spec: Mapping[str, Any]) -> Iterator[str]:
    for field in ("terminationGracePeriodSeconds", "activeDeadlineSeconds", "priority"):
        if not isinstance(spec.get(field, 0), int | float | None):
            yield f"spec.{field} must be a number, got {spec[field]!r}"
    if not isinstance(spec.get("nodeSelector") or {}, Mapping):
        yield "spec.nodeSelector must be an object"
    for part in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(part) or []):
            for text in _container(container):
                yield f"spec.{part}[{index}].{text}"


def _container(container: Mapping[str, Any]) -> Iterator[str]:
    for field in ("name", "image"):
        if not isinstance(container.get(field), str):
            yield f"{field} must be a string"
    for field in ("workingDir", "terminationMessagePath"):
        if not isinstance(container.get(field), str | None):
            yield f"{field} must be a string"
    for field in ("command", "args"):
        words = container.get(field) or []
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            yield f"{field} must be a list of strings, got {words!r}"
    resources = container.get("resources") or {}
    for section in ("limits", "requests"):
        for name, amount in (resources.get(section) or {}).items():
            try:
                parse_quantity(amount)
            except ValueError as error:
                yield f"resources.{section}.{name}: {error}"
    for index, mount in enumerate(container.get("volumeMounts") or []):
        if not _has_strings(mount, ("name", "mountPath")):
            yield f"volumeMounts[{index}] needs the strings name and mountPath"
    for index, source in enumerate(container.get("envFrom") or []):
        for key in ("configMapRef", "secretRef"):
            if source.get(key) and not _has_strings(source[key], ("name",)):
                yield f"envFrom[{index}].{key} needs the string name"
    for index, variable in enumerate(container.get("env") or []):
        for text in _variable(variable):
            yield f"env[{index}]{text}"


def _variable(variable: Mapping[str, Any]) -> Iterator[str]:
    if not _has_strings(variable, ("name",)) or not isinstance(variable.get("value"), str | None):
        yield " needs a name and a value that are strings"
        return
    value_from = variable.get("valueFrom") or {}
    for key, fields in _REFERENCES.items():
        if value_from.get(key) is not None and not _has_strings(value_from[key], fields):
            yield f".valueFrom.{key} needs the strings {' and '.join(fields)}"


def _has_strings(value: Any, fields: tuple[str, ...]) -> bool:
    return isinstance(value, Mapping) and all(isinstance(value.get(field), str) for field in fields)

"""Checks of the containers of a pod.

Source: kubernetes pkg/apis/core/validation/validation.go (validateContainers and what it calls).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from footplate_local.apiserver.errors import field_forbidden, invalid_value, not_supported, required
from footplate_local.apiserver.kinds import checks
from footplate_local.apiserver.kinds.checks import Errors
from footplate_local.apiserver.kinds.pods import resources as resource_validation
from footplate_local.apiserver.kinds.pods import security as security_validation
from footplate_local.apiserver.kinds.pods.volumes import field_reference, resource_reference
from footplate_local.apiserver.objects import names

JSON = dict[str, Any]
_NOT_RESTARTED = "may not be set for init containers without restartPolicy=Always"
_NOT_EPHEMERAL = ("ports", "livenessProbe", "readinessProbe", "startupProbe", "lifecycle", "resizePolicy")
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_HANDLERS = ("exec", "httpGet", "tcpSocket", "grpc", "sleep")
_PULL_POLICIES = ("Always", "IfNotPresent", "Never")
_ENV_SOURCES = ("fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef")


@dataclass(frozen=True, slots=True)
class Pod:
    """What the checks of a container need to know of its pod."""

    volumes: Mapping[str, JSON]
    claims: frozenset[str]
    grace_seconds: int


def main(found: Sequence[JSON], pod: Pod, path: str) -> Errors:
    if not found:
        yield required(path)
    seen: set[str] = set()
    for index, container in enumerate(found):
        where = f"{path}[{index}]"
        yield from _common(container, pod, where)
        if container.get("name", "") in seen:
            yield checks.duplicate(f"{where}.name", container.get("name", ""))
        seen.add(container.get("name", ""))
        yield from _watched(container, pod, where)
        if "restartPolicy" in container:
            yield field_forbidden(f"{where}.restartPolicy", "may not be set for non-init containers")
    yield from _host_ports(found, path)


def initial(found: Sequence[JSON], others: Sequence[JSON], pod: Pod, path: str) -> Errors:
    seen = {container.get("name", "") for container in others}
    for index, container in enumerate(found):
        where, name = f"{path}[{index}]", container.get("name", "")
        yield from _common(container, pod, where)
        yield from checks.maybe_one_of(container.get("restartPolicy"), ("Always",), f"{where}.restartPolicy")
        if name in seen:
            yield checks.duplicate(f"{where}.name", name)
        elif name:
            seen.add(name)
        yield from _host_ports([container], path)
        if container.get("restartPolicy") == "Always":
            yield from _watched(container, pod, where)
        else:
            for part in ("lifecycle", *_PROBES):
                if part in container:
                    yield field_forbidden(f"{where}.{part}", _NOT_RESTARTED)


def ephemeral(found: Sequence[JSON], others: Sequence[JSON], pod: Pod, path: str) -> Errors:
    known = {container.get("name", "") for container in others}
    seen = set(known)
    for index, container in enumerate(found):
        where, name, target = f"{path}[{index}]", container.get("name", ""), container.get("targetContainerName", "")
        yield from _common(container, pod, where)
        yield from untrimmed(container, where)
        if name in seen:
            yield checks.duplicate(f"{where}.name", name)
        seen.add(name)
        if target and target not in known:
            yield checks.not_found(f"{where}.targetContainerName", target)
        for part in (*_NOT_EPHEMERAL, *(["resources"] if container.get("resources") else ())):
            if part in container:
                yield field_forbidden(f"{where}.{part}", "cannot be set for an Ephemeral Container")
        for place, mount in enumerate(container.get("volumeMounts") or ()):
            for part in ("subPath", "subPathExpr"):
                if mount.get(part):
                    text = "cannot be set for an Ephemeral Container"
                    yield field_forbidden(f"{where}.volumeMounts[{place}].{part}", text)


def untrimmed(container: JSON, path: str) -> Errors:
    """An image with blanks around it: refused in pods, let through in templates."""
    image = container.get("image", "")
    if image != image.strip():
        yield invalid_value(f"{path}.image", image, "must not have leading or trailing whitespace")


def _common(container: JSON, pod: Pod, path: str) -> Errors:
    yield from checks.needed(container.get("name"), f"{path}.name", names.dns_label)
    yield from checks.needed(container.get("image"), f"{path}.image")
    policy = container.get("terminationMessagePolicy", "")
    yield from checks.one_of(policy, ("File", "FallbackToLogsOnError"), f"{path}.terminationMessagePolicy")
    yield from _ports(container.get("ports") or (), f"{path}.ports")
    for index, variable in enumerate(container.get("env") or ()):
        yield from _variable(variable, f"{path}.env[{index}]")
    yield from _variables_from(container.get("envFrom") or (), f"{path}.envFrom")
    yield from _mounts(container, pod, f"{path}.volumeMounts")
    yield from _devices(container, pod, f"{path}.volumeDevices")
    yield from checks.one_of(container.get("imagePullPolicy", ""), _PULL_POLICIES, f"{path}.imagePullPolicy")
    resources = container.get("resources") or {}
    yield from resource_validation.requirements(resources, f"{path}.resources", set(pod.claims))
    yield from security_validation.container(container.get("securityContext") or {}, f"{path}.securityContext")


def _ports(found: Sequence[JSON], path: str) -> Errors:
    seen: set[str] = set()
    for index, port in enumerate(found):
        where, name = f"{path}[{index}]", port.get("name", "")
        if name:
            problems = checks.port_name(name)
            yield from (invalid_value(f"{where}.name", name, text) for text in problems)
            if not problems:
                if name in seen:
                    yield checks.duplicate(f"{where}.name", name)
                seen.add(name)
        if not port.get("containerPort"):
            yield required(f"{where}.containerPort")
        else:
            yield from checks.port_number(port["containerPort"], f"{where}.containerPort")
        if port.get("hostPort"):
            yield from checks.port_number(port["hostPort"], f"{where}.hostPort")
        yield from checks.one_of(port.get("protocol"), checks.PROTOCOLS, f"{where}.protocol")


def _host_ports(found: Sequence[JSON], path: str) -> Errors:
    """Ports of the host that are taken twice."""
    seen: set[str] = set()
    for index, container in enumerate(found):
        for place, port in enumerate(container.get("ports") or ()):
            if port.get("hostPort"):
                taken = f"{port.get('protocol', '')}/{port.get('hostIP', '')}/{port['hostPort']}"
                if taken in seen:
                    yield checks.duplicate(f"{path}[{index}].ports[{place}].hostPort", taken)
                seen.add(taken)


def _variable(variable: JSON, path: str) -> Errors:
    yield from checks.needed(variable.get("name"), f"{path}.name", checks.env_name)
    source = variable.get("valueFrom")
    if source is None:
        return
    where = f"{path}.valueFrom"
    if "fieldRef" in source:
        yield from field_reference(source["fieldRef"], f"{where}.fieldRef")
    if "resourceFieldRef" in source:
        yield from resource_reference(source["resourceFieldRef"], f"{where}.resourceFieldRef")
    for part in ("configMapKeyRef", "secretKeyRef"):
        if part in source:
            yield from checks.by(names.subdomain, source[part].get("name", ""), f"{where}.{part}.name")
            yield from checks.needed(source[part].get("key"), f"{where}.{part}.key", checks.data_key)
    count = sum(part in source for part in _ENV_SOURCES)
    if not count:
        parts = "`fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`"
        yield invalid_value(where, "", f"must specify one of: {parts}")
    elif variable.get("value"):
        yield invalid_value(where, "", "may not be specified when `value` is not empty")
    elif count > 1:
        yield invalid_value(where, "", "may not have more than one field specified at a time")


def _variables_from(found: Sequence[JSON], path: str) -> Errors:
    for index, source in enumerate(found):
        where = f"{path}[{index}]"
        if source.get("prefix"):
            yield from checks.by(checks.env_name, source["prefix"], f"{where}.prefix")
        parts = [part for part in ("configMapRef", "secretRef") if part in source]
        for part in parts:
            yield from checks.needed(source[part].get("name"), f"{where}.{part}.name", names.subdomain)
        if not parts:
            yield invalid_value(path, "", "must specify one of: `configMapRef` or `secretRef`")
        elif len(parts) > 1:
            yield invalid_value(path, "", "may not have more than one field specified at a time")


def _mounts(container: JSON, pod: Pod, path: str) -> Errors:
    devices = {device.get("name"): device.get("devicePath") for device in container.get("volumeDevices") or ()}
    seen: set[str] = set()
    for index, mount in enumerate(container.get("volumeMounts") or ()):
        where, name, place = f"{path}[{index}]", mount.get("name", ""), mount.get("mountPath", "")
        yield from checks.needed(name, f"{where}.name")
        if name not in pod.volumes:
            yield checks.not_found(f"{where}.name", name)
        yield from checks.needed(place, f"{where}.mountPath")
        if place in seen:
            yield invalid_value(f"{where}.mountPath", place, "must be unique")
        seen.add(place)
        if name in devices:
            yield invalid_value(f"{where}.name", name, "must not already exist in volumeDevices")
        if place in devices.values():
            yield invalid_value(f"{where}.mountPath", place, "must not already exist as a path in volumeDevices")
        yield from _mount_options(mount, container, where, path)


def _mount_options(mount: JSON, container: JSON, where: str, path: str) -> Errors:
    """kube-apiserver leaves the index out of some of these paths."""
    part, expression = mount.get("subPath", ""), mount.get("subPathExpr", "")
    yield from checks.relative_path(part, f"{path}.subPath")
    if part and expression:
        yield invalid_value(f"{where}.subPathExpr", expression, "subPathExpr and subPath are mutually exclusive")
    yield from checks.relative_path(expression, f"{path}.subPathExpr")
    propagation = mount.get("mountPropagation")
    modes = ("Bidirectional", "HostToContainer", "None")
    yield from checks.maybe_one_of(propagation, modes, f"{path}.mountPropagation")
    privileged = (container.get("securityContext") or {}).get("privileged")
    if propagation == "Bidirectional" and not privileged:
        text = "Bidirectional mount propagation is available only to privileged containers"
        yield field_forbidden(f"{path}.mountPropagation", text)


def _devices(container: JSON, pod: Pod, path: str) -> Errors:
    names_seen: set[str] = set()
    paths_seen: set[str] = set()
    for index, device in enumerate(container.get("volumeDevices") or ()):
        where, name, place = f"{path}[{index}]", device.get("name", ""), device.get("devicePath", "")
        yield from checks.needed(name, f"{where}.name")
        if name in names_seen:
            yield invalid_value(f"{where}.name", name, "must be unique")
        if name not in pod.volumes:
            yield checks.not_found(f"{where}.name", name)
        elif not {"persistentVolumeClaim", "ephemeral"} & pod.volumes[name].keys():
            text = "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode"
            yield invalid_value(f"{where}.name", name, text)
        yield from checks.needed(place, f"{where}.devicePath")
        if place in paths_seen:
            yield invalid_value(f"{where}.devicePath", place, "must be unique")
        if ".." in place.split("/"):
            yield invalid_value(f"{where}.devicePath", place, "can not contain backsteps ('..')")
        names_seen.add(name)
        paths_seen.add(place)


def _watched(container: JSON, pod: Pod, path: str) -> Errors:
    """Probes and hooks, which only containers that go on have."""
    for hook in ("postStart", "preStop"):
        lifecycle = container.get("lifecycle") or {}
        if hook in lifecycle:
            yield from _handler(lifecycle[hook], pod, f"{path}.lifecycle.{hook}")
    for name in _PROBES:
        if name in container:
            yield from _probe(container[name], name, pod, f"{path}.{name}")


def _probe(probe: JSON, name: str, pod: Pod, path: str) -> Errors:
    yield from _handler(probe, pod, path)
    for part in ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"):
        yield from checks.not_negative(probe.get(part), f"{path}.{part}")
    grace = probe.get("terminationGracePeriodSeconds")
    if grace is not None and grace <= 0:
        yield invalid_value(f"{path}.terminationGracePeriodSeconds", grace, "must be greater than 0")
    if name == "readinessProbe":
        if grace is not None:
            yield invalid_value(f"{path}.terminationGracePeriodSeconds", grace, "must not be set for readinessProbes")
    elif probe.get("successThreshold", 1) != 1:
        yield invalid_value(f"{path}.successThreshold", probe["successThreshold"], "must be 1")


def _handler(handler: JSON, pod: Pod, path: str) -> Errors:
    given = [kind for kind in _HANDLERS if kind in handler]
    if not given:
        yield required(path, "must specify a handler type")
        return
    for kind in given[1:]:
        yield field_forbidden(f"{path}.{kind}", "may not specify more than 1 handler type")
    action, where = handler[given[0]], f"{path}.{given[0]}"
    match given[0]:
        case "exec":
            yield from checks.needed(action.get("command"), f"{where}.command")
        case "httpGet":
            yield from checks.needed(action.get("path"), f"{where}.path")
            yield from checks.port(action["port"], f"{where}.port")
            if action.get("scheme") not in ("HTTP", "HTTPS"):
                yield not_supported(f"{where}.scheme", action.get("scheme", ""), ("HTTP", "HTTPS"))
            for header in action.get("httpHeaders") or ():
                yield from checks.by(checks.header_name, header.get("name", ""), f"{where}.httpHeaders")
        case "tcpSocket" | "grpc":
            yield from checks.port(action["port"], f"{where}.port")
        case "sleep":
            seconds = action.get("seconds", 0)
            if not 0 <= seconds <= pod.grace_seconds:
                limit = f"terminationGracePeriodSeconds ({pod.grace_seconds})"
                yield invalid_value(where, seconds, f"must be non-negative and less than {limit}")

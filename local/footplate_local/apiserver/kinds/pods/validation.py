"""Checks of pods: the spec of a new one or of a template, and what may change of one that exists.

Source: kubernetes pkg/apis/core/validation/validation.go (ValidatePodSpec, ValidatePodCreate, ValidatePodUpdate,
ValidatePodStatusUpdate, ValidatePodEphemeralContainersUpdate).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from footplate_local.apiserver.errors import field_forbidden, invalid_value, required
from footplate_local.apiserver.kinds import checks
from footplate_local.apiserver.kinds.checks import Errors
from footplate_local.apiserver.kinds.pods import containers as container_validation
from footplate_local.apiserver.kinds.pods import resources as resource_validation
from footplate_local.apiserver.kinds.pods import scheduling as scheduling_validation
from footplate_local.apiserver.kinds.pods import security as security_validation
from footplate_local.apiserver.kinds.pods import volumes as volume_validation
from footplate_local.apiserver.objects import names

JSON = dict[str, Any]
RESTART_POLICIES = ("Always", "OnFailure", "Never")
_DNS_POLICIES = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
_SYSTEM_CONDITIONS = ("PodScheduled", "Ready", "Initialized")
_MAY_CHANGE = (
    "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only "
    "additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was "
    "previously negative)"
)


def spec_errors(spec: JSON, path: str = "spec", *, template: bool = False) -> Errors:
    """Everything that is wrong with the spec of a pod or of the template of one."""
    found, volumes = volume_validation.volumes(spec.get("volumes") or (), f"{path}.volumes")
    yield from found
    main, initial = spec.get("containers") or [], spec.get("initContainers") or []
    pod = container_validation.Pod(
        volumes,
        frozenset(claim.get("name", "") for claim in spec.get("resourceClaims") or ()),
        spec["terminationGracePeriodSeconds"],
    )
    yield from container_validation.main(main, pod, f"{path}.containers")
    yield from container_validation.initial(initial, main, pod, f"{path}.initContainers")
    ephemeral = spec.get("ephemeralContainers") or []
    yield from container_validation.ephemeral(ephemeral, [*main, *initial], pod, f"{path}.ephemeralContainers")
    yield from _host_network(spec, path, template=template)
    yield from checks.one_of(spec["restartPolicy"], RESTART_POLICIES, f"{path}.restartPolicy")
    yield from _network(spec, path)
    yield from checks.labels(spec.get("nodeSelector"), f"{path}.nodeSelector")
    yield from security_validation.pod(spec["securityContext"], spec, f"{path}.securityContext")
    yield from _scheduling(spec, path)
    yield from _names(spec, path)
    yield from checks.between(
        spec.get("activeDeadlineSeconds"), 1, checks.LARGEST_INT32, f"{path}.activeDeadlineSeconds"
    )
    if "resources" in spec:
        yield from resource_validation.requirements(spec["resources"], f"{path}.resources")
    if not template:
        for part, containers in (("containers", main), ("initContainers", initial)):
            for index, container in enumerate(containers):
                yield from container_validation.untrimmed(container, f"{path}.{part}[{index}]")


def template_metadata_errors(template: JSON, path: str) -> Errors:
    meta = template.get("metadata") or {}
    yield from checks.labels(meta.get("labels"), f"{path}.labels")
    for key in meta.get("annotations") or {}:
        yield from checks.by(names.label_key, key.lower(), f"{path}.annotations")


def template_errors(template: JSON, path: str) -> Errors:
    """Everything that is wrong with the template of a workload's pods (ValidatePodTemplateSpec)."""
    yield from template_metadata_errors(template, path)
    yield from spec_errors(template["spec"], f"{path}.spec", template=True)
    if template["spec"].get("ephemeralContainers"):
        text = "ephemeral containers not allowed in pod template"
        yield field_forbidden(f"{path}.spec.ephemeralContainers", text)


def _host_network(spec: JSON, path: str, *, template: bool) -> Errors:
    if not spec.get("hostNetwork"):
        return
    for index, container in enumerate(spec.get("containers") or ()):
        for place, port in enumerate(container.get("ports") or ()):
            host, own = port.get("hostPort", 0), port.get("containerPort", 0)
            if host != own and (host or not template):
                text = "must match `containerPort` when `hostNetwork` is true"
                yield invalid_value(f"{path}.containers[{index}].ports[{place}].hostPort", host, text)


def _network(spec: JSON, path: str) -> Errors:
    policy, config = spec["dnsPolicy"], spec.get("dnsConfig")
    yield from checks.one_of(policy, _DNS_POLICIES, f"{path}.dnsPolicy")
    servers = (config or {}).get("nameservers") or []
    if policy == "None" and not servers:
        where = f"{path}.dnsConfig" if config is None else f"{path}.dnsConfig.nameservers"
        yield required(where, "must provide at least one DNS nameserver when `dnsPolicy` is None")
        return
    if len(servers) > 3:
        yield invalid_value(f"{path}.dnsConfig.nameservers", servers, "must not have more than 3 nameservers")
    for index, server in enumerate(servers):
        yield from checks.address(server, f"{path}.dnsConfig.nameservers[{index}]")
    for index, search in enumerate((config or {}).get("searches") or ()):
        yield from checks.by(names.subdomain, search.removesuffix("."), f"{path}.dnsConfig.searches[{index}]")
    for index, alias in enumerate(spec.get("hostAliases") or ()):
        where = f"{path}.hostAliases[{index}]"
        yield from checks.address(alias.get("ip", ""), f"{where}.ip")
        for place, name in enumerate(alias.get("hostnames") or ()):
            yield from checks.by(names.subdomain, name, f"{where}.hostnames[{place}]")


def _scheduling(spec: JSON, path: str) -> Errors:
    yield from scheduling_validation.affinity(spec.get("affinity") or {}, f"{path}.affinity")
    yield from scheduling_validation.tolerations(spec.get("tolerations") or (), f"{path}.tolerations")
    constraints = spec.get("topologySpreadConstraints") or ()
    yield from scheduling_validation.topology_spread(constraints, f"{path}.topologySpreadConstraints")
    for index, gate in enumerate(spec.get("readinessGates") or ()):
        kind = gate.get("conditionType", "")
        yield from checks.by(names.label_key, kind, f"{path}.readinessGates[{index}].conditionType")
    seen: set[str] = set()
    for index, gate in enumerate(spec.get("schedulingGates") or ()):
        yield from checks.by(names.label_key, gate["name"], f"{path}.schedulingGates[{index}]")
        if gate["name"] in seen:
            yield checks.duplicate(f"{path}.schedulingGates[{index}]", gate["name"])
        seen.add(gate["name"])
    policies = ("PreemptLowerPriority", "Never")
    yield from checks.maybe_one_of(spec.get("preemptionPolicy"), policies, f"{path}.preemptionPolicy")


def _names(spec: JSON, path: str) -> Errors:
    """The names of other objects, and the pod's own on the network."""
    for part in ("serviceAccountName", "nodeName", "priorityClassName", "runtimeClassName"):
        if spec.get(part):
            yield from checks.by(names.subdomain, spec[part], f"{path}.{part}")
    if "os" in spec:
        system = spec["os"].get("name")
        yield from checks.one_of(system, ("linux", "windows"), f"{path}.os" if system else f"{path}.os.name")
    for part in ("hostname", "subdomain"):
        if spec.get(part):
            yield from checks.by(names.dns_label, spec[part], f"{path}.{part}")


def create_errors(pod: JSON) -> Errors:
    """Everything that is wrong with a new pod, but for its metadata."""
    spec = pod["spec"]
    yield from spec_errors(spec)
    if spec.get("ephemeralContainers"):
        yield field_forbidden("spec.ephemeralContainers", "cannot be set on create")
    if spec.get("nodeName") and spec.get("schedulingGates"):
        yield field_forbidden("spec.nodeName", "cannot be set until all schedulingGates have been cleared")


def update_errors(pod: JSON, before: JSON) -> Errors:
    """Everything that an update of a pod does wrong, but for the metadata."""
    new, old = pod["spec"], before["spec"]
    yield from spec_errors(new)
    for part in ("containers", "initContainers"):
        if len(new.get(part) or ()) != len(old.get(part) or ()):
            yield field_forbidden(f"spec.{part}", "pod updates may not add or remove containers")
            return
        for index, container in enumerate(new.get(part) or ()):
            yield from checks.needed(container.get("image"), f"spec.{part}[{index}].image")
            yield from container_validation.untrimmed(container, f"spec.{part}[{index}]")
    deadline = list(_deadline_errors(new.get("activeDeadlineSeconds"), old.get("activeDeadlineSeconds")))
    yield from deadline
    if deadline and "activeDeadlineSeconds" in new:
        return
    yield from _toleration_errors(new.get("tolerations") or [], old.get("tolerations") or [])
    gates = {gate["name"] for gate in old.get("schedulingGates") or ()}
    for index, gate in enumerate(new.get("schedulingGates") or ()):
        if gate["name"] not in gates:
            text = f"only deletion is allowed, but found new scheduling gate '{gate['name']}'"
            yield field_forbidden(f"spec.schedulingGates[{index}].name", text)
    if _fixed(new, old) != _fixed(old, old):
        yield field_forbidden("spec", f"pod updates may not change fields other than {_MAY_CHANGE}")


def _deadline_errors(new: int | None, old: int | None) -> Errors:
    path = "spec.activeDeadlineSeconds"
    if new is None:
        if old is not None:
            yield invalid_value(path, None, "must not update from a positive integer to nil value")
    elif not 0 <= new <= checks.LARGEST_INT32:
        yield from checks.between(new, 0, checks.LARGEST_INT32, path)
    elif old is not None and old < new:
        yield invalid_value(path, new, "must be less than or equal to previous value")


def _toleration_errors(new: Sequence[JSON], old: Sequence[JSON]) -> Errors:
    """A pod can be made to tolerate more, and for another time, not less."""

    def lasting(toleration: JSON) -> JSON:
        return {key: value for key, value in toleration.items() if key != "tolerationSeconds"}

    kept = [lasting(toleration) for toleration in new]
    if any(lasting(toleration) not in kept for toleration in old):
        text = "existing toleration can not be modified except its tolerationSeconds"
        yield field_forbidden("spec.tolerations", text)
    else:
        yield from scheduling_validation.tolerations(new, "spec.tolerations")


def _fixed(spec: JSON, old: JSON) -> JSON:
    """What no update may change. A gated pod may still be told where to run."""
    free = {"activeDeadlineSeconds", "tolerations", "schedulingGates"}
    if old.get("schedulingGates"):
        free |= {"nodeSelector", "affinity"}
    if old["terminationGracePeriodSeconds"] < 0 and spec["terminationGracePeriodSeconds"] in (
        1,
        old["terminationGracePeriodSeconds"],
    ):
        free.add("terminationGracePeriodSeconds")
    kept = {key: value for key, value in spec.items() if key not in free}
    for part in ("containers", "initContainers"):
        if part in kept:
            kept[part] = [{**container, "image": ""} for container in kept[part]]
    return kept


def ephemeral_errors(pod: JSON, before: JSON) -> Errors:
    """Everything that is wrong with an update of the ephemeral containers: they can only be added."""
    yield from spec_errors(pod["spec"])
    new = {container.get("name"): container for container in pod["spec"].get("ephemeralContainers") or ()}
    for container in before["spec"].get("ephemeralContainers") or ():
        name = container["name"]
        if name not in new:
            text = f'existing ephemeral containers "{name}" may not be removed\n'
            yield field_forbidden("spec.ephemeralContainers", text)
        elif new[name] != container:
            text = f'existing ephemeral containers "{name}" may not be changed\n'
            yield field_forbidden("spec.ephemeralContainers", text)


def status_errors(pod: JSON, before: JSON) -> Errors:
    """Everything that a report of a pod's status does wrong."""
    new, old, spec = pod.get("status") or {}, before.get("status") or {}, before["spec"]
    for index, condition in enumerate(new.get("conditions") or ()):
        if condition.get("type") not in _SYSTEM_CONDITIONS:
            yield from checks.by(names.label_key, condition.get("type", ""), f"metadata.conditions[{index}].Type")
    if new.get("qosClass") != old.get("qosClass"):
        yield invalid_value("status.qosClass", new.get("qosClass"), checks.IMMUTABLE)
    if new.get("observedGeneration", 0) < 0:
        yield invalid_value("status.observedGeneration", new["observedGeneration"], checks.NOT_NEGATIVE)
    nominated = new.get("nominatedNodeName", "")
    if nominated and nominated != old.get("nominatedNodeName"):
        yield from checks.by(names.subdomain, nominated, "status.nominatedNodeName")
    sidecars = {item["name"] for item in spec.get("initContainers") or () if item.get("restartPolicy") == "Always"}
    for part in ("containerStatuses", "initContainerStatuses"):
        yield from _restarted(new.get(part) or (), old.get(part) or (), spec["restartPolicy"], sidecars, part)
    for part, key in (("podIPs", "podIP"), ("hostIPs", "hostIP")):
        for index, item in enumerate(new.get(part) or ()):
            yield from checks.address(item.get("ip", ""), f"status.{part}[{index}]")
        first = (new.get(part) or [{}])[0].get("ip")
        if key == "hostIP" and first is not None and first != new.get(key):
            yield invalid_value("status.hostIPs[0].ip", first, "must be equal to `hostIP`")


def _restarted(new: Sequence[JSON], old: Sequence[JSON], policy: str, sidecars: set[str], part: str) -> Errors:
    """Containers that have ended for good and are said to go on."""
    if policy == "Always":
        return
    for index, before in enumerate(old):
        ended = (before.get("state") or {}).get("terminated")
        may = ended is None or before["name"] in sidecars or (ended.get("exitCode") and policy == "OnFailure")
        now = next((item for item in new if item["name"] == before["name"]), None)
        if not may and now is not None and not (now.get("state") or {}).get("terminated"):
            text = "may not be transitioned to non-terminated state"
            yield field_forbidden(f"status.{part}[{index}].state", text)

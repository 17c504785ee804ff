"""Kubernetes' Pod Security Standards as a check of a pod's manifest: every control of baseline and restricted.

Source: kubernetes.io/docs/concepts/security/pod-security-standards; pod-security-admission policy/check_*.go, whose
names the controls have. Windows pods, and the relaxations for user namespaces, which need a feature gate, are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

JSON = Mapping[str, Any]
Level = Literal["baseline", "restricted"]
VERSIONS = ("1.29", "1.30", "1.31", "1.32", "1.33", "1.34")

CAPABILITIES = {
    *("AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "SETFCAP"),
    *("SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"),
}
VOLUMES = {
    *("configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"),
}
APPARMOR = "container.apparmor.security.beta.kubernetes.io/"
# Each from its version on.
SYSCTLS: Mapping[str, int] = {
    "kernel.shm_rmid_forced": 0,
    "net.ipv4.ip_local_port_range": 0,
    "net.ipv4.tcp_syncookies": 0,
    "net.ipv4.ping_group_range": 0,
    "net.ipv4.ip_unprivileged_port_start": 0,
    "net.ipv4.ip_local_reserved_ports": 27,
    "net.ipv4.tcp_keepalive_time": 29,
    "net.ipv4.tcp_fin_timeout": 29,
    "net.ipv4.tcp_keepalive_intvl": 29,
    "net.ipv4.tcp_keepalive_probes": 29,
    "net.ipv4.tcp_rmem": 32,
    "net.ipv4.tcp_wmem": 32,
}
SELINUX_TYPES: Mapping[str, int] = {
    "": 0,
    "container_t": 0,
    "container_init_t": 0,
    "container_kvm_t": 0,
    "container_engine_t": 31,
}


@dataclass(frozen=True)
class Pod:
    """What a control looks at."""

    body: JSON
    minor: int

    @property
    def spec(self) -> JSON:
        found: JSON = self.body["spec"]
        return found

    @property
    def context(self) -> JSON:
        return self.spec.get("securityContext") or {}

    @property
    def containers(self) -> Iterator[tuple[str, JSON, JSON]]:
        """Name, manifest and security context of all: init and ephemeral ones too."""
        for group in ("initContainers", "containers", "ephemeralContainers"):
            for container in self.spec.get(group) or ():
                yield container["name"], container, container.get("securityContext") or {}

    @property
    def contexts(self) -> Iterator[tuple[str, JSON]]:
        """The pod's security context and those of the containers, with whose they are."""
        yield "the pod", self.context
        for name, _, context in self.containers:
            yield name, context


Check = Callable[[Pod], Iterator[str]]
CONTROLS: dict[str, tuple[Level, Check]] = {}


def control(name: str, level: Level) -> Callable[[Check], Check]:
    def add(check: Check) -> Check:
        CONTROLS[name] = (level, check)
        return check

    return add


def violations(pod: JSON, level: Level, version: str) -> list[str]:
    """A sentence for each control that a pod (its whole manifest) violates; each begins with the control's name."""
    looked_at = Pod(pod, int(version.partition(".")[2]))
    return [
        f"{name}: {said}"
        for name, (of, check) in CONTROLS.items()
        if level == "restricted" or of == "baseline"
        for said in check(looked_at)
    ]


@control("windowsHostProcess", "baseline")
def _host_process(pod: Pod) -> Iterator[str]:
    for who, context in pod.contexts:
        if (context.get("windowsOptions") or {}).get("hostProcess"):
            yield f"{who} is a process of the host"


@control("hostNamespaces", "baseline")
def _host_namespaces(pod: Pod) -> Iterator[str]:
    yield from (f"{part} is true" for part in ("hostNetwork", "hostPID", "hostIPC") if pod.spec.get(part))


@control("privileged", "baseline")
def _privileged(pod: Pod) -> Iterator[str]:
    yield from (f"{name} is privileged" for name, _, context in pod.containers if context.get("privileged"))


@control("capabilities_baseline", "baseline")
def _added_capabilities(pod: Pod) -> Iterator[str]:
    for name, _, context in pod.containers:
        added = set((context.get("capabilities") or {}).get("add") or ()) - CAPABILITIES
        if added:
            yield f"{name} adds {', '.join(sorted(added))}"


@control("hostPathVolumes", "baseline")
def _host_paths(pod: Pod) -> Iterator[str]:
    for volume in pod.spec.get("volumes") or ():
        if "hostPath" in volume:
            yield f"volume {volume['name']} is a path of the host"


@control("hostPorts", "baseline")
def _host_ports(pod: Pod) -> Iterator[str]:
    for name, container, _ in pod.containers:
        yield from (
            f"{name} takes port {p['hostPort']} of the host" for p in container.get("ports") or () if p.get("hostPort")
        )


@control("hostProbesAndHostLifecycle", "baseline")
def _host_probes(pod: Pod) -> Iterator[str]:
    if pod.minor < 34:
        return
    for name, container, _ in pod.containers:
        lifecycle = container.get("lifecycle") or {}
        handlers = [container.get(f"{kind}Probe") for kind in ("liveness", "readiness", "startup")]
        for handler in (*handlers, lifecycle.get("postStart"), lifecycle.get("preStop")):
            for action in ("httpGet", "tcpSocket"):
                host = ((handler or {}).get(action) or {}).get("host")
                if host:
                    yield f"{name} has the kubelet call {host}"


@control("appArmorProfile", "baseline")
def _app_armor(pod: Pod) -> Iterator[str]:
    for who, context in pod.contexts:
        kind = (context.get("appArmorProfile") or {}).get("type")
        if kind not in (None, "RuntimeDefault", "Localhost"):
            yield f"{who} has the AppArmor profile {kind}"
    for key, value in (pod.body["metadata"].get("annotations") or {}).items():
        if key.startswith(APPARMOR) and not (value in ("", "runtime/default") or value.startswith("localhost/")):
            yield f"the annotation of {key.removeprefix(APPARMOR)} asks for {value}"


@control("seLinuxOptions", "baseline")
def _se_linux(pod: Pod) -> Iterator[str]:
    for who, context in pod.contexts:
        options = context.get("seLinuxOptions") or {}
        if pod.minor < SELINUX_TYPES.get(options.get("type") or "", 999):
            yield f"{who} has the SELinux type {options['type']}"
        yield from (f"{who} sets the SELinux {part}" for part in ("user", "role") if options.get(part))


@control("procMount", "baseline")
def _proc_mount(pod: Pod) -> Iterator[str]:
    for name, _, context in pod.containers:
        if context.get("procMount") not in (None, "Default"):
            yield f"{name} has /proc mounted as {context['procMount']}"


@control("seccompProfile_baseline", "baseline")
def _seccomp_unconfined(pod: Pod) -> Iterator[str]:
    for who, context in pod.contexts:
        kind = _seccomp(context)
        if kind not in (None, "RuntimeDefault", "Localhost"):
            yield f"{who} has the seccomp profile {kind}"


@control("sysctls", "baseline")
def _sysctls(pod: Pod) -> Iterator[str]:
    for sysctl in pod.context.get("sysctls") or ():
        if pod.minor < SYSCTLS.get(sysctl["name"], 999):
            yield f"sets {sysctl['name']}"


@control("restrictedVolumes", "restricted")
def _volume_types(pod: Pod) -> Iterator[str]:
    for volume in pod.spec.get("volumes") or ():
        for kind in volume.keys() - {"name"} - VOLUMES:
            yield f"volume {volume['name']} is a {kind}"


@control("allowPrivilegeEscalation", "restricted")
def _escalation(pod: Pod) -> Iterator[str]:
    for name, _, context in pod.containers:
        if context.get("allowPrivilegeEscalation") is not False:
            yield f"{name} must set allowPrivilegeEscalation to false"


@control("runAsNonRoot", "restricted")
def _non_root(pod: Pod) -> Iterator[str]:
    for name, _, context in pod.containers:
        if context.get("runAsNonRoot", pod.context.get("runAsNonRoot")) is not True:
            yield f"{name} must set runAsNonRoot to true"


@control("runAsUser", "restricted")
def _root_user(pod: Pod) -> Iterator[str]:
    yield from (f"{who} sets runAsUser to 0" for who, context in pod.contexts if context.get("runAsUser") == 0)


@control("seccompProfile_restricted", "restricted")
def _seccomp_set(pod: Pod) -> Iterator[str]:
    for name, _, context in pod.containers:
        if (_seccomp(context) or _seccomp(pod.context)) not in ("RuntimeDefault", "Localhost"):
            yield f"{name} must have the seccomp profile RuntimeDefault or Localhost"


@control("capabilities_restricted", "restricted")
def _dropped_capabilities(pod: Pod) -> Iterator[str]:
    for name, _, context in pod.containers:
        capabilities = context.get("capabilities") or {}
        if "ALL" not in (capabilities.get("drop") or ()):
            yield f"{name} must drop ALL"
        added = set(capabilities.get("add") or ()) - {"NET_BIND_SERVICE"}
        if added:
            yield f"{name} adds {', '.join(sorted(added))}"


def _seccomp(context: JSON) -> str | None:
    return (context.get("seccompProfile") or {}).get("type")

"""The pod of a replica, as docs/architecture.md, "The pod of a replica", describes it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from footplate import store_keys
from footplate.api.training_job import TrainingJob
from footplate.api.training_job_spec import Resources
from footplate.constants import CONTAINER_AGENT, CONTAINER_FETCH, CONTAINER_TRAIN, LAUNCHER_STOP_SECONDS
from footplate.frameworks import Framework
from footplate.jobs import naming
from footplate.jobs.context import Amounts, Context, pulling
from footplate.jobs.keys import keys_volume
from footplate.jobs.launch import store_of
from footplate.jobs.naming import Replica, Start
from footplate.jobs.observe import EnvironmentImage
from footplate.jobs.record import as_variable, told_to_agent
from footplate.jobs.secrets import with_masking
from footplate.jobs.security import with_security
from footplate.jobs.template import merge_template
from footplate_runtime import contract

Manifest = dict[str, Any]

ROOT = contract.DEFAULT_ROOT
ROOT_MOUNT = {"name": "footplate", "mountPath": ROOT}
LAUNCH_MOUNT = {"name": "launch", "mountPath": f"{ROOT}/launch", "readOnly": True}
SOURCE_MOUNT = {"name": "source", "mountPath": f"{ROOT}/{contract.SOURCE_MOUNT}", "readOnly": True}
KEYS_MOUNT = {"name": "keys", "mountPath": f"{ROOT}/{contract.KEYS}", "readOnly": True}
SHM_MOUNT = {
    "name": "dshm",
    "mountPath": "/dev/shm",
}  # the kubelet's own is 64 MiB: too small for data loaders

# The same for every job: which Python there is is found out in the user's image, and no text of the user's is in it.
START_LAUNCHER = (
    'for python in python3 python; do command -v "$python" >/dev/null 2>&1 && '
    f'exec "$python" {ROOT}/{contract.LAUNCHER}; done; '
    "echo 'footplate: the image has no python3; use entrypoint.command with launcher: false' >&2; exit 127"
)


def desired_pod(
    job: TrainingJob,
    framework: Framework,
    start: Start,
    image: EnvironmentImage,
    context: Context,
) -> Manifest:
    """The manifest of one replica."""
    spec, metadata = job.spec, job.metadata
    replica, attempt = start.replica, start.attempt
    resources = framework.resources(spec, replica.role)
    pod: Manifest = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": naming.pod_name(metadata.name, attempt, replica),
            "namespace": metadata.namespace,
            "labels": dict(naming.labels(metadata.name, attempt, replica)),
            "ownerReferences": [dict(naming.owner_reference(job))],
        },
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            **pulling(context.runtime.pull_secrets),
            "terminationGracePeriodSeconds": grace_seconds(job),
            "initContainers": [
                _fetch(job, start, context),
                _agent(job, start, context, first=replica == Replica(framework.primary_role(spec), 0)),
            ],
            "containers": [_train(job, start, image, resources)],
            "volumes": _volumes(job, resources, store_of(job, context).secret_name),
        },
    }
    if sum(framework.roles(spec).values()) > 1:
        if framework.needs_keys:
            pod["spec"]["containers"][0]["volumeMounts"].append(dict(KEYS_MOUNT))
            pod["spec"]["volumes"].append(keys_volume(job))
        pod["spec"]["hostname"] = str(replica)
        pod["spec"]["subdomain"] = naming.service_name(metadata.name)
    merged = with_security(merge_template(pod, spec.pod_template.metadata, spec.pod_template.spec), context.user)
    return with_masking(merged) if spec.entrypoint.launcher else merged


def grace_seconds(job: TrainingJob) -> int:
    """What the program may take to end, and after it the agent to upload (both share it on a deletion)."""
    return LAUNCHER_STOP_SECONDS + job.spec.outputs.flush_seconds


def _environment(job: TrainingJob, start: Start, extra: Mapping[str, str] | None = None) -> list[Manifest]:
    values = {
        contract.ENV_ROOT: ROOT,
        contract.ENV_JOB: job.metadata.name,
        contract.ENV_NAMESPACE: job.metadata.namespace,
        contract.ENV_ATTEMPT: str(start.attempt),
        contract.ENV_ROLE: start.replica.role,
        contract.ENV_INDEX: str(start.replica.index),
        contract.ENV_TERMINATION_LOG: contract.DEFAULT_TERMINATION_LOG,
        **({contract.ENV_RESUME: "1"} if start.attempt > 1 or start.replacement else {}),
        **({contract.ENV_REPLACEMENT: str(start.replacement)} if start.replacement else {}),
        **(extra or {}),
    }
    return [{"name": name, "value": value} for name, value in values.items()]


def _runtime_container(job: TrainingJob, start: Start, context: Context, name: str, amounts: Amounts) -> Manifest:
    pod_ip = {"name": contract.ENV_POD_IP, "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}
    container: Manifest = {
        **context.runtime.container(name, "python3", "-m", f"footplate_runtime.{name}"),
        "env": [*_environment(job, start), pod_ip],
        "resources": amounts.as_json(),
        "volumeMounts": [dict(ROOT_MOUNT), dict(LAUNCH_MOUNT)],
    }
    secret = store_of(job, context).secret_name
    if secret:
        store_keys.take_keys(container, secret)
    return container


def _fetch(job: TrainingJob, start: Start, context: Context) -> Manifest:
    container = _runtime_container(job, start, context, CONTAINER_FETCH, context.runtime.fetch)
    if job.spec.source and job.spec.source.config_map:
        container["volumeMounts"].append(dict(SOURCE_MOUNT))
    return container


def _agent(job: TrainingJob, start: Start, context: Context, first: bool) -> Manifest:
    container = _runtime_container(job, start, context, CONTAINER_AGENT, context.runtime.agent)
    # A program may end before the agent's Python has started: SIGTERM must wait for it, not end it. The agent takes
    # the signal by sigwait; until then it is blocked from the first process on (coreutils: env).
    container["command"] = ["env", "--block-signal=TERM", *container["command"]]
    container["env"] += [{"name": name, "value": value} for name, value in contract.AGENT_SETTINGS.items()]
    if first:  # it writes the record
        node = {"name": contract.ENV_NODE, "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}
        container["env"] += [node, {"name": contract.ENV_RECORD, "value": as_variable(told_to_agent(job))}]
    container["restartPolicy"] = "Always"  # Kubernetes: Sidecar Containers
    container["ports"] = [{"name": "agent", "containerPort": contract.AGENT_PORT}]
    return container


def _train(job: TrainingJob, start: Start, image: EnvironmentImage, resources: Resources) -> Manifest:
    entrypoint = job.spec.entrypoint
    container: Manifest = {
        "name": CONTAINER_TRAIN,
        "image": image.image,
        "env": _environment(
            job,
            start,
            {
                contract.ENV_STOP_SECONDS: str(LAUNCHER_STOP_SECONDS),
                contract.ENV_PEERS_TIMEOUT: str(job.spec.start_timeout_seconds),
                **image.variables,
            },
        ),
        "resources": _resources(resources),
        "volumeMounts": [dict(ROOT_MOUNT), dict(LAUNCH_MOUNT), dict(SHM_MOUNT)],
    }
    if entrypoint.launcher:
        container["command"] = ["sh", "-c", START_LAUNCHER]
    else:
        container["command"] = list(entrypoint.command or ())
        container["workingDir"] = f"{ROOT}/{contract.CODE}"
    return container


def _resources(resources: Resources) -> Manifest:
    """CPU is asked for but not capped (a capped CPU throttles); memory and GPUs are both."""
    requests: Manifest = {}
    limits: Manifest = {}
    if resources.cpu is not None:
        requests["cpu"] = str(resources.cpu)
    if resources.memory is not None:
        requests["memory"] = limits["memory"] = str(resources.memory)
    if resources.gpu:
        limits["nvidia.com/gpu"] = requests["nvidia.com/gpu"] = str(resources.gpu)
    return {"requests": requests, "limits": limits}


def _volumes(job: TrainingJob, resources: Resources, store_secret: str | None) -> Sequence[Manifest]:
    shm: Manifest = {"medium": "Memory"}
    if resources.shared_memory is not None:
        shm["sizeLimit"] = str(resources.shared_memory)
    volumes: list[Manifest] = [
        {"name": "footplate", "emptyDir": {}},
        {"name": "launch", "configMap": {"name": naming.launch_config_name(job.metadata.name)}},
        {"name": "dshm", "emptyDir": shm},
    ]
    if store_secret:
        volumes.append(store_keys.keys_volume(store_secret))
    if job.spec.source and job.spec.source.config_map:
        volumes.append({"name": "source", "configMap": {"name": job.spec.source.config_map.name}})
    return volumes

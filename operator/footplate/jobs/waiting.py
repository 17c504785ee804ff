"""Why a replica does not run yet, in the words of the scheduler and the kubelet. Pure.

What its cause is called while the job waits is also why the attempt fails when the wait has become too long.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from footplate.jobs.diagnosis import Cause
from footplate.jobs.naming import Replica
from footplate.jobs.observe import Hindrance, PodView

LATE = timedelta(seconds=5)  # after that a pod that has no container yet is worth asking its events for

# Reasons of the kubelet for a container that waits (Kubernetes: images and config errors).
_STATES: Mapping[str, Cause] = {
    "InvalidImageName": Cause.INVALID_IMAGE,
    "ImagePullBackOff": Cause.IMAGE_PULL_FAILED,
    "ErrImagePull": Cause.IMAGE_PULL_FAILED,
    "RegistryUnavailable": Cause.IMAGE_PULL_FAILED,
    "ErrImageNeverPull": Cause.IMAGE_PULL_FAILED,
    "ImageInspectError": Cause.IMAGE_PULL_FAILED,
    "CreateContainerConfigError": Cause.CREATE_CONTAINER_CONFIG_ERROR,
    "CreateContainerError": Cause.CREATE_CONTAINER_ERROR,
    "RunContainerError": Cause.CREATE_CONTAINER_ERROR,
}
# What it says of an image whose user it may not or cannot run as (kubelet: kuberuntime/security_context_others.go).
_NO_USER = ("runAsNonRoot and image", "breaks non-root policy")
_NAME_A_USER = (
    "name a user in spec.podTemplate.spec.securityContext.runAsUser: any number but 0, or 0 where root is allowed"
)
# Reasons of events of a pod that has no container yet; its status says nothing of them.
EVENTS: Mapping[str, Cause] = {
    "FailedMount": Cause.FAILED_MOUNT,
    "FailedAttachVolume": Cause.FAILED_MOUNT,
    "FailedMapVolume": Cause.FAILED_MOUNT,
    "FailedCreatePodSandBox": Cause.FAILED_CREATE_POD_SANDBOX,
}
# The first of these is told when replicas wait for different things: what someone has to do something about.
_RANK = (
    Cause.INVALID_IMAGE,
    Cause.INVALID_POD,
    Cause.IMAGE_PULL_FAILED,
    Cause.CREATE_CONTAINER_CONFIG_ERROR,
    Cause.CREATE_CONTAINER_ERROR,
    Cause.FAILED_MOUNT,
    Cause.FAILED_CREATE_POD_SANDBOX,
    Cause.UNSCHEDULABLE,
    Cause.START_TIMEOUT,
)


@dataclass(frozen=True, slots=True)
class Waiting:
    """Why a pod does not run yet; `reason` is for the status meanwhile."""

    reason: str
    message: str
    cause: Cause
    replica: Replica

    @property
    def permanent(self) -> bool:
        """Waiting cannot help."""
        return self.cause in (Cause.INVALID_IMAGE, Cause.INVALID_POD)


def waiting(pods: Iterable[PodView], hindrances: Mapping[str, Hindrance]) -> Waiting | None:
    """The most telling reason why some pod does not run yet, or None when there is nothing to say.

    `hindrances` are what events tell of pods, by the pods' names.
    """
    found = [w for pod in pods if (w := _waiting(pod, hindrances.get(pod.key.name)))]
    return min(found, key=lambda w: (_RANK.index(w.cause), w.replica), default=None)


def late(pod: PodView, now: datetime) -> bool:
    """A node has it and no container of it runs, for no reason that its status tells: volumes, the network."""
    silent = all(c.state == "waiting" and c.reason not in _STATES for c in (pod.fetch, pod.agent, pod.train))
    return pod.live and not pod.deleting and bool(pod.node) and silent and now - pod.created >= LATE


def _waiting(pod: PodView, hindrance: Hindrance | None) -> Waiting | None:
    if pod.ended or pod.train.started_at is not None:
        return None
    if pod.unschedulable:
        return _told(Cause.UNSCHEDULABLE, pod, pod.unschedulable)
    for container in (pod.fetch, pod.agent, pod.train):
        if container.state == "waiting" and container.reason in _STATES:
            said = container.message or container.reason
            if any(words in said for words in _NO_USER):
                return _told(Cause.INVALID_POD, pod, f"{said}; {_NAME_A_USER}")
            return _told(_STATES[container.reason], pod, said)
    if hindrance is not None and pod.fetch.state == "waiting":
        return _told(EVENTS[hindrance.reason], pod, hindrance.message)
    if pod.fetch.running:
        message = f"{pod.replica} is fetching its code and inputs"
        return Waiting("FetchingInputs", message, Cause.START_TIMEOUT, pod.replica)
    return None


def _told(cause: Cause, pod: PodView, said: str) -> Waiting:
    return Waiting(cause.value, f"{pod.replica}: {said}", cause, pod.replica)

"""Why a replica failed or does not start: a stable word and a sentence. Pure.

The words are API: people alert on them. Each has an entry in docs/troubleshooting.md.
"""

from __future__ import annotations

import signal as signals
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from footplate.jobs.naming import Replica
from footplate.jobs.observe import ContainerView, PodView

MESSAGE_LIMIT = 1500  # characters of a message in the status; the whole log is in the store
LAST_LINES = 8
_LAST_SIGNAL = 64  # signal(7): SIGRTMAX of Linux, where the pods run


class Cause(StrEnum):
    """Why an attempt, or the whole job, ended without success."""

    USER_ERROR = "UserError"
    SIGNAL = "Signal"
    OUT_OF_MEMORY = "OutOfMemory"
    IMAGE_PULL_FAILED = "ImagePullFailed"
    INVALID_IMAGE = "InvalidImage"
    UNSCHEDULABLE = "Unschedulable"
    CREATE_CONTAINER_CONFIG_ERROR = "CreateContainerConfigError"
    CREATE_CONTAINER_ERROR = "CreateContainerError"
    FAILED_MOUNT = "FailedMount"
    FAILED_CREATE_POD_SANDBOX = "FailedCreatePodSandBox"
    START_TIMEOUT = "StartTimeout"
    TIMEOUT = "Timeout"
    NOT_RESPONDING = "NotResponding"
    NODE_LOST = "NodeLost"
    EVICTED = "Evicted"
    PREEMPTED = "Preempted"
    ENVIRONMENT_BUILD_FAILED = "EnvironmentBuildFailed"
    SOURCE_UNAVAILABLE = "SourceUnavailable"
    INPUT_UNAVAILABLE = "InputUnavailable"
    RESUME_FAILED = "ResumeFailed"
    OUTPUT_UPLOAD_FAILED = "OutputUploadFailed"
    CANCELED = "Canceled"
    DELETED = "Deleted"
    SUSPENDED = "Suspended"
    NOT_SUPPORTED = "NotSupported"
    INVALID_POD = "InvalidPod"
    INVALID_SPEC = "InvalidSpec"


INFRASTRUCTURE = frozenset({Cause.NODE_LOST, Cause.EVICTED, Cause.PREEMPTED})
PERMANENT = frozenset(
    {
        Cause.INVALID_IMAGE,
        Cause.TIMEOUT,
        Cause.ENVIRONMENT_BUILD_FAILED,
        Cause.CANCELED,
        Cause.DELETED,
        Cause.NOT_SUPPORTED,
        Cause.INVALID_POD,
        Cause.INVALID_SPEC,
    }
)

# Kubernetes: Pod conditions, the reasons of DisruptionTarget.
DISRUPTIONS: Mapping[str, Cause] = {
    "PreemptionByScheduler": Cause.PREEMPTED,
    "DeletionByTaintManager": Cause.NODE_LOST,
    "EvictionByEvictionAPI": Cause.EVICTED,
    "DeletionByPodGC": Cause.NODE_LOST,
    "TerminationByKubelet": Cause.EVICTED,
}


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One cause; `replica` is None when no single replica is to blame."""

    cause: Cause
    message: str
    replica: Replica | None = None
    exit_code: int | None = None
    node: str = ""
    time: datetime | None = None


def succeeded(pod: PodView) -> bool:
    """The program ended with 0 and its agent has proven that every output is in the store."""
    return ended_well(pod) and outputs_complete(pod)


def ended_well(pod: PodView) -> bool:
    """The program ended with 0, and before anyone asked it to.

    One that saves a checkpoint on SIGTERM and ends with 0 is not done: it was canceled, suspended or evicted. Times
    of the API are whole seconds; within the same second the request counts as the cause.
    """
    return pod.train.terminated and pod.train.exit_code == 0 and not asked_to_end(pod)


def asked_to_end(pod: PodView) -> bool:
    """Someone asked for the end of the pod before its program had ended."""
    ended = pod.train.finished_at
    return pod.stop_asked is not None and (ended is None or ended >= pod.stop_asked)


def died_silently(pod: PodView) -> bool:
    """Its pod is over, and as far as anyone knows its program still ran: a kubelet that lives tells the end first."""
    node_lost = DISRUPTIONS.get(pod.disruption) == Cause.NODE_LOST
    return pod.train.running and (pod.removed or node_lost or pod.phase == "Failed")


def outputs_complete(pod: PodView) -> bool:
    return pod.agent.terminated and pod.agent.report().get("complete") is True


def failure_of(pod: PodView, lost: frozenset[str], peers: Mapping[str, PodView]) -> Diagnosis | None:
    """Why this pod counts as failed, or None while it may still succeed.

    `lost` are the names of pods that no longer exist, `peers` all replicas of the attempt by their names (worker-1).
    """
    over = pod.ended or pod.key.name in lost
    if succeeded(pod):
        return None
    if ended_well(pod):
        return _upload_failure(pod) if over else None
    disrupted = _disruption(pod, lost)
    if disrupted is not None:
        return disrupted
    if pod.fetch.terminated and pod.fetch.exit_code != 0:
        return _fetch_failure(pod)
    if pod.train.terminated:
        return _program_failure(pod, _to_blame(pod, peers))
    if pod.phase == "Failed":
        return _of(
            pod,
            Cause.NODE_LOST,
            f"{pod.replica} failed without a word of its program: {pod.message or pod.reason}",
        )
    return None


def _of(
    pod: PodView, cause: Cause, message: str, exit_code: int | None = None, time: datetime | None = None
) -> Diagnosis:
    return Diagnosis(cause, cut(message), pod.replica, exit_code, pod.node, time)


def _disruption(pod: PodView, lost: frozenset[str]) -> Diagnosis | None:
    where = f" on node {pod.node}" if pod.node else ""
    ended = pod.train.finished_at
    if pod.stop_asked is not None and not asked_to_end(pod):
        return None  # the program had ended before
    if pod.disruption:
        cause = DISRUPTIONS.get(pod.disruption, Cause.EVICTED)
        why = pod.disruption_message or pod.disruption
        return _of(pod, cause, f"{pod.replica} was stopped{where}: {why}", time=pod.disrupted or ended)
    if pod.reason in ("Evicted", "NodeLost", "NodeShutdown", "Terminated", "Shutdown"):
        cause = Cause.EVICTED if pod.reason == "Evicted" else Cause.NODE_LOST
        return _of(pod, cause, f"{pod.replica} was stopped{where}: {pod.message or pod.reason}", time=ended)
    if died_silently(pod):
        return _of(pod, Cause.NODE_LOST, f"{pod.replica} was lost{where}: its node never told how it ended", time=ended)
    if pod.key.name in lost:
        return _of(pod, Cause.NODE_LOST, f"the pod of {pod.replica} vanished{where}", time=ended)
    if pod.deleting:
        return _of(pod, Cause.EVICTED, f"the pod of {pod.replica} was deleted{where}", time=ended)
    return None


def why_not_stored(pod: PodView) -> str | None:
    """What its agent says of outputs that it could not bring to the store, and which; None when it says nothing."""
    report = pod.agent.report()
    said = report.get("error")
    if not said:
        return None
    missing: Sequence[Any] = report.get("missing") or ()
    return f"{said} (missing: {', '.join(str(name) for name in missing)})" if missing else str(said)


def _upload_failure(pod: PodView) -> Diagnosis:
    said = why_not_stored(pod) or "its agent ended without a report"
    return _of(
        pod,
        Cause.OUTPUT_UPLOAD_FAILED,
        f"{pod.replica} ended well, but its outputs are not all in the store: {said}",
        time=pod.agent.finished_at,
    )


_OF_FETCH = (Cause.INPUT_UNAVAILABLE, Cause.RESUME_FAILED)


def _fetch_failure(pod: PodView) -> Diagnosis:
    error = pod.fetch.report().get("error") or {}
    said_cause = error.get("reason")
    cause = Cause(said_cause) if said_cause in _OF_FETCH else Cause.SOURCE_UNAVAILABLE
    said = error.get("message") or f"fetch ended with exit code {pod.fetch.exit_code} ({pod.fetch.reason})"
    return _of(pod, cause, f"{pod.replica}: {said}", pod.fetch.exit_code, pod.fetch.finished_at)


def _to_blame(pod: PodView, peers: Mapping[str, PodView]) -> PodView:
    """The replica whose failure this one's launcher tells of: mpirun on worker 0 speaks for the ranks of all nodes."""
    return peers.get(str(pod.train.report().get("replica")), pod)


def _program_failure(pod: PodView, blamed: PodView) -> Diagnosis:
    """How the program of a pod ended, told of the replica that is to blame for it."""
    train, who = pod.train, blamed.replica
    code = train.exit_code if train.exit_code is not None else 1
    error = train.report().get("error")
    killer = _signal_name(code - 128)
    cause = Cause.USER_ERROR
    if train.reason == "OOMKilled":
        cause, said = Cause.OUT_OF_MEMORY, f"{who} ran out of memory; ask for more in spec.resources.memory"
    elif train.reason in ("StartError", "ContainerCannotRun"):
        said = f"{who} could not start: {train.message or train.reason}"
    elif killer is not None:
        cause, said = Cause.SIGNAL, f"{who} was killed by {killer}"
    else:
        said = f"{who} exited with code {code}" + (f": {error}" if error else "")
    return Diagnosis(cause, cut(_with_lines(said, train)), who, code, blamed.node, train.finished_at)


def _signal_name(number: int) -> str | None:
    """None when no signal has that number: 255 is what Python makes of `sys.exit(-1)`."""
    if not 1 <= number <= _LAST_SIGNAL:
        return None
    try:
        return signals.Signals(number).name
    except ValueError:
        return f"signal {number}"  # of the real-time ones only the first and the last have a name


def _with_lines(sentence: str, train: ContainerView) -> str:
    """The sentence and, when the launcher left them, the last lines that the program printed."""
    lines: Sequence[Any] = train.report().get("lastLines") or ()
    shown = [str(line) for line in lines[-LAST_LINES:]]
    return "\n".join([sentence, "last lines:", *(f"  {line}" for line in shown)]) if shown else sentence


def cut(message: str) -> str:
    """At most MESSAGE_LIMIT characters; what is left out is in the middle, the cause and the end stay."""
    if len(message) <= MESSAGE_LIMIT:
        return message
    half = (MESSAGE_LIMIT - 5) // 2
    return f"{message[:half]} ... {message[-half:]}"

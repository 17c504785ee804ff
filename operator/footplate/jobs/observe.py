"""What the planner sees of the cluster: small frozen views made from plain JSON. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from footplate.constants import (
    CONTAINER_AGENT,
    CONTAINER_FETCH,
    CONTAINER_RECORD,
    CONTAINER_TRAIN,
    LABEL_ATTEMPT,
    LABEL_INDEX,
    LABEL_RECORDED,
    LABEL_ROLE,
)
from footplate.engine.keys import Key
from footplate.jobs.naming import Replica

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ContainerView:
    """The state of one container: waiting, running or terminated (Kubernetes: Container states)."""

    state: str  # waiting | running | terminated
    reason: str = ""
    message: str = ""
    exit_code: int | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None

    @property
    def running(self) -> bool:
        return self.state == "running"

    @property
    def terminated(self) -> bool:
        return self.state == "terminated"

    def report(self) -> Json:
        """The termination message as the JSON object that our programs write, or {} when it is none."""
        return termination_report(self.message)


def termination_report(message: str) -> Json:
    """A termination message as the JSON object that our programs write, or {} when it is none."""
    try:
        value = json.loads(message)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


WAITING = ContainerView("waiting")


@dataclass(frozen=True, slots=True)
class PodView:
    """A replica's pod, as far as planning needs it."""

    key: Key
    uid: str
    resource_version: str
    owner_uid: str | None
    owner: Key | None
    attempt: int
    replica: Replica
    phase: str
    reason: str
    message: str
    node: str
    ip: str
    created: datetime
    deletion_time: datetime | None  # when the grace period ends, once deleted
    fetch: ContainerView
    agent: ContainerView
    train: ContainerView
    unschedulable: str  # the scheduler's sentence, or ""
    disruption: str  # the reason of the condition DisruptionTarget, or ""
    disruption_message: str = ""
    disrupted: datetime | None = None  # when that condition became true
    stop_asked: datetime | None = None  # when someone first asked for its end: a deletion or a disruption
    removed: bool = False  # this is what the API server said with its deletion: no later word of it will come

    @property
    def ended(self) -> bool:
        """No container of the pod runs any more, nor will one."""
        return self.phase in ("Succeeded", "Failed")

    @property
    def live(self) -> bool:
        return not self.ended

    @property
    def deleting(self) -> bool:
        return self.deletion_time is not None


@dataclass(frozen=True, slots=True)
class RecorderView:
    """The pod that writes a job's record; `recorded` is of which end of the job it speaks."""

    key: Key
    uid: str
    resource_version: str
    owner_uid: str | None
    owner: Key | None
    phase: str
    recorded: str
    exit_code: int | None
    message: str
    deleting: bool

    @property
    def succeeded(self) -> bool:
        return self.phase == "Succeeded"

    @property
    def ended(self) -> bool:
        return self.phase in ("Succeeded", "Failed")


@dataclass(frozen=True, slots=True)
class AgentStatus:
    """The last answer of an agent's /status."""

    metrics: Mapping[str, Json] = field(default_factory=dict)
    pending_files: int = 0
    pending_bytes: int = 0
    uploaded_files: int = 0
    uploaded_bytes: int = 0
    last_activity: datetime | None = None
    last_error: str | None = None
    """Of the uploads: one sentence or two."""


@dataclass(frozen=True, slots=True)
class EnvironmentImage:
    """What a job needs to know of its Environment: an image, or why there is none yet."""

    name: str
    version: int | None = None
    image: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""  # while image is None: EnvironmentNotFound, EnvironmentBuilding, EnvironmentBuildFailed
    message: str = ""
    build_log: str | None = None  # where the log of its build is in the store


@dataclass(frozen=True, slots=True)
class Hindrance:
    """What an event tells of a pod that does not start, in the kubelet's words."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Observed:
    """All that one pass of the planner looks at beside the job itself."""

    pods: Sequence[PodView] = ()  # those that exist
    gone: Sequence[PodView] = ()  # those that were deleted, as they were last seen
    environment: EnvironmentImage | None = None  # None: the job names an image
    source_found: bool = True  # False: the ConfigMap with its code is not there
    agent: AgentStatus | None = None  # the primary's
    hindrances: Mapping[str, Hindrance] = field(default_factory=dict)  # by the names of pods that are late
    lost: frozenset[str] = frozenset()  # names of pods that a live GET did not find
    recorder: RecorderView | None = None  # while it exists


def parse_time(text: str | None) -> datetime | None:
    """An RFC 3339 time of the API server as an aware datetime."""
    return datetime.fromisoformat(text) if text else None


def _container(statuses: Sequence[Json], name: str) -> ContainerView:
    for status in statuses:
        if status.get("name") == name:
            state = status.get("state") or {}
            if "terminated" in state:
                found = state["terminated"]
                return ContainerView(
                    "terminated",
                    found.get("reason", ""),
                    found.get("message", ""),
                    found.get("exitCode", 0),
                    parse_time(found.get("startedAt")),
                    parse_time(found.get("finishedAt")),
                )
            if "running" in state:
                return ContainerView("running", started_at=parse_time(state["running"].get("startedAt")))
            waiting = state.get("waiting") or {}
            return ContainerView("waiting", waiting.get("reason", ""), waiting.get("message", ""))
    return WAITING


def _condition(conditions: Sequence[Json], kind: str, status: str) -> Json:
    return next((c for c in conditions if c.get("type") == kind and c.get("status") == status), {})


def owner_of(metadata: Json) -> Json:
    """The controller among the owner references, or {}."""
    return next((o for o in metadata.get("ownerReferences") or () if o.get("controller")), {})


def owner_key(metadata: Json) -> Key | None:
    """Its controller in the work queue."""
    owner = owner_of(metadata)
    return Key(owner["kind"], metadata["namespace"], owner["name"]) if owner else None


def _number(label: str | None) -> int:
    """Anyone may put our labels on a pod of theirs: what is no number counts as 0, which no attempt has."""
    return int(label) if label and label.isascii() and label.isdigit() else 0


def pod_view(body: Json) -> PodView:
    """A pod of ours as the API server sends it, made small."""
    metadata, spec, status = body["metadata"], body.get("spec") or {}, body.get("status") or {}
    labels = metadata.get("labels") or {}
    conditions = status.get("conditions") or ()
    init = status.get("initContainerStatuses") or ()
    disrupted = _condition(conditions, "DisruptionTarget", "True")
    unscheduled = _condition(conditions, "PodScheduled", "False")
    created = parse_time(metadata["creationTimestamp"])
    assert created is not None
    return PodView(
        key=Key("Pod", metadata["namespace"], metadata["name"]),
        uid=metadata["uid"],
        resource_version=metadata["resourceVersion"],
        owner_uid=owner_of(metadata).get("uid"),
        owner=owner_key(metadata),
        attempt=_number(labels.get(LABEL_ATTEMPT)),
        replica=Replica(labels.get(LABEL_ROLE, ""), _number(labels.get(LABEL_INDEX))),
        phase=status.get("phase", "Pending"),
        reason=status.get("reason", ""),
        message=status.get("message", ""),
        node=spec.get("nodeName", ""),
        ip=status.get("podIP", ""),
        created=created,
        deletion_time=parse_time(metadata.get("deletionTimestamp")),
        fetch=_container(init, CONTAINER_FETCH),
        agent=_container(init, CONTAINER_AGENT),
        train=_container(status.get("containerStatuses") or (), CONTAINER_TRAIN),
        unschedulable=unscheduled.get("message", "") if unscheduled.get("reason") == "Unschedulable" else "",
        disruption=disrupted.get("reason", ""),
        disruption_message=disrupted.get("message", ""),
        disrupted=parse_time(disrupted.get("lastTransitionTime")),
        stop_asked=_stop_asked(metadata, disrupted),
    )


def recorder_view(body: Json) -> RecorderView:
    """The pod that writes a job's record, made small."""
    metadata, status = body["metadata"], body.get("status") or {}
    container = _container(status.get("containerStatuses") or (), CONTAINER_RECORD)
    return RecorderView(
        key=Key("Pod", metadata["namespace"], metadata["name"]),
        uid=metadata["uid"],
        resource_version=metadata["resourceVersion"],
        owner_uid=owner_of(metadata).get("uid"),
        owner=owner_key(metadata),
        phase=status.get("phase", "Pending"),
        recorded=(metadata.get("labels") or {}).get(LABEL_RECORDED, ""),
        exit_code=container.exit_code,
        message=container.message or status.get("message", ""),
        deleting="deletionTimestamp" in metadata,
    )


def _stop_asked(metadata: Json, disrupted: Json) -> datetime | None:
    """Kubernetes: deletionTimestamp is when the grace period ends, not when the deletion was asked for."""
    asked = [parse_time(disrupted.get("lastTransitionTime"))]
    deletion = parse_time(metadata.get("deletionTimestamp"))
    if deletion is not None:
        asked.append(deletion - timedelta(seconds=metadata.get("deletionGracePeriodSeconds") or 0))
    return min((time for time in asked if time is not None), default=None)


def stop_asked_first(view: PodView, known: PodView | None) -> PodView:
    """The view with the earliest time at which its end was asked for, of those that the pod has shown.

    The kubelet's removal of a stopped pod is a deletion of its own, which moves deletionTimestamp to the time of the
    removal (apiserver: rest.BeforeDelete): the last view alone would say that the program had ended before.
    """
    if known is None or known.uid != view.uid or known.stop_asked is None:
        return view
    if view.stop_asked is not None and view.stop_asked <= known.stop_asked:
        return view
    return replace(view, stop_asked=known.stop_asked)


def agent_status(body: object) -> AgentStatus:
    """The JSON of an agent's /status; what is missing counts as nothing.

    Raises ``ValueError`` for what no agent says: another program may have taken its port.
    """
    if not isinstance(body, dict):
        raise ValueError("the status of an agent is an object")
    pending, uploaded, metrics = (_object(body.get(name)) for name in ("pending", "uploaded", "metrics"))
    last, error = body.get("lastActivityTime"), body.get("lastError")
    return AgentStatus(
        metrics=metrics,
        pending_files=_count(pending.get("files")),
        pending_bytes=_count(pending.get("bytes")),
        uploaded_files=_count(uploaded.get("files")),
        uploaded_bytes=_count(uploaded.get("bytes")),
        last_activity=parse_time(last) if isinstance(last, str) else None,
        last_error=" ".join(error.split()) if isinstance(error, str) else None,
    )


def _object(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _count(value: object) -> int:
    return value if isinstance(value, int) and value >= 0 else 0

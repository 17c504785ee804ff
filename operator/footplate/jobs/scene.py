"""What a plan is, and the scene it is made from: a job and its pods, sorted by attempt. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from footplate.api.conditions import COMPLETE, FAILED, RUNNING
from footplate.api.phases import Phase
from footplate.api.training_job import TrainingJob, TrainingJobStatus
from footplate.api.training_job_status import Attempt
from footplate.frameworks import Framework
from footplate.jobs import deadline
from footplate.jobs.context import Context
from footplate.jobs.diagnosis import Diagnosis
from footplate.jobs.launch import run_uri
from footplate.jobs.naming import Replica, pod_name
from footplate.jobs.observe import EnvironmentImage, Observed, PodView
from footplate.jobs.status import StatusEditor

ENDING_SECONDS = 5.0
TERMINAL = frozenset({Phase.COMPLETED, Phase.FAILED, Phase.CANCELED})


@dataclass(frozen=True, slots=True)
class Deletion:
    """A pod to delete; `force` when its node will never answer."""

    name: str
    uid: str
    force: bool = False


@dataclass(frozen=True, slots=True)
class Event:
    """A warning for `kubectl describe`."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Plan:
    """All that will happen in this pass. The status is written last, and only when it differs."""

    status: TrainingJobStatus
    create: Sequence[Mapping[str, Any]] = ()
    delete: Sequence[Deletion] = ()
    events: Sequence[Event] = ()
    delete_job: bool = False
    after: float | None = None  # seconds until the next look, when nothing happens before


@dataclass(frozen=True, slots=True)
class Scene:
    """A job and what is seen of it, with what follows from that directly."""

    job: TrainingJob
    observed: Observed
    context: Context
    now: datetime
    framework: Framework
    attempt: int  # the newest that is known of; 0 before the first
    pods: Sequence[PodView]  # of that attempt; gone ones as last seen
    gone: frozenset[str] = field(default_factory=frozenset)  # names of those in `pods` that no longer exist

    @property
    def record(self) -> Attempt | None:
        return next((a for a in self.job.status.attempts if a.number == self.attempt), None)

    @property
    def open(self) -> bool:
        record = self.record
        return self.attempt > 0 and (record is None or record.end_time is None)

    @property
    def existing(self) -> Sequence[PodView]:
        return [p for p in self.pods if p.key.name not in self.gone]

    @property
    def primary(self) -> PodView | None:
        first = Replica(self.framework.primary_role(self.job.spec), 0)
        return next((p for p in self.pods if p.replica == first), None)

    def replicas(self) -> Sequence[Replica]:
        roles = self.framework.roles(self.job.spec)
        return [Replica(role, index) for role, count in roles.items() for index in range(count)]

    def missing(self) -> Sequence[Replica]:
        seen = {p.replica for p in self.pods}
        return [replica for replica in self.replicas() if replica not in seen]

    @property
    def image(self) -> EnvironmentImage:
        """The image of the first attempt serves all later ones, whatever the Environment has become since."""
        now = self.observed.environment or EnvironmentImage("", image=self.job.spec.image)
        pinned = self.job.status.environment
        if pinned is None or pinned.image is None:
            return now
        return EnvironmentImage(pinned.name or "", pinned.version, pinned.image, now.variables)

    def editor(self) -> StatusEditor:
        """The present status, brought up to what the pods of the attempt show."""
        editor = StatusEditor(self.job, self.now)
        if self.attempt:
            editor.open_attempt(self.attempt).admitted(self.image, run_uri(self.job, self.context))
            editor.replicas(self.framework, self.pods)
            editor.source(self.pods).resumed(self.attempt, self.primary)
            editor.metrics(self.primary, self.observed.agent)
            starts = [p.train.started_at for p in self.pods if p.train.started_at]
            if not self.missing() and len(starts) == len(self.pods):
                primary = self.primary
                editor.started(self.attempt, max(starts), primary.node if primary else "")
        return editor


def look(job: TrainingJob, observed: Observed, context: Context, now: datetime, framework: Framework) -> Scene:
    """Sort the pods by attempt."""
    existing = {p.key.name for p in observed.pods}
    gone = [p for p in observed.gone if p.key.name not in existing]
    attempt = max([job.status.attempt, *(p.attempt for p in observed.pods)])
    current = [p for p in (*observed.pods, *gone) if p.attempt == attempt]
    return Scene(
        job=job,
        observed=observed,
        context=context,
        now=now,
        framework=framework,
        attempt=attempt,
        pods=sorted(current, key=lambda p: p.replica),
        gone=frozenset(p.key.name for p in gone),
    )


def deletions(pods: Sequence[PodView], now: datetime) -> Sequence[Deletion]:
    """Delete what is not being deleted yet, and force what should have been gone long ago."""
    return [Deletion(p.key.name, p.uid, force=p.deleting) for p in pods if not p.deleting or deadline.stuck(p, now)]


def stuck_check(pods: Sequence[PodView]) -> float | None:
    """When to look again at pods that are ending: are they stuck, or is a deletion of theirs missed?"""
    return ENDING_SECONDS if pods else None


def soonest(*seconds: float | None) -> float | None:
    """The earliest of some delays, at least a tenth of a second; None when there is none."""
    known = [max(s, 0.1) for s in seconds if s is not None]
    return min(known, default=None)


def fail(editor: StatusEditor, failure: Diagnosis, attempt: int = 0) -> Plan:
    if attempt:
        editor.close_attempt(attempt, failure.cause.value, failure)
    editor.phase(Phase.FAILED, failure.cause.value, failure.message).completion()
    editor.condition(RUNNING, False, failure.cause.value)
    sentence = failure.message.partition("\n")[0]
    editor.condition(COMPLETE, False, failure.cause.value, sentence)
    editor.condition(FAILED, True, failure.cause.value, sentence)
    return Plan(editor.build(), events=[Event(failure.cause.value, failure.message)], after=0.1)


def expected_pods(job: TrainingJob) -> Sequence[str]:
    """Names of the pods that must be there because all replicas of the open attempt have started before."""
    status = job.status
    if status.phase in TERMINAL or not status.attempts:
        return ()
    record = status.attempts[-1]
    if record.start_time is None or record.end_time is not None:
        return ()
    return [
        pod_name(job.metadata.name, record.number, Replica(role, index))
        for role, counts in status.replicas.items()
        for index in range(counts.desired)
    ]

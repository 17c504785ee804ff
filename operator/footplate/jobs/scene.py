"""What a plan is, and the scene it is made from: a job and its pods, sorted by attempt. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from footplate.api.conditions import COMPLETE, FAILED, RUNNING
from footplate.api.phases import Phase
from footplate.api.training_job import TrainingJob, TrainingJobStatus
from footplate.api.training_job_status import Attempt, LostReplica
from footplate.events import Event
from footplate.frameworks import Framework
from footplate.jobs import deadline
from footplate.jobs.context import Context
from footplate.jobs.diagnosis import Diagnosis
from footplate.jobs.launch import run_uri
from footplate.jobs.naming import Replica, pod_name
from footplate.jobs.observe import EnvironmentImage, Observed, PodView
from footplate.jobs.status import StatusEditor

ENDING_SECONDS = 5.0
SETTLE_SECONDS = 5.0  # a reason for waiting is told once it has lasted; pods that start at once cost no write
TERMINAL = frozenset({Phase.COMPLETED, Phase.FAILED, Phase.CANCELED})


@dataclass(frozen=True, slots=True)
class Deletion:
    """A pod to delete; `force` when its node will never answer."""

    name: str
    uid: str
    force: bool = False


@dataclass(frozen=True, slots=True)
class Recording:
    """What is to be done about the record (recorder.py). `release`: the finalizer can go."""

    create: Mapping[str, Any] | None = None
    delete: Deletion | None = None
    release: bool = False
    event: Event | None = None
    after: float | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """All that will happen in this pass. The status is written last, and only when it differs."""

    status: TrainingJobStatus
    create: Sequence[Mapping[str, Any]] = ()
    delete: Sequence[Deletion] = ()
    delete_job: bool = False
    recording: Recording = Recording()
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
    leaving: Sequence[PodView] = ()  # pods whose loss is on record, as long as they exist

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
    def first(self) -> Replica:
        return Replica(self.framework.primary_role(self.job.spec), 0)

    @property
    def primary(self) -> PodView | None:
        return next((p for p in self.pods if p.replica == self.first), None)

    @property
    def least(self) -> int:
        """With how many replicas the attempt goes on."""
        return self.framework.least(self.job.spec)

    @property
    def elastic(self) -> bool:
        return self.least < len(self.replicas())

    @property
    def lost(self) -> Mapping[str, LostReplica]:
        """By replica, what is on record of its latest loss in this attempt."""
        return {entry.replica: entry for entry in self.record.lost or ()} if self.record else {}

    def replicas(self) -> Sequence[Replica]:
        roles = self.framework.roles(self.job.spec)
        return [Replica(role, index) for role, count in roles.items() for index in range(count)]

    def missing(self) -> Sequence[Replica]:
        """Those that should have a pod and have none."""
        seen = {p.replica for p in self.pods}
        given_up = {name for name, entry in self.lost.items() if not entry.replaced}
        return [replica for replica in self.replicas() if replica not in seen and str(replica) not in given_up]

    def started(self) -> datetime | None:
        """When all programs of the attempt ran; of an elastic one, when enough of them did."""
        times = {p.replica: p.train.started_at for p in self.pods if p.train.started_at is not None}
        starts = sorted(times.values())
        all_run = len(starts) == len(self.pods) and not self.missing()
        if not self.elastic:
            return max(starts) if all_run else None
        if self.record is not None and self.record.start_time is not None:
            return self.record.start_time
        if self.missing() or len(starts) < self.least or self.first not in times:
            return None
        if not all_run and not self.settled:
            return None  # in a moment all may run
        return max(starts[self.least - 1], times[self.first])

    @property
    def settled(self) -> bool:
        """The first pod of the attempt was made long enough ago to tell what keeps others."""
        oldest = min((p.created for p in self.existing), default=self.now)
        return (self.now - oldest).total_seconds() >= SETTLE_SECONDS

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
            editor.replaced(self.attempt, self.pods)
            start = self.started()
            if start is not None:
                primary = self.primary
                editor.started(self.attempt, start, primary.node if primary else "")
        return editor


def look(job: TrainingJob, observed: Observed, context: Context, now: datetime, framework: Framework) -> Scene:
    """Sort the pods by attempt, and take out those whose loss is on record."""
    existing = {p.key.name for p in observed.pods}
    attempt = max([job.status.attempt, *(p.attempt for p in observed.pods)])
    scene = Scene(job=job, observed=observed, context=context, now=now, framework=framework, attempt=attempt, pods=())
    lost = {entry.pod_uid for entry in scene.lost.values()}
    gone = [p for p in _latest(observed.gone) if p.key.name not in existing and p.uid not in lost]
    current = [p for p in (*observed.pods, *gone) if p.attempt == attempt]
    return replace(
        scene,
        pods=sorted((p for p in current if p.uid not in lost), key=lambda p: p.replica),
        gone=frozenset(p.key.name for p in gone),
        leaving=[p for p in current if p.uid in lost],
    )


def _latest(pods: Sequence[PodView]) -> Sequence[PodView]:
    """Of pods of one name the one made last: a lost replica and the one that replaced it have the same."""
    by_name = {p.key.name: p for p in sorted(pods, key=lambda p: p.created)}
    return list(by_name.values())


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
    return Plan(editor.build(), after=0.1)


def expected_pods(job: TrainingJob) -> Sequence[str]:
    """Names of the pods that must be there because all replicas of the open attempt have started before.

    One that was lost is expected again once the pod that replaces it has been seen.
    """
    status = job.status
    if status.phase in TERMINAL or not status.attempts:
        return ()
    record = status.attempts[-1]
    if record.start_time is None or record.end_time is not None:
        return ()
    replicas = [Replica(role, index) for role, counts in status.replicas.items() for index in range(counts.desired)]
    absent = {entry.replica for entry in record.lost or () if entry.replacement_uid is None}
    return [pod_name(job.metadata.name, record.number, r) for r in replicas if str(r) not in absent]

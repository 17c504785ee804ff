"""The status a user reads, put together from what was seen. Pure; nothing here decides what happens next."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from pydantic import ValidationError

from footplate.api.base import MetricValue
from footplate.api.conditions import (
    ADMITTED,
    ENVIRONMENT_READY,
    NOT_RESPONDING,
    OUTPUTS_PERSISTED,
    get_condition,
    set_condition,
)
from footplate.api.phases import Phase
from footplate.api.training_job import TrainingJob, TrainingJobStatus
from footplate.api.training_job_status import (
    Attempt,
    LostReplica,
    ReplicaCounts,
    Resumed,
    RetryCounts,
    Run,
    UsedEnvironment,
    UsedSource,
)
from footplate.frameworks import Framework, gpus
from footplate.jobs.diagnosis import Diagnosis, asked_to_end, cut, outputs_complete, why_not_stored
from footplate.jobs.naming import Replica
from footplate.jobs.observe import AgentStatus, EnvironmentImage, Json, PodView
from footplate.jobs.text import listed
from footplate_runtime.contract import MAX_STATUS_METRICS

KEPT_ATTEMPTS = 10


class StatusEditor:
    """Builds the next status of a job step by step from the present one; `build` hands it out frozen.

    `now` is in whole seconds, the precision of Kubernetes times, so that the same facts give the same status.
    """

    def __init__(self, job: TrainingJob, now: datetime) -> None:
        self._job = job
        self._now = now.replace(microsecond=0)
        self._status = job.status
        self._update(observed_generation=job.metadata.generation)
        if job.status.queued_time is None:
            self._update(queued_time=job.metadata.creation_timestamp or self._now)

    def build(self) -> TrainingJobStatus:
        return self._status

    def _update(self, **changes: object) -> None:
        self._status = self._status.model_copy(update=changes)

    def phase(self, phase: Phase, reason: str, message: str) -> StatusEditor:
        if phase != self._status.phase:
            first = self._status.phase is None and phase == Phase.PREPARING
            since = self._job.metadata.creation_timestamp if first else None
            self._update(phase_time=since or self._now)
        self._update(phase=phase, reason=reason, message=message)
        return self

    def condition(self, kind: str, status: bool, reason: str, message: str = "") -> StatusEditor:
        conditions = set_condition(
            self._status.conditions,
            kind,
            status,
            reason,
            message,
            self._now,
            self._job.metadata.generation,
        )
        self._update(conditions=conditions)
        return self

    def admitted(self, image: EnvironmentImage, uri: str) -> StatusEditor:
        """The first attempt pins the image and the place in the store; later ones find them as they are."""
        if self._status.run is None:
            self._update(run=Run(uri=uri))
        if self._status.environment is None:
            self._update(environment=UsedEnvironment(name=image.name or None, version=image.version, image=image.image))
        return self.condition(ENVIRONMENT_READY, True, "ImageReady").condition(ADMITTED, True, "NoPool")

    def replicas(self, framework: Framework, pods: Sequence[PodView]) -> StatusEditor:
        counts = {
            role: ReplicaCounts(
                desired=desired,
                running=sum(p.train.running for p in pods if p.replica.role == role),
                succeeded=sum(p.train.terminated and p.train.exit_code == 0 for p in pods if p.replica.role == role),
                failed=sum(_failed_itself(p) for p in pods if p.replica.role == role),
            )
            for role, desired in framework.roles(self._job.spec).items()
        }
        nodes = sum(count.desired for count in counts.values())
        self._update(replicas=counts, nodes=nodes, gpus=gpus(framework, self._job.spec))
        return self

    def source(self, pods: Iterable[PodView]) -> StatusEditor:
        """What fetch resolved the source to; all replicas say the same."""
        for pod in pods:
            revision = (pod.fetch.report().get("source") or {}).get("revision")
            if revision:
                self._update(source=UsedSource(revision=revision))
                break
        return self

    def resumed(self, number: int, primary: PodView | None) -> StatusEditor:
        """What the primary's fetch says that it has put back of earlier attempts."""
        told = primary.fetch.report().get("resumed") if primary is not None else None
        if not told:
            return self
        found = Resumed(files=told["files"], bytes=told["bytes"], damaged=len(told["damaged"]))
        return self._change_attempt(number, resumed=found)

    def open_attempt(self, number: int) -> StatusEditor:
        """The attempt whose pods are being made; its start is noted once all replicas run."""
        if any(a.number == number for a in self._status.attempts):
            return self
        attempts = (*self._status.attempts, Attempt(number=number))
        dropped, kept = attempts[:-KEPT_ATTEMPTS], attempts[-KEPT_ATTEMPTS:]
        ran = sum((a.end_time - a.start_time).total_seconds() for a in dropped if a.start_time and a.end_time)
        self._update(
            attempt=number,
            attempts=kept,
            earlier_running_seconds=self._status.earlier_running_seconds + int(ran),
        )
        return self

    def started(self, number: int, start: datetime, node: str) -> StatusEditor:
        """All replicas of the attempt run, or have run; of an elastic one, enough of them."""
        if self._status.start_time is None:
            self._update(start_time=start)
        return self._change_attempt(number, start_time=start, node=node or None)

    def lose(self, number: int, loss: LostReplica) -> StatusEditor:
        """The attempt goes on without a replica; of an earlier loss of the same one only its number is kept."""
        entries = {**{entry.replica: entry for entry in self._lost(number)}, loss.replica: loss}
        return self._change_attempt(number, lost=tuple(entries[name] for name in sorted(entries)))

    def replaced(self, number: int, pods: Sequence[PodView]) -> StatusEditor:
        """Which pods have taken the places of lost ones."""
        there = {str(p.replica): p.uid for p in pods}
        entries = self._lost(number)
        known = tuple(
            entry.model_copy(update={"replacement_uid": there[entry.replica]})
            if entry.replacement_uid is None and entry.replica in there
            else entry
            for entry in entries
        )
        return self if known == entries else self._change_attempt(number, lost=known)

    def _lost(self, number: int) -> tuple[LostReplica, ...]:
        return next((a.lost or () for a in self._status.attempts if a.number == number), ())

    def close_attempt(self, number: int, reason: str, failure: Diagnosis | None = None) -> StatusEditor:
        changes: dict[str, object] = {"end_time": self._now, "reason": reason}
        silent = get_condition(self._status.conditions, NOT_RESPONDING)
        if silent is not None and silent.status == "True":
            self.condition(NOT_RESPONDING, False, reason)
        if failure is not None:
            changes |= _told(failure)
        elif reason == "Completed":
            changes["exit_code"] = 0
        return self._change_attempt(number, **changes)

    def note_cause(self, number: int, failure: Diagnosis) -> StatusEditor:
        """Why the attempt will be closed once its pods have ended."""
        return self._change_attempt(number, reason=failure.cause.value, **_told(failure))

    def _change_attempt(self, number: int, **changes: object) -> StatusEditor:
        self._update(
            attempts=tuple(a.model_copy(update=changes) if a.number == number else a for a in self._status.attempts)
        )
        return self

    def spent(self, retries: RetryCounts) -> StatusEditor:
        self._update(retries=retries)
        return self

    def metrics(self, primary: PodView | None, agent: AgentStatus | None) -> StatusEditor:
        """The latest values: of the agent's last words when it has ended, else of its /status."""
        found: Mapping[str, Json] = {}
        if primary is not None and primary.agent.terminated:
            found = primary.agent.report().get("metrics") or {}
        if not found and agent is not None:
            found = agent.metrics
        if agent is not None:
            self._stored_so_far(agent)
        if found:
            values = _values(found)
            self._update(metrics=values, metric=_column(values))
        return self

    def _stored_so_far(self, agent: AgentStatus) -> None:
        """While the program runs, what of the primary's outputs is in the store."""
        run = self._status.run
        if run is not None and agent.uploaded_files:
            stored = {"files": agent.uploaded_files, "bytes": agent.uploaded_bytes}
            self._update(run=run.model_copy(update=stored))

    def outputs(self, pods: Sequence[PodView], primary: PodView | None, unseen: Sequence[Replica] = ()) -> StatusEditor:
        """Files and bytes of all replicas, and the digest of the primary's manifest, from the agents' last words.

        `unseen` were stopped while no operator watched: what their agents said is not known.
        """
        reports = [p.agent.report() for p in pods if p.agent.terminated]
        run = self._status.run
        if run is None or not any("files" in report for report in reports):
            return self
        digest = primary.agent.report().get("manifestDigest") if primary else None
        self._update(
            run=run.model_copy(
                update={
                    "files": sum(int(r.get("files", 0)) for r in reports),
                    "bytes": sum(int(r.get("bytes", 0)) for r in reports),
                    "manifest_digest": digest,
                }
            )
        )
        missing = [p for p in pods if not outputs_complete(p) and not _never_ran(p)]
        if missing or unseen:
            return self.condition(OUTPUTS_PERSISTED, False, "Incomplete", _not_persisted(missing, unseen))
        return self.condition(OUTPUTS_PERSISTED, True, "ManifestWritten")

    def completion(self) -> StatusEditor:
        self._update(completion_time=self._now)
        return self


def _failed_itself(pod: PodView) -> bool:
    """Its program ended without success, and not because its pod was being deleted."""
    if not pod.train.terminated or pod.train.exit_code == 0:
        return False
    return not (pod.deleting and not pod.disruption and asked_to_end(pod))


def _not_persisted(pods: Sequence[PodView], unseen: Sequence[Replica]) -> str:
    """Which files of these replicas are not in the store and why, as far as their agents have told."""
    told = [f"{pod.replica}: {said}" for pod in pods if (said := why_not_stored(pod))]
    silent = [pod.replica for pod in pods if why_not_stored(pod) is None]
    named = listed([str(replica) for replica in sorted((*silent, *unseen))])
    sentences = [listed(told, separator="; ")] if told else []
    return cut("; ".join([*sentences, *([f"no complete manifest of {named} was seen"] if named else [])]))


def _never_ran(pod: PodView) -> bool:
    """Its program did not start, so it has no outputs."""
    return not pod.train.running and not pod.train.terminated


def _values(found: Mapping[str, Json]) -> Mapping[str, MetricValue]:
    """The metrics as the status has them, without what is none."""
    values = {}
    for name, value in sorted(found.items())[:MAX_STATUS_METRICS]:
        try:
            values[name] = MetricValue.model_validate(value)
        except ValidationError:
            continue
    return values


def _told(failure: Diagnosis) -> dict[str, object]:
    """What an attempt's record says of a failure beside its reason."""
    changes: dict[str, object] = {
        "message": failure.message,
        "exit_code": failure.exit_code,
        "replica": str(failure.replica) if failure.replica else None,
    }
    if failure.node:
        changes["node"] = failure.node
    return changes


def _column(values: Mapping[str, MetricValue]) -> str | None:
    """`loss=0.31` when there is a loss; else, of the newest values, the one named first in the alphabet."""
    newest = max(values.items(), key=lambda item: (item[1].time is not None, item[1].time), default=None)
    if newest is None:
        return None
    peers = [name for name, value in values.items() if value.time == newest[1].time]
    name = "loss" if "loss" in values else min(peers)
    value = values[name].value
    if isinstance(value, float) and math.isfinite(value):
        return f"{name}={value:.4g}"
    return f"{name}={value}"

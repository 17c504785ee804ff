"""A replica that an elastic attempt loses: it goes on without, and another pod takes the place. Pure.

A loss is one write of the status and nothing else: the lost pod's uid, the cause, and what the replacement spends. A
later pass deletes the pod when its agent has uploaded what it had, and when it is gone makes the one that
replaces it, under the same name. So a crash before or after any step loses and doubles nothing.
"""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import replace

from footplate.api.training_job_status import LostReplica, RetryCounts
from footplate.jobs import restart
from footplate.jobs.diagnosis import INFRASTRUCTURE, Cause, Diagnosis, ended_well
from footplate.jobs.naming import Replica
from footplate.jobs.observe import PodView
from footplate.jobs.scene import SETTLE_SECONDS, Deletion, Scene, deletions
from footplate.jobs.text import listed
from footplate.jobs.waiting import waiting

SENTENCE_LIMIT = 200  # characters of why one was lost: a status may have hundreds of them
RECENT_SECONDS = 60.0  # torchrun finds out after seconds, and a group that meets again may take as long as it started
# The program's own failures are the attempt's: each worker runs the same program, and would fail the same way.
_OF_THE_ATTEMPT = frozenset({Cause.USER_ERROR, Cause.OUTPUT_UPLOAD_FAILED})
_BY_OTHERS = frozenset({128 + signal.SIGKILL, 128 + signal.SIGTERM})  # a program does not send these to itself


def without(scene: Scene, failure: Diagnosis) -> Scene | None:
    """The scene with the failed replica's loss on record; None when the attempt cannot do without it."""
    failure = _lost_contact(scene, failure)
    pod = next((p for p in scene.pods if p.replica == failure.replica), None)
    rest = replace(scene, pods=[p for p in scene.pods if p is not pod])
    if failure.replica is None or not _may_go(scene, failure, pod) or _left(rest, failure.replica) < scene.least:
        return None
    decision = _decide(rest, failure)
    entry = _entry(scene, failure.replica, failure, pod, decision)
    status = rest.editor().lose(scene.attempt, entry).spent(decision.spent).build()
    return replace(rest, job=scene.job.model_copy(update={"status": status}))


def _may_go(scene: Scene, failure: Diagnosis, pod: PodView | None) -> bool:
    """Whether the others can go on after such a failure of that replica."""
    if failure.replica == scene.first or failure.cause in _OF_THE_ATTEMPT:
        return False
    # What keeps one from starting at all keeps the others too.
    ran = scene.started() is not None or (pod is not None and pod.train.started_at is not None)
    return ran or failure.cause in INFRASTRUCTURE


def _entry(
    scene: Scene, lost: Replica, failure: Diagnosis, pod: PodView | None, decision: restart.Decision
) -> LostReplica:
    why = f" ({decision.budget})" if decision.budget else ""
    outcome = f"{decision.budget} replaces it" if decision.again else f"it is not replaced{why}"
    said = failure.message.partition("\n")[0]
    short = said if len(said) <= SENTENCE_LIMIT else said[: SENTENCE_LIMIT - 1] + "…"
    before = scene.lost.get(str(lost))
    return LostReplica(
        replica=str(lost),
        times=before.times + 1 if before else 1,
        time=(failure.time or scene.now).replace(microsecond=0),
        reason=failure.cause.value,
        message=f"{short}; {outcome}",
        pod_uid=pod.uid if pod else None,
        replaced=decision.again,
    )


def with_losses(scene: Scene, failure: Diagnosis) -> Diagnosis:
    """The failure that ends an elastic attempt, and what it had lost just before: that may be the cause."""
    time = failure.time or scene.now
    recent = [e for e in scene.lost.values() if 0 <= (time - e.time).total_seconds() <= RECENT_SECONDS]
    if not recent:
        return failure
    first, newline, rest = failure.message.partition("\n")
    before = listed([entry.message.partition(";")[0] for entry in recent], separator="; ")
    return replace(failure, message=f"{first}; shortly before {before}{newline}{rest}")


def to_make(scene: Scene) -> Sequence[Replica]:
    """Replicas without a pod whose names are free."""
    taken = {p.replica for p in scene.leaving}
    return [replica for replica in scene.missing() if replica not in taken]


def to_delete(scene: Scene) -> Sequence[Deletion]:
    """Lost pods that have saved what they had, and those whose nodes will never answer."""
    return tuple(deletions([p for p in scene.leaving if p.ended or p.deleting], scene.now))


def why_fewer(scene: Scene) -> str:
    """Why not all replicas of a running attempt run, one sentence for each of the first; empty when they do."""
    pods = {p.replica: p for p in scene.pods}
    reasons = [_why_not(scene, replica, pods.get(replica)) for replica in scene.replicas()]
    told = [reason for reason in reasons if reason]
    return listed(told, most=3, separator="; ")


def _why_not(scene: Scene, replica: Replica, pod: PodView | None) -> str:
    if pod is not None and pod.train.started_at is not None:
        return ""
    entry = scene.lost.get(str(replica))
    settled = pod is not None and (scene.now - pod.created).total_seconds() >= SETTLE_SECONDS
    stop = waiting([pod], scene.observed.hindrances) if pod is not None and settled else None
    told = [entry.message if entry else "", stop.message if stop else ""]
    return "; ".join(sentence for sentence in told if sentence) or f"{replica} has not started yet"


def _lost_contact(scene: Scene, failure: Diagnosis) -> Diagnosis:
    """A launcher may blame worker 0, whose rendezvous it no longer reaches; when that is well, it is lost itself."""
    primary = scene.primary
    if failure.replica != scene.first or primary is None or primary not in scene.existing or primary.deleting:
        return failure
    if primary.train.terminated and not ended_well(primary):
        return failure
    blamed = str(scene.first)
    lost = [p for p in scene.pods if p.train.terminated and p.train.report().get("replica") == blamed]
    if not lost:
        return failure
    sentence = f"{lost[0].replica} has lost its connection to {blamed}"
    return Diagnosis(Cause.NODE_LOST, sentence, lost[0].replica, None, lost[0].node, failure.time)


def _left(rest: Scene, lost: Replica) -> int:
    """How many replicas the attempt has besides: those that run or have ended well; before its start, all that may."""
    there = [p for p in rest.existing if not p.deleting]
    if rest.started() is not None:
        return sum(p.train.running or ended_well(p) for p in there)
    coming = [replica for replica in rest.missing() if replica != lost]
    return len(coming) + sum(not p.ended and not p.train.terminated for p in there)


def _decide(rest: Scene, failure: Diagnosis) -> restart.Decision:
    """A signal from outside spends `retry.infrastructure` here: the program did nothing wrong. The rest is as ever."""
    spent = rest.job.status.retries or RetryCounts()
    if any(ended_well(p) for p in rest.pods):
        return restart.Decision(False, spent, "the others are done")
    if failure.cause == Cause.SIGNAL and failure.exit_code in _BY_OTHERS:
        failure = replace(failure, cause=Cause.NODE_LOST)
    return restart.decide(rest.job.spec.retry, spent, failure)

"""Which of an attempt's failures was the first: replicas that lost their peer fail within milliseconds of it. Pure.

Times come from several nodes, whose clocks differ, and are whole seconds; so what is known of *how* a replica failed
counts for more than a second or two. The rules, the strongest first:

1. A replica whose node died without a word. Its peers fail first, when their connections to it break, and the control
   plane tells of the node only a minute later, or when its pod had to be removed by force.
2. Within NEAR of the first failure, a replica that failed from outside: out of memory, evicted, preempted, or killed
   with its launcher. No lost peer does that to it.
3. The earliest. A program that a signal asked to stop failed at that time, however long it took to end. Within one
   second the launchers know better; one that left no report was killed with its program, before its peers noticed; a
   pod that is being deleted was stopped because of the others.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from footplate.jobs.diagnosis import (
    INFRASTRUCTURE,
    Cause,
    Diagnosis,
    asked_to_end,
    died_silently,
    failure_of,
)
from footplate.jobs.observe import PodView, parse_time

NEAR = timedelta(seconds=5)
KILLED = 128 + 9
_LATEST = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class _Failed:
    pod: PodView
    diagnosis: Diagnosis

    @property
    def order(self) -> tuple[datetime, bool, str, str]:
        """Whole second, whether it was stopped, the launcher's own time, and a name for want of anything better."""
        report = self.pod.train.report()
        told = str(report.get("endTime") or "")
        time = self.diagnosis.time or _LATEST
        stopped = report.get("stopTime")
        if stopped and self.pod.stop_asked is None and self.diagnosis.time is not None:
            told = str(stopped)
            time = min(time, (parse_time(told) or time).replace(microsecond=0))
        return time, self.pod.deleting and not self.pod.disruption, told, str(self.pod.replica)

    @property
    def from_outside(self) -> bool:
        """No peer's failure can have done this to it, and we did not ask for it."""
        pod, cause = self.pod, self.diagnosis.cause
        if cause in INFRASTRUCTURE:
            return bool(pod.disruption)
        if asked_to_end(pod):
            return False
        return cause == Cause.OUT_OF_MEMORY or (pod.train.exit_code == KILLED and not pod.train.report())


def first_failure(pods: Iterable[PodView], lost: frozenset[str]) -> Diagnosis | None:
    """Why the attempt failed, and whose fault it was; `lost` are the names of the pods that no longer exist."""
    peers = {str(pod.replica): pod for pod in pods}
    found = [_Failed(pod, d) for pod in peers.values() if (d := failure_of(pod, lost, peers))]
    if not found:
        return None
    found.sort(key=lambda failed: failed.order)
    start = found[0].order[0]
    silent = [failed for failed in found if died_silently(failed.pod)]
    outside = [failed for failed in found if failed.from_outside and failed.order[0] <= _later(start, NEAR)]
    return [*silent, *outside, *found][0].diagnosis


def failed_before(pod: PodView, time: datetime) -> bool:
    """Whether it is known to have failed by then, and not only in the same second."""
    failure = failure_of(pod, frozenset(), {})
    return failure is not None and failure.time is not None and failure.time < time


def _later(time: datetime, by: timedelta) -> datetime:
    return time if time == _LATEST else time + by

"""What the events of pods tell about why they do not start: volumes and networks are in no pod's status."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from footplate.engine.clock import Clock
from footplate.errors import ApiError
from footplate.jobs.observe import Hindrance, Json, PodView
from footplate.jobs.waiting import EVENTS as REASONS
from footplate.jobs.waiting import late
from footplate.kube.client import KubeClient
from footplate.kube.resources import EVENTS

log = logging.getLogger(__name__)

ASKED_AT_ONCE = 4  # pods of one job: a fault of the cluster makes all of them late, and says the same of each
_FORGET_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class _Answer:
    hindrance: Hindrance | None
    asked: float


class Hindrances:
    """The newest event that tells of each late pod, asked for at most once in `seconds`."""

    def __init__(self, client: KubeClient, clock: Clock, seconds: float) -> None:
        self._client = client
        self._clock = clock
        self._seconds = seconds
        self._answers: dict[str, _Answer] = {}

    async def of(self, pods: Iterable[PodView]) -> Mapping[str, Hindrance]:
        """What hinders the first few of those that are late, by the pods' names."""
        now = self._clock.now()
        doubtful = sorted((pod for pod in pods if late(pod, now)), key=lambda pod: pod.replica)[:ASKED_AT_ONCE]
        found = {pod.key.name: await self._ask(pod) for pod in doubtful}
        return {name: hindrance for name, hindrance in found.items() if hindrance is not None}

    async def _ask(self, pod: PodView) -> Hindrance | None:
        now = self._clock.monotonic()
        known = self._answers.get(pod.uid)
        if known is not None and now - known.asked < self._seconds * 0.9:
            return known.hindrance
        try:
            selector = f"involvedObject.uid={pod.uid},type=Warning"
            events = await self._client.list(EVENTS, pod.key.namespace, field_selector=selector)
        except ApiError as error:  # without the right to list them a job only says less
            log.warning("the events of %s are not known: %s", pod.key, error)
            events = []
        self._answers = {uid: a for uid, a in self._answers.items() if now - a.asked < _FORGET_SECONDS}
        self._answers[pod.uid] = _Answer(_newest(events), now)
        return self._answers[pod.uid].hindrance


def _newest(events: Iterable[Json]) -> Hindrance | None:
    telling = [event for event in events if event.get("reason") in REASONS]
    newest = max(telling, key=_time, default=None)
    return Hindrance(newest["reason"], newest.get("message") or newest["reason"]) if newest is not None else None


def _time(event: Json) -> str:
    """When it was last seen; the newer API has a series or one time."""
    series = event.get("series") or {}
    return str(series.get("lastObservedTime") or event.get("lastTimestamp") or event.get("eventTime") or "")

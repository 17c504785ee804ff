"""What the events of pods tell about why they do not start: volumes and networks are in no pod's status."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping

from footplate.engine.clock import Clock
from footplate.errors import ApiError
from footplate.jobs.lately import Lately
from footplate.jobs.observe import Hindrance, Json, PodView
from footplate.jobs.waiting import EVENTS as REASONS
from footplate.jobs.waiting import late
from footplate.kube.client import KubeClient
from footplate.kube.resources import EVENTS

log = logging.getLogger(__name__)

ASKED_AT_ONCE = 4  # pods of one job: a fault of the cluster makes all of them late, and says the same of each


class Hindrances:
    """The newest event that tells of each late pod, asked for at most once in `seconds`."""

    def __init__(self, client: KubeClient, clock: Clock, seconds: float) -> None:
        self._client = client
        self._clock = clock
        self._answers: Lately[Hindrance | None] = Lately(clock, seconds)

    async def of(self, pods: Iterable[PodView]) -> Mapping[str, Hindrance]:
        """What hinders the first few of those that are late, by the pods' names."""
        now = self._clock.now()
        doubtful = sorted((pod for pod in pods if late(pod, now)), key=lambda pod: pod.replica)[:ASKED_AT_ONCE]
        found = {pod.key.name: await self._ask(pod) for pod in doubtful}
        return {name: hindrance for name, hindrance in found.items() if hindrance is not None}

    async def _ask(self, pod: PodView) -> Hindrance | None:
        async def ask(known: Hindrance | None) -> Hindrance | None:
            try:
                selector = f"involvedObject.uid={pod.uid},type=Warning"
                return _newest(await self._client.list(EVENTS, pod.key.namespace, field_selector=selector))
            except ApiError as error:  # without the right to list them a job only says less
                log.warning("the events of %s are not known: %s", pod.key, error)
                return None

        return await self._answers.answer(pod.uid, ask)


def _newest(events: Iterable[Json]) -> Hindrance | None:
    telling = [event for event in events if event.get("reason") in REASONS]
    newest = max(telling, key=_time, default=None)
    return Hindrance(newest["reason"], newest.get("message") or newest["reason"]) if newest is not None else None


def _time(event: Json) -> str:
    """When it was last seen; the newer API has a series or one time."""
    series = event.get("series") or {}
    return str(series.get("lastObservedTime") or event.get("lastTimestamp") or event.get("eventTime") or "")

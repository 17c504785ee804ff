"""A job as it is now, kept by a watch, and what is read out of it while its logs are shown."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Any

from footplate.api.training_job import TrainingJob
from footplate.cli.runs.address import Address
from footplate.engine.clock import Clock
from footplate.errors import Unavailable
from footplate.frameworks import framework_of
from footplate.jobs.naming import Replica
from footplate.kube.client import KubeClient
from footplate.kube.resources import TRAINING_JOBS
from footplate_runtime.store import StoreSettings

Json = dict[str, Any]

_AWAY_SECONDS = 120.0  # how long the API server may be away before watching is given up


async def versions(
    client: KubeClient, namespace: str, name: str, clock: Clock, note: Callable[[str], None]
) -> AsyncGenerator[Json]:
    """The job as it is and then each time it changes, until it is deleted.

    An API server that restarts is waited for, and `note` is told; Unavailable when it stays away.
    """
    away_since: float | None = None
    while True:
        try:
            async with aclosing(client.watch(TRAINING_JOBS, namespace, name=name)) as events:
                async for event in events:
                    away_since = None
                    if event["type"] == "DELETED":
                        return
                    yield event["object"]
        except Unavailable as error:
            if away_since is None:
                away_since = clock.monotonic()
                note("the API server does not answer; waiting for it")
            elif clock.monotonic() - away_since > _AWAY_SECONDS:
                raise error
            await clock.sleep(1.0)


class Watched:
    """The newest version that was seen, and the `stores` that are known besides what the environment says."""

    def __init__(self, body: Json, stores: Sequence[Address] = ()) -> None:
        self._stores = stores
        self.see(body)

    def see(self, body: Json) -> None:
        self.body = body
        self.job = TrainingJob.model_validate(body)

    @property
    def ended(self) -> bool:
        """The job is Completed, Failed or Canceled."""
        return self.job.status.phase is not None and self.job.status.phase.terminal

    @property
    def uri(self) -> str | None:
        """Where the run lies in the store; None before its first attempt."""
        return self.job.status.run.uri if self.job.status.run else None

    @property
    def run(self) -> Address | None:
        """The same, to be opened."""
        if self.uri is None:
            return None
        settings = next((s.settings for s in self._stores if self.uri.startswith(s.uri)), StoreSettings())
        return Address(self.uri, settings)

    def over(self, attempt: int) -> bool:
        """Nothing more will come of this attempt."""
        status = self.job.status
        closed = any(a.number == attempt and a.end_time for a in status.attempts)
        return closed or attempt < status.attempt or self.ended


def replicas(job: TrainingJob) -> list[Replica]:
    """All of a job's replicas; the first is the primary, whose log tells the story."""
    roles = framework_of(job.spec).roles(job.spec)
    return [Replica(role, index) for role, count in roles.items() for index in range(count)]

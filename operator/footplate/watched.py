"""All that the operator watches: what an event does to the stores, and which keys it puts into the queue."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from footplate.constants import LABEL_ENVIRONMENT, LABEL_JOB, LABEL_RECORDER, MANAGED_SELECTOR
from footplate.engine.clock import Clock
from footplate.engine.keys import Key
from footplate.engine.queue import WorkQueue
from footplate.engine.store import Store
from footplate.environments.observe import BuildPodView, EnvironmentView, build_pod_view, environment_view
from footplate.jobs.job_view import JobView, job_view
from footplate.jobs.observe import PodView, RecorderView, pod_view, recorder_view, stop_asked_first
from footplate.jobs.scene import TERMINAL
from footplate.kube.client import KubeClient
from footplate.kube.resources import ENVIRONMENTS, PODS, TRAINING_JOBS, Resource

log = logging.getLogger(__name__)

AT_ONCE = 500  # objects of a list that are turned into views before others have their turn

Json = Mapping[str, Any]
V = TypeVar("V")
P = TypeVar("P", BuildPodView, RecorderView)


class Watched:
    """The stores of watched objects. Each `on_*` takes a watch event's type (None: of the first list) and object.

    Nothing goes into the queue before `begin`: an operator that waits to lead only looks on.
    """

    def __init__(self, queue: WorkQueue, clock: Clock, curated_namespace: str) -> None:
        self.queue = queue
        self.jobs: Store[JobView] = Store(clock)
        self.pods: Store[PodView] = Store(clock)
        self.environments: Store[EnvironmentView] = Store(clock)
        self.builds: Store[BuildPodView] = Store(clock)
        self.recorders: Store[RecorderView] = Store(clock)
        self._curated = curated_namespace
        self._clock = clock
        self._begun = False
        self._heard: dict[str, float] = {}  # by kind

    def begin(self) -> None:
        """Have everything looked at that is known, and from now on what changes."""
        self._begun = True
        for key in (*self.environments.keys(), *self.jobs.keys()):
            self._enqueue(key)

    def heard(self, kind: str) -> float | None:
        """Monotonic time of the last event of that kind."""
        return self._heard.get(kind)

    def _enqueue(self, key: Key) -> None:
        if self._begun:
            self.queue.add(key)

    def on_job(self, event: str | None, body: Json) -> None:
        self._heard[TRAINING_JOBS.kind] = self._clock.monotonic()
        view = job_view(body)
        if event == "DELETED":
            self.jobs.remove(view)
            self.pods.forget_gone(view.uid)
            self._enqueue(view.key)
        elif self.jobs.put(view):
            self._enqueue(view.key)

    def on_pod(self, event: str | None, body: Json) -> None:
        self._heard[PODS.kind] = self._clock.monotonic()
        labels = body["metadata"].get("labels") or {}
        if LABEL_JOB in labels:
            self._on_replica(event, pod_view(body))
        elif LABEL_ENVIRONMENT in labels:
            self._on_owned(self.builds, event, build_pod_view(body))
        elif LABEL_RECORDER in labels:
            self._on_owned(self.recorders, event, recorder_view(body))

    def _on_replica(self, event: str | None, view: PodView) -> None:
        view = stop_asked_first(view, self.pods.get(view.key))
        if event == "DELETED":
            self.pods.remove(replace(view, removed=True))
            self.enqueue_owner(view)
        elif self.pods.put(view):
            self.enqueue_owner(view)

    def _on_owned(self, store: Store[P], event: str | None, view: P) -> None:
        if event == "DELETED":
            store.remove(view)
            self.enqueue_owner(view)
        elif store.put(view):
            self.enqueue_owner(view)

    def on_environment(self, event: str | None, body: Json) -> None:
        self._heard[ENVIRONMENTS.kind] = self._clock.monotonic()
        view = environment_view(body)
        if event == "DELETED":
            self.environments.remove(view)
        elif not self.environments.put(view):
            return
        self.enqueue_environment(view)

    def enqueue_job(self, view: JobView) -> None:
        self._enqueue(view.key)

    def enqueue_owner(self, view: PodView | BuildPodView | RecorderView) -> None:
        if view.owner is not None:
            self._enqueue(view.owner)

    def enqueue_environment(self, view: EnvironmentView) -> None:
        """The Environment itself, and the jobs that may be waiting for it."""
        self._enqueue(view.key)
        for job in self.jobs.values():
            named = job.environment == view.key.name and view.key.namespace in (job.key.namespace, self._curated)
            if named and job.phase not in TERMINAL:
                self._enqueue(job.key)


class Lister:
    """Lists what the operator watches, as views, in the namespaces that it serves (none named: all)."""

    def __init__(self, client: KubeClient, namespaces: Iterable[str]) -> None:
        self._client = client
        self._namespaces = tuple(namespaces)

    async def jobs(self) -> list[JobView]:
        return await self._list(job_view, TRAINING_JOBS)

    async def environments(self) -> list[EnvironmentView]:
        return await self._list(environment_view, ENVIRONMENTS)

    async def pods(self) -> list[PodView]:
        return await self._list(pod_view, PODS, f"{MANAGED_SELECTOR},{LABEL_JOB}")

    async def builds(self) -> list[BuildPodView]:
        return await self._list(build_pod_view, PODS, f"{MANAGED_SELECTOR},{LABEL_ENVIRONMENT}")

    async def recorders(self) -> list[RecorderView]:
        return await self._list(recorder_view, PODS, f"{MANAGED_SELECTOR},{LABEL_RECORDER}")

    async def _list(self, view: Callable[[Json], V], resource: Resource, selector: str | None = None) -> list[V]:
        """One object that cannot be read (stored under an older schema, say) must not hide all the others."""
        found: list[V] = []
        for namespace in self._namespaces or (None,):
            bodies = await self._client.list(resource, namespace, label_selector=selector)
            for number, body in enumerate(bodies, 1):
                if number % AT_ONCE == 0:
                    await asyncio.sleep(0)  # ten thousand jobs take half a second
                try:
                    found.append(view(body))
                except (ValueError, KeyError, TypeError) as error:
                    named = resource.describe(body["metadata"].get("namespace"), body["metadata"]["name"])
                    log.warning("%s is passed over, as it cannot be read: %s", named, error)
        return found

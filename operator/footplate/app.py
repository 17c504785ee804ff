"""The operator put together: stores, queue, workers, sweeps, health, and kopf as the source of events."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import platform
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from typing import Any

from footplate import __version__
from footplate.engine.clock import Clock
from footplate.engine.keys import Key
from footplate.engine.queue import WorkQueue
from footplate.engine.result import Result
from footplate.engine.store import Store, V
from footplate.engine.sweep import Sweep
from footplate.engine.workers import work
from footplate.environments.builders import Builder, LogKeeper
from footplate.environments.reconcile import EnvironmentReconciler
from footplate.jobs.agents import AgentPoller
from footplate.jobs.context import Amounts, Context, Runtime, StoreAddress
from footplate.jobs.reconcile import JobReconciler
from footplate.jobs.record_keeper import RecordKeeper
from footplate.kube.client import KubeClient
from footplate.kube.events import Recorder
from footplate.kube.fence import Fence
from footplate.kube.lease import Times
from footplate.kube.resources import ENVIRONMENTS, PODS, TRAINING_JOBS, Resource
from footplate.metrics import OperatorMetrics
from footplate.settings import ContainerResources, Settings
from footplate.watched import Lister, Watched

log = logging.getLogger(__name__)

SECOND_LISTING_SECONDS = 5.0


class Operator:
    """One running operator: it always looks on, and works when it leads.

    `look_on` and `work` return only when they are cancelled or one of their parts has failed.
    """

    def __init__(self, client: KubeClient, settings: Settings, clock: Clock, metrics: OperatorMetrics) -> None:
        self.settings = settings
        self.queue = WorkQueue(clock, random.Random())
        self.watched = Watched(self.queue, clock, settings.operator_namespace)
        self.metrics = metrics
        metrics.work.watch_queue(self.queue)
        metrics.api.watch_ages(self.watched.heard)
        self.client = client
        self.clock = clock
        self._listed = asyncio.Event()
        self.events = Recorder(client, metrics.api, clock=clock, instance=platform.node())
        self._agents = AgentPoller(clock, settings.poll_seconds)
        self._jobs = JobReconciler(
            client=client,
            jobs=self.watched.jobs,
            pods=self.watched.pods,
            environments=self.watched.environments,
            keeper=RecordKeeper(client, self.watched.jobs, self.watched.recorders),
            agents=self._agents,
            events=self.events,
            observer=metrics.jobs,
            context=context_of(settings),
            curated_namespace=settings.operator_namespace,
            clock=clock,
        )
        self._environments = EnvironmentReconciler(
            client=client,
            environments=self.watched.environments,
            pods=self.watched.builds,
            builder=builder_of(settings),
            clock=clock,
            changed=self.watched.enqueue_environment,
            observer=metrics.jobs,
            events=self.events,
        )
        self.sweeps = self._make_sweeps(Lister(client, settings.namespaces))
        metrics.work.watch_sweeps(self.sweeps, clock)

    def _make_sweeps(self, lister: Lister) -> list[Sweep[Any]]:
        watched, clock, rng, seconds = self.watched, self.clock, random.Random(), self.settings.sweep_seconds

        def sweep(
            list_all: Callable[[], Awaitable[Iterable[V]]],
            store: Store[V],
            kind: Resource,
            enqueue: Callable[[V], None],
        ) -> Sweep[V]:
            return Sweep(list_all, store, enqueue, clock, rng, seconds, lambda: watched.heard(kind.kind))

        return [
            sweep(lister.environments, watched.environments, ENVIRONMENTS, watched.enqueue_environment),
            sweep(lister.pods, watched.pods, PODS, watched.enqueue_owner),
            sweep(lister.builds, watched.builds, PODS, watched.enqueue_owner),
            sweep(lister.recorders, watched.recorders, PODS, watched.enqueue_owner),
            sweep(lister.jobs, watched.jobs, TRAINING_JOBS, watched.enqueue_job),
        ]

    async def reconcile(self, key: Key) -> Result:
        if key.kind == "TrainingJob":
            return await self._jobs.reconcile(key)
        return await self._environments.reconcile(key)

    async def look_on(self) -> None:
        """List everything, so that nothing is judged by what was not seen yet; then keep sweeping.

        kopf lists for itself a little later. What went away in between it never tells, so we list again soon.
        """
        for sweep in self.sweeps:
            await sweep.first()
        log.info("%d jobs, %d pods in the cluster", len(self.watched.jobs), len(self.watched.pods))
        self._listed.set()
        await together(*(sweep.run(first=SECOND_LISTING_SECONDS) for sweep in self.sweeps))

    async def work(self) -> None:
        """Reconcile, once everything has been listed. Only one operator may do this at a time."""
        await self._listed.wait()
        self.watched.begin()
        self.metrics.jobs.watch_jobs(self.watched.jobs.values)  # by now: two operators would count each job twice
        self.metrics.jobs.watch_environments(self.watched.environments.values)
        try:
            await together(
                work(self.queue, self.reconcile, self.settings.workers, observer=self.metrics.work, clock=self.clock),
                self.events.run(),
            )
        finally:
            await self._agents.close()


async def together(*parts: Coroutine[Any, Any, None]) -> None:
    """Run all until one ends; then cancel the rest and pass on what went wrong."""
    tasks = [asyncio.ensure_future(part) for part in parts]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def context_of(settings: Settings) -> Context:
    store = settings.store
    return Context(
        store=StoreAddress(
            store.uri, store.secret_name, store.endpoint, store.region, store.path_style, store.ca_certificate
        ),
        runtime=Runtime(
            image=settings.runtime_image,
            fetch=_amounts(settings.runtime_resources.fetch),
            agent=_amounts(settings.runtime_resources.agent),
            pull_policy=settings.runtime_pull_policy,
            pull_secrets=settings.image_pull_secrets,
        ),
        poll_seconds=settings.poll_seconds,
        user=settings.run_as_user,
    )


def _amounts(resources: ContainerResources) -> Amounts:
    return Amounts(
        {str(name): amount for name, amount in resources.requests.items()},
        {str(name): amount for name, amount in resources.limits.items()},
    )


def builder_of(settings: Settings) -> Builder | None:
    builder = settings.builder
    if builder.image is None:
        return None
    context = context_of(settings)
    keeper = LogKeeper(context.runtime, context.store)
    return Builder(
        image=builder.image,
        command=builder.command,
        env=builder.env,
        log=keeper,
        pull_secrets=context.runtime.pull_secrets,
        user=context.user,
        security=builder.security_context,
    )


def user_agent(identity: str) -> str:
    return f"footplate/{__version__} ({identity})"


@contextlib.asynccontextmanager
async def connected(
    settings: Settings, clock: Clock, metrics: OperatorMetrics, fence: Fence, identity: str
) -> AsyncIterator[KubeClient]:
    """A client of the cluster that KUBECONFIG, or the pod that we run in, names; `metrics` counts its calls.

    An API server's audit log tells by `identity` which of the operators made a call.
    """
    client = await KubeClient.connect(
        qps=settings.qps,
        burst=settings.burst,
        clock=clock,
        user_agent=user_agent(identity),
        observer=metrics.api,
        fence=fence,
    )
    try:
        yield client
    finally:
        await client.close()


@contextlib.asynccontextmanager
async def connected_for_lease(
    clock: Clock, metrics: OperatorMetrics, times: Times, identity: str
) -> AsyncIterator[KubeClient]:
    """A client of its own for the lease: its calls wait for no token and no free connection, and are tried once."""
    client = await KubeClient.connect(
        qps=None,
        tries=1,
        answer_seconds=times.renew / 2,
        clock=clock,
        user_agent=user_agent(identity),
        observer=metrics.api,
    )
    try:
        yield client
    finally:
        await client.close()

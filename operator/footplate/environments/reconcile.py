"""Environment: load, observe, plan, apply, status."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from footplate.engine.clock import Clock
from footplate.engine.keys import Key
from footplate.engine.result import After, Done, Result
from footplate.engine.store import Store
from footplate.environments.builders import Builder
from footplate.environments.changes import BuildObserver, ended_build
from footplate.environments.events import events_of
from footplate.environments.observe import BuildPodView, EnvironmentView, build_pod_view, environment_view
from footplate.environments.plan import Built, Plan, plan
from footplate.errors import Conflict
from footplate.kube.apply import ensure
from footplate.kube.client import KubeClient
from footplate.kube.corrections import delete_pod, read_again
from footplate.kube.events import Recorder
from footplate.kube.resources import ENVIRONMENTS, PODS

log = logging.getLogger(__name__)

_LOOK_AGAIN_SECONDS = 1.0  # after pods were deleted


class EnvironmentReconciler:
    """Brings one Environment at a time to what its spec asks for."""

    def __init__(
        self,
        client: KubeClient,
        environments: Store[EnvironmentView],
        pods: Store[BuildPodView],
        builder: Builder | None,
        clock: Clock,
        changed: Callable[[EnvironmentView], None],
        observer: BuildObserver,
        events: Recorder,
    ) -> None:
        """`changed` is called with an Environment whose status was written: jobs may be waiting for it."""
        self._client = client
        self._environments = environments
        self._pods = pods
        self._builder = builder
        self._clock = clock
        self._changed = changed
        self._observer = observer
        self._events = events

    async def reconcile(self, key: Key) -> Result:
        view = self._environments.get(key)
        if view is None or "deletionTimestamp" in view.body["metadata"]:
            return Done()
        pods = self._pods.owned_by(view.uid)
        step = plan(view.environment, pods, self._built(), self._builder, self._clock.now())
        await self._apply(view, step)
        await self._write_status(view, step)
        return After(_LOOK_AGAIN_SECONDS) if step.delete else Done()

    def _built(self) -> Mapping[str, Built]:
        """Every image that any Environment has, by content hash."""
        return {
            version.content_hash: Built(version.image, version.lock, version.python, version.build_log)
            for view in self._environments.values()
            for version in view.environment.status.versions
            if version.image
        }

    async def _apply(self, view: EnvironmentView, step: Plan) -> None:
        for body in step.create:
            self._pods.put(build_pod_view(await ensure(self._client, PODS, body, view.uid)))
        for pod in step.delete:
            await delete_pod(self._client, self._pods, pod.key, pod.uid)

    async def _write_status(self, view: EnvironmentView, step: Plan) -> None:
        status = step.status.to_json()
        if status == view.environment.status.to_json():
            return
        try:
            written = await self._client.update(ENVIRONMENTS, {**view.body, "status": status}, subresource="status")
        except Conflict as error:
            raise await read_again(
                self._client, ENVIRONMENTS, self._environments, environment_view, view.key
            ) from error
        build = ended_build(view.environment.status, step.status)
        if build is not None:
            self._observer.built(build)
        for event in events_of(view.environment.status, step.status):
            self._events.tell(view.body, event)
        fresh_view = environment_view(written)
        self._environments.put(fresh_view)
        self._changed(fresh_view)

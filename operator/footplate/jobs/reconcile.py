"""TrainingJob: load, observe, plan, apply, status. The decisions are in plan.py."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from footplate.api.phases import Phase
from footplate.api.scalars import rfc3339
from footplate.api.training_job import TrainingJob, TrainingJobStatus
from footplate.constants import FINALIZER
from footplate.engine.clock import Clock
from footplate.engine.keys import Key
from footplate.engine.result import After, Done, Result
from footplate.engine.store import Store
from footplate.environments.observe import EnvironmentView
from footplate.environments.resolve import resolve
from footplate.errors import AlreadyExists, ApiError, Conflict, Forbidden, Invalid, NameTaken, Retry
from footplate.events import warning
from footplate.jobs.agents import AgentPoller, pod_to_ask
from footplate.jobs.changes import JobObserver
from footplate.jobs.context import Context
from footplate.jobs.diagnosis import Cause, Diagnosis
from footplate.jobs.events import events_of
from footplate.jobs.hindrances import Hindrances
from footplate.jobs.job_view import JobView, job_view
from footplate.jobs.observe import AgentStatus, EnvironmentImage, Hindrance, Observed, PodView, pod_view
from footplate.jobs.plan import failed, plan, stalled
from footplate.jobs.record_keeper import RecordKeeper
from footplate.jobs.scene import TERMINAL, Plan, expected_pods
from footplate.kube.apply import ensure_all
from footplate.kube.client import KubeClient
from footplate.kube.corrections import SOON, delete_pod, read_again
from footplate.kube.events import Recorder
from footplate.kube.resources import CONFIG_MAPS, PODS, SECRETS, SERVICES, TRAINING_JOBS, Resource

log = logging.getLogger(__name__)

KINDS: Mapping[str, Resource] = {"ConfigMap": CONFIG_MAPS, "Service": SERVICES}


class JobReconciler:
    """Brings one job at a time a step further. Holds no state of its own but caches."""

    def __init__(
        self,
        client: KubeClient,
        jobs: Store[JobView],
        pods: Store[PodView],
        environments: Store[EnvironmentView],
        keeper: RecordKeeper,
        agents: AgentPoller,
        events: Recorder,
        observer: JobObserver,
        context: Context,
        curated_namespace: str,
        clock: Clock,
    ) -> None:
        self._client = client
        self._jobs = jobs
        self._pods = pods
        self._environments = environments
        self._keeper = keeper
        self._agents = agents
        self._hindrances = Hindrances(client, clock, context.poll_seconds)
        self._events = events
        self._observer = observer
        self._context = context
        self._curated = curated_namespace
        self._clock = clock

    async def reconcile(self, key: Key) -> Result:
        view = self._jobs.get(key)
        if view is None:
            return Done()
        body = view.body()
        try:
            job = TrainingJob.model_validate(body)
        except ValidationError as error:
            return await self._refuse(view, body, error)
        held = FINALIZER in job.metadata.finalizers
        if job.metadata.deletion_timestamp is not None and not held:
            return Done()  # the garbage collector takes the children
        if not held and job.status.phase not in TERMINAL:
            view = await self._keeper.hold(view)
            body = view.body()
            job = TrainingJob.model_validate(body)
        observed = await self._observe(job)
        step = plan(job, observed, self._context, self._clock.now())
        await self._keeper.carry_out(view, step.recording)
        if step.recording.event is not None:
            self._events.tell(body, step.recording.event)
        if step.recording.release:
            return After(SOON)  # the job has changed, or is gone; what else there is to do comes next
        if step.delete_job:
            # Its time to live may have been changed meanwhile; then the watch brings the job as it is now.
            await self._client.delete(
                TRAINING_JOBS, key.name, key.namespace, uid=view.uid, resource_version=view.resource_version
            )
            return Done()
        trouble = await self._apply(job, step)
        status = step.status if trouble is None else self._troubled(job, trouble)
        await self._write_status(view, body, job, status)
        if trouble is not None and not isinstance(trouble, Invalid):
            raise trouble
        return Done() if step.after is None else After(step.after)

    async def _refuse(self, view: JobView, body: Mapping[str, Any], error: ValidationError) -> Result:
        """The API server let it pass, perhaps under an older schema, but we cannot read it: say so, and leave it."""
        if view.phase != Phase.FAILED:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            message = f"{where}: {first['msg']}; this version of Footplate cannot read the job"
            since = rfc3339(self._clock.now())
            told = {"phase": "Failed", "phaseTime": since, "reason": "InvalidSpec", "message": message}
            status = {**(body.get("status") or {}), **told}
            await self._client.update(TRAINING_JOBS, {**body, "status": status}, subresource="status")
            self._observer.refused(view)
            self._events.tell(body, warning("InvalidSpec", message, "Read", last=True))
        elif FINALIZER in (body["metadata"].get("finalizers") or ()):
            await self._keeper.hold(view, False)  # nobody could write its record, and it is not to be kept for that
        return Done()

    async def _observe(self, job: TrainingJob) -> Observed:
        uid, namespace = job.metadata.uid, job.metadata.namespace
        pods = self._pods.owned_by(uid)
        return Observed(
            pods=pods,
            gone=self._pods.gone(uid),
            environment=self._environment(job),
            source_found=await self._source_found(job, namespace),
            agent=await self._ask_agent(job, pods),
            hindrances=await self._ask_events(job, pods),
            lost=await self._confirm_lost(job, pods, namespace),
            recorder=self._keeper.recorder(uid),
        )

    def _environment(self, job: TrainingJob) -> EnvironmentImage | None:
        ref = job.spec.environment
        if ref is None:
            return None
        return resolve(ref, job.metadata.namespace, self._curated, self._lookup)

    def _lookup(self, namespace: str, name: str) -> Any:
        view = self._environments.get(Key("Environment", namespace, name))
        return view.environment if view else None

    async def _source_found(self, job: TrainingJob, namespace: str) -> bool:
        """False when the code's ConfigMap is not there; it is looked for before an attempt starts, and not after."""
        config_map = job.spec.source.config_map if job.spec.source else None
        attempts = job.status.attempts
        if config_map is None or job.status.phase in TERMINAL or (attempts and attempts[-1].end_time is None):
            return True
        return await self._client.get(CONFIG_MAPS, config_map.name, namespace) is not None

    async def _ask_agent(self, job: TrainingJob, pods: Sequence[PodView]) -> AgentStatus | None:
        pod = pod_to_ask(job, pods)
        return await self._agents.status(pod) if pod else None

    async def _ask_events(self, job: TrainingJob, pods: Sequence[PodView]) -> Mapping[str, Hindrance]:
        """Why pods of the open attempt are late."""
        attempts = job.status.attempts
        if not attempts or attempts[-1].end_time is not None:
            return {}
        return await self._hindrances.of(p for p in pods if p.attempt == attempts[-1].number)

    async def _confirm_lost(self, job: TrainingJob, pods: Sequence[PodView], namespace: str) -> frozenset[str]:
        """Names of pods that should be there, are not in our store, and that a live GET does not find either."""
        seen = {p.key.name for p in pods} | {p.key.name for p in self._pods.gone(job.metadata.uid)}
        lost = set()
        for name in expected_pods(job):
            if name in seen:
                continue
            body = await self._client.get(PODS, name, namespace)
            if body is None:
                lost.add(name)
            else:
                self._pods.put(pod_view(body))
                raise Retry(SOON, f"pod {name} is there after all")
        return frozenset(lost)

    async def _apply(self, job: TrainingJob, step: Plan) -> ApiError | NameTaken | None:
        """Do what the plan says; the error that ended it early, for the status."""
        try:
            await self._create(job, step.create)
            for deletion in step.delete:
                pod = Key("Pod", job.metadata.namespace, deletion.name)
                await delete_pod(self._client, self._pods, pod, deletion.uid, 0 if deletion.force else None)
        except (ApiError, NameTaken) as error:
            return error
        return None

    async def _create(self, job: TrainingJob, manifests: Sequence[Mapping[str, Any]]) -> None:
        """What the pods need first, then all pods at once."""
        uid = job.metadata.uid
        needs = [(KINDS[m["kind"]], dict(m)) for m in manifests if m["kind"] in KINDS]
        pods = [(PODS, dict(m)) for m in manifests if m["kind"] == "Pod"]
        await ensure_all(self._client, needs, uid)
        for secret in manifests:
            if secret["kind"] == "Secret":
                await self._create_keys(secret)
        for body in await ensure_all(self._client, pods, uid):
            self._pods.put(pod_view(body))

    async def _create_keys(self, secret: Mapping[str, Any]) -> None:
        """One that exists is ours, by the uid in its name; it can be neither read nor made again."""
        from footplate.jobs import certificate  # cryptography is 5 MiB that most operators do without

        filled = certificate.with_keys(secret, certificate.new_key(), self._clock.now())
        try:
            await self._client.create(SECRETS, filled)
        except AlreadyExists:
            log.debug("Secret %s is there already", secret["metadata"]["name"])

    def _troubled(self, job: TrainingJob, trouble: ApiError | NameTaken) -> TrainingJobStatus:
        """A step failed: the status says which and why, in the API server's own words."""
        now = self._clock.now()
        if job.status.phase in TERMINAL:
            return job.status  # what it came to does not change because something cannot be cleaned up
        if isinstance(trouble, Invalid):  # the API server will never accept these pods
            return failed(job, Diagnosis(Cause.INVALID_POD, str(trouble)), now)
        if isinstance(trouble, NameTaken):
            return stalled(job, "NameTaken", str(trouble), now)
        if isinstance(trouble, Forbidden):
            return stalled(job, "Forbidden", str(trouble), now)
        return stalled(job, "ApiServerError", str(trouble), now)

    async def _write_status(
        self, view: JobView, body: Mapping[str, Any], job: TrainingJob, status: TrainingJobStatus
    ) -> None:
        """Nothing is sent when nothing changed. Events come after the write that they explain."""
        wanted = status.to_json()
        if wanted == job.status.to_json():
            return
        try:
            written = await self._client.update(TRAINING_JOBS, {**body, "status": wanted}, subresource="status")
        except Conflict as error:
            raise await read_again(self._client, TRAINING_JOBS, self._jobs, job_view, view.key) from error
        self._jobs.put(job_view(written))
        self._observer.written(job, status)
        if status.phase is not None and status.phase != job.status.phase:
            log.info("%s: %s (%s) %s", view.key, status.phase.value, status.reason, status.message)
        for event in events_of(job.status, status):
            self._events.tell(body, event)

"""Does what a job's record needs: the finalizer, and the pod that writes the record. Decided in recorder.py."""

from __future__ import annotations

import logging

from footplate.constants import FINALIZER
from footplate.engine.keys import Key
from footplate.engine.store import Store
from footplate.errors import Conflict, Forbidden, Invalid, NameTaken, NotFound
from footplate.jobs.job_view import JobView, job_view
from footplate.jobs.observe import RecorderView, recorder_view
from footplate.jobs.scene import Recording
from footplate.kube.apply import ensure
from footplate.kube.client import KubeClient
from footplate.kube.corrections import delete_pod, read_again
from footplate.kube.resources import PODS, TRAINING_JOBS

log = logging.getLogger(__name__)


class RecordKeeper:
    """Holds no state of its own but what is watched."""

    def __init__(self, client: KubeClient, jobs: Store[JobView], recorders: Store[RecorderView]) -> None:
        self._client = client
        self._jobs = jobs
        self._recorders = recorders

    def recorder(self, job_uid: str) -> RecorderView | None:
        return next(iter(self._recorders.owned_by(job_uid)), None)

    async def hold(self, view: JobView, hold: bool = True) -> JobView:
        """Put our finalizer on the job, or take it off; the job as it is then. Raises Retry when it has changed."""
        before = view.body()["metadata"].get("finalizers") or ()
        others = [name for name in before if name != FINALIZER]
        wanted = [*others, FINALIZER] if hold else others
        change = {"metadata": {"resourceVersion": view.resource_version, "finalizers": wanted}}
        try:
            body = await self._client.patch(TRAINING_JOBS, view.key.name, view.key.namespace, change)
        except Conflict as error:
            raise await read_again(self._client, TRAINING_JOBS, self._jobs, job_view, view.key) from error
        except NotFound:
            log.debug("%s is gone", view.key)
            return view
        held = job_view(body)
        self._jobs.put(held)
        return held

    async def carry_out(self, view: JobView, recording: Recording) -> None:
        """The finalizer goes first: it is the memory that nothing is left to do. Raises ApiError and Retry.

        A pod that cannot be made keeps nothing else from being done.
        """
        if recording.release:
            await self.hold(view, False)
        if recording.delete is not None:
            pod = Key("Pod", view.key.namespace, recording.delete.name)
            await delete_pod(self._client, self._recorders, pod, recording.delete.uid)
        if recording.create is None:
            return
        try:
            made = await ensure(self._client, PODS, recording.create, view.uid)
        except (Forbidden, Invalid, NameTaken) as error:
            log.warning("%s: the pod that writes its record cannot be made: %s", view.key, error)
        else:
            self._recorders.put(recorder_view(made))

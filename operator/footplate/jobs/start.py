"""The next attempt: its environment, what is left of earlier ones, and all that its pods need. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from footplate.api.conditions import ENVIRONMENT_READY
from footplate.api.phases import Phase
from footplate.jobs.diagnosis import Cause, Diagnosis
from footplate.jobs.keys import keys_secret
from footplate.jobs.launch import launch_config_map, run_uri
from footplate.jobs.naming import Replica, Start
from footplate.jobs.observe import EnvironmentImage
from footplate.jobs.pods import desired_pod
from footplate.jobs.scene import Plan, Scene, deletions, fail, stuck_check
from footplate.jobs.services import headless_service
from footplate.jobs.status import StatusEditor
from footplate.jobs.text import plural

LOOK_AGAIN_SECONDS = 5.0


def start(scene: Scene) -> Plan:
    image = scene.image
    if image.image is None:
        return _without_image(scene, image)
    leftovers = scene.observed.pods
    if leftovers:
        editor = scene.editor().phase(
            Phase.SCALING,
            "Restarting",
            f"waiting for {plural(len(leftovers), 'pod')} of earlier attempts to go",
        )
        return Plan(
            editor.build(),
            delete=deletions(leftovers, scene.now),
            after=stuck_check(leftovers),
        )
    if not scene.observed.source_found:
        return _without_source(scene)
    attempt = scene.attempt + 1
    replicas = scene.replicas()
    editor = StatusEditor(scene.job, scene.now).open_attempt(attempt)
    editor.admitted(image, run_uri(scene.job, scene.context)).replicas(scene.framework, ())
    editor.phase(Phase.SCALING, "PodsStarting", f"0 of {plural(len(replicas), 'replica')} started")
    return Plan(editor.build(), create=children(scene, attempt, replicas), after=LOOK_AGAIN_SECONDS)


def _without_image(scene: Scene, image: EnvironmentImage) -> Plan:
    editor = scene.editor().condition(ENVIRONMENT_READY, False, image.reason, image.message)
    if image.reason == Cause.ENVIRONMENT_BUILD_FAILED:
        return fail(editor, Diagnosis(Cause.ENVIRONMENT_BUILD_FAILED, image.message))
    return Plan(editor.phase(Phase.PREPARING, image.reason, image.message).build())


def _without_source(scene: Scene) -> Plan:
    """A pod that mounts a missing ConfigMap hangs without a word in its status, so none is made."""
    source = scene.job.spec.source
    name = source.config_map.name if source and source.config_map else ""
    message = f"there is no ConfigMap {name} in namespace {scene.job.metadata.namespace}; apply it: it holds the code"
    editor = scene.editor().phase(Phase.PREPARING, "SourceNotFound", message)
    return Plan(editor.build(), after=scene.context.poll_seconds)


def children(scene: Scene, attempt: int, replicas: Sequence[Replica]) -> Sequence[Mapping[str, Any]]:
    """What the replicas need, in the order in which it is to be there: orders, names, pods."""
    if not replicas:
        return ()
    job, context = scene.job, scene.context
    image = scene.image
    lost = scene.lost if attempt == scene.attempt else {}
    times = {name: entry.times for name, entry in lost.items()}
    starts = [Start(replica, attempt, times.get(str(replica), 0)) for replica in replicas]
    pods = [desired_pod(job, scene.framework, start, image, context) for start in starts]
    several = len(scene.replicas()) > 1
    service = [headless_service(job)] if several else []
    keys = [keys_secret(job)] if several and scene.framework.needs_keys else []
    return [launch_config_map(job, scene.framework, context, image), *service, *keys, *pods]

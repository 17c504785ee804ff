"""Whether the program still does anything, as the primary's agent sees it. Pure."""

from __future__ import annotations

from footplate.api.conditions import NOT_RESPONDING
from footplate.jobs.diagnosis import Cause, Diagnosis
from footplate.jobs.scene import Scene
from footplate.jobs.status import StatusEditor


def silent_in(scene: Scene) -> float | None:
    """Seconds until the job is NotResponding; 0 or less when it is; None when nobody asked or nobody knows.

    What counts is when the program last wrote anything: its console, metrics, logs and outputs. One that has not yet
    written is silent since all replicas ran.
    """
    limit, agent, started = scene.job.spec.progress_timeout_seconds, scene.observed.agent, scene.started()
    if limit is None or agent is None or started is None:
        return None
    last = max(started, agent.last_activity) if agent.last_activity is not None else started
    return limit - (scene.now - last).total_seconds()


def watch(scene: Scene, editor: StatusEditor) -> float | None:
    """Set the condition NotResponding; seconds until it might become true.

    With `retry.notResponding` the cause is noted in the attempt's record, and nothing else: the next pass ends the
    attempt for it (`starting.never_started`), also when the program, being stopped, writes again.
    """
    left = silent_in(scene)
    if left is None:
        return None
    if left > 0:
        editor.condition(NOT_RESPONDING, False, "Progressing")
        return left
    sentence = f"no output and no metric for over {scene.job.spec.progress_timeout_seconds} s"
    editor.condition(NOT_RESPONDING, True, "NoProgress", sentence)
    if not scene.job.spec.retry.not_responding:
        return None
    editor.note_cause(scene.attempt, Diagnosis(Cause.NOT_RESPONDING, sentence, scene.first))
    return 0.1

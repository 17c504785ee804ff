"""The replicas whose success the job needs, and the others, which serve them: parameter servers, evaluators. Pure.

When all deciding programs have ended well the others are stopped, and how they end then does not count.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from footplate.jobs.blame import failed_before
from footplate.jobs.diagnosis import asked_to_end, ended_well, succeeded
from footplate.jobs.naming import Replica
from footplate.jobs.observe import PodView
from footplate.jobs.scene import Scene

LEFT_BEHIND_SECONDS = 15.0


def decides(scene: Scene, replica: Replica) -> bool:
    return scene.framework.decides(scene.job.spec, replica.role, replica.index)


def deciding(scene: Scene) -> Sequence[PodView]:
    """In an elastic attempt those that take part."""
    pods = [p for p in scene.pods if decides(scene, p.replica)]
    return [p for p in pods if _takes_part(scene, p)] if scene.elastic else pods


def _takes_part(scene: Scene, pod: PodView) -> bool:
    """Its program has started, and worker 0 has not left it behind.

    torchrun on worker 0 waits for all nodes of its group and ends the rendezvous. One that still runs a while after
    that was about to join, and now waits for ever.
    """
    if pod.train.started_at is None:
        return False
    left = left_behind_in(scene)
    return left is None or left > 0 or (pod.train.terminated and not asked_to_end(pod))


def left_behind_in(scene: Scene) -> float | None:
    """Seconds until who still runs in an elastic attempt counts as left behind; None while worker 0 is not done."""
    primary = scene.primary
    if not scene.elastic or primary is None or not ended_well(primary) or primary.train.finished_at is None:
        return None
    return LEFT_BEHIND_SECONDS - (scene.now - primary.train.finished_at).total_seconds()


def decided_at(scene: Scene) -> datetime | None:
    """When the last of the deciding programs ended; None until all of them have ended well."""
    pods = deciding(scene)
    needed = [scene.first] if scene.elastic else [r for r in scene.replicas() if decides(scene, r)]
    if not {p.replica for p in pods}.issuperset(needed) or not all(ended_well(p) for p in pods):
        return None
    return max(p.train.finished_at or scene.now for p in pods)


def all_stored(scene: Scene) -> bool:
    """Every deciding replica has ended well and all of its outputs are in the store."""
    return decided_at(scene) is not None and all(
        succeeded(p) and (p.ended or p.key.name in scene.gone) for p in deciding(scene)
    )


def accountable(scene: Scene) -> Sequence[PodView]:
    """The replicas whose failure is the attempt's: all, until the deciding programs have ended well.

    After that, of the others only those that had failed before: the job did without them by luck, or its program did
    not notice. An upload of theirs that fails costs no attempt.
    """
    decided = decided_at(scene)
    needed = {p.replica for p in deciding(scene)}
    return [
        p
        for p in scene.pods
        if p.replica in needed or (not ended_well(p) and (decided is None or failed_before(p, decided)))
    ]


def serving(scene: Scene) -> Sequence[PodView]:
    """The others, as far as they have not ended."""
    needed = {p.replica for p in deciding(scene)}
    return [p for p in scene.existing if p.live and p.replica not in needed]

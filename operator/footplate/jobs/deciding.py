"""The replicas whose success the job needs, and the others, which serve them: parameter servers, evaluators. Pure.

When all deciding programs have ended well the others are stopped, and how they end then does not count.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from footplate.jobs.blame import failed_before
from footplate.jobs.diagnosis import ended_well, succeeded
from footplate.jobs.naming import Replica
from footplate.jobs.observe import PodView
from footplate.jobs.scene import Scene


def decides(scene: Scene, replica: Replica) -> bool:
    return scene.framework.decides(scene.job.spec, replica.role, replica.index)


def deciding(scene: Scene) -> Sequence[PodView]:
    """In an elastic attempt those that take part: a replacement that never starts is not needed."""
    pods = [p for p in scene.pods if decides(scene, p.replica)]
    return [p for p in pods if p.train.started_at is not None] if scene.elastic else pods


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

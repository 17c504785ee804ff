"""What a delete makes of an object: gone at once, or marked and waiting for its finalizers or its grace to end.

Sources: apiserver pkg/registry/rest/delete.go and pkg/registry/generic/registry/store.go; kubernetes
pkg/registry/core/namespace/storage; apiextensions-apiserver pkg/registry/customresourcedefinition.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from footplate_local.apiserver import errors
from footplate_local.apiserver.copying import copied
from footplate_local.apiserver.errors import StatusError
from footplate_local.apiserver.kinds.definitions import CLEANUP_FINALIZER
from footplate_local.apiserver.kinds.definitions import RESOURCE as DEFINITIONS
from footplate_local.apiserver.kinds.pods import strategy as pods
from footplate_local.apiserver.kinds.registry import ResourceType
from footplate_local.apiserver.objects import policies
from footplate_local.apiserver.objects.metadata import FOREGROUND, ORPHAN, timestamp

JSON = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Deletion:
    """The DeleteOptions of a request. A precondition that is None is not asked for.

    `told_to_cascade`: asked in the old way (orphanDependents=false), whose clients expect a 202.
    """

    grace_seconds: int | None = None
    propagation: str = ""
    uid: str | None = None
    resource_version: str | None = None
    dry_run: bool = False
    told_to_cascade: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """`obj` is to be written (or stays as it is: `changed` false), and then removed when it is `gone`."""

    obj: JSON
    changed: bool
    gone: bool


def outcome(kind: ResourceType, old: JSON, deletion: Deletion, now: datetime) -> Outcome:
    """Decide; nothing is changed. Raises StatusError 403 and 409."""
    if kind.resource in ("namespaces", DEFINITIONS):
        return _container(kind, old, deletion, now)
    check_preconditions(kind, old["metadata"], deletion)
    return _object(kind, old, deletion, now)


def _object(kind: ResourceType, old: JSON, deletion: Deletion, now: datetime) -> Outcome:
    new = copied(old)
    meta = new["metadata"]
    graceful = False
    if kind.resource == "pods":
        if _is_pending(meta, deletion):
            return Outcome(old, changed=False, gone=False)
        graceful = _begin_grace(new, deletion, now)
    _set_finalizers(meta, _finalizers(kind, meta, deletion.propagation))
    waits = bool(meta.get("finalizers"))
    if not graceful:
        if not waits:
            return Outcome(old, changed=False, gone=True)
        _mark(meta, now)
        return Outcome(new, changed=new != old, gone=False)
    return Outcome(new, changed=True, gone=not waits and meta["deletionGracePeriodSeconds"] == 0)


def check_preconditions(kind: ResourceType, meta: JSON, deletion: Deletion) -> None:
    """Whether the object is the one that is meant. Raises StatusError 409."""
    for what, wanted, actual, why in (
        ("UID", deletion.uid, meta["uid"], "deleted and then recreated"),
        ("ResourceVersion", deletion.resource_version, meta["resourceVersion"], "modified"),
    ):
        if wanted is not None and wanted != actual:
            text = (
                f"the {what} in the precondition ({wanted}) does not match the {what} in record ({actual}). The object "
                f"might have been {why}"
            )
            raise errors.conflict(kind.group, kind.kind, meta["name"], text)


def _is_pending(meta: JSON, deletion: Deletion) -> bool:
    """Whether a pod's deletion goes on as it is: its grace can only be made shorter."""
    left = meta.get("deletionGracePeriodSeconds", 0)
    if "deletionTimestamp" not in meta or left == 0:
        return False
    return deletion.grace_seconds is None or _asked(deletion) >= left


def _asked(deletion: Deletion) -> int:
    """Seconds of grace; less than none is the least."""
    seconds = deletion.grace_seconds or 0
    return seconds if seconds >= 0 else 1


def _begin_grace(pod: JSON, deletion: Deletion, now: datetime) -> bool:
    """Set how long a pod may take, or less than it had; returns whether anything was set."""
    meta = pod["metadata"]
    if "deletionTimestamp" not in meta:
        grace = pods.grace_seconds(pod, deletion.grace_seconds)
        meta["deletionTimestamp"] = timestamp(now + timedelta(seconds=grace))
        meta["deletionGracePeriodSeconds"] = grace
        _count(meta)
        return True
    had = meta.get("deletionGracePeriodSeconds", 0)
    if had == 0:
        return False
    grace = _asked(deletion)
    ends = datetime.strptime(meta["deletionTimestamp"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    ends += timedelta(seconds=grace - had)
    if ends < now:
        ends, grace = now, min(grace, 1)
    meta["deletionTimestamp"] = timestamp(ends)
    meta["deletionGracePeriodSeconds"] = grace
    return True


def _mark(meta: JSON, now: datetime) -> None:
    if "deletionTimestamp" not in meta:
        _count(meta)
    if meta.get("deletionTimestamp", "~") > timestamp(now):
        meta["deletionTimestamp"] = timestamp(now)
    meta["deletionGracePeriodSeconds"] = 0


def _count(meta: JSON) -> None:
    if meta.get("generation", 0) > 0:
        meta["generation"] += 1


def _finalizers(kind: ResourceType, meta: JSON, propagation: str) -> list[str]:
    """The finalizers with those of the garbage collector as the delete asks for them; unasked they stay."""
    old = list(meta.get("finalizers", ()))
    if not propagation and policies.orphans_by_default(kind) and FOREGROUND not in old:
        propagation = "Orphan"
    if not propagation or not policies.collects_dependents(kind):
        return old
    new = [item for item in old if item not in (FOREGROUND, ORPHAN)]
    new += {"Foreground": [FOREGROUND], "Orphan": [ORPHAN]}.get(propagation, [])
    return old if set(new) == set(old) else new


def _set_finalizers(meta: JSON, finalizers: list[str]) -> None:
    if finalizers:
        meta["finalizers"] = finalizers
    else:
        meta.pop("finalizers", None)


def _container(kind: ResourceType, old: JSON, deletion: Deletion, now: datetime) -> Outcome:
    """A namespace or a definition of custom kinds: a controller empties it first."""
    _check_container_preconditions(kind, old["metadata"], deletion)
    if kind.resource == "namespaces" and old["metadata"]["name"] in policies.IMMORTAL_NAMESPACES:
        raise errors.forbidden("", "namespaces", old["metadata"]["name"], "this namespace may not be deleted")
    if "deletionTimestamp" in old["metadata"]:
        if kind.resource == "namespaces" and old["spec"].get("finalizers"):
            return Outcome(old, changed=False, gone=False)
        return _object(kind, old, deletion, now)
    new = copied(old)
    meta = new["metadata"]
    meta["deletionTimestamp"] = timestamp(now)
    if kind.resource == "namespaces":
        _set_finalizers(meta, _finalizers(kind, meta, deletion.propagation))
        new.setdefault("status", {})["phase"] = "Terminating"
    else:
        if CLEANUP_FINALIZER not in meta.get("finalizers", ()):
            meta["finalizers"] = [*meta.get("finalizers", ()), CLEANUP_FINALIZER]
        _terminating(new, now)
    return Outcome(new, changed=True, gone=False)


def _check_container_preconditions(kind: ResourceType, meta: JSON, deletion: Deletion) -> None:
    for what, wanted, actual in (
        ("UID", deletion.uid, meta["uid"]),
        ("ResourceVersion", deletion.resource_version, meta["resourceVersion"]),
    ):
        if wanted is not None and wanted != actual:
            raise failed_precondition(kind, meta["name"], what, wanted, actual)


def failed_precondition(kind: ResourceType, name: str, what: str, wanted: str, actual: str) -> StatusError:
    """409: an object is not the one that was meant."""
    why = f"Precondition failed: {what} in precondition: {wanted}, {what} in object meta: {actual}"
    return errors.conflict(kind.group, kind.plural, name, why)


def _terminating(definition: JSON, now: datetime) -> None:
    conditions = definition.setdefault("status", {}).setdefault("conditions", [])
    conditions[:] = [item for item in conditions if item.get("type") != "Terminating"]
    conditions.append(
        {
            "type": "Terminating",
            "status": "True",
            "lastTransitionTime": timestamp(now),
            "reason": "InstanceDeletionPending",
            "message": "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon",
        }
    )

"""What happens to an object between a request and the store: the rules of create, update and delete.

Sources: Kubernetes API conventions; apiserver pkg/registry/generic/registry/store.go and pkg/registry/rest. All
methods are plain functions that run to their end on the event loop, so a read-modify-write needs no lock.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from footplate_local.apiserver import errors
from footplate_local.apiserver.copying import copied
from footplate_local.apiserver.kinds.registry import Registry, ResourceType
from footplate_local.apiserver.objects import incoming, metadata, names, policies
from footplate_local.apiserver.objects.deletion import Deletion, failed_precondition, outcome
from footplate_local.apiserver.patching import ownership
from footplate_local.apiserver.patching.shapes import MISSING
from footplate_local.apiserver.storage.model import ObjectKey, Storage

JSON = dict[str, Any]
_NAME_TRIES = 8
_APPLIED: Any = object()
"""In the place of managedFields that a client sent: they are set already, by a server-side apply."""
_MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"


@dataclass(slots=True)
class Writing:
    """How a write was asked for. `warnings` is filled on the way."""

    manager: str = "unknown"
    dry_run: bool = False
    field_validation: str = "Warn"
    body_problems: list[str] = field(default_factory=list)
    """What is wrong with the text of the body; `field_validation` says what follows from it."""
    warnings: list[str] = field(default_factory=list)


class Objects:
    """The objects of one server. `now` is the clock (aware, UTC), `source` makes generated names."""

    def __init__(
        self, storage: Storage, registry: Registry, *, now: Callable[[], datetime], source: random.Random
    ) -> None:
        self.storage = storage
        self.registry = registry
        self.now = now
        self._random = source

    def read(self, kind: ResourceType, namespace: str, name: str) -> JSON:
        """The stored object (not to be changed). Raises 404."""
        stored = self.storage.get(kind.key(namespace, name))
        if stored is None:
            raise errors.not_found(kind.group, kind.plural, name)
        return stored.object

    # ------------------------------------------------------------------ create

    def create(
        self, kind: ResourceType, namespace: str, body: JSON, writing: Writing, *, applying: bool = False
    ) -> JSON:
        """Create an object; returns it as stored. Raises StatusError. `applying`: the body has its managedFields."""
        asked = _APPLIED if applying else _managed_fields(body)
        obj = self._decode(kind, copied(body), writing)
        incoming.place(kind, namespace, obj["metadata"])
        writing.warnings += metadata.without_duplicate_owners(obj["metadata"], patched=False)
        return self._insert(kind, namespace, obj, writing, asked)

    def _decode(self, kind: ResourceType, obj: JSON, writing: Writing) -> JSON:
        obj, warnings = incoming.decode(kind, obj, writing.field_validation, writing.body_problems)
        writing.warnings += warnings
        return obj

    def _insert(self, kind: ResourceType, namespace: str, obj: JSON, writing: Writing, asked: Any) -> JSON:
        meta = obj["metadata"]
        incoming.check_place(self.storage, kind, namespace, meta)
        obj = kind.strategy.from_version(obj, kind.version)
        if meta.get("generateName") and not meta.get("name"):
            meta["name"] = self._unused_name(kind, namespace, meta["generateName"])
        self._begin(kind, obj)
        assigned = ownership.assigned(kind, obj)
        kind.strategy.prepare(obj, None)
        kind.strategy.admit(obj, None, self.storage)
        metadata.tidy(meta)
        self._validate(kind, obj, None, "")
        writing.warnings += kind.strategy.warnings(obj, None)
        if not writing.dry_run and meta.pop("resourceVersion", "").isdigit():
            # kube-apiserver answers 500 here; what can never succeed is a fault of the request
            raise errors.bad_request("resourceVersion should not be set on objects to be created")
        if existing := self.storage.get(kind.key(namespace, meta["name"])):
            raise _exists(kind, meta, existing.object)
        if asked is not _APPLIED:
            ownership.record_update(None, obj, self._writer(kind, writing, ""), asked, assigned)
        return self._put(kind, kind.strategy.kept(obj), writing)

    def _unused_name(self, kind: ResourceType, namespace: str, prefix: str) -> str:
        """A generated name that is free, as far as a few tries find one."""
        for _ in range(_NAME_TRIES):
            name = names.generate(prefix, self._random)
            if self.storage.get(kind.key(namespace, name)) is None:
                break
        return name

    def _begin(self, kind: ResourceType, obj: JSON) -> None:
        meta = obj["metadata"]
        for key in ("deletionTimestamp", "deletionGracePeriodSeconds", "selfLink"):
            meta.pop(key, None)
        meta["uid"] = str(uuid.UUID(int=self._random.getrandbits(128), version=4))
        meta["creationTimestamp"] = self._timestamp()
        if kind.strategy.counts_generation:
            meta["generation"] = 1
        if kind.custom and "status" in kind.subresources:
            obj.pop("status", None)

    # ------------------------------------------------------------------ update

    def replace(
        self, kind: ResourceType, namespace: str, name: str, body: JSON, writing: Writing, *, subresource: str = ""
    ) -> tuple[JSON, bool]:
        """Put an object in the place of another; returns it as stored and whether it is new. Raises StatusError."""
        new = self._decode(kind, copied(body), writing)
        meta, asked = new["metadata"], _managed_fields(body)
        incoming.place(kind, namespace, meta)
        incoming.check_name(meta, name)
        writing.warnings += metadata.without_duplicate_owners(meta, patched=False)
        missing = self.storage.get(kind.key(namespace, name)) is None
        if missing and not subresource and policies.created_by_update(kind):
            meta.pop("resourceVersion", None)
            return self._insert(kind, namespace, new, writing, asked), True
        old = self.read(kind, namespace, name)
        if meta.get("uid") and meta["uid"] != old["metadata"]["uid"]:
            raise failed_precondition(kind, name, "UID", meta["uid"], old["metadata"]["uid"])
        return self._change(kind, old, new, writing, subresource, asked), False

    def update(
        self,
        kind: ResourceType,
        namespace: str,
        name: str,
        change: Callable[[JSON], JSON],
        writing: Writing,
        *,
        subresource: str = "",
        applying: bool = False,
    ) -> JSON:
        """Change an object to `change(a copy of it)`; returns it as stored. Raises StatusError.

        `applying`: `change` has set managedFields itself.
        """
        old = self.read(kind, namespace, name)
        new = change(copied(kind.shown(old)))
        asked = _APPLIED if applying else _managed_fields(new)
        try:
            new = self._decode(kind, new, writing)
        except errors.StatusError as error:
            raise error if applying else incoming.unreadable_patch(error) from error
        incoming.place(kind, namespace, new["metadata"])
        incoming.check_name(new["metadata"], name)
        writing.warnings += metadata.without_duplicate_owners(new["metadata"], patched=True)
        return self._change(kind, old, new, writing, subresource, asked)

    def _change(
        self, kind: ResourceType, stored: JSON, new: JSON, writing: Writing, subresource: str, asked: Any
    ) -> JSON:
        old = kind.shown(stored) if kind.custom else stored  # in the version of the new one, to compare them
        self._check_version(kind, old["metadata"], new["metadata"])
        new = kind.strategy.from_version(new, kind.version)
        applied = new["metadata"].get("managedFields")
        new = self._only_what_may_change(kind, old, new, subresource)
        spec = new.get("spec")
        kind.strategy.prepare(new, old)
        kind.strategy.admit(new, old, self.storage)
        if subresource == "finalize":
            new["spec"] = spec or {}
        if asked is _APPLIED:
            new["metadata"]["managedFields"] = applied
        metadata.tidy(new["metadata"])
        self._validate(kind, new, old, subresource)
        writing.warnings += kind.strategy.warnings(new, old)
        if kind.strategy.counts_generation and subresource != "status" and _content(kind, new) != _content(kind, old):
            new["metadata"]["generation"] = old["metadata"].get("generation", 0) + 1
        if asked is not _APPLIED:
            ownership.record_update(old, new, self._writer(kind, writing, subresource), asked)
        if _waits_for_nothing(old, new):
            self._finish(kind, new, writing)
            return new  # not what was there last: who removes the last finalizer is shown the object without it
        new = kind.strategy.kept(new)
        if _but_times(new) == _but_times(stored):
            return stored
        return self._put(kind, new, writing)

    def _check_version(self, kind: ResourceType, old: JSON, meta: JSON) -> None:
        """Whether the object is changed that the client has seen. Raises 409, and 422 when it does not say which."""
        version = meta.get("resourceVersion")
        if version and version != "0":
            if version != old["resourceVersion"]:
                raise errors.conflict(kind.group, kind.plural, old["name"], _MODIFIED)
        elif policies.updated_only_with_version(kind):
            missing = errors.invalid_value("metadata.resourceVersion", 0, "must be specified for an update")
            raise errors.Subject(kind.group, kind.plural, old["name"]).invalid([missing])

    def _only_what_may_change(self, kind: ResourceType, old: JSON, new: JSON, subresource: str) -> JSON:
        """The new object with everything the request may not touch as it was."""
        if subresource == "status":
            status = new.get("status")
            meta = old["metadata"] if kind.custom else new["metadata"]
            new = {**copied(old), "metadata": copied(meta)}
            new.pop("status", None)
            if status is not None:
                new["status"] = status
            for part in policies.kept_by_status(kind):
                new["metadata"].pop(part, None)
                if part in old["metadata"]:
                    new["metadata"][part] = old["metadata"][part]
        elif "status" in kind.subresources:
            new = kind.strategy.changed_by(subresource, old, new) if subresource else new
            new.pop("status", None)
            if "status" in old:
                new["status"] = copied(old["status"])
        metadata.keep_system_fields(new["metadata"], old["metadata"])
        new["metadata"]["resourceVersion"] = old["metadata"]["resourceVersion"]
        if "managedFields" in old["metadata"]:
            new["metadata"]["managedFields"] = old["metadata"]["managedFields"]
        else:
            new["metadata"].pop("managedFields", None)
        return new

    # ------------------------------------------------------------------ delete

    def delete(self, kind: ResourceType, namespace: str, name: str, deletion: Deletion) -> tuple[JSON, bool]:
        """Delete an object, or begin to. Returns its last state and whether it is gone now. Raises StatusError."""
        old = self.read(kind, namespace, name)
        decided = outcome(kind, old, deletion, self.now())
        obj, writing = decided.obj, Writing(dry_run=deletion.dry_run)
        if decided.changed:
            obj = self._put(kind, obj, writing)
        if decided.gone:
            obj = self._finish(kind, obj, writing)
        return obj, decided.gone

    def set_metadata(self, key: ObjectKey, field_name: str, values: list[Any], *, manager: str) -> None:
        """Set a list of metadata for a controller of the server; an object that then waits for nothing goes."""
        kind, stored = self.registry.of_resource(key.resource), self.storage.get(key)
        if kind is None or stored is None:
            return
        new = copied(stored.object)
        new["metadata"][field_name] = values
        metadata.tidy(new["metadata"])
        ownership.record_update(stored.object, new, self._writer(kind, Writing(manager=manager), ""))
        if _waits_for_nothing(stored.object, new):
            self._finish(kind, new, Writing())
        elif new != stored.object:
            self._put(kind, new, Writing())

    # ------------------------------------------------------------------ common

    def _validate(self, kind: ResourceType, obj: JSON, old: JSON | None, subresource: str) -> None:
        before = old["metadata"] if old is not None else None
        found = metadata.errors(kind, obj["metadata"], before)
        found += kind.strategy.validate(obj, old, subresource)
        if found:
            name = obj["metadata"].get("name", "")
            raise errors.Subject(kind.group, obj.get("kind", kind.kind), name).invalid(found)

    def _put(self, kind: ResourceType, obj: JSON, writing: Writing) -> JSON:
        if writing.dry_run:
            return obj
        types = {"apiVersion": obj["apiVersion"], "kind": kind.kind}
        if kind.custom:
            types["apiVersion"] = f"{kind.group}/{kind.storage_version}"
        obj = {**types, **obj, **types}  # in front, where a list can cut them off
        meta = obj["metadata"]
        return self.storage.put(kind.key(meta.get("namespace", ""), meta["name"]), obj).object

    def _finish(self, kind: ResourceType, obj: JSON, writing: Writing) -> JSON:
        meta = obj["metadata"]
        if writing.dry_run:
            return obj
        gone = self.storage.delete(kind.key(meta.get("namespace", ""), meta["name"]))
        return gone.object if gone is not None else obj

    def _writer(self, kind: ResourceType, writing: Writing, subresource: str) -> ownership.Writer:
        return ownership.Writer(writing.manager, kind, self.registry.of_kind, self._timestamp(), subresource)

    def _timestamp(self) -> str:
        return metadata.timestamp(self.now())


def _content(kind: ResourceType, obj: JSON) -> JSON:
    """What metadata.generation counts the changes of: of custom kinds also the status, if it is no subresource."""
    left_out = ("metadata", "apiVersion") if kind.custom else ("metadata", "apiVersion", "status")
    return {key: value for key, value in obj.items() if key not in left_out}


def _managed_fields(sent: JSON) -> Any:
    """The managedFields of an object as it was sent; MISSING when it has none."""
    meta = sent.get("metadata")
    return meta.get("managedFields", MISSING) if isinstance(meta, dict) else MISSING


def _but_times(obj: JSON) -> JSON:
    """The object without what alone is no reason for a new version."""
    meta = {key: value for key, value in obj["metadata"].items() if key not in ("managedFields", "resourceVersion")}
    owners = [
        {key: value for key, value in entry.items() if key != "time"}
        for entry in obj["metadata"].get("managedFields") or ()
    ]
    return {**obj, "metadata": meta, "apiVersion": "", "owners": owners}


def _waits_for_nothing(old: JSON, new: JSON) -> bool:
    """Whether a deleted object goes with this change: its last finalizer is removed and no grace is left."""
    meta = old["metadata"]
    if "deletionTimestamp" not in meta or meta.get("deletionGracePeriodSeconds") or new["metadata"].get("finalizers"):
        return False
    return not (new.get("kind") == "Namespace" and new.get("spec", {}).get("finalizers"))


def _exists(kind: ResourceType, meta: JSON, existing: JSON) -> errors.StatusError:
    error = errors.already_exists(kind.group, kind.plural, meta["name"], generated=bool(meta.get("generateName")))
    if "deletionTimestamp" in existing["metadata"]:
        error.message = f"object is being deleted: {error.message}"
    return error

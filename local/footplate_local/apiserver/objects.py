"""What happens to an object between a request and the store: the rules of create, update and delete.

Sources: Kubernetes API conventions; apiserver pkg/registry/generic/registry/store.go and pkg/registry/rest. All
methods are plain functions that run to their end on the event loop, so a read-modify-write needs no lock.
"""

from __future__ import annotations

import copy
import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from footplate_local.apiserver import errors, metadata, names
from footplate_local.apiserver.kinds import pods
from footplate_local.apiserver.kinds.definitions import CLEANUP_FINALIZER
from footplate_local.apiserver.kinds.definitions import RESOURCE as DEFINITIONS
from footplate_local.apiserver.kinds.registry import Registry, ResourceType
from footplate_local.apiserver.patching import fields
from footplate_local.apiserver.storage.model import ObjectKey, Storage

JSON = dict[str, Any]
FOREGROUND, ORPHAN = "foregroundDeletion", "orphan"
_MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"


@dataclass(slots=True)
class Writing:
    """How a write was asked for. `warnings` is filled on the way."""

    manager: str = "unknown"
    dry_run: bool = False
    field_validation: str = "Warn"
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Deletion:
    """The DeleteOptions of a request."""

    grace_seconds: int | None = None
    propagation: str = ""
    uid: str = ""
    resource_version: str = ""
    dry_run: bool = False


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

    def create(self, kind: ResourceType, namespace: str, body: JSON, writing: Writing) -> JSON:
        """Create an object; returns it as stored. Raises StatusError."""
        obj = self._accept(kind, namespace, copy.deepcopy(body), writing)
        meta = obj["metadata"]
        if meta.get("resourceVersion"):
            raise errors.bad_request("resourceVersion should not be set on objects to be created")
        self._check_namespace(kind, namespace)
        obj = kind.strategy.from_version(obj, kind.version)
        generated = not meta.get("name") and bool(meta.get("generateName"))
        if generated:
            meta["name"] = names.generate(meta["generateName"], self._random)
        self._begin(kind, namespace, obj)
        kind.strategy.prepare(obj, None)
        metadata.tidy(meta)
        self._validate(kind, obj, None, "")
        while generated and self.storage.get(kind.key(namespace, meta["name"])):
            meta["name"] = names.generate(meta["generateName"], self._random)
        if self.storage.get(kind.key(namespace, meta["name"])):
            raise errors.already_exists(kind.group, kind.plural, meta["name"])
        if "managedFields" not in meta:
            fields.record_update(None, obj, kind.schema, self._writer(kind, writing, ""))
        return self._put(kind, obj, writing)

    def _accept(self, kind: ResourceType, namespace: str, obj: JSON, writing: Writing) -> JSON:
        """The object as its kind can hold it, after all that can be said before anything is looked up."""
        self._check_type(kind, obj)
        obj, unknown = kind.decode(obj)
        self._tell_unknown(kind, unknown, writing)
        meta: JSON = obj["metadata"]
        if kind.namespaced:
            if meta.setdefault("namespace", namespace) != namespace:
                if meta["namespace"]:
                    raise errors.bad_request(
                        "the namespace of the provided object does not match the namespace sent on the request"
                    )
                meta["namespace"] = namespace
        else:
            meta.pop("namespace", None)
        return obj

    def _check_type(self, kind: ResourceType, obj: JSON) -> None:
        api_version, name = obj.get("apiVersion"), obj.get("kind")
        if not kind.custom:
            obj.setdefault("apiVersion", kind.api_version)
            obj.setdefault("kind", kind.kind)
            if obj["kind"] != kind.kind:
                raise errors.bad_request(
                    f'{name} in version "{api_version}" cannot be handled as a {kind.kind}: converting is not possible'
                )
        elif not name:
            raise errors.bad_request("Object 'Kind' is missing in the body of the request")
        if obj.get("apiVersion") != kind.api_version:
            raise errors.bad_request(
                f"the API version in the data ({api_version}) does not match the expected API version "
                f"({kind.api_version})"
            )

    def _tell_unknown(self, kind: ResourceType, unknown: list[str], writing: Writing) -> None:
        if writing.field_validation == "Ignore":
            return
        texts = [f'unknown field "{path}"' for path in unknown]
        if texts and writing.field_validation == "Strict":
            raise errors.undecodable(kind.kind, kind.version, "strict decoding error: " + ", ".join(texts))
        writing.warnings += texts

    def _check_namespace(self, kind: ResourceType, namespace: str) -> None:
        if not kind.namespaced:
            return
        found = self.storage.get(ObjectKey("namespaces", "", namespace))
        if found is None:
            raise errors.not_found("", "namespaces", namespace)
        if found.object["metadata"].get("deletionTimestamp"):
            why = f"unable to create new content in namespace {namespace} because it is being terminated"
            cause = {
                "reason": "NamespaceTerminating",
                "message": f"namespace {namespace} is being terminated",
                "field": "metadata.namespace",
            }
            raise errors.forbidden(kind.group, kind.plural, namespace, why, [cause])

    def _begin(self, kind: ResourceType, namespace: str, obj: JSON) -> None:
        meta = obj["metadata"]
        for key in ("deletionTimestamp", "deletionGracePeriodSeconds", "generation", "selfLink"):
            meta.pop(key, None)
        if kind.namespaced:
            meta["namespace"] = namespace
        meta["uid"] = str(uuid.UUID(int=self._random.getrandbits(128), version=4))
        meta["creationTimestamp"] = self._timestamp()
        if kind.strategy.counts_generation:
            meta["generation"] = 1
        if kind.custom and "status" in kind.subresources:
            obj.pop("status", None)
        if kind.resource == DEFINITIONS:
            meta["finalizers"] = [*meta.get("finalizers", ()), CLEANUP_FINALIZER]

    # ------------------------------------------------------------------ update

    def update(
        self,
        kind: ResourceType,
        namespace: str,
        name: str,
        change: Callable[[JSON], JSON],
        writing: Writing,
        *,
        subresource: str = "",
        needs_version: bool = False,
        applying: bool = False,
    ) -> JSON:
        """Replace an object by `change(a copy of it)`; returns it as stored. Raises StatusError.

        `needs_version`: a custom object must name the resourceVersion it replaces (PUT). `applying`: `change` has set
        managedFields itself.
        """
        old = self.read(kind, namespace, name)
        new = change(copy.deepcopy(kind.shown(old)))
        new = self._accept(kind, namespace, new, writing)
        meta = new["metadata"]
        self._check_identity(kind, old["metadata"], meta, name, needs_version=needs_version)
        new = kind.strategy.from_version(new, kind.version)
        managed = meta.get("managedFields") if applying else None
        new = self._only_what_may_change(kind, old, new, subresource)
        kind.strategy.prepare(new, old)
        metadata.tidy(new["metadata"])
        if managed is not None:
            new["metadata"]["managedFields"] = managed
        self._validate(kind, new, old, subresource)
        if kind.strategy.counts_generation and _content(new) != _content(old):
            new["metadata"]["generation"] = old["metadata"].get("generation", 0) + 1
        if managed is None:
            fields.record_update(old, new, kind.schema, self._writer(kind, writing, subresource))
        if _but_times(new) == _but_times(old):
            return old
        if _ready_to_go(new):
            return self._finish(kind, new, writing)
        return self._put(kind, new, writing)

    def _check_identity(self, kind: ResourceType, old: JSON, meta: JSON, name: str, *, needs_version: bool) -> None:
        if not meta.get("name"):
            meta["name"] = name
        if meta["name"] != name:
            raise errors.bad_request(
                f"the name of the object ({meta['name']}) does not match the name on the URL ({name})"
            )
        version = meta.get("resourceVersion")
        if not version and needs_version and (kind.custom or kind.plural == "leases"):
            missing = errors.invalid_value("metadata.resourceVersion", 0, "must be specified for an update")
            details = errors.object_details(kind.group, kind.plural, name) | {"causes": [missing.cause()]}
            text = f'{errors.qualified(kind.group, kind.plural)} "{name}" is invalid: {missing.path}: {missing.text()}'
            raise errors.StatusError(422, "Invalid", text, details=details)
        if version and version != old["resourceVersion"]:
            raise errors.conflict(kind.group, kind.plural, name, _MODIFIED)
        if meta.get("uid") and meta["uid"] != old["uid"]:
            why = f"Precondition failed: UID in precondition: {meta['uid']}, UID in object meta: {old['uid']}"
            raise errors.conflict(kind.group, kind.plural, name, why)

    def _only_what_may_change(self, kind: ResourceType, old: JSON, new: JSON, subresource: str) -> JSON:
        """The new object with everything the request may not touch as it was."""
        if subresource == "status":
            status = new.get("status")
            meta = old["metadata"] if kind.custom else new["metadata"]
            new = {**copy.deepcopy(old), "metadata": copy.deepcopy(meta)}
            new.pop("status", None)
            if status is not None:
                new["status"] = status
            if not kind.custom and "ownerReferences" in old["metadata"]:
                new["metadata"]["ownerReferences"] = old["metadata"]["ownerReferences"]
        elif "status" in kind.subresources:
            new.pop("status", None)
            if "status" in old:
                new["status"] = copy.deepcopy(old["status"])
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
        self._check_preconditions(kind, old["metadata"], deletion)
        new = copy.deepcopy(old)
        meta = new["metadata"]
        grace = pods.grace_seconds(new, deletion.grace_seconds) if kind.resource == "pods" else 0
        finalizers = _with_propagation(meta.get("finalizers", []), deletion.propagation)
        if finalizers:
            meta["finalizers"] = finalizers
        else:
            meta.pop("finalizers", None)
        begun = "deletionTimestamp" in meta
        if not begun or grace < meta.get("deletionGracePeriodSeconds", 0):
            meta["deletionTimestamp"] = metadata.timestamp(self.now() + timedelta(seconds=grace))
            meta["deletionGracePeriodSeconds"] = grace
            if not begun and "generation" in meta:
                meta["generation"] += 1
        if kind.resource == "namespaces":
            new.setdefault("status", {})["phase"] = "Terminating"
        writing = Writing(dry_run=deletion.dry_run)
        if _ready_to_go(new):
            return self._finish(kind, new, writing), True
        if new == old:
            return old, False
        return self._put(kind, new, writing), False

    def _check_preconditions(self, kind: ResourceType, meta: JSON, deletion: Deletion) -> None:
        for what, wanted, actual in (
            ("UID", deletion.uid, meta["uid"]),
            ("ResourceVersion", deletion.resource_version, meta["resourceVersion"]),
        ):
            if wanted and wanted != actual:
                why = f"Precondition failed: {what} in precondition: {wanted}, {what} in object meta: {actual}"
                raise errors.conflict(kind.group, kind.plural, meta["name"], why)

    def set_metadata(self, key: ObjectKey, field_name: str, values: list[Any], *, manager: str) -> None:
        """Set a list of metadata for a controller of the server; an object that then waits for nothing goes."""
        kind, stored = self.registry.of_resource(key.resource), self.storage.get(key)
        if kind is None or stored is None:
            return
        new = copy.deepcopy(stored.object)
        new["metadata"][field_name] = values
        metadata.tidy(new["metadata"])
        fields.record_update(stored.object, new, kind.schema, self._writer(kind, Writing(manager=manager), ""))
        if _ready_to_go(new):
            self._finish(kind, new, Writing())
        else:
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

    def _writer(self, kind: ResourceType, writing: Writing, subresource: str) -> fields.Owner:
        return fields.Owner(writing.manager, "Update", kind.api_version, subresource, self._timestamp(), set())

    def _timestamp(self) -> str:
        return metadata.timestamp(self.now())


def _content(obj: JSON) -> JSON:
    """What metadata.generation counts the changes of."""
    return {key: value for key, value in obj.items() if key not in ("metadata", "status", "apiVersion")}


def _but_times(obj: JSON) -> JSON:
    """The object without what alone is no reason for a new version."""
    meta = {key: value for key, value in obj["metadata"].items() if key not in ("managedFields", "resourceVersion")}
    owners = [
        {key: value for key, value in entry.items() if key != "time"}
        for entry in obj["metadata"].get("managedFields") or ()
    ]
    return {**obj, "metadata": meta, "apiVersion": "", "owners": owners}


def _ready_to_go(obj: JSON) -> bool:
    """Whether a deleted object waits for nothing any more."""
    meta = obj["metadata"]
    if "deletionTimestamp" not in meta or meta.get("finalizers") or meta.get("deletionGracePeriodSeconds"):
        return False
    return not (obj.get("kind") == "Namespace" and obj.get("spec", {}).get("finalizers"))


def _with_propagation(finalizers: list[str], propagation: str) -> list[str]:
    kept = [item for item in finalizers if item not in (FOREGROUND, ORPHAN)] if propagation else list(finalizers)
    if propagation == "Foreground":
        kept.append(FOREGROUND)
    elif propagation == "Orphan":
        kept.append(ORPHAN)
    return kept

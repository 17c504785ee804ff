"""What must be emptied before it goes: namespaces, and definitions of custom kinds.

Sources: kubernetes pkg/controller/namespace/deletion (order, conditions and their words);
apiextensions-apiserver pkg/controller/finalizer.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from footplate_local.apiserver.copying import copied
from footplate_local.apiserver.kinds.definitions import CLEANUP_FINALIZER
from footplate_local.apiserver.kinds.registry import ResourceType
from footplate_local.apiserver.objects.deletion import Deletion
from footplate_local.apiserver.objects.metadata import timestamp
from footplate_local.apiserver.objects.objects import Objects, Writing
from footplate_local.apiserver.storage.model import ObjectKey, Stored

JSON = dict[str, Any]
Found = tuple[ResourceType, Stored]
MOST_AT_ONCE = 200
"""So many objects are deleted before other requests have their turn."""
_FINALIZER = "kubernetes"
_DONE = {
    "NamespaceDeletionDiscoveryFailure": ("ResourcesDiscovered", "All resources successfully discovered"),
    "NamespaceDeletionGroupVersionParsingFailure": (
        "ParsedGroupVersions",
        "All legacy kube types successfully parsed",
    ),
    "NamespaceDeletionContentFailure": (
        "ContentDeleted",
        "All content successfully deleted, may be waiting on finalization",
    ),
    "NamespaceContentRemaining": ("ContentRemoved", "All content successfully removed"),
    "NamespaceFinalizersRemaining": ("ContentHasNoFinalizers", "All content-preserving finalizers finished"),
}


class Containers:
    """Empties what is being deleted, as often as something in it has gone. Methods may raise StatusError."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def empty_namespace(self, key: ObjectKey) -> bool:
        """Delete what is in a namespace, pods before anything else; end it when nothing is left.

        Returns whether there is more to delete than is done in one step.
        """
        namespace = self._objects.storage.get(key)
        if namespace is None or "deletionTimestamp" not in namespace.object["metadata"]:
            return False
        kinds = [kind for kind in self._objects.registry.stored_types() if kind.namespaced]
        content = [(kind, item) for kind in kinds for item in self._objects.storage.listing(kind.resource, key.name)]
        pods = [(kind, item) for kind, item in content if kind.resource == "pods"]
        if self._delete(pods or content):
            return True
        left = self._still_there(pods or content)
        if pods and not left:
            return True
        self._tell(key, left)
        if not left:
            self._finalize(key)
        return False

    def give_account(self, key: ObjectKey) -> None:
        """Give a namespace that stays its account `default` back (pkg/controller/serviceaccount)."""
        namespace, kind = self._objects.storage.get(key), self._objects.registry.of_resource("serviceaccounts")
        if namespace is None or "deletionTimestamp" in namespace.object["metadata"] or kind is None:
            return
        if self._objects.storage.get(kind.key(key.name, "default")) is None:
            body = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}}
            self._objects.create(kind, key.name, body, Writing(manager="footplate-apiserver"))

    def _delete(self, content: list[Found]) -> bool:
        """Delete some objects that are not being deleted yet; returns whether some remain for another step."""
        living = [(kind, item) for kind, item in content if "deletionTimestamp" not in item.object["metadata"]]
        for kind, item in living[:MOST_AT_ONCE]:
            self._objects.delete(kind, item.key.namespace, item.key.name, Deletion(propagation="Background"))
        return len(living) > MOST_AT_ONCE

    def _still_there(self, content: list[Found]) -> list[Found]:
        now = [(kind, self._objects.storage.get(item.key)) for kind, item in content]
        return [(kind, item) for kind, item in now if item is not None]

    def _tell(self, key: ObjectKey, left: list[Found]) -> None:
        """Write the conditions of a namespace, when they change."""
        stored = self._objects.storage.get(key)
        if stored is None:
            return
        namespace = copied(stored.object)
        status = namespace.setdefault("status", {})
        old = {item["type"]: item for item in status.get("conditions", ())}
        wanted = self._conditions(left)
        new = [{**old.get(item["type"], item), **item} for item in wanted]
        for item in new:
            before = old.get(item["type"])
            if before is None or before["status"] != item["status"]:
                item["lastTransitionTime"] = timestamp(self._objects.now())
        if new != status.get("conditions"):
            status["conditions"] = new
            self._objects.storage.put(key, namespace)

    def _conditions(self, left: list[Found]) -> list[JSON]:
        counted = Counter(f"{kind.plural}.{kind.group}" for kind, _ in left)
        held = Counter(name for _, item in left for name in item.object["metadata"].get("finalizers", ()))
        remaining = {
            "NamespaceContentRemaining": (
                "SomeResourcesRemain",
                "Some resources are remaining: ",
                [f"{name} has {number} resource instances" for name, number in counted.items()],
            ),
            "NamespaceFinalizersRemaining": (
                "SomeFinalizersRemain",
                "Some content in the namespace has finalizers remaining: ",
                [f"{name} in {number} resource instances" for name, number in held.items()],
            ),
        }
        found = []
        for kind, (reason, message) in _DONE.items():
            state = "False"
            if kind in remaining and remaining[kind][2]:
                reason, message, parts = remaining[kind]
                state, message = "True", message + ", ".join(sorted(parts))
            found.append({"type": kind, "status": state, "reason": reason, "message": message})
        return found

    def _finalize(self, key: ObjectKey) -> None:
        stored = self._objects.storage.get(key)
        if stored is None:
            return
        namespace = copied(stored.object)
        kept = [item for item in namespace["spec"].pop("finalizers", ()) if item != _FINALIZER]
        if kept:
            namespace["spec"]["finalizers"] = kept
        if kept or namespace["metadata"].get("finalizers"):
            if namespace != stored.object:
                self._objects.storage.put(key, namespace)
            return
        self._objects.storage.delete(key)

    def empty_definition(self, key: ObjectKey) -> bool:
        """Delete the objects of a kind whose definition is being deleted; end that when none is left.

        Returns whether there is more to delete than is done in one step.
        """
        definition, kind = self._objects.storage.get(key), self._objects.registry.of_resource(key.name)
        if definition is None:
            return False
        content = [(kind, item) for item in self._objects.storage.listing(key.name)] if kind is not None else []
        if content:
            self._tell_deletion(definition)
        if self._delete(content):
            return True
        if self._still_there(content):
            return False
        kept = [item for item in definition.object["metadata"].get("finalizers", ()) if item != CLEANUP_FINALIZER]
        self._objects.set_metadata(key, "finalizers", kept, manager="footplate-apiserver")
        return False

    def _tell_deletion(self, stored: Stored) -> None:
        """Write into a definition's conditions that its objects are being deleted."""
        definition = copied(stored.object)
        for condition in definition["status"].get("conditions") or ():
            if condition["type"] == "Terminating":
                condition.update(reason="InstanceDeletionInProgress", message="CustomResource deletion is in progress")
        if definition != stored.object:
            self._objects.storage.put(stored.key, definition)

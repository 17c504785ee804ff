"""The kinds that are served: what each is called, where it is stored, and what is special about it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from footplate_local.apiserver.errors import FieldError, undecodable
from footplate_local.apiserver.kinds import builtin_schemas, typed
from footplate_local.apiserver.objects import names
from footplate_local.apiserver.storage.model import ObjectKey, Storage

JSON = dict[str, Any]

ALL_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


class Strategy:
    """What is special about a kind. The base class is a kind with nothing special.

    Methods that prepare may change the object they are given; those that validate only look.
    """

    counts_generation = False
    """Whether metadata.generation starts at 1 and rises when anything but metadata and status changes."""

    def unknown_fields(self, obj: JSON) -> list[str]:
        """Paths of fields that a custom kind does not have (for fieldValidation=Strict and Warn)."""
        return []

    def prepare(self, obj: JSON, old: JSON | None) -> None:
        """Prune and default an object that came in; `old` is None on creation."""

    def admit(self, obj: JSON, old: JSON | None, storage: Storage) -> None:
        """Fill in what depends on other objects. Raises StatusError for what they do not allow."""

    def changed_by(self, subresource: str, old: JSON, new: JSON) -> JSON:
        """The object with only that changed which a subresource (but `status`) is there for; may change `new`."""
        return new

    def validate(self, obj: JSON, old: JSON | None, subresource: str) -> list[FieldError]:
        return []

    def warnings(self, obj: JSON, old: JSON | None) -> list[str]:
        """What the client is told of an object that is accepted; `old` is what it replaces."""
        return []

    def name_errors(self, name: str) -> list[str]:
        """Sentences about a name that this kind does not allow."""
        return names.subdomain(name)

    def to_version(self, obj: JSON, version: str) -> JSON:
        """The object as a version of the API shows it; may return `obj` itself."""
        return obj

    def from_version(self, obj: JSON, version: str) -> JSON:
        """An incoming object as it is stored; may return `obj` itself."""
        return obj

    def kept(self, obj: JSON) -> JSON:
        """What of an accepted object is stored; may return `obj` itself."""
        return obj

    def field_values(self, obj: JSON) -> dict[str, str]:
        """The values that field selectors may name, beside metadata.name and metadata.namespace."""
        return {}

    def selectable(self) -> Iterable[str]:
        return self.field_values({"metadata": {}}).keys()


@dataclass(frozen=True, slots=True)
class ScalePaths:
    spec_replicas: str
    status_replicas: str
    selector: str | None


@dataclass(frozen=True, slots=True)
class Column:
    """A column of `kubectl get` as a CRD declares it."""

    name: str
    type: str
    json_path: str
    format: str = ""
    description: str = ""
    priority: int = 0


@dataclass(frozen=True, slots=True)
class ResourceType:
    """One kind in one version of its group."""

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool
    singular: str = ""
    list_kind: str = ""
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ALL_VERBS
    subresources: tuple[str, ...] = ()
    scale: ScalePaths | None = None
    columns: tuple[Column, ...] = ()
    custom: bool = False
    served: bool = True
    """Clients do not see a version that is not served; its objects can be there all the same."""
    warning: str = ""
    """What clients are told with every answer: that the version is deprecated."""
    stored_in: str = ""
    """The resource it shares its objects with, when other versions or groups show the same ones."""
    storage_version: str = ""
    strategy: Strategy = field(default_factory=Strategy)
    declared_schema: JSON | None = None
    """The OpenAPI schema that a CustomResourceDefinition declares for its kind."""

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def schema(self) -> JSON:
        """The schema of the kind, with list types and merge keys; of built-in kinds, of Kubernetes' own definitions."""
        if self.declared_schema is not None:
            return self.declared_schema
        return builtin_schemas.schema_of(self.group, self.version, self.kind)

    def decode(self, obj: JSON) -> tuple[JSON, list[str]]:
        """An incoming object as the kind can hold it, and the paths of fields that it does not have.

        Objects of custom kinds keep those until they are pruned. Raises StatusError 400 for values of a wrong type.
        """
        try:
            if not self.custom:
                return typed.decode(obj, self.schema)
            meta, unknown = typed.decode_metadata(obj["metadata"]) if obj.get("metadata") is not None else ({}, [])
            obj = {**obj, "metadata": meta}
            return obj, unknown + self.strategy.unknown_fields(obj)
        except typed.Undecodable as error:
            raise undecodable(self.kind, self.version, str(error)) from error

    @property
    def resource(self) -> str:
        """The name its objects are stored under."""
        return self.stored_in or (f"{self.plural}.{self.group}" if self.group else self.plural)

    @property
    def list_name(self) -> str:
        return self.list_kind or f"{self.kind}List"

    def key(self, namespace: str, name: str) -> ObjectKey:
        return ObjectKey(self.resource, namespace if self.namespaced else "", name)

    def shown(self, obj: JSON) -> JSON:
        """A stored object as this version shows it."""
        shown = self.strategy.to_version(obj, self.version)
        if shown.get("apiVersion") != self.api_version:
            shown = {**shown, "apiVersion": self.api_version}
        return shown


class Registry:
    """All kinds that are served now."""

    def __init__(self, builtin: Sequence[ResourceType]) -> None:
        self._builtin = tuple(builtin)
        self._custom: dict[str, tuple[ResourceType, ...]] = {}
        self._index()

    def _index(self) -> None:
        everything = [*self._builtin, *(kind for kinds in self._custom.values() for kind in kinds)]
        self._types = [kind for kind in everything if kind.served]
        self._by_path = {(kind.group, kind.version, kind.plural): kind for kind in self._types}
        self._by_kind = {(kind.api_version, kind.kind): kind for kind in self._types}
        self._by_resource: dict[str, ResourceType] = {}
        for kind in (*self._types, *everything):
            self._by_resource.setdefault(kind.resource, kind)

    def set_custom(self, definition: str, kinds: Sequence[ResourceType]) -> None:
        """The kinds of a CustomResourceDefinition, one for each version (none: it is gone, or not accepted)."""
        if kinds:
            self._custom[definition] = tuple(kinds)
        else:
            self._custom.pop(definition, None)
        self._index()

    def find(self, group: str, version: str, plural: str) -> ResourceType | None:
        return self._by_path.get((group, version, plural))

    def is_builtin(self, group: str, version: str) -> bool:
        """Whether this version of a group is one of Kubernetes itself."""
        return any((kind.group, kind.version) == (group, version) for kind in self._builtin)

    def of_kind(self, api_version: str, kind: str) -> ResourceType | None:
        return self._by_kind.get((api_version, kind))

    def of_resource(self, resource: str) -> ResourceType | None:
        """A kind that shows the objects stored under a name."""
        return self._by_resource.get(resource)

    def types(self) -> list[ResourceType]:
        return list(self._types)

    def stored_types(self) -> list[ResourceType]:
        """One kind for each place where objects are stored."""
        return list(self._by_resource.values())

    def groups(self) -> dict[str, list[str]]:
        """Groups with their versions, the preferred one first, in order of appearance; the core group is ''."""
        found: dict[str, list[str]] = {}
        for kind in self._types:
            versions = found.setdefault(kind.group, [])
            if kind.version not in versions:
                versions.append(kind.version)
        return {group: sorted(versions, key=version_rank) for group, versions in found.items()}


def version_rank(version: str) -> tuple[int, int, int, str]:
    """Order of versions (Kubernetes: CRD versioning): v2, v1, v1beta1, v1alpha1, then anything else."""
    match = names.API_VERSION.fullmatch(version)
    if match is None:
        return (3, 0, 0, version)
    major, stage, minor = match.groups()
    rank = {None: 0, "beta": 1, "alpha": 2}[stage]
    return (rank, -int(major), -int(minor or 0), version)

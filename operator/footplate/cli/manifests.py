"""From files and folders on the command line to the objects in them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from footplate.cli.problem import UsageError
from footplate.kube.resources import (
    COMPUTE_POOLS,
    CONFIG_MAPS,
    DATASETS,
    ENVIRONMENTS,
    NAMESPACES,
    REGISTERED_MODELS,
    SECRETS,
    TRAINING_JOBS,
    Resource,
)

Kustomize = Callable[[Path], Awaitable[str]]

KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")
# What `footplate run` applies, in the order in which one may need the other.
ORDER: Sequence[Resource] = (
    *(NAMESPACES, SECRETS, CONFIG_MAPS, COMPUTE_POOLS),
    *(ENVIRONMENTS, DATASETS, REGISTERED_MODELS, TRAINING_JOBS),
)
_BY_TYPE = {(resource.api_version, resource.kind): resource for resource in ORDER}
# libyaml where there is one: ten times as fast
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Manifest:
    """One object to apply, and where it was written: `origin` is "job.yaml" or "job.yaml, document 2"."""

    resource: Resource
    body: Mapping[str, Any]
    origin: str

    @property
    def name(self) -> str:
        return str(self.body["metadata"]["name"])

    @property
    def namespace(self) -> str | None:
        namespace: str | None = self.body["metadata"].get("namespace")
        return namespace

    def into(self, namespace: str) -> Manifest:
        """The same in that namespace, unless it names its own or its kind has none."""
        if not self.resource.namespaced or self.namespace:
            return self
        return self.with_metadata(namespace=namespace)

    def with_metadata(self, **changes: str) -> Manifest:
        body = {**self.body, "metadata": {**self.body["metadata"], **changes}}
        return Manifest(self.resource, body, self.origin)


async def read(paths: Iterable[Path], kustomize: Kustomize) -> list[Manifest]:
    """All objects of the files and folders, in the order in which they are to be applied.

    A folder with a kustomization is rendered, of any other all *.yaml and *.yml are read. Raises UsageError.
    """
    found: list[Manifest] = []
    for path in paths:
        if path.is_dir():
            found += await _folder(path, kustomize)
        else:
            found += _file(path)
    return sorted(found, key=lambda manifest: ORDER.index(manifest.resource))


async def _folder(folder: Path, kustomize: Kustomize) -> list[Manifest]:
    if any((folder / name).is_file() for name in KUSTOMIZATIONS):
        return parse(await kustomize(folder), str(folder))
    files = sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")])
    if not files:
        raise UsageError(f"{folder} has no YAML file in it")
    return [manifest for file in files for manifest in _file(file)]


def _file(path: Path) -> list[Manifest]:
    try:
        text = path.read_text()
    except FileNotFoundError:
        raise UsageError(f"there is no file or folder {path}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error
    return parse(text, str(path))


def parse(text: str, origin: str) -> list[Manifest]:
    """The objects of a YAML text, those of a List one by one. Raises UsageError naming the file and the document."""
    try:
        documents = [document for document in yaml.load_all(text, Loader=_Loader) if document is not None]
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise UsageError(f"{origin}{line}: this is no YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise UsageError(f"{origin}: this is no YAML: {error}") from error
    if not documents:
        raise UsageError(f"{origin} is empty")
    found = []
    for number, document in enumerate(documents, 1):
        place = origin if len(documents) == 1 else f"{origin}, document {number}"
        found += [_manifest(body, place) for body in _items(document)]
    return found


def _items(document: Any) -> Sequence[Any]:
    if isinstance(document, dict) and document.get("kind") == "List" and isinstance(document.get("items"), list):
        return list(document["items"])
    return [document]


def _manifest(body: Any, origin: str) -> Manifest:
    if not isinstance(body, dict) or not body.get("kind") or not body.get("apiVersion"):
        raise UsageError(f"{origin}: this is no Kubernetes object: it has no apiVersion and kind")
    if not isinstance(body.get("metadata"), dict) or not isinstance(body["metadata"].get("name"), str):
        raise UsageError(f"{origin}: the {body['kind']} has no metadata.name")
    resource = _BY_TYPE.get((body["apiVersion"], body["kind"]))
    if resource is None:
        known = ", ".join(r.kind for r in ORDER)
        raise UsageError(
            f"{origin}: footplate run does not apply {body['kind']} ({body['apiVersion']}), only {known}; "
            "apply it before with kubectl apply -f"
        )
    return Manifest(resource, body, origin)

"""The CustomResourceDefinitions, made from the models: `python -m footplate.api.crd [--check] [FOLDER…]`.

Kubernetes: CustomResourceDefinition, apiextensions.k8s.io/v1.
"""

from __future__ import annotations

import argparse
import inspect
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from footplate.api.base import Resource, Schema
from footplate.api.compute_pool import ComputePool
from footplate.api.dataset import Dataset
from footplate.api.environment import Environment
from footplate.api.registered_model import RegisteredModel
from footplate.api.structural import structural_schema
from footplate.api.training_job import TrainingJob
from footplate.constants import GROUP, VERSION

FOLDERS = (Path("crds"), Path("charts/footplate/files/crds"))  # a chart can hold no file from outside its folder
HEADER = "# Made by `make crds` from operator/footplate/api: change the models, not this file.\n"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of `kubectl get`; priority 1 is shown with -o wide alone."""

    name: str
    path: str
    description: str
    type: str = "string"
    priority: int = 0

    def to_json(self) -> dict[str, Any]:
        found = {
            "name": self.name,
            "type": self.type,
            "jsonPath": self.path,
            "description": self.description,
            "priority": self.priority,
        }
        return {key: value for key, value in found.items() if key != "priority" or value}


AGE = Column("Age", ".metadata.creationTimestamp", "Since when the object exists", "date")


def _condition(name: str, type_: str, field: str, description: str, priority: int = 0) -> Column:
    return Column(name, f'.status.conditions[?(@.type=="{type_}")].{field}', description, priority=priority)


READY = _condition("Ready", "Ready", "status", "Whether it can be used")
WHY_NOT = _condition("Reason", "Ready", "reason", "Why it can or cannot be used, in a word")
WHY_NOT_IN_WORDS = _condition("Message", "Ready", "message", "Why it can or cannot be used, in a sentence", priority=1)


@dataclass(frozen=True, slots=True)
class Definition:
    """How a kind is called, and what `kubectl get` shows of it."""

    model: type[Resource]
    plural: str
    short_name: str
    columns: tuple[Column, ...]
    namespaced: bool = True

    @property
    def kind(self) -> str:
        return self.model.__name__

    @property
    def file_name(self) -> str:
        return f"{self.plural}.yaml"


DEFINITIONS = (
    Definition(
        TrainingJob,
        "trainingjobs",
        "tj",
        (
            Column("Phase", ".status.phase", "Where the job is in its life"),
            Column("Reason", ".status.reason", "Why it is there, in a word"),
            Column("Nodes", ".status.nodes", "Nodes of the job", "integer"),
            Column("GPUs", ".status.gpus", "GPUs of all nodes together", "integer"),
            Column("Pool", ".spec.computePool", "The pool that the job waits for"),
            Column("Metric", ".status.metric", "The latest value of a metric"),
            AGE,
            Column("Attempt", ".status.attempt", "How often the job was started", "integer", 1),
            Column("Experiment", ".spec.experiment", "Groups runs that are compared", priority=1),
            Column("Message", ".status.message", "Why it is in its phase, in a sentence", priority=1),
        ),
    ),
    Definition(
        ComputePool,
        "computepools",
        "pool",
        (
            Column("Nodes", ".status.nodes.current", "How many nodes there are", "integer"),
            Column("Target", ".status.nodes.target", "How many nodes there should be", "integer"),
            Column("Min", ".spec.minNodes", "How many nodes stay", "integer"),
            Column("Max", ".spec.maxNodes", "How many nodes there may be", "integer"),
            Column("Running", ".status.jobs.running", "Jobs that the pool has admitted", "integer"),
            Column("Queued", ".status.jobs.queued", "Jobs that wait for the pool", "integer"),
            AGE,
            Column("Priority", ".spec.priority", "Dedicated or LowPriority nodes", priority=1),
            Column("Queueing", ".spec.queueing", "Who gets free nodes first", priority=1),
            _condition("Ready", "Ready", "status", "Whether the pool takes jobs", priority=1),
            WHY_NOT_IN_WORDS,
        ),
        namespaced=False,
    ),
    Definition(
        Environment,
        "environments",
        "env",
        (
            Column("Version", ".status.latestVersion", "The newest version that is ready", "integer"),
            READY,
            WHY_NOT,
            AGE,
            WHY_NOT_IN_WORDS,
        ),
    ),
    Definition(
        RegisteredModel,
        "registeredmodels",
        "model",
        (
            Column("Model", ".spec.modelName", "The model of which this is a version"),
            Column("Version", ".status.version", "The version", "integer"),
            Column("Framework", ".spec.framework", "What the model was made with"),
            READY,
            WHY_NOT,
            AGE,
            Column("Job", ".spec.source.job", "The job that made it", priority=1),
            Column("URI", ".status.uri", "Where its files are", priority=1),
            WHY_NOT_IN_WORDS,
        ),
    ),
    Definition(
        Dataset,
        "datasets",
        "dset",  # not ds: kubectl would warn everyone who asks for daemon sets
        (
            Column("Version", ".status.latestVersion", "The newest version", "integer"),
            READY,
            WHY_NOT,
            AGE,
            Column("URI", ".spec.uris[0]", "Where the first of the data is", priority=1),
            WHY_NOT_IN_WORDS,
        ),
    ),
)


def crd(definition: Definition) -> dict[str, Any]:
    """The CustomResourceDefinition of one kind, as plain JSON."""
    kind = definition.kind
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{definition.plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced" if definition.namespaced else "Cluster",
            "names": {
                "kind": kind,
                "listKind": f"{kind}List",
                "plural": definition.plural,
                "singular": kind.lower(),
                "shortNames": [definition.short_name],
                "categories": ["footplate"],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": _root_schema(definition.model)},
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": [column.to_json() for column in definition.columns],
                }
            ],
        },
    }


def _root_schema(model: type[Resource]) -> dict[str, Any]:
    """The schema of a kind. Its metadata is the API server's own; a rule may look at the name in it."""
    root: dict[str, Any] = {
        "type": "object",
        "description": inspect.getdoc(model),
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string", "description": f"{GROUP}/{VERSION}"},
            "kind": {"type": "string", "description": model.__name__},
            "metadata": {"type": "object"},
            "spec": structural_schema(_part(model, "spec"), defaults=True),
            "status": structural_schema(_part(model, "status"), defaults=False),
        },
    }
    if model.rules:
        root["x-kubernetes-validations"] = [rule.to_json() for rule in model.rules]
    return root


def _part(model: type[Resource], field: str) -> type[Schema]:
    annotation = model.model_fields[field].annotation
    assert isinstance(annotation, type)
    assert issubclass(annotation, Schema)
    return annotation


@cache
def documents() -> Mapping[str, str]:
    """The text of each file below crds/, by its name; the same for the same models."""
    return {definition.file_name: _yaml(crd(definition)) for definition in DEFINITIONS}


def _yaml(document: Mapping[str, Any]) -> str:
    return HEADER + yaml.safe_dump(document, sort_keys=True, default_flow_style=False, allow_unicode=True, width=110)


def stale(folder: Path) -> list[Path]:
    """The files of `folder` that are not what the models say: changed, missing, or of no kind of ours."""
    wanted = documents()
    changed = [folder / name for name, text in wanted.items() if _read(folder / name) != text]
    return sorted([*changed, *(path for path in folder.glob("*.yaml") if path.name not in wanted)])


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


def main(arguments: Sequence[str] | None = None) -> int:
    """Writes the files, or with --check tells which are stale and returns 1."""
    parser = argparse.ArgumentParser(
        prog="python -m footplate.api.crd", description="Write the CustomResourceDefinitions from the models."
    )
    places = " and ".join(str(folder) for folder in FOLDERS)
    parser.add_argument("folders", nargs="*", type=Path, default=FOLDERS, help=f"where they are (default: {places})")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 and name the files that are stale")
    asked = parser.parse_args(arguments)
    paths = [path for folder in asked.folders for path in stale(folder)]
    if asked.check:
        for path in paths:
            print(f"{path} is not what the models say: run `make crds` and commit it", file=sys.stderr)
        return 1 if paths else 0
    wanted = documents()
    for path in paths:
        if path.name in wanted:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(wanted[path.name], encoding="utf-8")
        else:
            path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Manifests in the documentation and in examples are valid, and their commands name things that exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from footplate.api.compute_pool import ComputePool
from footplate.api.dataset import Dataset
from footplate.api.environment import Environment
from footplate.api.registered_model import RegisteredModel
from footplate.api.training_job import TrainingJob
from footplate.cli.main import app

ROOT = Path(__file__).parents[2]
KINDS = {k.__name__: k for k in (TrainingJob, Environment, ComputePool, RegisteredModel, Dataset)}
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "examples").rglob("*.md"))]


def manifests() -> list[Any]:
    found = []
    for page in PAGES:
        for number, block in enumerate(re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL)):
            found += [
                pytest.param(m, id=f"{page.name}-{number}") for m in yaml.safe_load_all(block) if "kind" in (m or {})
            ]
    for path in sorted((ROOT / "examples").rglob("*.yaml")):
        found += [pytest.param(m, id=f"{path.parent.name}-{path.name}") for m in yaml.safe_load_all(path.read_text())]
    return [m for m in found if m.values[0].get("kind") in KINDS]


@pytest.mark.parametrize("manifest", manifests())
def test_manifest_is_valid_and_names_no_unknown_field(manifest: dict[str, Any]) -> None:
    kind = KINDS[manifest["kind"]]
    parsed = kind.model_validate(manifest).to_json()
    assert unknown(manifest["spec"], parsed["spec"]) == []


def unknown(written: Any, understood: Any, path: str = "spec") -> list[str]:
    """Paths that the file has and the model does not keep."""
    if isinstance(written, dict) and isinstance(understood, dict):
        return [p for key, value in written.items() for p in unknown(value, understood.get(key, ...), f"{path}.{key}")]
    return [path] if understood is ... else []


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / target).exists(), target


COMMAND = re.compile(r"^(?:\$ )?(?:\.venv/bin/)?footplate (.*)$|`footplate ([^`\n]+)`", re.MULTILINE)


def commands() -> list[Any]:
    found: dict[str, str] = {}
    for page in PAGES:
        for match in COMMAND.finditer(page.read_text()):
            line = (match[1] or match[2]).split(" #")[0].split(" | ")[0].split(" > ")[0].split(" && ")[0]
            found.setdefault(line.replace("\\|", "|").rstrip("…. "), page.name)
    return [pytest.param(line, id=f"{page}: {line}") for line, page in found.items()]


@pytest.mark.parametrize("line", commands())
def test_a_command_in_the_documentation_is_one(line: str) -> None:
    root = command = typer.main.get_command(app)
    words = shlex.split(line.replace("run show", "runs show"))
    while words and words[0].partition("|")[0] in getattr(command, "commands", {}):
        command = command.commands[words.pop(0).partition("|")[0]]  # type: ignore[attr-defined]
    assert command is not root, "there is no such command"
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if re.fullmatch(r"-[a-zA-Z]|--[a-z-]+", word)} <= known

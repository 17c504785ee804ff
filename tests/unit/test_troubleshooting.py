"""Every reason that a job can have is explained in docs/troubleshooting.md."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from footplate.jobs.diagnosis import Cause

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/troubleshooting.md").read_text()
EXPLAINED = set(re.findall(r"`([A-Z][A-Za-z]+)`", PAGE))
JOBS = ROOT / "operator/footplate/jobs"


def reasons_in_code() -> set[str]:
    """The literal reasons given to `phase(...)`, `stalled(...)`, `Waiting(...)`, EnvironmentImage(reason=...) and
    variables of the name `reason`."""
    found: set[str] = set()
    for path in [*JOBS.glob("*.py"), ROOT / "operator/footplate/environments/resolve.py"]:
        for node in ast.walk(ast.parse(path.read_text())):
            found |= {
                part.value
                for value in _values(node)
                for part in ast.walk(value)
                if isinstance(part, ast.Constant) and isinstance(part.value, str) and part.value.isalpha()
            }
    return found


def _values(node: ast.AST) -> list[ast.expr]:
    """The parts of a statement that may hold a reason."""
    if isinstance(node, ast.Assign):
        named = any(isinstance(target, ast.Name) and target.id == "reason" for target in node.targets)
        return [node.value] if named and isinstance(node.value, (ast.Constant, ast.IfExp)) else []
    if not isinstance(node, ast.Call):
        return []
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    wanted = node.args[:2] if name in ("phase", "stalled", "Waiting") else []
    wanted = [*wanted, *(k.value for k in node.keywords if k.arg == "reason")]
    return [value for value in wanted if isinstance(value, ast.Constant)]


def test_the_search_finds_reasons() -> None:
    assert {"AllReplicasRunning", "UploadingOutputs", "EnvironmentNotFound", "NameTaken"} <= reasons_in_code()


@pytest.mark.parametrize("reason", sorted({cause.value for cause in Cause} | reasons_in_code()))
def test_it_is_explained(reason: str) -> None:
    assert reason in EXPLAINED

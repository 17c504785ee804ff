"""Rules of the house that import-linter cannot say."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
PURE = next(c["source_modules"] for c in CONTRACTS if c["name"] == "planners are pure")


@pytest.mark.parametrize("folder", ["operator", "runtime"])
def test_no_package_shadows_the_standard_library(folder: str) -> None:
    assert (ROOT / folder).is_dir()
    assert not (ROOT / folder / "__init__.py").exists()


def test_every_module_that_calls_itself_pure_is_under_the_rule() -> None:
    said = {
        ".".join(path.relative_to(ROOT / "operator").with_suffix("").parts)
        for folder in ("jobs", "environments")
        for path in (ROOT / "operator/footplate" / folder).glob("*.py")
        if "Pure" in (ast.get_docstring(ast.parse(path.read_text())) or "") or path.name == "plan.py"
    }
    assert said <= set(PURE)


@pytest.mark.parametrize("module", PURE)
def test_planners_do_not_ask_what_time_it_is(module: str) -> None:
    tree = ast.parse((ROOT / "operator" / (module.replace(".", "/") + ".py")).read_text())
    clocks = {"now", "utcnow", "today", "time", "monotonic"}
    asked = [
        n
        for n in ast.walk(tree)
        if isinstance(n, ast.Call)
        and isinstance(n.func, ast.Attribute)
        and n.func.attr in clocks
        and isinstance(n.func.value, ast.Name)
        and n.func.value.id in ("datetime", "date", "time")
    ]
    assert asked == []

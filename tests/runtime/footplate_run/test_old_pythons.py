"""The launcher runs in images we do not make: the standard library alone, and the grammar of Python 3.6."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

import footplate_run

SOURCES = sorted(path for folder in footplate_run.__path__ for path in Path(folder).glob("**/*.py"))
# Of the standard library of 3.11, what 3.6 has not.
NOT_IN_3_6 = {
    "dataclasses",
    "contextvars",
    "importlib.resources",
    "importlib.metadata",
    "zoneinfo",
    "graphlib",
    "tomllib",
}


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_source_is_of_python_3_6_and_the_standard_library(source: Path) -> None:
    tree = ast.parse(source.read_text(encoding="utf-8"), str(source), feature_version=(3, 6))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            modules = [node.module or ""]
        else:
            continue
        for module in modules:
            top = module.partition(".")[0]
            assert top == "footplate_run" or top in sys.stdlib_module_names, module
            assert module not in NOT_IN_3_6


def test_there_are_sources() -> None:
    assert {"__init__.py", "__main__.py", "run.py"} <= {path.name for path in SOURCES}

"""Which tests of frameworks wait for --slow-builds, with a real pytest run over a test of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TEST = """
import pytest
import framework_environment

framework_environment.is_cached = lambda example: example == "built"

@pytest.mark.slow_build("built")
def test_built(): pass

@pytest.mark.slow_build("not-built")
def test_not_built(): pass

def test_light(): pass
"""
CONFTEST = """
import framework_environment

def pytest_addoption(parser):
    parser.addoption(framework_environment.SLOW_BUILDS, action="store_true")

def pytest_collection_modifyitems(config, items):
    framework_environment.skip_slow_builds(config, items)
"""


@pytest.mark.parametrize(("options", "passed"), [([], 2), (["--slow-builds"], 3)])
def test_a_slow_build_that_is_not_there_is_skipped_with_the_reason(
    tmp_path: Path, options: list[str], passed: int
) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_it.py").write_text(TEST)
    support = Path(__file__).parents[1] / "support"
    (tmp_path / "pytest.ini").write_text(
        f"[pytest]\npythonpath = {support}\naddopts = -rs -p no:cacheprovider\nmarkers =\n  slow_build(example): …\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", *options, str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert f"{passed} passed" in done.stdout, done.stdout + done.stderr
    reason = "the environment of not-built takes minutes to build: `make test-frameworks` builds it"
    assert (reason in done.stdout) == (passed == 2)

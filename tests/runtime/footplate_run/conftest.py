from __future__ import annotations

from pathlib import Path

import pytest
from launcher_tree import LaunchTree, find_python

from footplate_runtime.launcher_archive import write_launcher


@pytest.fixture(scope="session")
def pyz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The launcher as fetch writes it."""
    target = tmp_path_factory.mktemp("bin") / "footplate-run.pyz"
    write_launcher(target)
    return target


@pytest.fixture(params=["3.6", "3.8", "3.13", "current"])
def python(request: pytest.FixtureRequest) -> str:
    """Each Python that a user's image may have."""
    found = find_python(request.param)
    if found is None:
        pytest.skip(f"no Python {request.param} on this machine")
    return found


@pytest.fixture
def tree(tmp_path: Path, python: str, pyz: Path) -> LaunchTree:
    """A replica's tree, under each Python."""
    return LaunchTree(tmp_path / "footplate", python, pyz)


@pytest.fixture
def current_tree(tmp_path: Path, pyz: Path) -> LaunchTree:
    """A replica's tree, for what does not depend on the Python."""
    python = find_python("current")
    assert python is not None
    return LaunchTree(tmp_path / "footplate", python, pyz)

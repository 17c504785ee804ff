"""Real jobs on real clusters: API server, node, operator and every program are processes of this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from local_cluster import LocalCluster, running_cluster


@pytest.fixture(scope="session")
def local_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    """One for all tests of a process that leave it as they found it."""
    with running_cluster(tmp_path_factory.mktemp("cluster") / "home") as cluster:
        yield cluster


@pytest.fixture
def own_cluster(tmp_path: Path) -> Iterator[LocalCluster]:
    """One of the test's own, to kill things in."""
    with running_cluster(tmp_path / "home") as cluster:
        yield cluster

"""Fixtures that several layers share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from api_server import ApiServerInThread
from framework_environment import SLOW_BUILDS, skip_slow_builds

collect_ignore = ["e2e"]  # runs against a cluster: tests/local/test_e2e_suite.py runs it here, `make e2e` elsewhere
LEFT_OUT = {  # markers of tests that run with an option only, which is called as they are
    "all_kills": "run all cases of the kill matrix",
    "images": "build the images with buildah (as root) and run what is in them",
    "all_takeovers": "kill and stop the leading operator fifty times, and give the API server trouble under 200 jobs",
    "full_size": "run tests of the agent that take minutes: all random schedules, 20 GiB, 100,000 files",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(SLOW_BUILDS, action="store_true", help="build framework environments that take minutes")
    for marker, meaning in LEFT_OUT.items():
        parser.addoption(_option(marker), action="store_true", help=meaning)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    skip_slow_builds(config, items)
    not_asked = [marker for marker in LEFT_OUT if not config.getoption(_option(marker))]
    left_out = [item for item in items if any(map(item.get_closest_marker, not_asked))]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in set(left_out)]


def _option(marker: str) -> str:
    return "--" + marker.replace("_", "-")


@pytest.fixture
def api_server(tmp_path: Path) -> Iterator[ApiServerInThread]:
    """A running API server with nothing in it but its first namespaces."""
    server = ApiServerInThread(tmp_path / "home")
    server.start()
    yield server
    server.stop()

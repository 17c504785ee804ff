"""Fixtures that several layers share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from api_server import ApiServerInThread
from framework_environment import SLOW_BUILDS, skip_slow_builds

ALL_KILLS = "--all-kills"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(SLOW_BUILDS, action="store_true", help="build framework environments that take minutes")
    parser.addoption(ALL_KILLS, action="store_true", help="run all cases of the kill matrix")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    skip_slow_builds(config, items)
    if not config.getoption(ALL_KILLS):
        left_out = [item for item in items if item.get_closest_marker("all_kills")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in set(left_out)]


@pytest.fixture
def api_server(tmp_path: Path) -> Iterator[ApiServerInThread]:
    """A running API server with nothing in it but its first namespaces."""
    server = ApiServerInThread(tmp_path / "home")
    server.start()
    yield server
    server.stop()

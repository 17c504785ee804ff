"""Fixtures that several layers share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from api_server import ApiServerInThread


@pytest.fixture
def api_server(tmp_path: Path) -> Iterator[ApiServerInThread]:
    """A running API server with nothing in it but its first namespaces."""
    server = ApiServerInThread(tmp_path / "home")
    server.start()
    yield server
    server.stop()

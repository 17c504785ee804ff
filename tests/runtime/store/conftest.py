"""Each test of the interface runs against a folder and against a real S3 server."""

from __future__ import annotations

from pathlib import Path

import pytest
from s3_server import s3_server

from footplate_runtime.store import Store, open_store

__all__ = ["s3_server"]


@pytest.fixture(params=["file", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "file":
        return open_store((tmp_path / "store").as_uri())
    server = request.getfixturevalue("s3_server")
    return open_store(server.new_uri(), server.endpoint, server.region, server.env)

"""Each test of the interface runs against a folder, a real S3 server, Azure's emulator and a stub of Google's."""

from __future__ import annotations

from pathlib import Path

import pytest
from azure_server import azure_server
from gcs_server import gcs_server
from s3_server import s3_server

from footplate_runtime.store import Store, open_store

__all__ = ["azure_server", "gcs_server", "s3_server"]


@pytest.fixture(params=["file", "s3", "az", "gs"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "file":
        return open_store((tmp_path / "store").as_uri())
    fixture = {"s3": "s3_server", "az": "azure_server", "gs": "gcs_server"}[request.param]
    server = request.getfixturevalue(fixture)
    return open_store(server.new_uri(), server.endpoint, server.region, server.env)

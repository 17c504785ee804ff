from __future__ import annotations

from pathlib import Path

import pytest
from replica import Replica
from s3_server import S3Server, s3_server

__all__ = ["s3_server"]


@pytest.fixture(params=["file", "s3"])
def replica(request: pytest.FixtureRequest, tmp_path: Path) -> Replica:
    """A replica, once with each kind of store."""
    if request.param == "file":
        return Replica(tmp_path, (tmp_path / "store/default/digits-1a2b3c4d").as_uri() + "/")
    server: S3Server = request.getfixturevalue("s3_server")
    return Replica(tmp_path, server.new_uri(), server.endpoint, server.env)

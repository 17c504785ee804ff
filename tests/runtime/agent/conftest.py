from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from replica import Replica
from s3_server import S3Server, s3_server

__all__ = ["s3_server"]


@pytest.fixture
def local(tmp_path: Path) -> Replica:
    """A replica whose run lies in a folder."""
    return Replica(tmp_path, (tmp_path / "store/default/digits-1a2b3c4d").as_uri() + "/")


@pytest.fixture
def in_s3(tmp_path: Path, s3_server: S3Server) -> Replica:
    """A replica whose run lies in S3."""
    return Replica(tmp_path, s3_server.new_uri(), s3_server.endpoint, s3_server.env)


@pytest.fixture(params=["file", "s3"])
def replica(request: pytest.FixtureRequest) -> Replica:
    """A replica, once with each kind of store."""
    found: Replica = request.getfixturevalue("local" if request.param == "file" else "in_s3")
    return found


@pytest.fixture
def without_override() -> list[str]:
    """A command under which root, too, may only read what the modes of files allow it to."""
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("root reads everything, and there is no setpriv to change that")
    return ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-dac_override,-dac_read_search"]

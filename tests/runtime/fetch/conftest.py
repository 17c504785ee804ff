from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from http_files import HttpFiles, http_files
from replica import Replica
from s3_server import s3_server

__all__ = ["s3_server"]


@pytest.fixture
def replica(tmp_path: Path) -> Replica:
    """A replica whose run lies in a folder."""
    return Replica(tmp_path, (tmp_path / "store/default/digits-1a2b3c4d").as_uri() + "/")


@pytest.fixture
def web() -> Iterator[HttpFiles]:
    with http_files() as server:
        yield server

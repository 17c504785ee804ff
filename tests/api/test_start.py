"""A server that cannot start says why, in a sentence."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def _started(home: Path) -> tuple[int, str]:
    command = [sys.executable, "-m", "footplate_local.apiserver", "--home", str(home)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return ended.returncode, ended.stderr


def test_a_store_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "cluster.db").write_text("no database, whatever its name says\n" * 10)
    assert _started(tmp_path) == (
        1,
        f"the API server cannot read {tmp_path / 'cluster.db'}: file is not a database; put back a copy of it, or "
        "begin anew with `footplate local reset`\n",
    )


def test_a_home_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    code, said = _started(tmp_path / "file" / "home")
    assert (code, said.count("\n")) == (1, 1)
    assert said.startswith(f"the API server cannot start in {tmp_path / 'file' / 'home'}: ")

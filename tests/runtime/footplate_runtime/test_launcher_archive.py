from __future__ import annotations

import os
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from footplate_runtime.launcher_archive import write_launcher


def test_same_sources_same_bytes(tmp_path: Path) -> None:
    first, second = tmp_path / "a/footplate-run.pyz", tmp_path / "b/footplate-run.pyz"
    write_launcher(first)
    write_launcher(second)
    assert first.read_bytes() == second.read_bytes()


def test_sources_alone(tmp_path: Path) -> None:
    target = tmp_path / "footplate-run.pyz"
    write_launcher(target)
    with zipfile.ZipFile(target) as archive:
        names = archive.namelist()
        assert archive.testzip() is None
    assert names[0] == "__main__.py"
    assert {"footplate_run/__init__.py", "footplate_run/__main__.py", "footplate_run/run.py"} <= set(names)
    assert all(name.endswith(".py") for name in names)
    assert len(names) == len(set(names))


def test_any_user_may_run_it_and_import_from_it(tmp_path: Path) -> None:
    target = tmp_path / "bin/footplate-run.pyz"
    write_launcher(target)
    assert stat.S_IMODE(target.stat().st_mode) == 0o755
    answer = subprocess.run(
        [
            sys.executable,
            "-S",
            "-c",
            "from footplate_run import Run; import footplate_run; print(footplate_run.__file__)",
        ],
        env={"PYTHONPATH": str(target)},
        capture_output=True,
        check=True,
        timeout=30,
    )
    assert answer.stdout.decode().strip() == f"{target}/footplate_run/__init__.py"


def test_an_older_one_is_replaced_and_nothing_else_is_left(tmp_path: Path) -> None:
    target = tmp_path / "footplate-run.pyz"
    target.write_text("old")
    write_launcher(target)
    assert zipfile.is_zipfile(target)
    assert [entry.name for entry in tmp_path.iterdir()] == ["footplate-run.pyz"]


def test_failure_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "footplate-run.pyz"
    target.write_text("old")

    def fails(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(OSError, match="No space left"):
        write_launcher(target)
    assert target.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["footplate-run.pyz"]

from __future__ import annotations

import os
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from footplate_runtime.launcher_archive import write_launcher


def test_sources_and_their_byte_code_alone(tmp_path: Path) -> None:
    target = tmp_path / "footplate-run.pyz"
    write_launcher(target)
    with zipfile.ZipFile(target) as archive:
        names = archive.namelist()
        assert archive.testzip() is None
    assert names[0] == "__main__.py"
    sources = {name for name in names[1:] if name.endswith(".py")}
    assert {"footplate_run/__init__.py", "footplate_run/__main__.py", "footplate_run/run.py"} <= sources
    assert set(names[1:]) == sources | {f"{name}c" for name in sources}
    assert len(names) == len(set(names))


def test_another_python_takes_the_sources(tmp_path: Path) -> None:
    """As byte code of another version is seen: by its first two bytes, which no version has."""
    target, foreign = tmp_path / "footplate-run.pyz", tmp_path / "foreign.pyz"
    write_launcher(target)
    with zipfile.ZipFile(target) as read, zipfile.ZipFile(foreign, "w") as written:
        for name in read.namelist():
            data = read.read(name)
            written.writestr(name, b"\0\0" + data[2:] if name.endswith(".pyc") else data)
    assert loaded_from(foreign) == f"{foreign}/footplate_run/__init__.py"


def test_any_user_may_run_it_and_import_from_it(tmp_path: Path) -> None:
    target = tmp_path / "bin/footplate-run.pyz"
    write_launcher(target)
    assert stat.S_IMODE(target.stat().st_mode) == 0o755
    assert loaded_from(target) == f"{target}/footplate_run/__init__.pyc", "not compiled once more"


def loaded_from(archive: Path) -> str:
    """The file of the package as another process imports it."""
    program = "from footplate_run import Run; import footplate_run; print(footplate_run.__file__)"
    answer = subprocess.run(
        [sys.executable, "-S", "-c", program],
        env={"PYTHONPATH": str(archive)},
        capture_output=True,
        check=True,
        timeout=30,
    )
    return answer.stdout.decode().strip()


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

from __future__ import annotations

from pathlib import Path

import pytest

from footplate_run.errors import NOT_EXECUTABLE, NOT_FOUND, CannotStart
from footplate_run.orders import Orders
from footplate_run.program import command_of, executable_path


def orders(code: Path, script: str) -> Orders:
    return Orders("/footplate", "digits", "u", "worker", 0, 1, str(code), [], {}, {}, script)


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ([], "train.py is not in the source; the source is empty"),
        (["a.py", "b.py"], "train.py is not in the source; found: a.py, b.py"),
        (
            [f"f{i}.py" for i in range(10)] + ["a.txt"],
            "train.py is not in the source; found: f0.py, f1.py, f2.py, f3.py, f4.py, f5.py, f6.py, f7.py, …",
        ),
    ],
)
def test_missing_script_names_what_is_there(tmp_path: Path, files: list[str], sentence: str) -> None:
    for name in files:
        (tmp_path / name).touch()
    with pytest.raises(CannotStart) as caught:
        command_of(orders(tmp_path, "train.py"))
    assert (str(caught.value), caught.value.exit_code) == (sentence, NOT_FOUND)


def test_a_folder_is_no_script(tmp_path: Path) -> None:
    (tmp_path / "train.py").mkdir()
    with pytest.raises(CannotStart, match=r"^train\.py is not in the source"):
        command_of(orders(tmp_path, "train.py"))


def test_executable_path(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    for folder in (first, second):
        folder.mkdir()
        (folder / "tool").touch()
    (second / "tool").chmod(0o755)
    search = f"{first}:{second}"
    assert executable_path("tool", "/", search) == str(second / "tool")
    assert executable_path("b/tool", str(tmp_path), search) == str(second / "tool")
    with pytest.raises(CannotStart, match=r"a/tool is not executable: chmod \+x it") as caught:
        executable_path("tool", "/", str(first))
    assert caught.value.exit_code == NOT_EXECUTABLE
    with pytest.raises(CannotStart, match=r"the command \./none was not found in the image") as caught:
        executable_path("./none", str(second), search)
    assert caught.value.exit_code == NOT_FOUND

"""A program whose user the image does not know has a home and a name."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest
from launcher_tree import LaunchTree

from footplate_run import home

STRANGER = 54321
PROGRAM = """
import getpass, os, pathlib
pathlib.Path("~/.cache/torch").expanduser().mkdir(parents=True)
print(os.environ["HOME"], getpass.getuser())
"""


def fail(said: str) -> None:
    pytest.fail(said)


def test_the_program_of_a_stranger(current_tree: LaunchTree) -> None:
    current_tree.write("train.py", PROGRAM)
    current_tree.orders("train.py")
    stranger = ["unshare", "--user", f"--map-user={STRANGER}", f"--map-group={STRANGER}"]
    ended = current_tree.run(env={"HOME": "/nonexistent"}, prefix=stranger)
    assert (ended.status, ended.out.decode()) == (0, f"{current_tree.root}/state/home footplate\n"), ended.err


def test_a_user_with_a_home_keeps_it(tmp_path: Path) -> None:
    environment = {"HOME": str(tmp_path), "USER": "ada"}
    assert home.variables("/nowhere", environment, fail) == {}


@pytest.mark.parametrize("given", [{}, {"HOME": ""}, {"HOME": "/nonexistent"}])
def test_a_home_that_is_none_is_replaced(tmp_path: Path, given: dict[str, str]) -> None:
    found = home.variables(str(tmp_path), {**given, "USER": "ada"}, fail)
    assert found == {"HOME": str(tmp_path / "state/home")}
    assert (tmp_path / "state/home").stat().st_mode & 0o777 == 0o700


def test_a_known_user_keeps_its_name(tmp_path: Path) -> None:
    assert pwd.getpwuid(os.getuid())
    assert home.variables("/nowhere", {"HOME": str(tmp_path)}, fail) == {}


def test_a_tree_that_cannot_be_written_is_told_and_no_reason_to_fail(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    told: list[str] = []
    assert home.variables(str(tmp_path), {"HOME": "/nonexistent", "USER": "ada"}, told.append) == {}
    assert told[0].startswith("the program has no home that it can write")

from __future__ import annotations

from pathlib import Path

import pytest

from footplate_run.errors import CannotStart
from footplate_run.orders import Orders
from footplate_run.workdir import prepare


def orders(root: Path, code: Path) -> Orders:
    return Orders(str(root), "digits", "u", "worker", 0, 1, str(code), [], {}, {}, "train.py")


def test_makes_what_is_missing_and_leaves_what_is_there(tmp_path: Path) -> None:
    code = tmp_path / "code"
    code.mkdir()
    (tmp_path / "outputs").mkdir()
    (tmp_path / "outputs/old").touch()
    (code / "outputs").symlink_to("../outputs")
    said: list[str] = []
    prepare(orders(tmp_path, code), said.append)
    prepare(orders(tmp_path, code), said.append)
    assert said == []
    assert (code / "outputs").readlink() == Path("../outputs")
    assert (code / "logs").resolve() == tmp_path / "logs"
    assert (tmp_path / "outputs/old").exists()
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["code", "logs", "metrics", "outputs", "state"]


def test_a_link_that_leads_elsewhere_is_replaced(tmp_path: Path) -> None:
    code = tmp_path / "code"
    code.mkdir()
    (code / "outputs").symlink_to("/no/such/place")
    prepare(orders(tmp_path, code), print)
    assert (code / "outputs").resolve() == tmp_path / "outputs"


def test_a_folder_of_the_source_comes_along_without_overwriting(tmp_path: Path) -> None:
    code = tmp_path / "code"
    (code / "outputs/sub").mkdir(parents=True)
    (code / "outputs/kept").write_text("from the source")
    (code / "outputs/new").write_text("from the source")
    (tmp_path / "outputs").mkdir()
    (tmp_path / "outputs/kept").write_text("made before")
    prepare(orders(tmp_path, code), print)
    assert (code / "outputs").is_symlink()
    assert (tmp_path / "outputs/kept").read_text() == "made before"
    assert (tmp_path / "outputs/new").read_text() == "from the source"
    assert (tmp_path / "outputs/sub").is_dir()


def test_a_link_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    said: list[str] = []
    code = tmp_path / "code"
    code.mkdir()
    (code / "logs").write_text("a file of the source")
    prepare(orders(tmp_path, code), said.append)
    assert said == [
        f"./logs in {code} cannot be a link to {tmp_path}/logs (File exists); "
        "what the program writes to ./logs is not kept"
    ]


def test_without_a_working_directory(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match=r"the working directory .*/code does not exist"):
        prepare(orders(tmp_path, tmp_path / "code"), print)

from pathlib import Path

import pytest

from footplate.api.crd import HEADER, documents, main


def test_written_files_are_up_to_date(tmp_path: Path) -> None:
    assert main([str(tmp_path)]) == 0

    assert main([str(tmp_path), "--check"]) == 0
    assert {path.name for path in tmp_path.iterdir()} == set(documents())
    assert all(path.read_text().startswith(HEADER) for path in tmp_path.iterdir())


@pytest.mark.parametrize("change", ["edited", "missing", "of no kind"])
def test_check_names_the_stale_file_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: str
) -> None:
    main([str(tmp_path)])
    stale = tmp_path / ("old.yaml" if change == "of no kind" else "datasets.yaml")
    if change == "missing":
        stale.unlink()
    else:
        stale.write_text("a: 1\n")

    assert main([str(tmp_path), "--check"]) == 1

    assert capsys.readouterr().err == f"{stale} is not what the models say: run `make crds` and commit it\n"
    assert stale.exists() is (change != "missing")


def test_writing_removes_the_file_of_a_kind_that_is_gone(tmp_path: Path) -> None:
    (tmp_path / "old.yaml").write_text("a: 1\n")

    main([str(tmp_path)])

    assert not (tmp_path / "old.yaml").exists()

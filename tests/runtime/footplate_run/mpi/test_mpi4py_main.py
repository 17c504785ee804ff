"""What a rank that fails says before mpi4py aborts all; the mpi4py here only runs the program."""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import footplate_run
from footplate_run.mpi.mpi4py_main import exit_code_of, sentence_of

RUN = """
import runpy, sys

def main():
    sys.argv = sys.argv[1:]
    runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.mark.parametrize(
    ("code", "said", "status"),
    [
        ("raise ValueError('image 17')", (b"3 1 0 0", b"ValueError: image 17"), 1),
        ("import sys; sys.exit(7)", (b"3 7 0 0", b""), 7),
        ("import sys; sys.exit('no data')", (b"3 1 0 0", b""), 1),
        ("import sys; sys.exit()", None, 0),
        ("import sys; print(sys.argv[1:])", None, 0),
        ("raise KeyboardInterrupt", None, None),
    ],
)
def test_a_rank_tells_of_its_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, said: tuple[bytes, bytes] | None, status: int | None
) -> None:
    (tmp_path / "mpi4py").mkdir()
    (tmp_path / "mpi4py" / "__init__.py").write_text("")
    (tmp_path / "mpi4py" / "run.py").write_text(RUN)
    (tmp_path / "train.py").write_text(textwrap.dedent(code) + "\n")
    node = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    with node:
        monkeypatch.chdir(tmp_path)  # the path of a socket may be too long
        node.bind("rank.sock")
        source = str(Path(next(iter(footplate_run.__path__))).parent)
        done = subprocess.run(
            [sys.executable, "-m", "footplate_run.mpi.mpi4py_main", "train.py", "--lr", "1"],
            env={
                "PYTHONPATH": os.pathsep.join([str(tmp_path), source]),
                "FOOTPLATE_MPI_FOLDER": str(tmp_path),
                "PMI_RANK": "3",
            },
            cwd=tmp_path,
            capture_output=True,
            timeout=60,
        )
        heard = node.recv(4096).split(b" ", 5) if select.select([node], [], [], 0)[0] else None
    assert (heard and (b" ".join(heard[:4]), heard[5])) == said
    if status is not None:
        assert done.returncode == status, done.stderr
    if "argv" in code:
        assert done.stdout == b"['--lr', '1']\n"


@pytest.mark.parametrize(("value", "code"), [(None, 0), (0, 0), (7, 7), (256 + 7, 7), ("no data", 1), (-1, 255)])
def test_what_an_interpreter_exits_with(value: object, code: int) -> None:
    assert exit_code_of(value) == code


def test_an_exception_in_one_line() -> None:
    error = ValueError("image 17\nis upside down")
    error.add_note("see the data sheet")
    assert sentence_of(error) == "ValueError: image 17"
    with pytest.raises(SyntaxError) as raised:
        compile("x = (", "train.py", "exec")
    assert sentence_of(raised.value) == "SyntaxError: '(' was never closed"
    assert len(sentence_of(ValueError("x" * 9999))) == 500

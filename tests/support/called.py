"""The `footplate` command in this process: what its entry point prints and returns, without an interpreter's start."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from typing import NamedTuple
from unittest.mock import patch

from footplate.cli.main import main


class Done(NamedTuple):
    """As a process that has ended."""

    returncode: int
    stdout: str
    stderr: str


def called(*arguments: str, env: Mapping[str, str]) -> Done:
    """Call the command with these arguments and variables besides those of this process; streams are no terminals."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    code = 0
    argv = patch.object(sys, "argv", ["footplate", *arguments])
    with patch.dict(os.environ, env), argv, redirect_stdout(out), redirect_stderr(err):
        try:
            main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    return Done(code, *(stream.buffer.getvalue().decode() for stream in (out, err)))  # type: ignore[attr-defined]

"""What a start must not load: imports are most of the agent's 300 ms and fetch's 250 ms."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("footplate_runtime.agent.agent", {"obstore", "asyncio", "http.client", "urllib.request", "pydantic"}),
        ("footplate_runtime.agent.server", {"http.server", "http.client", "ssl"}),
        (
            "footplate_runtime.fetch.fetch",
            {"obstore", "asyncio", "http.client", "urllib.request", "tarfile", "subprocess", "concurrent.futures"},
        ),
    ],
)
def test_what_is_loaded(module: str, heavy: set[str]) -> None:
    program = f"import sys; bare = set(sys.modules); import {module}; print(*(set(sys.modules) - bare))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert heavy & set(done.stdout.split()) == set()

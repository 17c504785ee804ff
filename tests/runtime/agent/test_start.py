"""What a start must not load: imports are most of what the agent and fetch cost a job of many nodes.

A dataclass loads inspect and with it the compiler's modules: the runtime's records are NamedTuples.
"""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("footplate_runtime.agent.agent", {"obstore", "asyncio", "http.client", "urllib.request", "pydantic"}),
        ("footplate_runtime.agent.server", {"http.server", "http.client", "ssl"}),
        ("footplate_runtime.store.file_store", set()),
        (
            "footplate_runtime.fetch.fetch",
            {"obstore", "asyncio", "http.client", "urllib.request", "tarfile", "subprocess", "concurrent.futures"},
        ),
    ],
)
def test_what_is_loaded(module: str, heavy: set[str]) -> None:
    program = f"import sys; bare = set(sys.modules); import {module}; print(*(set(sys.modules) - bare))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert (heavy | {"dataclasses", "inspect"}) & set(done.stdout.split()) == set()

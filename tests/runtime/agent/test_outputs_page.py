"""docs/outputs.md shows what the agent says and does."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from replica import AgentProcess, Replica, eventually

from footplate_runtime.agent.ignored import IgnoreFile
from footplate_runtime.agent.watch import LIMITS

PAGE = (Path(__file__).parents[3] / "docs/outputs.md").read_text()


def _blocks(language: str = "") -> list[str]:
    blocks = (block.partition("\n") for block in PAGE.split("```")[1::2])
    return [text for first, _, text in blocks if first == language]


def test_the_status_and_the_series(local: Replica) -> None:
    (shown,) = [json.loads(block) for block in _blocks("json")]
    with AgentProcess(local) as agent:
        status = eventually(agent.status, "the status")
        assert shown.keys() == status.keys()
        for part in ("pending", "uploaded", "watch"):
            assert shown[part].keys() == status[part].keys()
        series = agent.get("/metrics").decode()
        for name in re.findall(r"footplate_agent_\w+", PAGE):
            assert f"\n{name} " in series


def test_the_log_when_files_are_polled() -> None:
    assert any(limit in PAGE for limit in LIMITS.values())


@pytest.mark.parametrize(("path", "stays"), [("debug/x", True), ("a.bin", True), ("model.bin", False), ("b", False)])
def test_the_ignore_file(tmp_path: Path, path: str, stays: bool) -> None:
    (text,) = [block for block in _blocks() if "!model.bin" in block]
    (tmp_path / ".footplateignore").write_text(text)
    file = IgnoreFile(os.fsencode(os.path.realpath(tmp_path)), b"", print)
    file.refresh()
    assert file.matches(path.encode(), False) is stays

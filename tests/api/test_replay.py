"""Conversations with kube-apiserver v1.34, held again with the embedded API server.

Those whose names begin with `own-` are written by hand from its documentation; all others are recorded from it.
"""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path
from types import ModuleType

import pytest
from api_server import ApiServerInThread

HERE = Path(__file__).parent
SCENARIOS = sorted((HERE / "scenarios").glob("*.json"))
NEWER = os.environ.get("FOOTPLATE_CONFORMANCE")
"""A folder of recordings that may be newer than those in the project; else one beside the repository is looked for."""


def _load_replay() -> ModuleType:
    spec = importlib.util.spec_from_file_location("conformance_replay", HERE / "replay.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


replay = _load_replay()


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_it_answers_as_kube_apiserver_does(path: Path, api_server: ApiServerInThread) -> None:
    server = replay.Server(api_server.url, api_server.token, ca=str(api_server.certificate))
    assert replay.replay(server, json.loads(path.read_text())) == []


def _recordings() -> list[Path]:
    if NEWER:
        return sorted(Path(NEWER).rglob("*.json"))
    return sorted(HERE.parents[1].parent.glob("*/conformance/scenarios/*.json"))


def test_no_recording_is_missing_here() -> None:
    recordings = _recordings()
    if not recordings:
        pytest.skip("there are no other recordings here (FOOTPLATE_CONFORMANCE names a folder of them)")
    known = {path.name: json.loads(path.read_text()) for path in SCENARIOS}
    missing = [path.stem for path in recordings if known.get(path.name) != json.loads(path.read_text())]
    assert not missing, f"copy these recordings into {HERE / 'scenarios'}: {', '.join(missing)}"

"""Conversations recorded from kube-apiserver v1.34, held again with the embedded API server."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest
from api_server import ApiServerInThread

HERE = Path(__file__).parent
SCENARIOS = sorted((HERE / "scenarios").glob("*.json"))


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

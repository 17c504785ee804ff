"""The settings of the operator of the embedded cluster: `operator.yaml`."""

from __future__ import annotations

import socket
from typing import Any

import yaml

from footplate_local.home import ENV_HOME, Home

_RUNTIME_IMAGE = "footplate/runtime"


def settings_of(home: Home, health_port: int) -> dict[str, Any]:
    """As docs/architecture.md has them: the store and the builder of this home, quick polls, one operator."""
    return {
        "store": {"uri": home.store.as_uri()},
        "runtimeImage": _RUNTIME_IMAGE,
        "builder": {
            "image": _RUNTIME_IMAGE,
            "command": ["python3", "-m", "footplate_local.builder"],
            "env": {ENV_HOME: str(home.path)},
        },
        "pollSeconds": 2,
        "sweepSeconds": 300,
        "leaderElection": False,
        "healthHost": "127.0.0.1",
        "healthPort": health_port,
    }


def health_port(home: Home) -> int | None:
    """The port in the settings that are there; None when there are none."""
    try:
        port = yaml.safe_load(home.settings.read_text())["healthPort"]
    except (FileNotFoundError, yaml.YAMLError, KeyError, TypeError):
        return None
    return port if isinstance(port, int) else None


def free_port() -> int:
    """A port that is free now. Should another take it first, the operator ends and `up` says so."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

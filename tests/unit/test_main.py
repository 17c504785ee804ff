"""The operator as a command: what it says when it cannot start."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

KUBECONFIG = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "nowhere",
    "contexts": [{"name": "nowhere", "context": {"cluster": "nowhere", "user": "nobody"}}],
    "clusters": [{"name": "nowhere", "cluster": {"server": "https://127.0.0.1:1"}}],
    "users": [{"name": "nobody", "user": {"token": "x"}}],
}


def refused(folder: Path, kubeconfig: Path, **settings: Any) -> str:
    """What an operator says that does not start."""
    path = folder / "settings.yaml"
    path.write_text(json.dumps({"store": {"uri": "s3://runs"}, "healthHost": "127.0.0.1", **settings}))
    done = subprocess.run(
        [sys.executable, "-m", "footplate", "--config", str(path)],
        env={**os.environ, "KUBECONFIG": str(kubeconfig)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("footplate: ")
    assert "Traceback" not in done.stderr
    return done.stderr


def test_without_a_cluster(tmp_path: Path) -> None:
    assert "missing" in refused(tmp_path, tmp_path / "missing")


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    (tmp_path / "kubeconfig").write_text(json.dumps(KUBECONFIG))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"`healthPort` {port}" in refused(tmp_path, tmp_path / "kubeconfig", healthPort=port)


def test_settings_with_mistakes(tmp_path: Path) -> None:
    assert "`qsp` is no setting" in refused(tmp_path, tmp_path / "missing", qsp=5)

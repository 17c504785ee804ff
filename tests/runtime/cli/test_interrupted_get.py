"""`footplate outputs get` is ended while a store is away, and called again when that is back."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from replica import eventually
from s3_server import S3Server, s3_server
from tcp_gate import gate

from footplate.cli.runs.download import PARTIAL
from footplate_runtime.store import open_store

__all__ = ["s3_server"]

SIZE, BREAK = 24 << 20, 12 << 20


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_it_goes_on_where_it_was(s3_server: S3Server, tmp_path: Path, number: signal.Signals, code: int) -> None:
    uri, data = s3_server.new_uri(), os.urandom(SIZE)
    run = open_store(f"{uri}default/digits-1a2b3c4d/", s3_server.endpoint, s3_server.region, s3_server.env)
    run.put("outputs/model.bin", data)
    files = [{"path": "outputs/model.bin", "size": SIZE, "sha256": hashlib.sha256(data).hexdigest()}]
    run.put("manifest.json", json.dumps({"version": 1, "complete": True, "files": files}).encode())
    folder = tmp_path / "out"

    def held() -> int:
        return sum(part.stat().st_size for part in (folder / PARTIAL).glob("*"))

    with gate(s3_server.endpoint) as way:
        argv = [str(Path(sys.executable).with_name("footplate")), "outputs", "get", "digits", "--all", str(folder)]
        argv += ["--store", uri, "--endpoint", way.endpoint]
        env = {**os.environ, **s3_server.env}
        way.break_after(BREAK, opens_again=False)
        with subprocess.Popen(argv, env=env, stderr=subprocess.PIPE, text=True) as first:
            try:
                eventually(lambda: way.breaks and held() >= BREAK // 4, "some of the file")
                assert first.stderr is not None
                assert "Trying again in" in first.stderr.readline()
                first.send_signal(number)
                rest = first.stderr.read()
                assert first.wait(60) == code
            finally:
                first.kill()
        assert ("the same command goes on where it was" in rest) == (number == signal.SIGINT)
        assert not (folder / "model.bin").exists()

        had = held()
        way.open()
        way.break_after(SIZE - had + (1 << 20), opens_again=True)
        again = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=120, check=False)
        assert again.returncode == 0, again.stderr
        assert way.breaks == 1, "what was there already is not sent again"
    assert (folder / "model.bin").read_bytes() == data
    assert not (folder / PARTIAL).exists()

"""Random schedules of writes, renames, deletions, kills and outages: in the end the store has what the program left.

A few schedules a run, all 200 with ``--full-size``; the number of one that fails is in its name, and tells all of it.
"""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import pytest
from chaos import Stage, schedule
from replica import Replica
from s3_server import S3Server
from tcp_gate import gate

from footplate_runtime.store import find_segments, path_of_key

ALL, FEW = 200, 6


@pytest.mark.parametrize(
    "seed", [seed if seed < FEW else pytest.param(seed, marks=pytest.mark.full_size) for seed in range(ALL)]
)
def test_the_store_has_what_the_program_left(tmp_path: Path, s3_server: S3Server, seed: int) -> None:
    story = schedule(seed)
    with gate(s3_server.endpoint) as door:
        replica = Replica(
            tmp_path, s3_server.new_uri(), door.endpoint, s3_server.env, mirror_deletes=story.mirror_deletes
        )
        stage = Stage(replica, door, seed)
        try:
            for step, pause in story.steps:
                stage.do(step)
                time.sleep(pause)
            stage.calm()
            code = stage.agent.stop()
        finally:
            stage.agent.kill()
        assert code == 0, stage.agent.log[-3000:]
        _compare(replica)


def _compare(replica: Replica) -> None:
    """Byte for byte, by what the manifest says and by what a reader gets."""
    store, outputs = replica.store, replica.root / "outputs"
    expected = {path.relative_to(replica.root): path.read_bytes() for path in outputs.rglob("*") if path.is_file()}
    manifest = replica.json("manifest.json")
    assert manifest["complete"] is True
    listed = {_path(file["path"]): (file["size"], file["sha256"]) for file in manifest["files"]}
    assert listed == {path: (len(data), hashlib.sha256(data).hexdigest()) for path, data in expected.items()}

    keys = {_path(key): key for key in replica.keys("outputs/")}
    for path, data in expected.items():
        assert store.get(keys[path]) == data, path
    if replica.mirror_deletes:
        assert keys.keys() == expected.keys()

    logs = {"logs/1/worker-0.log": replica.root / "state/console.log"}
    logs |= {f"logs/1/worker-0/{path.name}": path for path in (replica.root / "logs").iterdir()}
    for key, path in logs.items():
        if path.exists():
            assert store.get(key) == path.read_bytes(), key
    segments = {of for of, _ in find_segments(store, "logs/1/")}
    assert not {key for key in segments if key in logs and logs[key].exists()}  # of a log that is gone they stay


def _path(key: str) -> Path:
    return Path(path_of_key(key).decode())

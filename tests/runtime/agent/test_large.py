"""Outputs much larger than the agent's memory, with a limit that the kernel enforces where it can."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from memory_limit import memory_limit
from replica import AgentProcess, Replica, eventually

LIMIT = 128 << 20
MIB, GIB = 1 << 20, 1 << 30


@pytest.mark.parametrize("size", [256 * MIB, pytest.param(20 * GIB, marks=pytest.mark.full_size)])
def test_a_sparse_and_dense_output_in_little_memory(in_s3: Replica, size: int) -> None:
    """Three quarters sparse, with dense pieces amid the holes; the rest of it dense."""
    in_s3.grace = 3000.0
    sparse, dense = in_s3.root / "outputs/sparse.npy", in_s3.root / "outputs/dense.pt"
    _write_sparse(sparse, size * 3 // 4)
    _write_dense(dense, size // 4)
    assert sparse.stat().st_blocks * 512 < size // 16
    with (
        memory_limit(LIMIT) as limited,
        AgentProcess(in_s3, before=limited) as agent,
        agent.watched_memory() as peak,
    ):
        agent.wait_for_log("Uploading")
        agent.terminate()
        eventually(lambda: not agent.running, "the end", patience=3000)
        assert agent.wait() == 0, agent.log[-2000:]

    files = {file["path"]: file for file in in_s3.json("manifest.json")["files"]}
    for path in (sparse, dense):
        file = files[f"outputs/{path.name}"]
        assert (file["size"], file["sha256"]) == (path.stat().st_size, _sha256(path))
        stored = hashlib.sha256()
        for block in in_s3.store.read(f"outputs/{path.name}"):
            stored.update(block)
        assert stored.hexdigest() == file["sha256"]
        path.unlink()  # pytest would keep it
        in_s3.store.delete(f"outputs/{path.name}")
    assert 10 * MIB < peak() < LIMIT
    print(f"{size} bytes: {peak() / MIB:.0f} MiB at most, {'in a control group' if limited else 'not limited'}")


def _write_sparse(path: Path, size: int) -> None:
    with open(path, "wb") as file:
        for start in range(0, size, size // 8):
            file.seek(start + 12_345)
            file.write(os.urandom(size // 1000))
        file.truncate(size)


def _write_dense(path: Path, size: int) -> None:
    with open(path, "wb") as file:
        for _ in range(size // MIB):
            file.write(os.urandom(MIB))


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

"""What this machine offers to pods."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from footplate_local.node.resources import GPU, Resources

MAXIMUM_PODS = 110  # kubelet's default
# Training on a laptop is mostly about trying things: a job of two nodes with four cores each shall start on two
# cores, only slower. CPU time can be shared, so its requests count against a multiple; memory cannot.
CPU_OVERCOMMIT = 4
CPU_AT_LEAST = 16


@dataclass(frozen=True, slots=True)
class Machine:
    """``allocatable`` is what requests are counted against; ``gpus`` are the indices of nvidia-smi."""

    name: str
    capacity: Resources
    allocatable: Resources
    gpus: tuple[str, ...]
    environ: Mapping[str, str]
    host_ip: str = "127.0.0.1"


def inspect(name: str, environ: Mapping[str, str], disk: Path) -> Machine:
    """This machine, under NAME; DISK is a path on the file system that holds the pods."""
    cores = len(os.sched_getaffinity(0))
    gpus = find_gpus(environ)
    capacity = {
        "cpu": Decimal(cores),
        "memory": Decimal(memory_bytes()),
        "ephemeral-storage": Decimal(shutil.disk_usage(disk).total),
        "pods": Decimal(MAXIMUM_PODS),
    }
    if gpus:
        capacity[GPU] = Decimal(len(gpus))
    allocatable = {**capacity, "cpu": Decimal(max(CPU_OVERCOMMIT * cores, CPU_AT_LEAST))}
    return Machine(name, capacity, allocatable, gpus, environ)


def node_name(home: Path) -> str:
    """The machine's hostname as a node name. Kept in HOME: a laptop that changes its name keeps its pods."""
    file = home / "run" / "node-name"
    try:
        return file.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        name = re.sub(r"[^a-z0-9.-]+", "-", platform.node().lower()).strip("-.") or "localhost"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name, encoding="ascii")
        return name


def memory_bytes() -> int:
    """The machine's memory, or the limit of the container that the node runs in."""
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for limit in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            text = Path(limit).read_text(encoding="ascii").strip()
        except OSError:
            continue
        if text.isdigit():
            total = min(total, int(text))
    return total


def find_gpus(environ: Mapping[str, str]) -> tuple[str, ...]:
    """The indices of the NVIDIA GPUs, of those the node itself may use (its own CUDA_VISIBLE_DEVICES)."""
    program = shutil.which("nvidia-smi", path=environ.get("PATH"))
    if program is None:
        return ()
    command = [program, "--query-gpu=index,uuid", "--format=csv,noheader"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (subprocess.SubprocessError, OSError):  # a driver that does not answer: no GPUs to give out
        return ()
    found = [tuple(part.strip() for part in line.split(",")) for line in answer.stdout.splitlines() if "," in line]
    visible = environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        allowed = {word.strip() for word in visible.split(",")}
        found = [entry for entry in found if allowed & set(entry)]
    return tuple(entry[0] for entry in found)

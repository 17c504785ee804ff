"""Hostnames, hosts files and shared memory of their own, entered by real processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from footplate_local.node.namespaces import Separation, hosts_text, possible

ENTER = """
import socket, sys
from footplate_local.node.namespaces import Separation, enter
enter(Separation(int(sys.argv[1])), "worker-0", sys.argv[2])
print(socket.gethostname())
try:
    print(socket.gethostbyname("worker-0"))
except OSError:
    print("unknown")
"""


@pytest.mark.parametrize(
    ("separation", "wanted"),
    [
        (Separation.NOTHING, [os.uname().nodename, "unknown"]),
        (Separation.HOSTNAME, ["worker-0", "unknown"]),
        (Separation.MOUNTS, ["worker-0", "127.66.1.2"]),
    ],
)
def test_what_a_process_sees_of_itself(tmp_path: Path, separation: Separation, wanted: list[str]) -> None:
    if possible() < separation:
        pytest.skip(f"this machine allows {possible().name} only")
    before = Path("/etc/hosts").read_bytes()
    hosts = tmp_path / "hosts"
    hosts.write_text(hosts_text("127.0.0.1\tlocalhost\n", "worker-0", "127.66.1.2"))
    argv = [sys.executable, "-c", ENTER, str(int(separation)), str(hosts)]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.split() == wanted
    assert Path("/etc/hosts").read_bytes() == before, "nobody else sees it"


SHARE = """
import os, sys
from pathlib import Path
from footplate_local.node.namespaces import Separation, enter
enter(Separation.MOUNTS, "worker-0", sys.argv[1])
print(os.listdir("/dev/shm"))
Path("/dev/shm", sys.argv[2]).write_text("left behind")
if os.fork() == 0:
    print(os.listdir("/dev/shm") == [sys.argv[2]])
    os._exit(0)
os.wait()
"""


@pytest.mark.skipif(possible() < Separation.MOUNTS, reason="this machine allows no mounts of one's own")
def test_shared_memory_is_a_containers_own_and_goes_with_it(tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text("127.0.0.1\tlocalhost\n")
    ours = Path("/dev/shm", f"footplate-{os.getpid()}")
    ours.write_text("the machine's")
    try:
        argv = [sys.executable, "-u", "-c", SHARE, str(tmp_path / "hosts"), f"{ours.name}-segment"]
        done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=30)
        assert done.stdout.split("\n")[:2] == ["[]", "True"]
        assert ours.exists()
        assert not ours.with_name(f"{ours.name}-segment").exists()
    finally:
        ours.unlink()


def test_trying_leaves_this_process_as_it_is() -> None:
    before = os.uname().nodename, Path("/etc/hosts").read_bytes()
    possible()
    assert (os.uname().nodename, Path("/etc/hosts").read_bytes()) == before

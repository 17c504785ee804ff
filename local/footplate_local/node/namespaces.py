"""A hostname of its own for every container, a hosts file in which it resolves (kubelet: managed hosts file), and
shared memory of its own.

Libraries of collectives tell nodes apart by their hostnames, and find their own address by looking them up. What
they leave in /dev/shm when they are killed would fill the machine's memory.
"""

from __future__ import annotations

import ctypes
import enum
import os
import sys
import tempfile
from collections.abc import Callable
from functools import partial

CLONE_NEWNS = 0x00020000  # linux/sched.h
CLONE_NEWUTS = 0x04000000
CLONE_NEWUSER = 0x10000000
MS_NOSUID = 0x2  # linux/mount.h
MS_NODEV = 0x4
MS_BIND = 0x1000
MS_REC = 0x4000
MS_SLAVE = 0x80000
HOSTS = "/etc/hosts"
SHARED_MEMORY = "/dev/shm"


class Separation(enum.IntEnum):
    """How much of its own a container may have on this machine."""

    NOTHING = 0
    HOSTNAME = 1
    MOUNTS = 2  # hosts file, shared memory, and the hostname


def possible() -> Separation:
    """What the machine allows (root, or user namespaces).

    Tried in a child: some machines let a user namespace be made but not used, and there is no way back.
    """
    with tempfile.NamedTemporaryFile() as hosts:
        for separation in (Separation.MOUNTS, Separation.HOSTNAME):
            if _works(partial(enter, separation, "trial", hosts.name)):
                return separation
    return Separation.NOTHING


def _works(trial: Callable[[], None]) -> bool:
    pid = os.fork()
    if pid == 0:
        try:
            trial()
            os._exit(0)
        except OSError as error:
            print(f"pods are not all of their own here: {error}", file=sys.stderr, flush=True)
        finally:
            os._exit(1)
    return os.waitpid(pid, 0)[1] == 0


def enter(separation: Separation, hostname: str, hosts: str) -> None:
    """This process and its children get the hostname, an empty /dev/shm, and see the file HOSTS as /etc/hosts.

    Raises OSError.
    """
    if separation == Separation.NOTHING:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    wanted = CLONE_NEWUTS | (CLONE_NEWNS if separation == Separation.MOUNTS else 0)
    if libc.unshare(wanted) != 0:
        _enter_user_namespace(libc, wanted)
    encoded = hostname.encode()
    check(libc.sethostname(encoded, len(encoded)), "sethostname")
    if separation == Separation.MOUNTS:
        # What the machine mounts later is seen here too, and what is mounted here nowhere else.
        check(libc.mount(None, b"/", None, MS_REC | MS_SLAVE, None), "mount(MS_SLAVE)")
        check(libc.mount(os.fsencode(hosts), HOSTS.encode(), None, MS_BIND, None), f"mount({HOSTS})")
        if not hosts.startswith(f"{SHARED_MEMORY}/"):  # else the pod's own folder would be hidden
            options = MS_NOSUID | MS_NODEV
            memory = libc.mount(b"footplate", SHARED_MEMORY.encode(), b"tmpfs", options, b"mode=1777")
            check(memory, f"mount({SHARED_MEMORY})")


def _enter_user_namespace(libc: ctypes.CDLL, wanted: int) -> None:
    """The other namespaces by way of one in which this user may make them."""
    uid, gid = os.geteuid(), os.getegid()
    check(libc.unshare(CLONE_NEWUSER | wanted), "unshare")
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
            file.write(text)


def hosts_text(machine: str, hostname: str, address: str) -> str:
    """The machine's hosts file with the container's own name added (hosts(5)); what is first there counts."""
    return f"{address}\t{hostname}\n{machine}"


def check(result: int, call: str) -> None:
    """Raises OSError with errno when a C function has failed."""
    if result != 0:
        raise OSError(ctypes.get_errno(), f"{call}: {os.strerror(ctypes.get_errno())}")

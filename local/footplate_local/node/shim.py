"""The shim above one container: starts it, keeps its log, ends what it leaves behind, records its exit.

A process of its own, forked by the shim server (``shim_server.py``); it outlives both the server and the node.
Everything it tells goes through files of the run's folder (see ``rundir.py``):

- ``spec.json``     what to run (read)
- ``shim.json``     written before anything is started
- ``started.json``  written when the program has been executed
- ``exit.json``     written last; the shim then exits

It holds a locked open file: the lock lasts exactly as long as the shim, so whoever finds it free knows that the
shim is gone, without trusting process numbers.

SIGTERM to the shim goes on to the program alone, as a container runtime does; SIGUSR1 kills the whole container.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import select
import signal
import struct
import sys
import time
from collections.abc import Iterator
from typing import Any, NoReturn

from footplate_local.node.namespaces import HOSTS, Separation, check, enter, hosts_text

PR_SET_PDEATHSIG = 1  # linux/prctl.h
PR_SET_NAME = 15
PR_SET_CHILD_SUBREAPER = 36

START_ERROR = 128  # kubelet's exit code of a container whose command cannot be executed
MEMORY_POLL_SECONDS = 0.25
INDEX_RESOLUTION_NS = 1_000_000  # one index record a millisecond is enough for --since and --timestamps
CHUNK = 1 << 18
REAP_SECONDS = 10.0  # a process that survives SIGKILL so long is stuck in the kernel


def run(run_dir: str, ready_fd: int, separation: Separation) -> int:
    """Runs the container of RUN_DIR to its end and returns the exit status of this process, the shim.

    READY_FD is closed as soon as the program has started or cannot be. SEPARATION is what the machine allows.
    """
    with open(os.path.join(run_dir, "spec.json"), encoding="utf-8") as file:
        spec: dict[str, Any] = json.load(file)
    write_json(run_dir, "shim.json", {"pid": os.getpid()})
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_NAME, b"footplate-shim", 0, 0, 0)
    check(libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "prctl(PR_SET_CHILD_SUBREAPER)")
    enter(separation, spec["hostname"], write_hosts(run_dir, spec))
    if separation == Separation.NOTHING:  # several "nodes" of one name: Open MPI's hierarchical collectives would hang
        spec["env"].setdefault("OMPI_MCA_coll", "^han")
    wakeups = catch_signals()
    read_end, write_end = os.pipe()
    pid, error = start(libc, spec, write_end)
    os.close(write_end)
    if error is not None:
        os.waitpid(pid, 0)
        write_json(
            run_dir,
            "exit.json",
            {"exitCode": START_ERROR, "finishedAt": time.time(), "startError": error},
        )
        return 0
    write_json(run_dir, "started.json", {"pid": pid, "shim": os.getpid(), "startedAt": time.time()})
    os.close(ready_fd)
    container = Container(pid, read_end, wakeups, spec)
    container.run()
    write_json(
        run_dir,
        "exit.json",
        {
            "exitCode": os.waitstatus_to_exitcode(container.status)
            if os.WIFEXITED(container.status)
            else 128 + os.WTERMSIG(container.status),
            "finishedAt": container.finished_at,
            "oomKilled": container.oom_killed,
        },
    )
    return 0


class Container:
    """The running program and all that descends from it."""

    def __init__(self, pid: int, output: int, wakeups: int, spec: dict[str, Any]) -> None:
        self.pid = pid
        self.output = output
        self.wakeups = wakeups
        self.memory_limit: int | None = spec["memoryLimit"]
        self.log = Log(spec["log"])
        self.status: int = 0
        self.finished_at = 0.0
        self.oom_killed = False

    def run(self) -> None:
        """Copies output and passes signals on until the program has ended and nothing of it is left."""
        poll = select.poll()
        poll.register(self.output, select.POLLIN)
        poll.register(self.wakeups, select.POLLIN)
        timeout = None if self.memory_limit is None else MEMORY_POLL_SECONDS * 1000
        next_check = 0.0
        while True:
            for fd, _ in poll.poll(timeout):
                if fd == self.output:
                    if not self._copy():
                        poll.unregister(self.output)
                elif self._signals():
                    self._end_the_rest()
                    self._drain()
                    return
            if self.memory_limit is not None and time.monotonic() >= next_check:
                next_check = time.monotonic() + MEMORY_POLL_SECONDS
                if memory_of(descendants(os.getpid()), self.memory_limit) > self.memory_limit:
                    self.oom_killed = True
                    self._kill_all()

    def _copy(self) -> bool:
        chunk = os.read(self.output, CHUNK)
        if chunk:
            self.log.append(chunk)
        return bool(chunk)

    def _drain(self) -> None:
        """What the program wrote before it ended; a writer that cannot be killed must not hold the exit back."""
        os.set_blocking(self.output, False)
        try:
            while self._copy():
                pass
        except BlockingIOError:
            print("shim: a process that cannot be killed still holds the output", file=sys.stderr)

    def _signals(self) -> bool:
        """Handles the signals that have arrived; True when the program has ended."""
        arrived = os.read(self.wakeups, 4096)
        ended = self._reap()
        if ended:
            return True
        if signal.SIGTERM in arrived:
            os.kill(self.pid, signal.SIGTERM)
        if signal.SIGUSR1 in arrived:
            self._kill_all()
        return False

    def _reap(self) -> bool:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return True
            if pid == 0:
                return False
            if pid == self.pid:
                self.status, self.finished_at = status, time.time()
                return True

    def _kill_all(self) -> None:
        for pid in descendants(os.getpid()):
            kill_quietly(pid)

    def _end_the_rest(self) -> None:
        """Kills what the program left running, as the end of a PID namespace would.

        Orphans become children of the shim (it is their subreaper), so "no children" means "nothing left".
        """
        deadline = time.monotonic() + REAP_SECONDS
        while time.monotonic() < deadline:
            self._kill_all()
            try:
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            except ChildProcessError:
                return
            time.sleep(0.002)
        print("shim: some processes of the container survived SIGKILL", file=sys.stderr)


class Log:
    """The raw output, and beside it an index of (offset, unix time in ns) pairs of when bytes arrived."""

    def __init__(self, path: str) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        self.file = os.open(path, flags, 0o600)
        self.index = os.open(path + ".index", flags, 0o600)
        self.size = os.fstat(self.file).st_size
        self.indexed_at = 0
        self.broken = False

    def append(self, chunk: bytes) -> None:
        now = time.time_ns()
        try:
            if now - self.indexed_at >= INDEX_RESOLUTION_NS:
                os.write(self.index, struct.pack("<QQ", self.size, now))
                self.indexed_at = now
            view = memoryview(chunk)
            while view:
                written = os.write(self.file, view)
                self.size += written
                view = view[written:]
        except OSError as error:  # a full disk must not stop the program; said once
            if not self.broken:
                print(f"shim: output is lost, the log cannot be written: {error}", file=sys.stderr)
            self.broken = True


def start(libc: ctypes.CDLL, spec: dict[str, Any], output: int) -> tuple[int, str | None]:
    """Forks and executes the program; returns its pid and, when it cannot be executed, the sentence why."""
    errors, report = os.pipe()
    shim = os.getpid()
    pid = os.fork()
    if pid == 0:
        become(libc, spec, output, report, shim)
    os.close(report)
    with os.fdopen(errors, "rb") as pipe:
        message = pipe.read()
    return pid, message.decode("utf-8", "replace") if message else None


def become(libc: ctypes.CDLL, spec: dict[str, Any], output: int, report: int, shim: int) -> NoReturn:
    """In the child: turns into the container's program."""
    argv: list[str] = spec["argv"]
    try:
        os.setsid()
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)  # the container does not outlive its shim
        if os.getppid() != shim:
            os._exit(137)
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGUSR1, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores these; the program must not
            signal.signal(number, signal.SIG_DFL)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.umask(0o022)
        os.chdir(spec["workingDir"])
        os.execve(find_program(argv[0], spec["env"].get("PATH", "")), argv, spec["env"])
    except OSError as error:
        os.write(report, start_error(argv[0], error).encode())
    finally:
        os._exit(START_ERROR)


def write_hosts(run_dir: str, spec: dict[str, Any]) -> str:
    """The container's hosts file."""
    try:
        with open(HOSTS, encoding="utf-8", errors="surrogateescape") as file:
            machine = file.read()
    except FileNotFoundError:
        machine = ""
    path = os.path.join(run_dir, "hosts")
    with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(hosts_text(machine, spec["hostname"], spec["address"]))
    return path


def find_program(name: str, path: str) -> str:
    """Where execvp would find NAME; FileNotFoundError without a file name when it is not on the PATH."""
    if "/" in name:
        return name
    for folder in path.split(":"):
        candidate = os.path.join(folder or ".", name)
        if os.access(candidate, os.X_OK) and not os.path.isdir(candidate):
            return candidate
    raise FileNotFoundError(errno.ENOENT, "executable file not found in $PATH")


def start_error(name: str, error: OSError) -> str:
    """The words of runc."""
    if error.filename is None:
        return f'exec: "{name}": {error.strerror}'
    if error.errno == errno.ENOENT and error.filename == name:
        return f'exec: "{name}": stat {name}: no such file or directory'
    where = "" if error.filename == name else f"{os.fsdecode(error.filename)}: "
    return f'exec: "{name}": {where}{(error.strerror or "").lower()}'


def catch_signals() -> int:
    """Routes SIGCHLD, SIGTERM and SIGUSR1 into a pipe, whose read end is returned."""
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    signal.set_wakeup_fd(write_end)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGUSR1):
        signal.signal(number, lambda *_: None)
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    return read_end


def descendants(pid: int) -> Iterator[int]:
    """All processes below PID, parents before children."""
    try:
        tasks = os.listdir(f"/proc/{pid}/task")
    except OSError:  # it has just ended
        return
    for task in tasks:
        try:
            with open(f"/proc/{pid}/task/{task}/children", "rb") as file:
                children = [int(word) for word in file.read().split()]
        except OSError:
            continue
        for child in children:
            yield child
            yield from descendants(child)


def memory_of(pids: Iterator[int], limit: int) -> int:
    """Bytes that belong to PIDS as a cgroup would count them: anonymous and shared memory, not mapped files.

    The sum over processes counts pages that forked workers share more than once; only when it passes LIMIT is
    the exact proportional figure read, which is dear.
    """
    found = list(pids)
    total = sum(status_bytes(pid, "status", (b"RssAnon:", b"RssShmem:")) for pid in found)
    if total <= limit:
        return total
    exact = sum(status_bytes(pid, "smaps_rollup", (b"Pss_Anon:", b"Pss_Shmem:")) for pid in found)
    return exact or total


def status_bytes(pid: int, name: str, fields: tuple[bytes, ...]) -> int:
    try:
        with open(f"/proc/{pid}/{name}", "rb") as file:
            return sum(int(line.split()[1]) * 1024 for line in file if line.startswith(fields))
    except OSError:  # it has just ended
        return 0


def kill_quietly(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def write_json(folder: str, name: str, value: dict[str, Any]) -> None:
    """Atomic: a reader sees the whole file or none."""
    path = os.path.join(folder, name)
    with open(path + ".tmp", "w", encoding="utf-8") as file:
        json.dump(value, file)
    os.rename(path + ".tmp", path)

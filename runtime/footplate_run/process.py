"""Starts the program in a process group of its own, and ends what is left of it.

fork and exec by hand: ``subprocess`` costs 10 to 15 ms of the program's start and has no way to hold signals back.
"""

import errno
import os
import signal

from footplate_run.errors import NOT_EXECUTABLE, NOT_FOUND, CannotStart

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from footplate_run.signals import Signals

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans() -> None:
    """Makes orphaned descendants children of the launcher, as they would be in a container, where it is PID 1."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def spawn(
    path: str,
    argv: "Sequence[str]",
    environment: "Mapping[str, str]",
    folder: str,
    stdout: int,
    stderr: int,
    death_signal: int,
    signals: "Signals",
) -> int:
    """Executes ``path`` in ``folder`` and returns its process id, which is its process group's too.

    Raises CannotStart when the kernel refuses. Called from the main thread: the death signal is tied to the thread.
    """
    launcher = os.getpid()
    _prctl(0, 0)  # loads ctypes before the fork
    refused_read, refused_write = os.pipe()  # closed by a successful exec
    signals.block()
    try:
        child = os.fork()
    except OSError as problem:
        raise CannotStart(NOT_EXECUTABLE, "the program cannot be started: {}".format(problem.strerror)) from None
    if child == 0:
        try:
            os.setpgid(0, 0)
            die_with_parent(death_signal)
            if os.getppid() != launcher:
                os._exit(1)  # the launcher was killed before the line above
            os.dup2(stdout, 1)
            os.dup2(stderr, 2)
            os.chdir(folder)
            signals.restore_in_child()
            os.execve(path, [_bytes(word) for word in argv], {_bytes(k): _bytes(v) for k, v in environment.items()})
        except OSError as problem:
            os.write(refused_write, str(problem.errno).encode("ascii"))
        finally:
            os._exit(NOT_FOUND)
    os.close(refused_write)
    try:
        os.setpgid(child, child)
    except OSError:
        pass  # the child did it first and has executed the program already
    signals.forward_to(child)
    refused = os.read(refused_read, 16)
    os.close(refused_read)
    if refused:
        os.waitpid(child, 0)
        raise _refusal(int(refused), path)
    return child


def die_with_parent(number: int) -> None:
    """The kernel sends this process the signal when the thread that has forked it ends."""
    _prctl(_PR_SET_PDEATHSIG, number)


def reap() -> "Iterator[tuple[int, int]]":
    """(process id, status of ``os.wait``) of every child that has ended, adopted ones too."""
    while True:
        try:
            child, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if child == 0:
            return
        yield child, status


def exit_of(status: int) -> "tuple[int, int]":
    """(exit code, signal) that a status of ``os.wait`` means: 128 + n after the signal n, which is 0 without one."""
    number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    return (128 + number if number else os.WEXITSTATUS(status)), number


def end_descendants() -> None:
    """Kills every process that the program left behind, as the end of a container would."""
    while True:
        children = children_of(os.getpid())
        if not children:
            return
        for child in children:
            try:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)  # its own children become ours: hence the loop
            except OSError:
                return  # not ours to end, or reaped already


def children_of(process: int) -> "list[int]":
    """The children of a process, adopted ones too; Linux: proc_pid_children(5)."""
    children = []  # type: list[int]
    try:
        for task in os.listdir("/proc/{}/task".format(process)):
            with open("/proc/{}/task/{}/children".format(process, task)) as file:
                children.extend(int(word) for word in file.read().split())
    except OSError:
        pass  # it has ended, or the kernel does not tell
    return children


def _refusal(number: int, path: str) -> CannotStart:
    if number == errno.ENOEXEC:
        return CannotStart(
            NOT_EXECUTABLE, "{} is no program for this machine and has no #! in its first line".format(path)
        )
    if number == errno.ENOENT:
        return CannotStart(NOT_FOUND, "{}: the interpreter in its first line was not found in the image".format(path))
    if number == errno.E2BIG:
        return CannotStart(NOT_EXECUTABLE, "the arguments and the environment of {} are too long".format(path))
    return CannotStart(NOT_EXECUTABLE, "{} cannot be executed: {}".format(path, os.strerror(number)))


def _bytes(text: str) -> bytes:
    """UTF-8 whatever the locale: Python 3.6 would take ASCII under LANG=C. Bytes that are no text come back intact."""
    return text.encode("utf-8", "surrogateescape")


def _prctl(option: int, argument: int) -> None:
    try:
        import ctypes
    except ImportError:  # a Python built without libffi
        return
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is not None and option:
        prctl(option, argument, 0, 0, 0)

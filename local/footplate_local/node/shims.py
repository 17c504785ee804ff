"""Starting shims: the node's side of the shim server (``shim_server.py``)."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import sys
from collections.abc import Callable
from contextlib import ExitStack

from footplate_local.node.process import START_SECONDS, Process
from footplate_local.node.rundir import RunDir
from footplate_local.node.shim_server import Order

_AT_ONCE = 32  # orders that the server may be behind; many more would not fit into the socket


class Shims:
    """A shim server, started with the first order and again when it is gone. After ``close`` its shims live on."""

    def __init__(self) -> None:
        self._channel: socket.socket | None = None
        self._server = 0  # its process id
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def start(self, run: RunDir, on_exit: Callable[[], None]) -> Process:
        """Starts the shim of RUN and waits until the program has started or cannot be (``run.started()`` is None).

        Raises BlockingIOError when the run has a shim already, another OSError when it cannot get one, and
        TimeoutError when the machine is too busy.
        """
        async with self._turns, asyncio.timeout(START_SECONDS):
            answer = self._order(run)
            with answer:
                pidfd = await _introduction(answer)
                try:
                    await _readable(answer)  # closed: there is nothing more to read
                except BaseException:
                    os.close(pidfd)
                    raise
        return Process(pidfd, on_exit)

    async def close(self) -> None:
        """Ends the server."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None
            await asyncio.to_thread(os.waitpid, self._server, 0)

    def _order(self, run: RunDir) -> socket.socket:
        """Hands RUN to the server; returns the socket of its answer."""
        with ExitStack() as lent:
            lock = run.lock()
            lent.callback(os.close, lock)
            output = os.open(run.path / "shim.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            lent.callback(os.close, output)
            answer, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            lent.enter_context(its)
            try:
                self._send(Order(str(run.path), lock, its.fileno(), output))
            except OSError:
                answer.close()
                raise
        answer.setblocking(False)
        return answer

    def _send(self, order: Order) -> None:
        if self._channel is not None:
            try:
                order.send(self._channel)
                return
            except ConnectionError:  # someone has killed the server
                self._channel.close()
                os.waitpid(self._server, 0)
        self._channel, self._server = _start_server()
        order.send(self._channel)


def _start_server() -> tuple[socket.socket, int]:
    """The socket for orders, and the server's process id."""
    channel, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with its:
        its.set_inheritable(True)
        # -P: the node's working directory is no place to import from
        argv = [sys.executable, "-P", "-m", "footplate_local.node.shim_server", str(its.fileno())]
        server = os.posix_spawn(
            sys.executable,
            argv,
            {**os.environ, "LC_ALL": "C.UTF-8"},
            file_actions=[(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)],
            setsid=True,
        )
    channel.setblocking(False)
    return channel, server


async def _introduction(answer: socket.socket) -> int:
    """A pidfd of the shim; OSError when there is none."""
    await _readable(answer)
    _, descriptors, _, _ = socket.recv_fds(answer, 64, 1)
    if not descriptors:
        raise OSError(errno.EAGAIN, "the machine has started no shim for it (see the node's log)")
    os.set_inheritable(descriptors[0], False)
    return descriptors[0]


async def _readable(channel: socket.socket) -> None:
    """Waits until CHANNEL has something to read or is closed at the other end."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(channel, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(channel)

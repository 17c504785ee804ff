"""``python -m footplate_local.node.shim_server FD``: forks a shim for every order that comes over the socket FD.

A fork of a process that has its modules loaded takes a tenth of the time of a new interpreter, and shares its memory.
The node starts one server; it ends with the node, the shims live on.

An order is the path of a run's folder with three descriptors: the run's lock, a socket for the answer, and the file for
what the shim itself has to say. The answer is one message, the shim's process id with a pidfd of it; then the socket is
closed when the program has started or cannot be. Without an answer there is no shim.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
from dataclasses import dataclass

from footplate_local.node import namespaces, shim

ORDER_BYTES = 4096  # PATH_MAX
DESCRIPTORS = 3


@dataclass(frozen=True, slots=True)
class Order:
    """``lock`` and ``answer`` go over to the shim; ``output`` becomes its stdout and stderr."""

    run_dir: str
    lock: int
    answer: int
    output: int

    def send(self, channel: socket.socket) -> None:
        """Raises OSError when the server is gone, BlockingIOError when it is behind with its work."""
        socket.send_fds(channel, [os.fsencode(self.run_dir)], [self.lock, self.answer, self.output])

    @classmethod
    def receive(cls, channel: socket.socket) -> Order | None:
        """The next one; None when the node is gone."""
        path, descriptors, _, _ = socket.recv_fds(channel, ORDER_BYTES, DESCRIPTORS)
        for descriptor in descriptors:  # the program must not hold them; Python 3.11 drops the flag for it
            os.set_inheritable(descriptor, False)
        return cls(os.fsdecode(path), *descriptors) if path else None

    def close(self) -> None:
        for descriptor in (self.lock, self.answer, self.output):
            os.close(descriptor)


def main() -> int:
    channel = socket.socket(fileno=int(sys.argv[1]))
    os.set_inheritable(channel.fileno(), False)
    separation = namespaces.possible()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps the shims; nobody waits for them
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while (order := Order.receive(channel)) is not None:
        try:
            pid = os.fork()
        except OSError as error:  # no more processes for this user: the node hears no answer and tries again later
            print(f"no shim can be started: {error}", file=sys.stderr, flush=True)
            pid = -1
        if pid == 0:
            channel.close()
            os._exit(_become_shim(order, separation))
        order.close()
    return 0


def _become_shim(order: Order, separation: namespaces.Separation) -> int:
    """In the fork: runs the container and returns the exit status."""
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for stream in (1, 2):
        os.dup2(order.output, stream)
    os.close(order.output)
    _introduce(order.answer)
    return shim.run(order.run_dir, order.answer, separation)


def _introduce(answer: int) -> None:
    """Tells the node who this process is."""
    channel, itself = socket.socket(fileno=answer), os.pidfd_open(os.getpid())
    with contextlib.suppress(BrokenPipeError):  # that node is gone: the next one adopts this shim
        socket.send_fds(channel, [str(os.getpid()).encode()], [itself])
    channel.detach()  # shim.run closes it when the program has started
    os.close(itself)


if __name__ == "__main__":
    sys.exit(main())

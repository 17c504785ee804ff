"""What mpirun's agents ask of the head: run a command on a node, with the agent's own streams."""

import os
import select
import socket
import sys

from footplate_run.mpi import channel as messages
from footplate_run.mpi.agent import LOST, SOCKET, command_of
from footplate_run.mpi.channel import value_of
from footplate_run.mpi.loop import Listener, Source
from footplate_run.mpi.streams import Inlet, Outlet

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from footplate_run.mpi.channel import Channel
    from footplate_run.mpi.folder import Folder
    from footplate_run.mpi.loop import Loop

_STREAMS = 3
_HEADER = 4  # bytes of the request's length


def door(folder: "Folder", came: "Callable[[socket.socket], None]") -> Listener:
    """Where the agents knock."""
    listening = folder.bind(SOCKET, socket.SOCK_STREAM)
    listening.listen(1024)
    return Listener(listening, came)


class Link(Source):
    """One agent. ``asked`` gets it with the host, once its request is here: then ``run`` or ``answer`` is called.

    ``gone`` gets it when mpirun has killed the agent.
    """

    def __init__(
        self,
        connection: socket.socket,
        number: int,
        loop: "Loop",
        asked: "Callable[[Link, str], None]",
        gone: "Callable[[Link], None]",
    ) -> None:
        self.number = number
        self.command = ""
        self.index = -1  # of the node, once it runs there
        self._connection = connection
        self._loop = loop
        self._asked = asked
        self._gone_away = gone
        self._request = bytearray()
        self._fds = []  # type: list[int]
        self._channel = None  # type: Channel | None
        self._stdin = None  # type: Inlet | None
        self._outlets = {}  # type: dict[int, Outlet]
        self._status = 0
        self._closed = 0  # outlets
        self._over = False
        connection.setblocking(False)
        loop.add(self)

    def fileno(self) -> int:
        return self._connection.fileno()

    def wants(self) -> int:
        return select.POLLIN

    def ready(self) -> None:
        if self._channel is not None or not self._receive():
            self._gone()
        elif self.command:
            return
        elif len(self._request) >= _HEADER and len(self._request) - _HEADER == int.from_bytes(
            self._request[:_HEADER], "big"
        ):
            words = bytes(self._request[_HEADER:]).decode("utf-8", "surrogateescape").split("\0")
            host, self.command = command_of(words)
            self._asked(self, host)

    def run(self, index: int, channel: "Channel") -> None:
        """Has the command run by a node."""
        self.index = index
        self._channel = channel
        channel.send_json(messages.START, {"command": self.command}, self.number)
        stdin, stdout, stderr = self._fds
        self._fds = []
        self._stdin = Inlet(stdin, channel, messages.INPUT, self.number, self._loop, self._end_of_input)
        self._outlets = {
            messages.OUTPUT: Outlet(stdout, channel, messages.OUTPUT, self.number, self._loop),
            messages.ERROR: Outlet(stderr, channel, messages.ERROR, self.number, self._loop),
        }

    def received(self, kind: int, payload: bytes) -> None:
        """A message of the node about the command; its end is given by ``ended``."""
        if kind in self._outlets:
            self._outlets[kind].add(payload)
        elif kind == messages.TAKEN and self._stdin is not None:
            self._stdin.taken(value_of(payload)["bytes"])

    def ended(self, status: int) -> None:
        """The command has ended so: the agent too, once mpirun has what it wrote."""
        self._status = status
        for outlet in self._outlets.values():
            outlet.end(self._outlet_closed)

    def answer(self, words: str) -> None:
        """The last word to the agent."""
        try:
            self._connection.send(words.encode("ascii") + b"\n")
        except OSError:
            pass  # it was killed
        self._close()

    def fail(self, sentence: str) -> None:
        """The command cannot be run: the agent says why, as ssh would."""
        if len(self._fds) == _STREAMS:
            os.write(self._fds[2], "footplate: {}\n".format(sentence).encode("utf-8", "surrogateescape"))
        self.answer("exit {}".format(LOST))

    def _receive(self) -> bool:
        """Reads more of the request; false when the agent is gone."""
        try:
            data, ancillary, _, _ = self._connection.recvmsg(65536, socket.CMSG_LEN(_STREAMS * 4))
        except BlockingIOError:
            return True
        except OSError:
            return False
        for _, _, content in ancillary:
            self._fds += [int.from_bytes(content[i : i + 4], sys.byteorder) for i in range(0, len(content) // 4 * 4, 4)]
        self._request += data
        return bool(data)

    def _end_of_input(self) -> None:
        if self._channel is not None:
            self._channel.send(messages.INPUT_END, self.number)

    def _outlet_closed(self) -> None:
        self._closed += 1
        if self._closed == len(self._outlets):
            self.answer("exit {}".format(self._status))

    def _gone(self) -> None:
        """The agent was killed: what it stood for goes too."""
        if self._channel is not None:
            self._channel.send(messages.KILL, self.number)
        self._close()
        self._gone_away(self)

    def _close(self) -> None:
        if self._over:
            return
        self._over = True
        self._loop.remove(self)
        self._connection.close()
        for fd in self._fds:
            os.close(fd)
        if self._stdin is not None:
            self._stdin.close()
        for outlet in self._outlets.values():
            outlet.close()

"""A worker other than the first: waits for the head, runs what it asks for, and ends when it says so.

Whoever connects has to present the job's certificate, and to be of the same attempt. When the head is gone without a
word, everything that it had started here is ended.
"""

import os
import signal
import socket
import time

from footplate_run.errors import NOT_EXECUTABLE, ORDERS, PEERS, CannotStart
from footplate_run.mpi import channel as messages
from footplate_run.mpi import outcome
from footplate_run.mpi.channel import Channel, keep_alive, value_of
from footplate_run.mpi.folder import FOLDER, Folder
from footplate_run.mpi.loop import Listener, Loop, Wakeup
from footplate_run.mpi.process import say
from footplate_run.mpi.rank_reports import RankReports
from footplate_run.mpi.sessions import Session
from footplate_run.mpi.settings import parse
from footplate_run.mpi.tls import Keys
from footplate_run.process import adopt_orphans, end_descendants, reap
from footplate_run.signals import FORWARDED, STOPPING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from footplate_run.mpi.settings import Settings

TICK_SECONDS = 0.5
PROGRESS_SECONDS = 10.0
STRANGER_SECONDS = 10.0  # how long a connection may take to show that it is the head
_STRANGERS = 64  # at most so many at once


def main(settings: str) -> int:
    """Serves until the head says that the launch is over; returns the exit status."""
    how = parse(settings)
    adopt_orphans()
    try:
        node = Node(how)
    except CannotStart as problem:
        outcome.write(how.root, outcome.Blame(str(problem), None, problem.exit_code), {})
        say(str(problem))
        return problem.exit_code
    status = node.serve()
    end_descendants()
    if status < 0:
        signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    return status


class Node:
    """The state of one node; ``status`` is set when it is to end (negative: by that signal)."""

    def __init__(self, how: "Settings") -> None:
        self.how = how
        self.loop = Loop()
        self.head = None  # type: Channel | None
        self.status = None  # type: int | None
        self.sessions = {}  # type: dict[int, Session]
        self._strangers = {}  # type: dict[Channel, float]
        self._keys = Keys(how.keys)
        self._tls = self._keys.server()
        folder = Folder(os.path.join(how.root, FOLDER))
        self._ranks = RankReports(folder, self._rank_says)
        self.loop.add(self._ranks)
        wakeup = Wakeup(self._signalled)
        wakeup.watch_signals((signal.SIGCHLD,) + FORWARDED)
        self.loop.add(wakeup)
        self.loop.add(Listener(_listen(how.address, how.port), self._connected))

    def serve(self) -> int:
        began = time.monotonic()
        next_word = began + PROGRESS_SECONDS
        while self.status is None:
            self.loop.run_once(TICK_SECONDS)
            now = time.monotonic()
            for session in list(self.sessions.values()):
                session.check(now)
                if session.over:
                    del self.sessions[session.number]
            for stranger, since in list(self._strangers.items()):
                if now - since > STRANGER_SECONDS:
                    self._refuse(stranger, "it did not say who it is")
            if self.head is not None:
                self.head.keep_alive(now)
            elif now - began > self.how.timeout:
                self._give_up(PEERS, "{} has not connected within {:.0f} s".format(self._first, self.how.timeout))
            elif now >= next_word:
                say(
                    "waiting for {} to connect ({:.0f} s of {:.0f} s)".format(
                        self._first, now - began, self.how.timeout
                    )
                )
                next_word = now + PROGRESS_SECONDS
        for session in self.sessions.values():
            session.signal_group(signal.SIGKILL)
        if self.head is not None:
            self.head.close()  # the head waits for that
        return self.status

    @property
    def _first(self) -> str:
        return self.how.replica(0)

    def _connected(self, connection: socket.socket) -> None:
        peer = _address_of(connection)
        if len(self._strangers) >= _STRANGERS:
            connection.close()
            return
        tls = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        keep_alive(tls)
        now = time.monotonic()
        found = []  # type: list[Channel]
        found.append(
            Channel(
                tls,
                lambda kind, command, payload: self._received(found[0], kind, command, payload),
                lambda reason: self._lost(found[0], peer, reason),
                now,
            )
        )
        self._strangers[found[0]] = now
        self.loop.add(found[0])

    def _received(self, channel: Channel, kind: int, command: int, payload: bytes) -> None:
        if channel is not self.head:
            self._introduced(channel, kind, payload)
        elif kind == messages.START:
            self._start(command, value_of(payload)["command"])
        elif kind == messages.STOP:
            self._ranks.stop()
        elif kind == messages.DONE:
            self.status = 0
        elif command in self.sessions:
            self._about(self.sessions[command], kind, payload)

    def _introduced(self, channel: Channel, kind: int, payload: bytes) -> None:
        """The first message of a connection."""
        if not self._keys.are_of(channel.tls):
            self._refuse(channel, "it has another certificate")
        elif kind != messages.HELLO or value_of(payload).get("attempt") != self.how.attempt:
            self._refuse(channel, "it is not of attempt {}".format(self.how.attempt))
        elif self.head is not None:
            self._refuse(channel, "{} is connected already".format(self._first))
        else:
            self._strangers.pop(channel)
            self.head = channel
            channel.send_json(
                messages.HELLO, {"replica": self.how.replica(self.how.index), "slots": self.how.processes}
            )

    def _refuse(self, channel: Channel, reason: str) -> None:
        say("a connection from {} was refused: {}".format(_address_of(channel.tls), reason))
        self._strangers.pop(channel, None)
        self.loop.remove(channel)
        channel.close()

    def _lost(self, channel: Channel, peer: str, reason: str) -> None:
        self.loop.remove(channel)
        if channel is self.head:
            self._give_up(1, "{} is gone: {}".format(self._first, reason), self._first)
        else:
            self._strangers.pop(channel, None)
            say("a connection from {} was refused: {}".format(peer, reason))

    def _give_up(self, code: int, sentence: str, replica: "str | None" = None) -> None:
        say(sentence)
        outcome.write(self.how.root, outcome.Blame(sentence, replica, code), {})
        self.status = code

    def _start(self, number: int, command: str) -> None:
        assert self.head is not None
        try:
            self.sessions[number] = Session(number, command, self.head, self.loop)
        except OSError as problem:
            say("no process can be started: {}".format(problem.strerror))
            self.head.send_json(messages.ENDED, {"status": NOT_EXECUTABLE}, number)

    def _about(self, session: Session, kind: int, payload: bytes) -> None:
        if kind == messages.INPUT:
            session.stdin.add(payload)
        elif kind == messages.INPUT_END:
            session.stdin.end()
        elif kind == messages.TAKEN:
            value = value_of(payload)
            session.taken(value["stream"], value["bytes"])
        elif kind == messages.KILL:
            session.kill(time.monotonic())

    def _rank_says(self, words: "Sequence[int]", error: str) -> None:
        if self.head is not None:
            self.head.send_json(messages.RANK, {"words": list(words), "error": error})

    def _signalled(self, numbers: bytes) -> None:
        now = time.monotonic()
        for child, status in reap():
            for session in self.sessions.values():
                if session.pid == child:
                    session.ended(status, now)
        for number in STOPPING:
            if number in numbers:
                self._stop(number)

    def _stop(self, number: int) -> None:
        """This worker is to end: the head ends the launch, and then we end. Without a head there is nothing to end."""
        if self.head is None:
            self.status = -number
        else:
            self.head.send_json(messages.STOPPING, {"signal": number})


def _listen(address: str, port: int) -> socket.socket:
    """The socket for connections to this pod; raises CannotStart when its port is taken."""
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(place)
    except OSError as problem:
        sentence = "port {} of {} cannot be listened on: {}".format(port, address, problem.strerror)
        raise CannotStart(ORDERS, sentence) from None
    listening.listen(128)
    listening.setblocking(False)
    return listening


def _address_of(connection: socket.socket) -> str:
    try:
        return str(connection.getpeername()[0])
    except OSError:
        return "somebody who is gone"

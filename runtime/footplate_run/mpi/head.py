"""Worker 0: connects to all others, runs mpirun with our launch agent, and tells the others when it is over.

When something fails, mpirun is given a few seconds to end by itself, and is ended then. Who was to blame is found in
``verdict.py``; when that does not know, by mpirun's own words (``report.py``).
"""

import os
import signal
import sys
import time

from footplate_run import layout
from footplate_run.errors import ORDERS, CannotStart
from footplate_run.mpi import channel as messages
from footplate_run.mpi import mpirun, outcome
from footplate_run.mpi.channel import Channel, value_of
from footplate_run.mpi.folder import ENV_FOLDER, ENV_PYTHON, FOLDER, RANK_COMMAND, Folder
from footplate_run.mpi.links import Link, door
from footplate_run.mpi.loop import Loop, Wakeup
from footplate_run.mpi.process import say
from footplate_run.mpi.rank import BY_ITSELF, ORPHANED
from footplate_run.mpi.rank_reports import RankReports
from footplate_run.mpi.settings import parse
from footplate_run.mpi.starter import Starter
from footplate_run.mpi.verdict import Verdict
from footplate_run.process import adopt_orphans, end_descendants, reap
from footplate_run.signals import FORWARDED, STOPPING

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence

    from footplate_run.mpi.connecting import Connector
    from footplate_run.mpi.settings import Settings

TICK_SECONDS = 0.5
PROGRESS_SECONDS = 10.0
UNWIND_SECONDS = 4.0  # how long mpirun may take to end by itself when a rank has failed
BROKEN_SECONDS = 1.0  # and when a daemon has
STOP_SECONDS = 20.0  # and when the job is stopped: the ranks may save what they have
FAILED_SETTLE_SECONDS = 0.5  # how long words about a failure may come after mpirun's end
SETTLE_SECONDS = 5.0  # how long the ranks may take to say that all is well
GOODBYE_SECONDS = 5.0  # for the word to the nodes that it is over


def main(settings: str) -> int:
    """Runs one launch and returns the exit status: mpirun's, or that of what failed first."""
    how = parse(settings)
    adopt_orphans()
    head = Head(how)
    try:
        status = head.run()
    except CannotStart as problem:
        say(str(problem))
        outcome.write(how.root, outcome.Blame(str(problem), None, problem.exit_code), {})
        status = problem.exit_code
    head.say_goodbye()
    end_descendants()
    return status


class Head:
    """The state of a launch."""

    def __init__(self, how: "Settings") -> None:
        self.how = how
        self.loop = Loop()
        self.folder = Folder(os.path.join(how.root, FOLDER))
        self.nodes = {}  # type: dict[int, Channel]
        self.slots = {0: how.processes}
        self.links = {}  # type: dict[int, Link]
        self.verdict = Verdict()
        self.stopped = 0  # by this signal
        self._numbers = 0
        self._mpirun = Starter()
        self._over = False  # the nodes may go
        self._stopping = False
        self._connector: "Connector | None" = None
        self._wakeup = Wakeup(self._woken)

    def run(self) -> int:
        self._wakeup.watch_signals((signal.SIGCHLD,) + FORWARDED)
        self.loop.add(self._wakeup)
        self._check_version()
        agent = self.folder.prepare_head(sys.executable)
        self._ranks = RankReports(self.folder, lambda words, error: self._rank_says(0, words, error))
        self.loop.add(self._ranks)
        self.loop.add(door(self.folder, self._agent_came))
        self._gather()
        if not self.verdict.failed and not self.stopped:
            self._start(agent)
            while self._mpirun.running:
                self._turn()
            self._settle()
        return self._result()

    def _settle(self) -> None:
        """Hears what the ranks have to say about their end; it may come after mpirun's."""
        until = time.monotonic() + (SETTLE_SECONDS if self._mpirun.status == 0 else FAILED_SETTLE_SECONDS)
        while not self.verdict.settled and time.monotonic() < until:
            self._turn()

    def say_goodbye(self) -> None:
        """Tells the nodes that it is over; they end what still runs there, and close the connection."""
        self._over = True
        for node in self.nodes.values():
            node.send(messages.DONE)
        until = time.monotonic() + GOODBYE_SECONDS
        while self.nodes and time.monotonic() < until:
            self.loop.run_once(TICK_SECONDS)

    # -- the nodes

    def _gather(self) -> None:
        """Connects to all nodes; raises CannotStart when some are not there in time."""
        if self.how.nodes == 1:
            return
        from footplate_run.mpi import connecting, tls  # TLS is dear, and one node needs none

        self._connector = connecting.Connector(
            self.how, tls.Keys(self.how.keys), os.environ.get(layout.ENV_HOSTS), self._wakeup.wake
        )
        self._connector.start()
        began = time.monotonic()
        next_word = began + PROGRESS_SECONDS
        while len(self.slots) < self.how.nodes and not self.verdict.failed and not self.stopped:
            self._turn()
            now = time.monotonic()
            if now - began > self.how.timeout:
                raise self._connector.timeout()
            if now >= next_word:
                passed = "({:.0f} s of {:.0f} s)".format(now - began, self.how.timeout)
                say("waiting for {} {}".format(self._connector.missing(), passed))
                next_word = now + PROGRESS_SECONDS
        self._connector.stop()

    def _adopt(self) -> None:
        """Takes over the connections that were made meanwhile."""
        while self._connector is not None and self._connector.connections:
            index, connection = self._connector.connections.popleft()
            received, lost = self._ears_for(index)
            node = Channel(connection, received, lost, time.monotonic())
            node.open = True
            self.nodes[index] = node
            self.loop.add(node)
            node.send_json(messages.HELLO, {"attempt": self.how.attempt})

    def _ears_for(self, index: int) -> "tuple[Callable[[int, int, bytes], None], Callable[[str], None]]":
        """What the channel of that node calls."""
        return (
            lambda kind, command, payload: self._received(index, kind, command, payload),
            lambda reason: self._node_lost(index, reason),
        )

    def _received(self, index: int, kind: int, command: int, payload: bytes) -> None:
        if kind == messages.HELLO:
            self.slots[index] = int(value_of(payload)["slots"])
        elif kind == messages.RANK:
            said = value_of(payload)
            self._rank_says(index, said["words"], said["error"])
        elif kind == messages.STOPPING:
            if not self.stopped:  # else all of the job is
                self.verdict.worker_stopping(self.how.replica(index), int(value_of(payload)["signal"]))
            self._stop_ranks()
        elif kind == messages.ENDED and command in self.links:
            self.links.pop(command).ended(int(value_of(payload)["status"]))
        elif kind == messages.DIED:
            self.verdict.daemon_killed(self.how.replica(index), int(value_of(payload)["signal"]))
            self._mpirun.end_within(BROKEN_SECONDS)
        elif command in self.links:
            self.links[command].received(kind, payload)

    def _node_lost(self, index: int, reason: str) -> None:
        node = self.nodes.pop(index)
        self.loop.remove(node)
        for link in [link for link in self.links.values() if link.index == index]:
            del self.links[link.number]
            link.fail("{} is gone".format(self.how.replica(index)))
        if not self._over:
            self.verdict.worker_lost(self.how.replica(index), reason)
            self._mpirun.end_within(0)

    # -- the agents

    def _agent_came(self, connection: "socket.socket") -> None:
        self._numbers += 1
        Link(connection, self._numbers, self.loop, self._agent_asks, self._agent_gone)

    def _agent_asks(self, link: Link, host: str) -> None:
        index = self._index_of(host)
        if index == 0:
            link.answer("here")
        elif index is None:
            link.fail("{} is no worker of this job".format(host))
        elif index not in self.nodes:
            link.fail("{} is gone".format(self.how.replica(index)))
        else:
            self.links[link.number] = link
            link.run(index, self.nodes[index])

    def _agent_gone(self, link: Link) -> None:
        self.links.pop(link.number, None)

    def _index_of(self, host: str) -> "int | None":
        short = host.rpartition("@")[2].partition(".")[0]
        role, _, index = short.rpartition("-")
        if role != self.how.role or not index.isdigit() or int(index) >= self.how.nodes:
            return None
        return int(index)

    # -- mpirun

    def _check_version(self) -> None:
        """Raises CannotStart when the image has the mpirun of another MPI than the job says."""
        import subprocess

        version = subprocess.run(
            [self.how.mpirun, "--version"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ).stdout.decode("utf-8", "replace")
        wrong = mpirun.mismatch(self.how.implementation, version)
        if wrong is not None:
            raise CannotStart(ORDERS, wrong)

    def _start(self, agent: str) -> None:
        implementation = mpirun.implementation_of(self.how.implementation)
        lines = [
            implementation.host_line(self.how.replica(index), self.slots[index]) for index in range(self.how.nodes)
        ]
        ranks = sum(self.slots.values())
        hosts = self.folder.write_hosts(lines)
        words = [self.how.mpirun] + implementation.words(hosts, ranks, agent, self.how.address) + self.how.args
        say("{} on {} nodes".format(" ".join([os.path.basename(words[0])] + words[1:]), self.how.nodes))
        environment = dict(os.environ)
        environment.update(implementation.variables(self.how.nodes, agent, os.environ))
        environment.update({ENV_FOLDER: self.folder.path, ENV_PYTHON: sys.executable})
        self._mpirun.start(words + RANK_COMMAND, environment)

    def _woken(self, numbers: bytes) -> None:
        self._adopt()
        for child, status in reap():
            number = self._mpirun.reaped(child, status)
            if number and not self.stopped and not self.verdict.failed:
                self.verdict.mpirun_killed(self.how.replica(0), number)
        for number in FORWARDED:
            if number in numbers and number in STOPPING:
                self.stopped = self.stopped or int(number)
                self._stop_ranks()
            elif number in numbers:
                self._mpirun.send(number)

    def _turn(self) -> None:
        """Waits for what comes next, and does what is due."""
        self.loop.run_once(TICK_SECONDS)
        now = time.monotonic()
        for node in list(self.nodes.values()):
            node.keep_alive(now)
        self._mpirun.check(now)

    # -- failures

    def _rank_says(self, index: int, words: "Sequence[int]", error: str) -> None:
        replica = self.how.replica(index)
        if len(words) == 2:
            self.verdict.rank_started(words[0], replica)
            return
        rank, code, number, why, milliseconds = words
        told = why != BY_ITSELF or self._stopping
        if self.verdict.rank_ended(rank, replica, code, number, told, milliseconds / 1000.0, error):
            self._mpirun.end_within(UNWIND_SECONDS)
        elif why == ORPHANED and not self._stopping and self._mpirun.status is None:
            self.verdict.daemon_gone(replica)
            self._mpirun.end_within(0)

    def _stop_ranks(self) -> None:
        """Asks all ranks to end, before mpirun, which may leave them a second only (Open MPI)."""
        if self._stopping:
            return
        self._stopping = True
        self._ranks.stop()
        for node in self.nodes.values():
            node.send(messages.STOP)
        self._mpirun.end_within(0 if self.verdict.settled else STOP_SECONDS)

    def _result(self) -> int:
        """Leaves for the launcher who was to blame; the exit status."""
        blame = self.verdict.blame(self._mpirun.status or 0)
        if blame is None and self.stopped and self._mpirun.status != 0:
            sentence = "the launch was stopped by {}".format(outcome.signal_name(self.stopped))
            blame = outcome.Blame(sentence, None, 128 + self.stopped, self.stopped)
        outcome.write(self.how.root, blame, self.verdict.ranks)
        if blame is None:
            return self._mpirun.status or 0
        say(blame.sentence)
        return blame.code

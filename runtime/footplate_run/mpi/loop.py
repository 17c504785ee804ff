"""One thread that waits for many things: poll(2) over sources that say what they wait for."""

import os
import select
import signal
import socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class Source:
    """Something with a file descriptor."""

    def fileno(self) -> int:
        raise NotImplementedError

    def wants(self) -> int:
        """The poll events to wait for; 0 for none now."""
        raise NotImplementedError

    def ready(self) -> None:
        """One of them has come, or an error."""
        raise NotImplementedError


class Loop:
    """Sources may be added and removed at any time, by the sources themselves too."""

    def __init__(self) -> None:
        self._sources = {}  # type: dict[int, Source]

    def add(self, source: Source) -> None:
        self._sources[source.fileno()] = source

    def remove(self, source: Source) -> None:
        self._sources.pop(source.fileno(), None)

    def run_once(self, seconds: float) -> None:
        """Waits at most so long and serves what is ready."""
        poll = select.poll()
        for fd, source in self._sources.items():
            events = source.wants()
            if events:
                poll.register(fd, events)
        waited_for = dict(self._sources)
        for fd, _ in poll.poll(max(seconds, 0) * 1000):
            if self._sources.get(fd) is waited_for[fd]:
                waited_for[fd].ready()


class Listener(Source):
    """``came`` gets each connection to a listening socket."""

    def __init__(self, listening: socket.socket, came: "Callable[[socket.socket], None]") -> None:
        self._socket = listening
        self._came = came

    def fileno(self) -> int:
        return self._socket.fileno()

    def wants(self) -> int:
        return select.POLLIN

    def ready(self) -> None:
        try:
            connection, _ = self._socket.accept()
        except OSError:
            return  # it has gone again
        self._came(connection)


class Wakeup(Source):
    """A pipe that other threads and signal handlers write to; ``woken`` is called with what they wrote."""

    def __init__(self, woken: "Callable[[bytes], None]") -> None:
        self._woken = woken
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)

    def fileno(self) -> int:
        return self._read

    def wants(self) -> int:
        return select.POLLIN

    def ready(self) -> None:
        self._woken(os.read(self._read, 4096))

    def wake(self) -> None:
        try:
            os.write(self._write, b"\0")
        except BlockingIOError:
            pass  # it is full: awake already

    def watch_signals(self, numbers: "Iterable[int]") -> None:
        """``woken`` gets the numbers of these signals from now on, as bytes."""
        signal.set_wakeup_fd(self._write)
        for number in numbers:
            signal.signal(number, lambda number, frame: None)

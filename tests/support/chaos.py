"""Random schedules of a program, its agent and its store: all that comes to be is decided by one number."""

from __future__ import annotations

import os
import random
import shutil
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from replica import AgentProcess, Replica
from tcp_gate import Gate

_NAMES = ["model.pt", "last", "best", "odd % name#1", "new\nline", "back\\slash", "metrics.csv"]
_FOLDERS = ["", "epoch-1/", "epoch-2/", "deep/er/and/deeper/"]
_SIZES = [0, 1, 100, 5_000, 70_000, 300_000]
_LARGE = 18 << 20  # goes up in parts


@dataclass(frozen=True)
class Schedule:
    """One story. ``steps`` are its actions with the seconds of pause after each."""

    seed: int
    mirror_deletes: bool
    steps: tuple[tuple[str, float], ...]


def schedule(seed: int) -> Schedule:
    """The story of this number."""
    chance = random.Random(seed)
    weights = {
        "write": 10, "write slowly": 3, "write and rename": 8, "append": 5, "overwrite in place": 3, "truncate": 3,
        "rename": 5, "rename folder": 2, "delete": 5, "delete folder": 1, "write large": 0.4, "print": 6, "log": 4,
        "rotate log": 0.5, "kill": 2, "kill while it drains": 0.7, "cut": 1.5, "cut in the middle": 1.5, "slow": 1,
    }  # fmt: skip
    names = chance.choices(list(weights), list(weights.values()), k=chance.randint(30, 60))
    pauses = [chance.choice([0, 0, 0, 0.01, 0.05, 0.2]) for _ in names]
    return Schedule(seed, chance.random() < 0.5, tuple(zip(names, pauses, strict=True)))


class Stage:
    """Carries the steps of a schedule out. The agent is in ``agent``, whichever it is now."""

    def __init__(self, replica: Replica, gate: Gate, seed: int) -> None:
        self._replica, self._gate = replica, gate
        self._chance = random.Random(seed + 1_000_000)
        self._outputs = replica.root / "outputs"
        self._shut_for = 0
        self.agent = self._start()

    def do(self, step: str) -> None:
        """Carry out one step; an outage ends by itself some steps later."""
        self._shut_for -= 1
        if self._shut_for == 0:
            self.calm()
        steps: dict[str, Callable[[], object]] = {
            "write": lambda: self._path().write_bytes(self._data()),
            "write slowly": self._write_slowly,
            "write and rename": self._write_and_rename,
            "append": self._append,
            "overwrite in place": self._overwrite,
            "truncate": self._truncate,
            "rename": self._rename,
            "rename folder": self._rename_folder,
            "delete": lambda: [path.unlink() for path in self._some_file()],
            "delete folder": lambda: [shutil.rmtree(path) for path in self._some_folder()],
            "write large": lambda: self._path().write_bytes(self._chance.randbytes(_LARGE)),
            "print": lambda: self._replica.append("state/console.log", self._line()),
            "log": lambda: self._replica.append("logs/debug.log", self._line()),
            "rotate log": self._rotate,
            "kill": self._kill,
            "kill while it drains": self._kill_while_it_drains,
            "cut": self._cut,
            "cut in the middle": lambda: self._gate.break_after(self._chance.randrange(400_000), opens_again=True),
            "slow": self._slow,
        }
        steps[step]()

    def calm(self) -> None:
        """The store can be reached, and is as fast as it is."""
        self._gate.delay = 0.0
        self._gate.open()

    # The program.

    def _line(self) -> bytes:
        return b"%x\n" % self._chance.getrandbits(self._chance.choice([8, 800, 80_000]))

    def _data(self) -> bytes:
        return self._chance.randbytes(self._chance.choice(_SIZES))

    def _path(self) -> Path:
        path = self._outputs / (self._chance.choice(_FOLDERS) + self._chance.choice(_NAMES))
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def _some_file(self) -> Iterator[Path]:
        """One of the files that there are, or none."""
        files = sorted(path for path in self._outputs.rglob("*") if path.is_file())
        yield from self._chance.sample(files, min(1, len(files)))

    def _some_folder(self) -> Iterator[Path]:
        folders = sorted(path for path in self._outputs.iterdir() if path.is_dir())
        yield from self._chance.sample(folders, min(1, len(folders)))

    def _write_slowly(self) -> None:
        """It is open while the next steps come."""
        with open(self._path(), "wb", buffering=0) as file:
            for _ in range(3):
                file.write(self._data())
                self.agent.pause(0.05)

    def _write_and_rename(self) -> None:
        path = self._path()
        unfinished = path.with_name(path.name + ".tmp")
        unfinished.write_bytes(self._data())
        if self._chance.random() < 0.3:
            os.utime(unfinished, (1, self._chance.randint(1, 3)))
        unfinished.replace(path)

    def _append(self) -> None:
        for path in self._some_file():
            with open(path, "ab") as file:
                file.write(self._data())

    def _overwrite(self) -> None:
        """With as many bytes."""
        for path in self._some_file():
            size = path.stat().st_size
            with open(path, "r+b") as file:
                file.write(self._chance.randbytes(size))

    def _truncate(self) -> None:
        for path in self._some_file():
            os.truncate(path, self._chance.choice([0, path.stat().st_size // 2, path.stat().st_size * 2]))

    def _rename(self) -> None:
        for path in self._some_file():
            path.replace(self._path())

    def _rename_folder(self) -> None:
        for path in self._some_folder():
            target = self._outputs / f"epoch-{self._chance.randint(1, 3)}"
            if not target.exists():
                path.rename(target)

    def _rotate(self) -> None:
        log = self._replica.root / "logs/debug.log"
        if log.exists():
            log.replace(log.with_name("debug.log.1"))

    # The agent.

    def _start(self) -> AgentProcess:
        """As in a pod: SIGTERM waits from the first instant; a process has its parent's mask."""
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        try:
            return AgentProcess(self._replica)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})

    def _kill(self) -> None:
        self.agent.kill()
        self.agent = self._start()

    def _kill_while_it_drains(self) -> None:
        """As when a container runs out of memory at the end: the kubelet starts it again."""
        self.agent.terminate()
        self.agent.pause(self._chance.choice([0.05, 0.3, 1.0]))
        self._kill()

    # The store.

    def _cut(self) -> None:
        self._gate.shut()
        self._shut_for = self._chance.randint(2, 12)

    def _slow(self) -> None:
        self._gate.delay = self._chance.choice([0.005, 0.03])
        self._shut_for = self._chance.randint(5, 20)

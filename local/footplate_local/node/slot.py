"""One container of a pod over its restarts: the runs it had, the process it is, what it waits for."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from footplate_local.node import process
from footplate_local.node.folders import PodFolder
from footplate_local.node.lifecycle import Container, Ended, Kind
from footplate_local.node.logs import last_lines
from footplate_local.node.process import Process, kill_leftovers
from footplate_local.node.rundir import ProcessSpec, RunDir
from footplate_local.node.status import Detail, Waiting

MESSAGE_BYTES = 4096  # kubelet: MaxContainerTerminationMessageLength
FALLBACK_LINES = 80  # kubelet: MaxContainerTerminationMessageLogLines
FALLBACK_BYTES = 2048  # kubelet: MaxContainerTerminationMessageLogLength
StartShim = Callable[[RunDir, Callable[[], None]], Awaitable[Process]]  # a run, and who hears of its end
STUCK_SECONDS = 20.0  # after SIGKILL; longer than a shim waits for the processes it has killed


@dataclass(frozen=True, slots=True)
class Backoff:
    """Seconds between restarts: none before the first, then doubling; a run of ``reset`` seconds forgives (kubelet)."""

    initial: float = 10.0
    maximum: float = 300.0
    reset: float = 600.0

    def delay(self, failures: int) -> float:
        """Before the next start, after so many runs in a row have ended."""
        if failures < 2:
            return 0.0
        return float(min(self.maximum, self.initial * 2 ** min(failures - 2, 30)))


class Slot:
    def __init__(
        self,
        spec: Mapping[str, Any],
        kind: Kind,
        folder: PodFolder,
        backoff: Backoff,
        start: StartShim,
        on_change: Callable[[], None],
    ) -> None:
        self.spec = spec
        self.name: str = spec["name"]
        self.kind = kind
        self.waiting: Waiting | None = None
        self.not_before = 0.0
        self.refusals = 0  # how often in a row it could not even be started
        self.image_id = ""
        self._folder = folder
        self._backoff = backoff
        self._start_shim = start
        self._on_change = on_change
        self._run: RunDir | None = None
        self._process: Process | None = None
        self._gone = False  # the process has ended, its end is not yet read
        self._ended: Ended | None = None
        self._last: Ended | None = None
        self._started_at = 0.0
        self._failures = 0
        self._asked_at: float | None = None
        self._killed = False

    def container(self) -> Container:
        """As the lifecycle sees it."""
        return Container(
            name=self.name,
            kind=self.kind,
            running=self._process is not None,
            ended=self._ended,
            not_before=self.not_before,
            asked_at=self._asked_at,
            killed=self._killed,
        )

    def detail(self, uid: str) -> Detail:
        """As the status tells of it."""
        run = self._run
        return Detail(
            image=self.spec["image"],
            image_id=self.image_id,
            container_id="" if run is None else f"footplate://{uid}/{self.name}/{run.number}",
            restarts=0 if run is None else run.number,
            started_at=self._started_at,
            waiting=self.waiting,
            last=self._last,
        )

    @property
    def latest_run(self) -> int | None:
        return None if self._run is None else self._run.number

    def next_run(self) -> RunDir:
        return self._folder.run(self.name, 0 if self._run is None else self._run.number + 1)

    async def adopt(self, now: Callable[[], float]) -> None:
        """Takes over what an earlier node has started: nothing is started twice, exits in between are seen."""
        runs = self._folder.runs(self.name)
        if runs and not runs[-1].touched() and not runs[-1].alive():
            shutil.rmtree(runs.pop().path)  # that node died before it had started it
        if not runs:
            return
        self._failures = runs[-1].number + 1
        if len(runs) > 1:
            self._last = await self._read_end(runs[-2], now)
        await self._take_over(runs[-1], now)

    async def start(self, run: RunDir, spec: ProcessSpec, now: Callable[[], float]) -> None:
        """Starts RUN; raises what ``Shims.start`` raises. A start that was given up as too slow may have come to
        something after all: that is then taken over, so that nothing is started twice.
        """
        if run.alive() or run.touched():
            await self._take_over(run, now)
        else:
            run.create(spec)
            self._drop_old_run(run.number - 2)
            self._last = self._ended
            self._asked_at, self._killed, self._gone = None, False, False
            self._process = await self._start_shim(run, self._note_end)
            self._run, self._ended = run, None
            started = run.started()
            if started is not None:
                self._started_at = started.started_at
        self.waiting, self.refusals = None, 0

    async def _take_over(self, run: RunDir, now: Callable[[], float]) -> None:
        """Makes RUN, which has a shim or had one, the latest run."""
        self._process = await process.adopt(run, self._note_end)
        self._run = run
        started = run.started()
        self._started_at = started.started_at if started is not None else 0.0
        self._ended = await self._read_end(run, now) if self._process is None else None

    def refuse(self, waiting: Waiting, not_before: float) -> None:
        """It cannot be started now: why, and when to try again (unix seconds)."""
        self.waiting, self.not_before = waiting, not_before
        self.refusals += 1

    async def collect(self, now: Callable[[], float], pod: Mapping[str, Any]) -> bool:
        """Reads how the process has ended, if it has; True when something was read."""
        if not self._gone or self._run is None:
            return False
        ended = await self._read_end(self._run, now)
        self._gone = False
        self._process = None
        long = ended.started_at is not None and ended.finished_at - ended.started_at >= self._backoff.reset
        self._failures = 1 if long else self._failures + 1
        delay = self._backoff.delay(self._failures)
        self.not_before = ended.finished_at + delay
        self._ended = ended
        if delay:
            metadata = pod["metadata"]
            self.waiting = Waiting(
                "CrashLoopBackOff",
                f"back-off {delay:.0f}s restarting failed container={self.name} "
                f"pod={metadata['name']}_{metadata['namespace']}({metadata['uid']})",
            )
        return True

    def terminate(self, now: float) -> None:
        if self._process is not None:
            self._asked_at = now
            self._process.terminate()

    def kill(self) -> None:
        if self._process is not None:
            self._killed = True
            self._process.kill()
            asyncio.get_running_loop().call_later(STUCK_SECONDS, self._process.kill_shim)

    def release(self) -> None:
        """Lets the process run on without this node."""
        if self._process is not None:
            self._process.release()

    def _note_end(self) -> None:
        self._gone = True
        self._on_change()

    async def _read_end(self, run: RunDir, now: Callable[[], float]) -> Ended:
        found = run.exit()
        if found is None:  # the shim was killed
            await asyncio.to_thread(kill_leftovers, run)
            found = run.record_lost(now())
        started = run.started()
        if found.oom_killed:
            reason = "OOMKilled"
        elif found.start_error is not None:
            reason = "StartError"
        else:
            reason = "Completed" if found.exit_code == 0 else "Error"
        return Ended(
            exit_code=found.exit_code,
            finished_at=found.finished_at,
            reason=reason,
            message=found.start_error or self._message(run, found.exit_code) or found.message or "",
            started_at=None if started is None else started.started_at,
        )

    def _message(self, run: RunDir, exit_code: int) -> str:
        """The termination message: the file's end, or by the policy FallbackToLogsOnError the log's."""
        try:
            content = run.termination_log.read_bytes()[-MESSAGE_BYTES:]
        except OSError:  # the program has removed it, or put something else in its place
            content = b""
        from_log = self.spec.get("terminationMessagePolicy") == "FallbackToLogsOnError"
        if not content and exit_code != 0 and from_log:
            content = last_lines(self._folder.log(self.name, run.number), FALLBACK_LINES, FALLBACK_BYTES)
        return content.decode("utf-8", "replace")

    def _drop_old_run(self, number: int) -> None:
        """Logs of the latest and of the run before it are kept, as the kubelet does."""
        if number < 0:
            return
        shutil.rmtree(self._folder.run(self.name, number).path, ignore_errors=True)
        log = self._folder.log(self.name, number)
        log.unlink(missing_ok=True)
        log.with_name(log.name + ".index").unlink(missing_ok=True)

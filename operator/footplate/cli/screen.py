"""What a person sees while a job is followed: lines that stay, and on a terminal one line at the bottom that moves.

Without a terminal there are plain lines only: what changes, and a sign of life every ten seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from footplate.cli.text import clock_time, number, shorten

HEARTBEAT_SECONDS = 10.0
_METRICS_SHOWN = 4
STYLES = {
    "Completed": "bold green",
    "Failed": "bold red",
    "Canceled": "bold yellow",
    "Suspended": "yellow",
    "Running": "bold cyan",
}


def tell(console: Console, sentences: Iterable[str], style: str = "yellow") -> None:
    """Sentences of ours beside what was asked for, each once; nothing in them is markup."""
    for sentence in dict.fromkeys(sentences):
        console.print(sentence, style=style, highlight=False, markup=False, soft_wrap=True)


class Progress:
    """The moving line: a spinner, the phase, its stopwatch, and the latest metrics or what is waited for."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._spinner = Spinner("dots", style="cyan")
        self._began = monotonic()
        self._phase = ""
        self._detail = ""

    def set(self, elapsed: float, phase: str, detail: str) -> None:
        """The job is `elapsed` seconds old and in this phase; the stopwatch runs on by itself."""
        self._began = self._monotonic() - elapsed
        self._phase, self._detail = phase, detail

    def text(self) -> str:
        """The same as a plain line."""
        return "  ".join(
            part for part in (clock_time(self._monotonic() - self._began), self._phase, self._detail) if part
        )

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if not self._phase:
            return
        line = Table.grid(padding=(0, 1))
        line.add_row(self._spinner, Text(shorten(self.text(), options.max_width - 3), style="dim", no_wrap=True))
        yield line


class Screen:
    """Use as a context manager; the moving line is there inside of it."""

    def __init__(self, console: Console, monotonic: Callable[[], float]) -> None:
        self._console = console
        self._monotonic = monotonic
        self._progress = Progress(monotonic)
        self._live = Live(self._progress, console=console, transient=True, refresh_per_second=10, redirect_stdout=False)
        self._spoke = monotonic()
        self._last_beat = ""

    def __enter__(self) -> Screen:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._live.stop()

    def phase(self, elapsed: float, phase: str, reason: str, message: str) -> None:
        """The job has entered a phase, or is in it for another reason."""
        line = Text.assemble(
            (f"{clock_time(elapsed):>7}  ", "dim"),
            (f"{phase:<12}", STYLES.get(phase, "bold")),
            (f"{reason:<20}  ", ""),
            (message.partition("\n")[0], "dim"),
        )
        self._print(line)

    def note(self, sentence: str) -> None:
        """A sentence of ours between the program's lines."""
        self._print(Text(f"         {sentence}", style="yellow"))

    def log(self, lines: Sequence[bytes], source: str | None) -> None:
        """Lines of a program without their ends; `source` names it where there is more than one."""
        prefix = f"{source} | " if source else ""
        texts = [prefix + line.decode("utf-8", "replace") for line in lines]
        if self._console.is_terminal:
            block = Text("\n").join(_styled(text, len(prefix)) for text in texts)
            self._print(block)
        else:
            self._console.file.write("".join(f"{text}\n" for text in texts))
            self._console.file.flush()
            self._spoke = self._monotonic()

    def progress(self, elapsed: float, status: Mapping[str, Any]) -> None:
        """The job as it is now, for the moving line."""
        self._progress.set(elapsed, str(status.get("phase") or "Submitted"), detail(status))

    def beat(self) -> None:
        """Call about once a second: without a terminal it prints a sign of life when nothing was said for ten."""
        if self._console.is_terminal or self._monotonic() - self._spoke < HEARTBEAT_SECONDS:
            return
        line = self._progress.text()
        if line:
            self._print(Text(f"         {line}"))

    def _print(self, text: Text) -> None:
        self._console.print(text, soft_wrap=True, highlight=False)
        self._spoke = self._monotonic()


def detail(status: Mapping[str, Any]) -> str:
    """The latest metrics; before there are any, the status' sentence."""
    metrics = status.get("metrics") or {}
    if not metrics:
        return str(status.get("message") or "").partition("\n")[0]
    shown = sorted(metrics.items())[:_METRICS_SHOWN]
    steps = [value["step"] for _, value in shown if value.get("step") is not None]
    values = [f"{name} {number(value['value'])}" for name, value in shown]
    return "  ".join(([f"step {max(steps)}"] if steps else []) + values)


def _styled(text: str, prefix: int) -> Text:
    """A program's own colours are kept; the name of its replica stays in the background."""
    line = Text.from_ansi(text.rpartition("\r")[2] if "\r" in text.rstrip("\r") else text.rstrip("\r"))
    line.stylize("dim", 0, prefix)
    return line

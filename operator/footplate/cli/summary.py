"""The last word on a job: how it ended, where the time went, its metrics, its outputs, and what to try next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from rich.console import Console
from rich.table import Table
from rich.text import Text

from footplate.api.conditions import ADMITTED, RUNNING, get_condition
from footplate.api.phases import Phase
from footplate.api.training_job import TrainingJob
from footplate.cli.record import Record
from footplate.cli.screen import STYLES
from footplate.cli.text import duration, number, sparkline
from footplate.jobs.text import byte_size, plural

_CURVE_WIDTH = 30
_METRICS_SHOWN = 8
_OUTPUTS_SHOWN = 10
_MARKS = {Phase.COMPLETED: "✔", Phase.FAILED: "✘", Phase.CANCELED: "◼"}


@dataclass(frozen=True, slots=True)
class Summary:
    """Everything it says. `record` is None when the store cannot be read from here, then `unread` says why."""

    job: TrainingJob
    record: Record | None
    unread: str | None
    commands: Sequence[str]


def spans(job: TrainingJob) -> list[tuple[str, float]]:
    """Where the time went, as (phase, seconds) in the order of a job's life; phases that took no time are left out.

    Derived from the times in the status, whose precision is a second. Over several attempts the running times are
    added, and what lies between them counts as Scaling. Pure.
    """
    status, created, end = job.status, job.metadata.creation_timestamp, job.status.completion_time
    if created is None or end is None:
        return []
    admitted = _changed(job, ADMITTED)
    preparing = (admitted or end) - created
    running = _changed(job, RUNNING) if status.start_time else None
    ran = timedelta()
    for attempt in status.attempts:
        if attempt.start_time:
            stop = attempt.end_time or end
            last = attempt.number == status.attempt
            ran += (
                min(stop, running) if last and running and running > attempt.start_time else stop
            ) - attempt.start_time
    finalizing = end - running if running else timedelta()
    scaling = end - created - preparing - ran - finalizing
    found = [("Preparing", preparing), ("Scaling", scaling), ("Running", ran), ("Finalizing", finalizing)]
    return [(phase, span.total_seconds()) for phase, span in found if span.total_seconds() > 0]


def _changed(job: TrainingJob, condition: str) -> datetime | None:
    found = get_condition(job.status.conditions, condition)
    return found.last_transition_time if found else None


def show(console: Console, summary: Summary) -> None:
    """Print it."""
    job = summary.job
    console.print()
    console.print(_headline(job), soft_wrap=True, highlight=False)
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(no_wrap=True, overflow="ignore")
    _metrics(table, summary)
    _outputs(table, summary)
    for position, command in enumerate(summary.commands):
        table.add_row("" if position else "next", Text(command, style="cyan"))
    if table.row_count:
        console.print()
        # As wide as it is: paths and commands are there to be copied.
        console.print(table, soft_wrap=True, highlight=False, width=max(console.width, 400), crop=False)


def _headline(job: TrainingJob) -> Text:
    status = job.status
    phase = status.phase or Phase.FAILED
    took = spans(job)
    total = sum(seconds for _, seconds in took)
    line = Text.assemble(
        (f"{_MARKS.get(phase, '?')} {job.metadata.name} {phase.lower()}", STYLES.get(phase, "bold")),
        f" in {duration(total)}",
        (f"  ({', '.join(f'{name} {duration(seconds)}' for name, seconds in took)})" if len(took) > 1 else "", "dim"),
    )
    if phase != Phase.COMPLETED:
        line.append(f"\n  {status.reason}: {status.message}")
    return line


def _metrics(table: Table, summary: Summary) -> None:
    latest: Mapping[str, float | str] = {name: m.value for name, m in summary.job.status.metrics.items()}
    curves = summary.record.metrics if summary.record else {}
    names = sorted({*latest, *curves}, key=lambda name: (name != "loss", name))[:_METRICS_SHOWN]
    for name in names:
        values = curves.get(name, ())
        line = Text(f"{number(values[-1] if values else latest[name]):<9}")
        if len(values) > 1:
            line.append(f" {sparkline(values, _CURVE_WIDTH)}", "green")
            line.append(f"  from {number(values[0])}, {plural(len(values), 'value')}", "dim")
        table.add_row(name, line)
    if names:
        table.add_row()


def _outputs(table: Table, summary: Summary) -> None:
    run, record = summary.job.status.run, summary.record
    if run is None:
        return
    where = _place(f"{run.uri}outputs/")
    if record is None:
        table.add_row("outputs", where)
        table.add_row("", Text(f"cannot be listed from here: {summary.unread}", style="dim"))
    elif not record.outputs:
        table.add_row("outputs", Text.assemble("none", (f"  (the run's record is in {_place(run.uri)})", "dim")))
    else:
        total = byte_size(sum(output.size for output in record.outputs))
        table.add_row("outputs", f"{plural(len(record.outputs), 'file')}, {total}, in {where}")
        width = max(len(output.path) for output in record.outputs[:_OUTPUTS_SHOWN])
        for output in record.outputs[:_OUTPUTS_SHOWN]:
            table.add_row("", Text.assemble(f"{output.path:<{width}}", (f"  {byte_size(output.size):>9}", "dim")))
        if len(record.outputs) > _OUTPUTS_SHOWN:
            table.add_row("", Text(f"and {len(record.outputs) - _OUTPUTS_SHOWN} more", style="dim"))
    table.add_row()


def _place(uri: str) -> str:
    """A file:// address as the path that a shell takes."""
    return uri.removeprefix("file://") if uri.startswith("file:///") and "%" not in uri else uri

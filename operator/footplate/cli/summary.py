"""The last word on a job: how it ended, where the time went, its metrics, its outputs, and what to try next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from rich.console import Console
from rich.text import Text

from footplate.api.conditions import ADMITTED, RUNNING, get_condition
from footplate.api.phases import Phase
from footplate.api.training_job import TrainingJob
from footplate.cli.record import Record
from footplate.cli.screen import STYLES
from footplate.cli.text import duration, loss_first, number, sparkline
from footplate.jobs.text import byte_size, plural

_CURVE_WIDTH = 30
_METRICS_SHOWN = 8
_OUTPUTS_SHOWN = 10
Row = tuple[str, Text]  # a label, empty when it is that of the row above, and what stands beside it
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
    """Print it. No line is wrapped or cut: paths and commands are there to be copied."""
    sections = [_metrics(summary), _outputs(summary), _commands(summary.commands)]
    width = max((len(label) for rows in sections for label, _ in rows), default=0)
    lines = [Text(), _headline(summary.job)]
    for rows in sections:
        if rows:
            lines.append(Text())
        lines += [Text.assemble((f"{label:<{width}}  ", "dim"), value) for label, value in rows]
    console.print(Text("\n").join(lines), soft_wrap=True, highlight=False)


def _headline(job: TrainingJob) -> Text:
    status = job.status
    phase = status.phase or Phase.FAILED
    took = spans(job)
    total = sum(seconds for _, seconds in took)
    line = Text.assemble(
        (f"{_MARKS.get(phase, '?')} {job.metadata.name} {phase.lower()}", STYLES.get(phase, "bold")),
        f" in {duration(total)}",
        (f"  ({', '.join(f'{name} {duration(seconds)}' for name, seconds in took)})" if took else "", "dim"),
    )
    if phase != Phase.COMPLETED:
        line.append(f"\n  {status.reason}: {status.message}")
    return line


def _metrics(summary: Summary) -> Sequence[Row]:
    latest: Mapping[str, float | str] = {name: m.value for name, m in summary.job.status.metrics.items()}
    curves = summary.record.metrics if summary.record else {}
    names = sorted({*latest, *curves}, key=loss_first)
    rows = []
    for name in names[:_METRICS_SHOWN]:
        values = curves.get(name, ())
        line = Text(number(values[-1] if values else latest[name]))
        if len(values) > 1:
            line.pad_right(max(0, 9 - len(line)))
            line.append(f" {sparkline(values, _CURVE_WIDTH)}", "green")
            line.append(f"  from {number(values[0])}, {plural(len(values), 'value')}", "dim")
        rows.append((name, line))
    if len(names) > _METRICS_SHOWN:
        rows.append(("", Text(f"and {len(names) - _METRICS_SHOWN} more", "dim")))
    return rows


def _outputs(summary: Summary) -> Sequence[Row]:
    run, record = summary.job.status.run, summary.record
    if run is None:
        return []
    where = _place(f"{run.uri}outputs/")
    if record is None:
        return [("outputs", Text(where)), ("", Text(f"cannot be listed from here: {summary.unread}", "dim"))]
    if not record.outputs:
        return [("outputs", Text.assemble("none", (f"  (the record of the run is in {_place(run.uri)})", "dim")))]
    total = byte_size(sum(output.size for output in record.outputs))
    shown = record.outputs[:_OUTPUTS_SHOWN]
    width = max(len(output.path) for output in shown)
    rows = [("outputs", Text(f"{plural(len(record.outputs), 'file')}, {total}, in {where}"))]
    for output in shown:
        rows.append(("", Text.assemble(f"{output.path:<{width}}", (f"  {byte_size(output.size):>9}", "dim"))))
    if len(record.outputs) > _OUTPUTS_SHOWN:
        rows.append(("", Text(f"and {len(record.outputs) - _OUTPUTS_SHOWN} more", "dim")))
    return rows


def _commands(commands: Sequence[str]) -> Sequence[Row]:
    return [("" if position else "next", Text(command, "cyan")) for position, command in enumerate(commands)]


def _place(uri: str) -> str:
    """A file:// address as the path that a shell takes."""
    return uri.removeprefix("file://") if uri.startswith("file:///") and "%" not in uri else uri

"""The agent's series in Prometheus' text format; docs/metrics.md has the same table. Pure but for ``usage``."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from footplate_runtime.agent.report import Status

_PAGE = resource.getpagesize()
Value = float | Mapping[str, float]


class Usage(NamedTuple):
    """What this process uses: bytes of resident memory, and seconds of CPU so far."""

    resident: int
    cpu: float


def usage() -> Usage:
    """As it is now, from ``/proc``."""
    with open("/proc/self/statm", "rb") as file:
        return Usage(int(file.read().split()[1]) * _PAGE, time.process_time())


class Series(NamedTuple):
    """One series: its name, ``gauge`` or ``counter``, what it says, its one label if any, and where its value is."""

    name: str
    kind: str
    text: str
    value: Callable[[Status], Value]
    label: str = ""


_PHASES = ("Running", "Draining", "Done")

SERIES = (
    Series(
        "footplate_agent_phase",
        "gauge",
        "1 for the phase that the agent is in",
        lambda s: {p: float(p == s.phase) for p in _PHASES},
        "phase",
    ),
    Series(
        "footplate_agent_pending_files",
        "gauge",
        "Output files that are not in the store yet",
        lambda s: s.pending_files,
    ),
    Series("footplate_agent_pending_bytes", "gauge", "Bytes of them", lambda s: s.pending_bytes),
    Series(
        "footplate_agent_oldest_pending_seconds",
        "gauge",
        "Age of the oldest of them: what a lost node would lose (the recovery point)",
        lambda s: s.oldest_pending,
    ),
    Series(
        "footplate_agent_unsent_log_bytes",
        "gauge",
        "Bytes of the console, logs and metrics that are not in the store yet",
        lambda s: s.unsent_bytes,
    ),
    Series("footplate_agent_uploaded_files", "gauge", "Output files in the store", lambda s: s.uploaded_files),
    Series("footplate_agent_uploaded_bytes", "gauge", "Bytes of them", lambda s: s.uploaded_bytes),
    Series(
        "footplate_agent_sent_bytes_total",
        "counter",
        "Bytes that the store has acknowledged, those that were sent again too",
        lambda s: s.counts.sent_bytes,
    ),
    Series(
        "footplate_agent_requests_total",
        "counter",
        "Calls of the store by operation; a large upload is one",
        lambda s: s.counts.requests,
        "operation",
    ),
    Series(
        "footplate_agent_store_errors_total",
        "counter",
        "Calls that failed after the client's own retries: throttled, unavailable, denied or refused",
        lambda s: s.counts.errors,
        "kind",
    ),
    Series(
        "footplate_agent_errors_total",
        "counter",
        "All failures, also of files that cannot be read; they are tried again",
        lambda s: s.errors,
    ),
    Series(
        "footplate_agent_watch_polling",
        "gauge",
        "1 where the node gives no hints of changes, so that folders are scanned more often",
        lambda s: float(s.polling is not None),
    ),
    Series(
        "footplate_agent_metrics_left_out_total",
        "counter",
        "Values of metrics beyond the 32 names of the status; the store has them",
        lambda s: s.metrics_left_out,
    ),
    Series(
        "footplate_agent_metrics_bad_lines_total",
        "counter",
        "Lines, records and matches of metrics that are not understood",
        lambda s: s.bad_lines,
    ),
    Series(
        "footplate_agent_metrics_warnings_total",
        "counter",
        "Limits of Run that were reached",
        lambda s: s.metrics_warnings,
    ),
    Series("process_resident_memory_bytes", "gauge", "Resident memory of the agent", lambda s: s.usage.resident),
    Series("process_cpu_seconds_total", "counter", "CPU time of the agent", lambda s: s.usage.cpu),
)


def exposition(status: Status) -> bytes:
    """The body of ``/metrics`` (Prometheus: Exposition formats)."""
    lines = []
    for series in SERIES:
        lines += [f"# HELP {series.name} {series.text}.", f"# TYPE {series.name} {series.kind}"]
        value = series.value(status)
        if isinstance(value, Mapping):
            lines += [f'{series.name}{{{series.label}="{name}"}} {_number(one)}' for name, one in value.items()]
        else:
            lines.append(f"{series.name} {_number(value)}")
    return ("\n".join(lines) + "\n").encode()


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else str(value)

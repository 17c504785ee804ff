"""What the agent says about itself: ``/status``, ``/metrics`` and the termination message. Pure."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from footplate_runtime.contract import TERMINATION_LOG_LIMIT
from footplate_runtime.files import compact_json, cut

_MISSING_NAMED = 10
_ERROR_BYTES = 600
_NAME_BYTES = 120

Phase = Literal["Running", "Draining", "Done"]


class Status(NamedTuple):
    """The agent's state at one moment; sizes in bytes, ``oldest_pending`` in seconds since the file was written,
    ``polling`` a sentence when there are no hints of changes."""

    phase: Phase
    pending_files: int
    pending_bytes: int
    oldest_pending: float
    uploaded_files: int
    uploaded_bytes: int
    errors: int
    last_error: str | None
    last_activity: str | None
    metrics: dict[str, dict[str, Any]]
    metrics_left_out: int = 0
    bad_lines: int = 0
    polling: str | None = None

    def to_json(self) -> bytes:
        """The body of ``/status``."""
        return compact_json(
            {
                "version": 1,
                "phase": self.phase,
                "pending": {"files": self.pending_files, "bytes": self.pending_bytes},
                "uploaded": {"files": self.uploaded_files, "bytes": self.uploaded_bytes},
                "errors": self.errors,
                "lastError": self.last_error,
                "lastActivityTime": self.last_activity,
                "watch": {"mode": "polling" if self.polling else "inotify", "reason": self.polling},
                "metrics": self.metrics,
            }
        )

    def to_prometheus(self) -> bytes:
        """The body of ``/metrics`` in Prometheus' text format."""
        lines = []
        for name, kind, text, value in (
            ("pending_files", "gauge", "Output files that are not in the store yet", self.pending_files),
            ("pending_bytes", "gauge", "Bytes of them", self.pending_bytes),
            (
                "oldest_pending_seconds",
                "gauge",
                "Age of the oldest of them: what a lost node would lose",
                self.oldest_pending,
            ),
            ("uploaded_files", "gauge", "Output files in the store", self.uploaded_files),
            ("uploaded_bytes", "gauge", "Bytes of them", self.uploaded_bytes),
            ("errors_total", "counter", "Transfers that failed and were tried again", self.errors),
            ("metrics_left_out_total", "counter", "Values of metrics beyond the 32 names", self.metrics_left_out),
            ("metrics_bad_lines_total", "counter", "Lines of metrics.jsonl that do not parse", self.bad_lines),
        ):
            metric = f"footplate_agent_{name}"
            lines += [f"# HELP {metric} {text}.", f"# TYPE {metric} {kind}", f"{metric} {value}"]
        return ("\n".join(lines) + "\n").encode()


class Result(NamedTuple):
    """How an agent ended: the manifest's counts, and what is missing if anything is."""

    files: int
    size: int
    manifest_digest: str | None
    missing: tuple[str, ...]
    error: str | None
    metrics: dict[str, dict[str, Any]]
    record: str | None = None  # the phase that this agent has written into run.json

    @property
    def complete(self) -> bool:
        return self.error is None

    def to_json(self) -> bytes:
        """The termination message; metrics, then missing names are cut from the end until it fits."""
        metrics = list(self.metrics.items())
        missing = [cut(name, _NAME_BYTES) for name in self.missing[:_MISSING_NAMED]]
        while True:
            message = compact_json(
                {
                    "version": 1,
                    "complete": self.complete,
                    "files": self.files,
                    "bytes": self.size,
                    "manifestDigest": self.manifest_digest,
                    "missing": missing,
                    "error": cut(self.error, _ERROR_BYTES) if self.error else None,
                    "record": self.record,
                    "metrics": dict(metrics),
                }
            )
            if len(message) <= TERMINATION_LOG_LIMIT:
                return message
            (metrics or missing).pop()

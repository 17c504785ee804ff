"""What the agent says about itself: ``/status`` and the termination message. Pure."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from footplate_runtime.agent.counted_store import Counts
from footplate_runtime.agent.prometheus import Usage
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
    metrics_warnings: int = 0
    unsent_bytes: int = 0
    counts: Counts = Counts({}, {}, 0)
    usage: Usage = Usage(0, 0.0)

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

"""A run: what its run.json says, and where the cluster still has the job, what its status says now. Pure.

The record may be of another version or cut short by whatever ended the run, so a field that is missing or of a wrong
type counts as not known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

Json = Mapping[str, Any]
ENDED = ("Completed", "Failed", "Canceled")


@dataclass(frozen=True)
class Run:
    """`uri` ends in a slash and `folder` is its last part, `digits-33f8a81f`; `record` is {} where there is none, and
    `job` None where no cluster knows it."""

    uri: str
    namespace: str
    folder: str
    record: Json
    job: Json | None = None

    @property
    def name(self) -> str:
        """The job's."""
        return str(_text(self._identity.get("name")) or job_name(self.folder))

    @property
    def experiment(self) -> str | None:
        return _text(self._identity.get("experiment")) or _text(self.spec.get("experiment"))

    @property
    def phase(self) -> str | None:
        return _text(self.status.get("phase")) or _text(self.record.get("phase"))

    @property
    def reason(self) -> str | None:
        return self._why("reason")

    @property
    def message(self) -> str | None:
        return self._why("message") or _text(self._last_attempt.get("error"))

    @property
    def ended(self) -> bool:
        return self.phase in ENDED

    @property
    def created(self) -> datetime | None:
        """When the job was created."""
        of_job = _object(self.job, "metadata").get("creationTimestamp")
        return moment(of_job) or moment(self.record.get("createdTime"))

    @property
    def start(self) -> datetime | None:
        """When its program first ran."""
        return moment(self.record.get("startTime")) or moment(self.status.get("startTime"))

    @property
    def end(self) -> datetime | None:
        """When it was over; None while it is not."""
        if not self.ended:
            return None
        return moment(self.record.get("endTime")) or moment(self.status.get("completionTime"))

    def seconds(self, now: datetime) -> float | None:
        """From its start to its end, or until now."""
        if self.start is None or (self.ended and self.end is None):
            return None
        return max(0.0, ((self.end or now) - self.start).total_seconds())

    @cached_property
    def spec(self) -> Json:
        return _object(self.record, "spec") or _object(self.job, "spec")

    @property
    def parameters(self) -> Json:
        return _object(self.record, "parameters") or _object(self.spec, "parameters")

    @property
    def tags(self) -> Json:
        """What the program said of itself with Run.tag."""
        return _object(self.record, "tags")

    @property
    def environment(self) -> Json:
        return _object(self.record, "environment") or _object(self.status, "environment")

    @property
    def source(self) -> Json:
        return _object(self.record, "source") or {**_object(self.spec, "source"), **_object(self.status, "source")}

    @property
    def inputs(self) -> Sequence[Json]:
        return _objects(self.record.get("inputs")) or _objects(self.spec.get("inputs"))

    @property
    def attempts(self) -> Sequence[Json]:
        """By number; what the record and the status say of the same one joined, the record's exit code before."""
        found: dict[int, dict[str, Any]] = {}
        for attempt in (*_objects(self.status.get("attempts")), *_objects(self.record.get("attempts"))):
            number = attempt.get("number")
            if isinstance(number, int):
                known = {name: value for name, value in attempt.items() if value is not None}
                found.setdefault(number, {}).update(known)
        return [found[number] for number in sorted(found)]

    @cached_property
    def metrics(self) -> Mapping[str, Json]:
        """Of each scalar at least `last`; in the record also `step`, `time`, `min`, `max` and `count`."""
        kept = _object(self.record, "metrics")
        found = {str(name): summary for name, summary in kept.items() if isinstance(summary, Mapping)}
        for name, value in _object(self.status, "metrics").items():
            if isinstance(value, Mapping) and not (self.ended and name in found):
                found[name] = {**found.get(name, {}), **value, "last": value.get("value")}
        return found

    @property
    def primary(self) -> str:
        """The replica whose metrics and outputs are the run's."""
        named = _text(self.record.get("primary"))
        if named:
            return named
        from footplate.api.training_job import TrainingJob  # costs a tenth of a second, and few need it
        from footplate.cli.watched import replicas

        try:
            metadata = {"name": self.name, "namespace": self.namespace or "default"}
            return str(replicas(TrainingJob.model_validate({"metadata": metadata, "spec": self.spec}))[0])
        except ValueError:  # a spec of another version
            return "worker-0"

    @property
    def status(self) -> Json:
        """The job's on the cluster; {} without."""
        return _object(self.job, "status")

    @property
    def _identity(self) -> Json:
        job = self.job or {}
        return _object(self.record, "job") or _object(job, "metadata")

    @property
    def _last_attempt(self) -> Json:
        return self.attempts[-1] if self.attempts else {}

    def _why(self, field: str) -> str | None:
        of_job = self.status.get(field) if self.status.get("phase") else None
        return _text(of_job) or _text(self.record.get(field)) or _text(self._last_attempt.get(field))


def job_name(folder: str) -> str:
    """`digits` of `digits-33f8a81f`; a folder that has no uid at its end is a name."""
    name, _, uid = folder.rpartition("-")
    return name if name and is_uid(uid) else folder


def is_uid(text: str) -> bool:
    """The first eight digits of a uid, as they stand in the name of a run's folder."""
    return len(text) == 8 and set(text) <= set("0123456789abcdef")


def moment(value: object) -> datetime | None:
    """A time as records and statuses have it."""
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _object(of: Json | None, name: str) -> Json:
    found = (of or {}).get(name)
    return found if isinstance(found, Mapping) else {}


def _objects(value: object) -> list[Json]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []

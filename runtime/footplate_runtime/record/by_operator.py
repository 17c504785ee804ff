"""What the recorder writes: the operator's verdict over what the agents wrote. Pure."""

from __future__ import annotations

from footplate_runtime.record.document import Json, Record, told_attempt, with_attempts

# Of these the operator knows better; the rest is taken where no agent has said anything.
_VERDICT = ("phase", "reason", "message", "replica", "endTime")
_FACTS = ("footplate", "job", "uri", "createdTime", "queuedTime", "startTime", "spec", "parameters", "environment")


def judge(record: Json, told: Json) -> Record:
    """The record with what ``told`` (FOOTPLATE_RECORD) says; null there means that the operator does not know."""
    found = {
        **record,
        **{name: told.get(name) for name in _VERDICT},
        **{name: told[name] for name in _FACTS if told.get(name) is not None},
        "source": {**record["source"], **_known(told.get("source") or {})},
        "inputs": record["inputs"] or told.get("inputs") or [],
        "metrics": {**(told.get("metrics") or {}), **record["metrics"]},
        "outputs": {**record["outputs"], **_known(told.get("outputs") or {})},
    }
    return with_attempts(found, [told_attempt(record, a) for a in told.get("attempts") or ()])


def _known(values: Json) -> Json:
    return {name: value for name, value in values.items() if value is not None}

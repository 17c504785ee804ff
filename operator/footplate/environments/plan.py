"""What to do about an Environment: a pure function of it, its build pods and the time.

A version is a content hash with an image. The same content never builds twice: not for another version of the same
Environment, not for another Environment. A failed build stays as it is until its pod is deleted or the spec changes;
one that something outside has ended begins again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from footplate.api.conditions import set_condition
from footplate.api.environment import Environment, EnvironmentStatus, EnvironmentVersion
from footplate.environments.builders import Builder, build_pod, build_pod_name
from footplate.environments.content_hash import content_hash
from footplate.environments.observe import BuildPodView
from footplate.jobs.diagnosis import cut


@dataclass(frozen=True, slots=True)
class Plan:
    """All that will happen in this pass; the status is written last, and only when it differs."""

    status: EnvironmentStatus
    create: Sequence[Mapping[str, Any]] = ()
    delete: Sequence[BuildPodView] = ()


@dataclass(frozen=True, slots=True)
class Built:
    """An image that exists for a content hash."""

    image: str
    lock: str | None = None
    python: str | None = None
    log: str | None = None


def plan(
    environment: Environment,
    pods: Sequence[BuildPodView],
    built: Mapping[str, Built],
    builder: Builder | None,
    now: datetime,
) -> Plan:
    """`pods` are the build pods of this Environment, `built` what all Environments have, by content hash."""
    now = now.replace(microsecond=0)
    content = content_hash(environment.spec)
    name = build_pod_name(content)
    outdated = [p for p in pods if p.key.name != name and not p.deleting]
    status = environment.status
    latest = status.versions[-1] if status.versions else None
    if latest is not None and latest.content_hash == content:
        return Plan(_ready(environment, now), delete=[p for p in pods if not p.deleting])
    if environment.spec.image is not None:
        return Plan(_new_version(environment, content, Built(environment.spec.image), now), delete=outdated)
    if content in built:
        return Plan(_new_version(environment, content, built[content], now), delete=outdated)
    if builder is None:
        message = "this operator has no image builder (settings: builder.image); give spec.image instead"
        return Plan(_not_ready(environment, "NoBuilder", message, now), delete=outdated)
    pod = next((p for p in pods if p.key.name == name), None)
    if pod is None:
        status = _not_ready(environment, "Building", f"building the image in pod {name}", now, building=True)
        status = status.model_copy(update={"build_log": _log_of(builder, content)})
        return Plan(status, create=[build_pod(environment, content, builder)], delete=outdated)
    if pod.phase == "Succeeded" and pod.result.get("image"):
        done = Built(
            str(pod.result["image"]), pod.result.get("lock"), pod.result.get("python"), _log_of(builder, content)
        )
        return Plan(_new_version(environment, content, done, now), delete=outdated)
    if pod.deleting or pod.disrupted:
        message = f"pod {name} was stopped; it starts again"
        status = _not_ready(environment, "BuildInterrupted", message, now, building=True)
        return Plan(status, delete=[*outdated, *([] if pod.deleting else [pod])])
    if pod.phase in ("Succeeded", "Failed"):
        return Plan(_not_ready(environment, "BuildFailed", _failure(pod), now), delete=outdated)
    message = f"building the image in pod {name}" + (f": {pod.message}" if pod.message else "")
    return Plan(_not_ready(environment, "Building", message, now, building=True), delete=outdated)


def _failure(pod: BuildPodView) -> str:
    error = pod.result.get("error") or {}
    said = error.get("message") or pod.message or "the builder ended without a word"
    lines = "\n".join(f"  {line}" for line in (error.get("lastLines") or [])[-8:])
    log = f"kubectl logs -n {pod.key.namespace} {pod.key.name} shows the build log; delete that pod to build again"
    return cut(f"{said} ({log})" + (f"\n{lines}" if lines else ""))


def _conditions(
    environment: Environment, ready: bool, building: bool, reason: str, message: str, now: datetime
) -> EnvironmentStatus:
    conditions = environment.status.conditions
    generation = environment.metadata.generation
    for kind, value in (("Ready", ready), ("Building", building)):
        conditions = set_condition(
            conditions,
            kind,
            value,
            reason,
            message,
            now,
            generation,
        )
    return environment.status.model_copy(update={"conditions": conditions, "observed_generation": generation})


def _ready(environment: Environment, now: datetime) -> EnvironmentStatus:
    return _conditions(environment, True, False, "ImageReady", "", now)


def _not_ready(
    environment: Environment, reason: str, message: str, now: datetime, building: bool = False
) -> EnvironmentStatus:
    return _conditions(environment, False, building, reason, message, now)


def _new_version(environment: Environment, content: str, built: Built, now: datetime) -> EnvironmentStatus:
    versions = environment.status.versions
    number = versions[-1].number + 1 if versions else 1
    version = EnvironmentVersion(
        number=number,
        content_hash=content,
        image=built.image,
        built_time=now,
        lock=built.lock,
        python=built.python,
        build_log=built.log,
    )
    update = {"versions": (*versions, version), "latest_version": number, "build_log": built.log}
    return _ready(environment, now).model_copy(update=update)


def _log_of(builder: Builder, content: str) -> str | None:
    return builder.log.uri(content) if builder.log else None

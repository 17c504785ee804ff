"""Applying manifests, and giving a job that is run once more its own name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from footplate.api.conditions import READY
from footplate.api.training_job import TrainingJob
from footplate.cli.manifests import Manifest
from footplate.cli.problem import UsageError
from footplate.constants import LABEL_ENVIRONMENT
from footplate.engine.clock import Clock
from footplate.errors import AlreadyExists, ApiError, FootplateError, Invalid
from footplate.kube.client import KubeClient
from footplate.kube.resources import CONFIG_MAPS, ENVIRONMENTS, PODS, TRAINING_JOBS

FIELD_MANAGER = "footplate-cli"
_NAME_LENGTH = 50  # docs/architecture.md: a job's name leaves room for its pods'
_ROUNDS = 10
_TAKEN_UP_SECONDS = 10.0  # an operator that does not run takes nothing up; the job then waits for it
_POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Submitted:
    """A job that runs now. `note` is a sentence when it is not simply the job of the file, newly made."""

    namespace: str
    name: str
    note: str | None


@dataclass(frozen=True, slots=True)
class Choice:
    """What to do about a job: follow the run `attach`, or create one named `create`."""

    attach: str | None
    create: str
    note: str | None


async def submit(
    client: KubeClient, manifests: Sequence[Manifest], namespace: str | None, clock: Clock
) -> list[Submitted]:
    """Apply everything, the jobs last; returns the jobs in the order of the files.

    Raises UsageError with the API server's own sentence and the file when it refuses an object.
    """
    placed = [manifest.into(namespace or client.namespace) for manifest in manifests]
    changed = set()
    for manifest in placed:
        if manifest.resource != TRAINING_JOBS and await _apply(client, manifest):
            changed.add((manifest.resource.kind, manifest.namespace, manifest.name))
    for manifest in placed:
        if manifest.resource == ENVIRONMENTS:
            await _build_again(client, manifest, clock)
    return [await _submit_job(client, m, changed) for m in placed if m.resource == TRAINING_JOBS]


async def _apply(client: KubeClient, manifest: Manifest) -> bool:
    """Whether it was there already and is different now."""
    before = await client.get(manifest.resource, manifest.name, manifest.namespace)
    try:
        after = await client.apply(manifest.resource, manifest.body, field_manager=FIELD_MANAGER, strict=True)
    except ApiError as error:
        raise _refused(manifest, error) from error
    return before is not None and _content(before) != _content(after)


async def _build_again(client: KubeClient, manifest: Manifest, clock: Clock) -> None:
    """An Environment whose build has failed gets another one: running again is how a person tries again.

    Returns once the operator has taken it up, or a job made now would still fail for the build before.
    """
    environment = await client.get(ENVIRONMENTS, manifest.name, manifest.namespace)
    if environment is None or not _build_failed(environment):
        return
    selector = f"{LABEL_ENVIRONMENT}={manifest.name}"
    for pod in await client.list(PODS, manifest.namespace, label_selector=selector):
        await client.delete(PODS, pod["metadata"]["name"], manifest.namespace, uid=pod["metadata"]["uid"])
    began = clock.monotonic()
    while environment is not None and _build_failed(environment) and clock.monotonic() - began < _TAKEN_UP_SECONDS:
        await clock.sleep(_POLL_SECONDS)
        environment = await client.get(ENVIRONMENTS, manifest.name, manifest.namespace)


def _build_failed(environment: Mapping[str, Any]) -> bool:
    status = environment.get("status") or {}
    current = status.get("observedGeneration") == environment["metadata"].get("generation")
    return current and any(
        condition["type"] == READY and condition["reason"] == "BuildFailed"
        for condition in status.get("conditions") or ()
    )


def _content(body: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in body.items() if key not in ("metadata", "status")}


def _refused(manifest: Manifest, error: ApiError) -> FootplateError:
    """A refusal of the object is the user's to mend; anything else stays what it is."""
    if isinstance(error, Invalid) or error.status in (400, 403, 404):
        return UsageError(f"{manifest.origin}: {error.message}")
    return error


async def _submit_job(client: KubeClient, manifest: Manifest, changed: set[tuple[str, str | None, str]]) -> Submitted:
    namespace = manifest.namespace or ""
    spec = manifest.body.get("spec")
    fresh = isinstance(spec, dict) and _refers_to_changed(spec, namespace, changed)
    for _ in range(_ROUNDS):
        choice = choose(manifest, await client.list(TRAINING_JOBS, namespace), fresh)
        if choice.attach:
            return Submitted(namespace, choice.attach, choice.note)
        try:
            body = manifest.with_metadata(name=choice.create).body
            await client.create(TRAINING_JOBS, body, namespace, strict=True)
            return Submitted(namespace, choice.create, choice.note)
        except AlreadyExists:
            continue  # another command took the name in between
        except ApiError as error:
            raise _refused(manifest, error) from error
    raise UsageError(f"{manifest.origin}: others keep taking the next free name of {manifest.name}; try again")


def choose(manifest: Manifest, jobs: Iterable[Mapping[str, Any]], fresh: bool) -> Choice:
    """The run of this job that is under way already, or the next free name: `digits`, `digits-2`, `digits-3`, …

    `jobs` are those of the namespace; `fresh` says that its code or its environment has just changed, so that a run
    under way is not the one that was asked for. Pure.
    """
    name = manifest.name
    runs = {str(job["metadata"]["name"]): job for job in jobs}
    mine = sorted((n for n in runs if n == name or _is_numbered(n, name)), key=lambda n: (len(n), n))
    open_runs = [n for n in mine if not _finished(runs[n])]
    same = [n for n in open_runs if not fresh and _same_spec(manifest.body, runs[n])]
    if same:
        return Choice(same[-1], "", f"{same[-1]} is already running; following it")
    free = _free_name(name, runs)
    if not mine:
        return Choice(None, free, None)
    if open_runs:
        return Choice(None, free, f"{open_runs[-1]} is already running with other code or another spec; this is {free}")
    return Choice(None, free, f"{mine[-1]} has finished; this run is {free}")


def _free_name(name: str, taken: Mapping[str, object]) -> str:
    if name not in taken:
        return name
    number = 2
    while True:
        suffix = f"-{number}"
        candidate = name[: _NAME_LENGTH - len(suffix)].rstrip("-.") + suffix
        if candidate not in taken:
            return candidate
        number += 1


def _is_numbered(candidate: str, name: str) -> bool:
    match = re.fullmatch(r"(.+)-([2-9]|[1-9]\d+)", candidate)
    return match is not None and match[1] == name[: _NAME_LENGTH - len(match[2]) - 1].rstrip("-.")


def _finished(job: Mapping[str, Any]) -> bool:
    phase = TrainingJob.model_validate(job).status.phase
    return (phase is not None and phase.terminal) or bool(job["metadata"].get("deletionTimestamp"))


def _same_spec(wanted: Mapping[str, Any], running: Mapping[str, Any]) -> bool:
    """Equal once both have their defaults; a spec that is no spec at all equals none, and the API server says why."""
    try:
        return TrainingJob.model_validate(wanted).spec == TrainingJob.model_validate(running).spec
    except ValueError:
        return False


def _refers_to_changed(spec: Mapping[str, Any], namespace: str, changed: set[tuple[str, str | None, str]]) -> bool:
    source, environment = spec.get("source") or {}, spec.get("environment") or {}
    code = (source.get("configMap") or {}).get("name") if isinstance(source, dict) else None
    image = environment.get("name") if isinstance(environment, dict) else None
    return (CONFIG_MAPS.kind, namespace, code) in changed or (ENVIRONMENTS.kind, namespace, image) in changed

"""`footplate run`: from a folder of YAML to a finished job."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from footplate.api.phases import Phase
from footplate.api.training_job import TrainingJob
from footplate.cli import follow, kubectl, manifests, record, summary
from footplate.cli.problem import COMPLETED, FAILED, INTERRUPTED, UsageError
from footplate.cli.screen import Screen
from footplate.cli.submit import Submitted, submit
from footplate.cli.target import Target, kubectl_flags
from footplate.cli.watched import replicas
from footplate.engine.clock import SystemClock
from footplate.kube.client import KubeClient
from footplate.kube.resources import TRAINING_JOBS
from footplate_local import cluster
from footplate_runtime.store import StoreError


@dataclass(frozen=True, slots=True)
class Order:
    """What was asked for on the command line."""

    paths: Sequence[Path]
    target: Target
    namespace: str | None
    follow: bool
    as_json: bool


def run(order: Order, out: Console, err: Console) -> int:
    """The command. `out` gets what was asked for, `err` the rest; with JSON everything but the result goes to `err`."""
    return asyncio.run(_interruptible(order, err if order.as_json else out, out, err))


async def _interruptible(order: Order, talk: Console, out: Console, err: Console) -> int:
    """Ctrl-C and SIGTERM end the following, never the job."""
    following: list[Submitted] = []
    task = asyncio.ensure_future(_run(order, talk, out, following))
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        for job in following:
            text = f"\n{job.name} keeps running; come back with: {_logs(job, order.target, '-f ')}"
            err.print(text, highlight=False, soft_wrap=True)
        if not following:
            err.print("\nstopped; no job is being followed", highlight=False)
        return INTERRUPTED


async def _run(order: Order, talk: Console, out: Console, following: list[Submitted]) -> int:
    wanted = await manifests.read(order.paths, kubectl.kustomize)
    if not any(manifest.resource == TRAINING_JOBS for manifest in wanted):
        named = ", ".join(str(path) for path in order.paths)
        raise UsageError(f"there is no TrainingJob in {named}; to apply the rest use kubectl apply")
    if order.target.embedded is not None:
        with talk.status("starting the embedded cluster") as spinner:
            await cluster.up(order.target.embedded, spinner.update)
    async with order.target.client() as client:
        jobs = await submit(client, wanted, order.namespace, SystemClock())
        following += jobs
        code = COMPLETED
        for job in jobs:
            if job.note:
                talk.print(job.note, style="yellow", highlight=False, soft_wrap=True)
            code = max(code, await _one(client, order, job, talk, out))
            following.remove(job)
        return code


async def _one(client: KubeClient, order: Order, job: Submitted, talk: Console, out: Console) -> int:
    if not order.follow:
        body = await client.get(TRAINING_JOBS, job.name, job.namespace) or {}
        text = f"{job.name} is submitted; follow it with: {_logs(job, order.target, '-f ')}"
        talk.print(text, highlight=False, soft_wrap=True)
    else:
        clock = SystemClock()
        with Screen(talk, clock.monotonic) as screen:
            body = await follow.to_the_end(client, job.namespace, job.name, screen, clock)
        await _summarize(body, job, order.target, talk)
    if order.as_json:
        out.file.write(json.dumps(body) + "\n")
    phase = (body.get("status") or {}).get("phase")
    return COMPLETED if not order.follow or phase == Phase.COMPLETED else FAILED


async def _summarize(body: Mapping[str, Any], job: Submitted, target: Target, talk: Console) -> None:
    typed = TrainingJob.model_validate(body)
    run, kept, unread = typed.status.run, None, None
    if run is not None:
        try:
            kept = await asyncio.to_thread(record.read, run.uri, replicas(typed)[0])
        except StoreError as error:
            unread = str(error)
    summary.show(talk, summary.Summary(typed, kept, unread, next_commands(job, target)))


def next_commands(job: Submitted, target: Target) -> list[str]:
    """Three things to try, written so that they can be pasted."""
    found = "kubectl" if shutil.which("kubectl") else kubectl.find()
    namespace = f" -n {job.namespace}" if job.namespace != "default" else ""
    commands = [f"{found}{kubectl_flags(target)} get tj{namespace}", _logs(job, target)]
    if target.embedded is not None:
        commands.append(f"{program()} local down")
    else:
        commands.append(f"{found}{kubectl_flags(target)} describe tj {job.name}{namespace}")
    return commands


def _logs(job: Submitted, target: Target, option: str = "") -> str:
    flags = "" if target.embedded is not None else kubectl_flags(target)
    namespace = f" -n {job.namespace}" if job.namespace != "default" else ""
    return f"{program()} logs {option}{job.name}{namespace}{flags}"


def program() -> str:
    """How the user can call this command again: `footplate`, or a path such as .venv/bin/footplate."""
    if shutil.which("footplate"):
        return "footplate"
    path = Path(sys.argv[0]).absolute()
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)

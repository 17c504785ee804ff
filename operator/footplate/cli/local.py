"""`footplate local …`: the embedded cluster."""

from __future__ import annotations

import asyncio
import os

from rich.console import Console
from rich.text import Text

from footplate.cli.problem import COMPLETED, FAILED
from footplate_local import cluster, readiness
from footplate_local.home import Home


def up(out: Console, operator: bool = True) -> int:
    """Bring it up, then say how to reach it."""
    home = Home.of(os.environ)
    with out.status("starting") as spinner:
        asyncio.run(cluster.up(home, spinner.update, operator=operator))
    out.print("the embedded cluster is ready; to reach it with kubectl:", highlight=False)
    out.print(f"export KUBECONFIG={home.kubeconfig}", highlight=False, soft_wrap=True)
    return COMPLETED


def down(out: Console) -> int:
    home = Home.of(os.environ)
    with out.status("stopping") as spinner:
        ran = asyncio.run(cluster.down(home, spinner.update))
    out.print(
        "stopped; objects, environments and outputs are kept" if ran else "the embedded cluster is not running",
        highlight=False,
    )
    return COMPLETED


def reset(out: Console) -> int:
    home = Home.of(os.environ)
    with out.status("stopping") as spinner:
        asyncio.run(cluster.reset(home, spinner.update))
    out.print(f"{home.path} is empty again", highlight=False, soft_wrap=True)
    return COMPLETED


def status(out: Console) -> int:
    """A line for each process; exit code 1 unless all are ready."""
    home = Home.of(os.environ)
    report = asyncio.run(readiness.status(home))
    for service in report.services:
        state = ("ready", "green") if service.ready else ("not ready", "red") if service.pid else ("stopped", "yellow")
        line = Text.assemble(f"{service.name:<12}", (f"{state[0]:<11}", state[1]))
        line.append(f"pid {service.pid}" if service.pid else service.note, "dim")
        line.append(f"  {service.note}" if service.pid and service.note else "", "dim")
        out.print(line, highlight=False, soft_wrap=True)
    out.print(Text(f"home {report.home}", style="dim"), soft_wrap=True)
    return COMPLETED if report.ready else FAILED

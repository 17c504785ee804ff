"""What a run has left in a file:// store: `cluster.run_dir(job)` is the folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def history(run: Path, metric: str, replica: str = "worker-0", attempt: int = 1) -> list[float]:
    """The values that the replica has logged, oldest first."""
    lines = (run / f"metrics/{attempt}/{replica}.jsonl").read_text().splitlines()
    return [entry["value"] for line in lines if (entry := json.loads(line))["name"] == metric]


def report(run: Path) -> dict[str, Any]:
    """outputs/report.json, which the examples write."""
    return dict(json.loads((run / "outputs/report.json").read_text()))


def log(run: Path, replica: str, attempt: int = 1) -> str:
    """The console of the replica."""
    return (run / f"logs/{attempt}/{replica}.log").read_text()


def outputs(run: Path) -> list[str]:
    """The paths of all outputs, of the primary and the others."""
    return sorted(str(p.relative_to(run)) for p in run.rglob("*") if p.is_file() and "outputs" in p.parts)

"""The programs of a job on the embedded cluster: whether they train, and their processes, to be killed."""

from __future__ import annotations

import json
import os
import signal
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from local_cluster import LocalCluster


def kill_in_training(
    cluster: LocalCluster, name: str, attempt: int, replica: str, primary: str, seconds: float
) -> dict[str, Any]:
    """SIGKILL to the replica's program once the primary has logged; the record of the attempt, over within 10 s."""
    cluster.wait(f"attempt {attempt} trains", lambda: has_logged(cluster, f"{name}-{attempt}-{primary}"), seconds)
    os.kill(program_pid(cluster, f"{name}-{attempt}-{replica}"), signal.SIGKILL)
    killed = time.time()
    over = cluster.wait("the attempt is over", lambda: record(cluster, name, attempt), 60)
    assert (over["reason"], over.get("replica")) == ("Signal", replica), cluster.report(name)
    assert over["message"].startswith(f"{replica} was killed by SIGKILL")
    assert datetime.fromisoformat(over["endTime"]).timestamp() - killed < 10
    return over


def has_logged(cluster: LocalCluster, pod: str) -> bool:
    uid = pod_uid(cluster, pod)
    return uid is not None and any((cluster.pods_dir / uid).rglob("metrics.jsonl"))


def record(cluster: LocalCluster, name: str, attempt: int) -> dict[str, Any] | None:
    """The attempt in the job's status, once it is over."""
    attempts = cluster.status(name).get("attempts") or ()
    return next((dict(a) for a in attempts if a["number"] == attempt and a.get("endTime")), None)


def pod_uid(cluster: LocalCluster, pod: str) -> str | None:
    found = cluster.request("GET", f"/api/v1/namespaces/default/pods/{pod}")
    return str(found["metadata"]["uid"]) if found else None


def program_pid(cluster: LocalCluster, pod: str) -> int:
    """The process that the launcher has started."""
    state = cluster.pods_dir / str(pod_uid(cluster, pod)) / "containers/train/0/started.json"
    launcher = json.loads(state.read_text())["pid"]
    return int(Path(f"/proc/{launcher}/task/{launcher}/children").read_text().split()[0])

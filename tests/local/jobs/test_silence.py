"""A program that hangs is seen to do nothing, is stopped, and starts again, as its user sees it."""

from __future__ import annotations

from local_cluster import LocalCluster

# Hangs in the first attempt, deaf to SIGTERM as a program in a collective is; the second one goes through.
HANGS = """
import os, signal, time
print("loss: 0.5", flush=True)
if not os.environ.get("FOOTPLATE_RESUME"):
    signal.signal(signal.SIGUSR1, lambda *_: None)
    open("outputs/partial.txt", "w").write("so far")
    time.sleep(3600)
print("loss: 0.25", flush=True)
"""


def test_a_silent_job_is_told_and_started_again(local_cluster: LocalCluster) -> None:
    name = local_cluster.start(
        HANGS,
        progressTimeoutSeconds=4,
        retry={"user": 1, "notResponding": True},
        metrics={"stdout": [r"loss: (?P<loss>\S+)"]},
    )
    status = local_cluster.phase(name, "Completed")
    first, second = status["attempts"]
    assert (first["reason"], first["message"]) == ("NotResponding", "no output and no metric for over 4 s")
    assert (first["replica"], status["retries"]["user"], second["reason"]) == ("worker-0", 1, "Completed")
    conditions = {c["type"]: (c["status"], c["reason"]) for c in status["conditions"]}
    assert conditions["NotResponding"][0] == "False"
    assert status["metrics"]["loss"]["value"] == 0.25
    folder = local_cluster.run_dir(name)
    assert (folder / "outputs/partial.txt").read_text() == "so far"
    assert [p.name for p in sorted((folder / "metrics").rglob("*.jsonl"))] == ["worker-0.stdout.jsonl"] * 2


def test_what_is_stored_is_in_the_status_while_the_job_runs(local_cluster: LocalCluster) -> None:
    code = "import time\nopen('outputs/a.txt', 'w').write('12345')\nprint('loss: 0.5', flush=True)\ntime.sleep(3600)"
    name = local_cluster.start(code, metrics={"stdout": [r"loss: (?P<loss>\S+)"]})

    def told() -> bool:
        status = local_cluster.status(name)
        run = status.get("run") or {}
        return (status.get("phase"), run.get("files"), run.get("bytes")) == ("Running", 1, 5) and bool(
            status.get("metrics")
        )

    local_cluster.wait("the file and the metric are in the status", told)
    local_cluster.patch(name, cancel=True)
    local_cluster.phase(name, "Canceled")

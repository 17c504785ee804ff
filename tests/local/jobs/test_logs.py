"""What a job leaves to read: in its pod, in the store, and from the command line."""

from __future__ import annotations

import json
from typing import Any

from local_cluster import LocalCluster

TOKEN, KEY = "wandb-0123456789abcdef", "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG\n-----END KEY-----\n"
LEAKS = """
import os, sys
print("token", os.environ["TOKEN"], "region", os.environ["REGION"])
print(os.environ["MODEL_KEY"])
sys.stdout.flush()
open("logs/own.log", "w").write(os.environ["TOKEN"])
raise ValueError("bad token " + os.environ["TOKEN"])
"""


def secret(name: str, **values: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": values}


def test_values_of_secrets_are_nowhere(local_cluster: LocalCluster) -> None:
    one, whole = local_cluster.name("one"), local_cluster.name("whole")
    local_cluster.apply(secret(one, token=TOKEN), secret(whole, KEY=KEY))
    train = {
        "name": "train",
        "env": [
            {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": one, "key": "token"}}},
            {"name": "REGION", "value": "europe-west4"},
        ],
        "envFrom": [{"secretRef": {"name": whole}, "prefix": "MODEL_"}],
    }
    name = local_cluster.start(LEAKS, podTemplate={"spec": {"containers": [train]}})
    status = local_cluster.phase(name, "Failed")
    assert status["message"].startswith("worker-0 exited with code 1: ValueError: bad token ***\n")
    run = local_cluster.run_dir(name)
    log = (run / "logs/1/worker-0.log").read_text()
    assert log.startswith("token *** region europe-west4\n***\n***\n***\n")
    assert log.endswith("ValueError: bad token ***\n")
    pod = local_cluster.pods(name)[0]
    seen = local_cluster.kubectl("logs", pod["metadata"]["name"], "-c", "train")
    assert (seen.returncode, seen.stdout) == (0, log)
    assert local_cluster.footplate("logs", name).stdout == log
    (run / "logs/1/worker-0/own.log").unlink()  # what the program writes into its own files is its affair
    written = [path.read_bytes() for path in run.rglob("*") if path.is_file()]
    for told in (json.dumps(local_cluster.job(name)).encode(), json.dumps(pod).encode(), *written):
        assert TOKEN.encode() not in told
        assert b"MIIEvQIBADANBgkqhkiG" not in told


GROWS = """
import os, time
kept = []
for step in range(1000):
    kept.append(b"x" * (16 << 20))
    with open("outputs/checkpoint.tmp", "w") as file:
        file.write(f"weights of step {step}")
    os.rename("outputs/checkpoint.tmp", "outputs/checkpoint")
    print("step", step, flush=True)
    time.sleep(0.1)
"""


def test_a_job_that_runs_out_of_memory_keeps_its_last_words(local_cluster: LocalCluster) -> None:
    name = local_cluster.start(GROWS, resources={"memory": "200Mi"})
    status = local_cluster.phase(name, "Failed")
    assert status["reason"] == "OutOfMemory", local_cluster.report(name)
    assert status["message"].startswith("worker-0 ran out of memory; ask for more in spec.resources.memory")
    uid = local_cluster.pods(name)[0]["metadata"]["uid"]
    volume, run = local_cluster.pods_dir / uid / "volumes/footplate", local_cluster.run_dir(name)
    log = (run / "logs/1/worker-0.log").read_text()
    assert log == (volume / "state/console.log").read_text()
    steps = log.splitlines()
    assert len(steps) >= 5
    assert steps == [f"step {n}" for n in range(len(steps))]
    checkpoint = (run / "outputs/checkpoint").read_text()
    assert checkpoint == (volume / "outputs/checkpoint").read_text()
    assert int(checkpoint.rpartition(" ")[2]) >= len(steps) - 1, "it was written before its line was printed"
    assert json.loads((run / "manifest.json").read_text())["complete"] is True
    assert "ran out of memory" in local_cluster.kubectl("describe", "tj", name).stdout
    assert local_cluster.footplate("logs", name).stdout == log

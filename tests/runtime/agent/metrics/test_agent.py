"""The agent as a process: metrics of all sources reach the store, its reports and the record."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

from replica import PATIENCE, AgentProcess, Replica, eventually
from tensorboardX import SummaryWriter

MILLION = 1_000_000
MEMORY = 128 << 20  # the limit of the container


def write_scalars(folder: Path, *values: float) -> None:
    with SummaryWriter(str(folder)) as writer:
        for step, value in enumerate(values):
            writer.add_scalar("accuracy", value, step)


def names(replica: Replica, key: str) -> list[tuple[str, float]]:
    lines = [json.loads(line) for line in replica.store.get(key).splitlines()]
    return [(line["name"], line["value"]) for line in lines]


def test_metrics_of_all_sources_reach_the_store_and_the_reports(replica: Replica) -> None:
    replica.metrics = {"stdout": [r"loss: (?P<loss>\S+)"], "tensorboard": True}
    replica.write_orders()
    with AgentProcess(replica) as agent:
        replica.log_scalar("lr", 0.1)
        write_scalars(replica.root / "logs/tb/train", 0.25, 0.5)
        replica.append("state/console.log", b"epoch 1 loss: 2.5\n")
        eventually(lambda: len(agent.status()["metrics"]) == 3, "a metric of each source")
        eventually(lambda: any(".tensorboard.jsonl." in key for key in replica.keys("metrics/")), "a segment")
        replica.append("state/console.log", b"epoch 2 loss: 1.25")
        write_scalars(replica.root / "outputs/tb", 0.75)
        replica.write_exit(0)
        assert agent.stop() == 0, agent.log

    assert replica.keys("metrics/") == [f"metrics/1/worker-0{kind}.jsonl" for kind in ("", ".stdout", ".tensorboard")]
    assert names(replica, "metrics/1/worker-0.stdout.jsonl") == [("loss", 2.5), ("loss", 1.25)]
    assert names(replica, "metrics/1/worker-0.tensorboard.jsonl") == [
        ("train/accuracy", 0.25), ("train/accuracy", 0.5), ("tb/accuracy", 0.75)
    ]  # fmt: skip
    latest = {name: value["value"] for name, value in replica.termination()["metrics"].items()}
    assert latest == {"lr": 0.1, "loss": 1.25, "train/accuracy": 0.5, "tb/accuracy": 0.75}
    assert {name: m["count"] for name, m in replica.json("run.json")["metrics"].items()} == {
        "lr": 1, "loss": 2, "train/accuracy": 2, "tb/accuracy": 1
    }  # fmt: skip


def test_an_agent_that_was_killed_leaves_no_metric_twice(local: Replica) -> None:
    local.metrics = {"stdout": [r"loss: (?P<loss>\S+)"]}
    local.write_orders()
    for number in range(3):
        with AgentProcess(local) as agent:
            local.append("state/console.log", b"loss: %d\n" % number)
            write_scalars(local.root / f"logs/{number}", float(number))
            eventually(
                lambda number=number: agent.status()["metrics"].get("loss", {}).get("value") == number, "the metric"
            )
    local.write_exit(0)
    with AgentProcess(local) as agent:
        agent.status()  # it runs
        assert agent.stop() == 0, agent.log
    assert [value for _, value in names(local, "metrics/1/worker-0.stdout.jsonl")] == [0, 1, 2]
    assert [value for _, value in names(local, "metrics/1/worker-0.tensorboard.jsonl")] == [0, 1, 2]


def test_what_the_agent_writes_itself_is_no_sign_of_life(local: Replica) -> None:
    """The program has written nothing since; that the agent then reads it must not look like progress."""
    write_scalars(local.root / "logs/tb", 1.0)
    (path,) = (local.root / "logs/tb").iterdir()
    local.append("state/console.log", b"hello\n")
    for file in (path, local.root / "state/console.log"):
        os.utime(file, (1_600_000_000, 1_600_000_000))
    with AgentProcess(local) as agent:
        eventually(lambda: agent.status()["metrics"], "the metric")
        eventually(lambda: any(".tensorboard.jsonl" in key for key in local.keys("metrics/")), "its upload")
        assert agent.status()["lastActivityTime"] == "2020-09-13T12:26:40Z"


def test_a_million_points_do_not_grow_the_agent(local: Replica) -> None:
    local.metrics = {"stdout": [r"step (?P<step>\d+) loss (?P<printed>\S+)"]}
    local.grace = 300.0  # six seconds of CPU, which a busy machine gives slowly
    local.write_orders()
    line = b'{"kind": "scalar", "name": "%s", "value": %d.5, "step": %d, "time": 1732187401.25, "rank": 0}\n'
    with AgentProcess(local) as agent:
        for start in range(0, MILLION, MILLION // 10):
            steps = range(start, start + MILLION // 10)
            local.append("metrics/metrics.jsonl", b"".join(line % (b"loss", step, step) for step in steps))
        local.append("state/console.log", b"".join(b"step %d loss %d.5\n" % (n, n) for n in range(MILLION // 50)))
        local.write_exit(0)
        agent.status()  # it runs
        agent.terminate()
        peak, at_end = 0, time.monotonic() + 4 * PATIENCE
        while agent.running and time.monotonic() < at_end:
            peak = max(peak, agent.peak_memory())
            time.sleep(0.02)
        assert agent.wait() == 0, agent.log
    summary = local.json("run.json")["metrics"]
    assert (summary["loss"]["count"], summary["printed"]["count"]) == (MILLION, MILLION // 50)
    assert peak < MEMORY

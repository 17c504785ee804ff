"""What a logged value costs the program, beside a plain write and other trackers; and what it costs the agent.

    python benchmarks/metrics.py [POINTS]

Medians of five rounds, in nanoseconds a point: by the clock, and of CPU in the thread that logs, which a busy machine
changes less. The order of the writers changes from round to round. tensorboardX
writes the format of torch.utils.tensorboard; mlflow and aim are measured where they are installed. The agent's part is
the reading of the same points, in CPU time, and what its memory grew by.
"""

from __future__ import annotations

import importlib.util
import json
import os
import random
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from footplate_run import Run
from footplate_runtime.agent.metrics import Metrics
from footplate_runtime.agent.uploader import Item
from footplate_runtime.files import Stamp
from footplate_runtime.orders import MetricSources

ROUNDS = 5
SLOW = 20  # trackers that are so much slower get so much fewer points

Log = Callable[[int], None]


def run_log(folder: Path) -> Log:
    run = Run({"FOOTPLATE_JOB": "bench", "FOOTPLATE_ROOT": str(folder)}, "")
    return lambda step: run.log("loss", step / 7.0, step=step)


def plain_write(folder: Path) -> Log:
    """The least that keeps a value when the program is killed the moment after: one system call."""
    fd = os.open(folder / "plain", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    return lambda step: void(os.write(fd, f'{{"name": "loss", "value": {step / 7.0}, "step": {step}}}\n'.encode()))


def json_write(folder: Path) -> Log:
    """What most people write by hand."""
    fd = os.open(folder / "json", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def log(step: int) -> None:
        line = json.dumps({"name": "loss", "value": step / 7.0, "step": step, "time": time.time()})
        os.write(fd, line.encode() + b"\n")

    return log


def tensorboardx(folder: Path) -> Log:
    from tensorboardX import SummaryWriter

    writer = SummaryWriter(str(folder / "logs"))
    return lambda step: writer.add_scalar("loss", step / 7.0, step)


def mlflow(folder: Path) -> Log:
    import mlflow  # type: ignore[import-not-found]

    mlflow.set_tracking_uri((folder / "mlruns").as_uri())
    mlflow.start_run()
    return lambda step: mlflow.log_metric("loss", step / 7.0, step=step)


def aim(folder: Path) -> Log:
    import aim

    run = aim.Run(repo=str(folder))
    return lambda step: run.track(step / 7.0, name="loss", step=step)


def void(_: object) -> None:
    """A lambda that returns nothing."""


WRITERS: dict[str, tuple[Callable[[Path], Log], int, str | None]] = {
    "plain os.write": (plain_write, 1, None),
    "json.dumps and os.write": (json_write, 1, None),
    "Run.log": (run_log, 1, None),
    "tensorboardX": (tensorboardx, SLOW, "tensorboardX"),
    "mlflow": (mlflow, SLOW * 10, "mlflow"),
    "aim": (aim, SLOW * 10, "aim"),
}


def cost(make: Callable[[Path], Log], points: int) -> tuple[float, float]:
    """Nanoseconds that one call takes the program, by the clock and of CPU."""
    with tempfile.TemporaryDirectory() as folder:
        log = make(Path(folder))
        began, used = time.perf_counter_ns(), time.thread_time_ns()
        for step in range(points):
            log(step)
        return (time.perf_counter_ns() - began) / points, (time.thread_time_ns() - used) / points


def reading(write: Callable[[Path], Log], points: int) -> tuple[float, float]:
    """Nanoseconds of CPU that the agent takes for a point, and MiB that it grew by."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(os.path.realpath(name))
        for below in ("state", "logs", "metrics"):
            (folder / below).mkdir()
        log = write(folder)
        for step in range(points):
            log(step)
        time.sleep(3)  # tensorboardX writes from a thread, every two seconds
        metrics = Metrics(os.fsencode(folder), 0, MetricSources(), (), time.time, print)
        files = [path for path in (folder / "logs").rglob("*") if path.is_file()]
        metrics.see(Item(os.fsencode(p.relative_to(folder)), p.name, Stamp.of(p.stat())) for p in files)
        before, began = peak(), time.process_time_ns()
        while metrics.read(final=True):
            pass
        took = time.process_time_ns() - began
        count = sum(scalar["count"] for scalar in metrics.summary().values())
        return took / max(count, 1), peak() - before


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(points: int) -> None:
    there = {n: w for n, w in WRITERS.items() if w[2] is None or importlib.util.find_spec(w[2]) is not None}
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in there}
    for _ in range(ROUNDS):
        for name in random.sample(sorted(there), len(there)):
            make, fewer, _module = there[name]
            times[name].append(cost(make, points // fewer))
    base = statistics.median(cpu for _, cpu in times["plain os.write"])
    print(f"{'a point takes the program':28}{'ns':>9}{'ns CPU':>9}{'x plain':>9}")
    for name, costs in times.items():
        clock, cpu = statistics.median(c for c, _ in costs), statistics.median(c for _, c in costs)
        print(f"{name:28}{clock:9.0f}{cpu:9.0f}{cpu / base:9.1f}")
    print(f"\n{'a point takes the agent':28}{'ns CPU':>9}{'MiB':>9}")
    for name, count in (("Run.log", points), ("tensorboardX", points // 4)):
        read = [reading(there[name][0], count) for _ in range(3)] if name in there else []
        if read:
            took, grown = statistics.median(t for t, _ in read), max(g for _, g in read)
            print(f"{name:28}{took:9.0f}{grown:9.1f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000)

"""How many keys a second pass through the work queue: `python benchmarks/work_queue.py`.

Each key is added twice, as events come in pairs, taken by one of the idle workers and done. To every three of them
comes one that was added with a delay.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from random import Random

from footplate.engine.clock import SystemClock
from footplate.engine.keys import Key
from footplate.engine.queue import WorkQueue

BATCH = 500  # adds between two turns of the loop, as of a page of a list


async def run(keys: int, workers: int) -> float:
    """Seconds until all have been through."""
    queue = WorkQueue(SystemClock(), Random(1))
    left = keys + keys // 3
    finished = asyncio.Event()

    async def worker() -> None:
        nonlocal left
        while True:
            queue.done(await queue.get())
            left -= 1
            if left == 0:
                finished.set()

    begun = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(worker()) for _ in range(workers)]
        for number in range(keys):
            key = Key("TrainingJob", "default", f"job-{number}")
            queue.add(key)
            queue.add(key)
            if number % 3 == 2:
                queue.add_after(Key("TrainingJob", "default", f"late-{number}"), 0.05)
            if number % BATCH == 0:
                await asyncio.sleep(0)
        await finished.wait()
        for task in tasks:
            task.cancel()
    return time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keys", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    seconds = min(asyncio.run(run(arguments.keys, arguments.workers)) for _ in range(arguments.rounds))
    passed = arguments.keys + arguments.keys // 3
    print(f"{passed / seconds:,.0f} keys/s ({passed:,} in {seconds:.2f} s, best of {arguments.rounds})")


if __name__ == "__main__":
    main()

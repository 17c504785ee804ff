"""What the launcher costs a user's program: its start, its output, and a call of ``Run.log``.

    python benchmarks/launcher.py [PYTHON…]

For each interpreter (default: this one) it prints the delay until the program's first statement against
``python -u train.py`` alone (budget 150 ms), the speed of output against a plain pipe, without Secrets to hide and
with five, and nanoseconds a ``Run.log`` (aim 8 µs). Exit status 1 when the first is over its budget.
"""

from __future__ import annotations

import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from footplate_runtime.launcher_archive import write_launcher

BUDGET = 0.150  # seconds
STARTS = 15
MEGABYTES = 200

SAYS_WHEN = "import time\nprint(repr(time.time()))\n"
WRITES = f"import os\nblock = b'x' * 99 + b'\\n'\nfor _ in range({MEGABYTES * 10}):\n    os.write(1, block * 1000)\n"
_TOKENS = {f"TOKEN_{i}": hashlib.sha256(bytes([i])).hexdigest() for i in range(5)}
SECRETS = {**_TOKENS, "FOOTPLATE_SECRET_VARIABLES": json.dumps(list(_TOKENS))}
LOGS = """
import time
from footplate_run import Run
run = Run.get_context()
began = time.perf_counter()
for step in range(200000):
    run.log("loss", step / 7.0, step=step)
print((time.perf_counter() - began) / 200000)
"""


def main(pythons: list[str]) -> int:
    over = False
    for python in pythons:
        with tempfile.TemporaryDirectory() as folder:
            bench = Bench(Path(folder), python)
            overhead = bench.start()
            over = over or overhead > BUDGET
            plain, launched, masked = bench.output()
            print(
                f"{bench.version:8} start +{overhead * 1000:.0f} ms (budget {BUDGET * 1000:.0f}), "
                f"output {launched:.0f} MB/s (plain pipe {plain:.0f}, hiding five Secrets {masked:.0f}), "
                f"Run.log {bench.log() * 1e9:.0f} ns"
            )
    return int(over)


class Bench:
    """A replica's tree for one interpreter."""

    def __init__(self, root: Path, python: str) -> None:
        self.root = root
        self.python = python
        self.launcher = root / "bin" / "footplate-run.pyz"
        self.script = root / "code" / "train.py"
        write_launcher(self.launcher)
        for name in ("code", "launch"):
            (root / name).mkdir()
        launch = {
            "version": 1,
            "job": {"name": "bench", "namespace": "default", "uid": "0", "experiment": "bench"},
            "source": {"configMap": {"name": "code"}},
            "program": {"script": "train.py", "argv": []},
            "distribution": {"framework": "plain", "variables": {}},
            "roles": {"worker": 1},
        }
        (root / "launch/launch.json").write_text(json.dumps(launch))
        self.environment = {
            **os.environ,
            "FOOTPLATE_ROOT": str(root),
            "FOOTPLATE_JOB": "bench",
            "FOOTPLATE_TERMINATION_LOG": str(root / "termination-log"),
        }
        self.version = self.ask([python, "-c", "import platform; print(platform.python_version())"])

    def ask(self, command: list[str]) -> str:
        answer = subprocess.run(
            command, env=self.environment, cwd=self.root / "code", stdout=subprocess.PIPE, check=True
        )
        return answer.stdout.decode().strip()

    def commands(self) -> tuple[list[str], list[str]]:
        return [self.python, "-u", str(self.script)], [self.python, str(self.launcher)]

    def start(self) -> float:
        """Median seconds that the launcher adds until the program's first statement."""
        self.script.write_text(SAYS_WHEN)
        delays: tuple[list[float], list[float]] = ([], [])
        for _ in range(STARTS):
            for command, of_command in zip(self.commands(), delays, strict=True):
                began = time.time()
                of_command.append(float(self.ask(command)) - began)
        return statistics.median(delays[1]) - statistics.median(delays[0])

    def output(self) -> tuple[float, float, float]:
        """MB/s of a program that only writes, into a plain pipe, through the launcher, and with Secrets to hide."""
        self.script.write_text(WRITES)
        plain, launched = self.commands()
        speeds = []
        for command, more in ((plain, {}), (launched, {}), (launched, SECRETS)):
            process = subprocess.Popen(
                command, env={**self.environment, **more}, cwd=self.root / "code", stdout=subprocess.PIPE, bufsize=0
            )
            assert process.stdout is not None
            began = time.perf_counter()
            while process.stdout.read(1 << 20):
                pass
            speeds.append(MEGABYTES / (time.perf_counter() - began))
            process.wait()
        return speeds[0], speeds[1], speeds[2]

    def log(self) -> float:
        """Seconds a call of ``Run.log`` in a job."""
        self.environment["PYTHONPATH"] = str(self.launcher)
        return float(self.ask([self.python, "-c", LOGS]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or [sys.executable]))

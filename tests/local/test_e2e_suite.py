"""tests/e2e on the embedded cluster: the chart with the operator in a pod of its own. See docs/e2e.md."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e_embedded import EmbeddedCluster

ROOT = Path(__file__).parents[2]
SECONDS = 900.0  # what takes one minute on two free cores
STEPS = 14
SKIPPED = {
    "Try a privileged pod: it is refused, so all that runs here passes the restricted Pod Security Standard",
}

pytestmark = pytest.mark.frameworks  # Open MPI


@pytest.fixture
def temporary() -> Iterator[Path]:
    """Where the suite puts its cluster, which ends also when the suite was killed. Paths of sockets must be short."""
    folder = Path(tempfile.mkdtemp(prefix="e"))
    yield folder
    for home in folder.glob("*/home"):
        EmbeddedCluster(home).down()
    shutil.rmtree(folder)


def test_all_steps_but_those_that_need_more_of_a_cluster(temporary: Path) -> None:
    argv = [sys.executable, "-m", "pytest", "tests/e2e", "--embedded", "-p", "no:cacheprovider", "-p", "no:xdist"]
    left_out = ("PYTEST_", "E2E_", "AWS_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    environment["TMPDIR"] = str(temporary)
    done = subprocess.run(argv, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = re.findall(r"^(passed|skipped) +[0-9.]+ s  (.+?)(?:  .*)?$", done.stdout, re.MULTILINE)
    outcomes = {title: outcome for outcome, title in rows}
    assert len(outcomes) == STEPS, f"a step is missing in the summary: {sorted(outcomes)}"
    skipped = {title for title, outcome in outcomes.items() if outcome == "skipped"}
    may_be_skipped = {title for title in outcomes if "MPI" in title}  # where its packages cannot be had
    assert SKIPPED <= skipped <= SKIPPED | may_be_skipped
    assert not list(temporary.iterdir()), "it leaves nothing behind"

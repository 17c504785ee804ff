"""The command line as a user calls it, as far as it needs no cluster."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import footplate

COMMANDS = [
    *([], ["run"], ["logs"], ["upload"], ["version"]),
    *(["runs"], ["runs", "show"], ["run", "show"], ["metrics"], ["compare"]),
    *(["outputs"], ["outputs", "ls"], ["outputs", "get"]),
    *(["local"], ["local", "up"], ["local", "down"], ["local", "status"], ["local", "kubeconfig"], ["local", "reset"]),
]
HEAVY = ("rich.console", "pydantic", "yaml", "aiohttp", "kubernetes", "kopf", "obstore", "asyncio")


def call(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    argv = [str(Path(sys.executable).with_name("footplate")), *arguments]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, env={**os.environ, **env}, check=False)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: " ".join(c) or "footplate")
def test_help_has_an_example(command: list[str]) -> None:
    done = call(*command, "--help")
    assert done.returncode == 0
    assert "Example" in done.stdout
    assert f"footplate {' '.join(command)}".strip() in done.stdout.split("Example")[1]


def test_help_loads_nothing_it_does_not_need() -> None:
    code = (
        "import sys\nfrom footplate.cli.main import app\n"
        "try:\n    app(['--help'])\nexcept SystemExit:\n    pass\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_store_is_read_without_the_client_of_a_cluster(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom footplate.cli.main import app\n"
        f"try:\n    app(['runs', '--store', {tmp_path.as_uri()!r}])\nexcept SystemExit as end:\n    print(end.code)\n"
        "print([name for name in ('aiohttp', 'kubernetes', 'kopf', 'obstore', 'matplotlib') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines() == ["0", "[]"]


def test_version() -> None:
    assert call("version").stdout == f"{footplate.__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        *(["run"], ["fly"], ["run", "x.yaml", "--output", "xml"], ["logs", "a", "--attempt", "0"]),
        *(["runs", "digits"], ["runs", "--limit", "0"], ["runs", "--store", "file:///nowhere", "show", "digits"]),
        *(["run", "show"], ["metrics"], ["compare", "a"], ["outputs", "get", "a"], ["outputs", "get", "a", "."]),
        *(["outputs", "get", "a", "b", ".", "--all"], ["runs", "--store", "ftp://x/"]),
    ],
)
def test_wrong_usage_is_2(arguments: list[str]) -> None:
    done = call(*arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_an_error_is_one_sentence_on_stderr(tmp_path: Path) -> None:
    done = call("run", str(tmp_path / "nowhere.yaml"))
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == f"error: there is no file or folder {tmp_path}/nowhere.yaml\n"


def test_verbose_shows_where_it_came_from(tmp_path: Path) -> None:
    done = call("run", "--verbose", str(tmp_path / "nowhere.yaml"))
    assert done.returncode == 2
    assert "Traceback" in done.stderr
    assert done.stderr.endswith(f"error: there is no file or folder {tmp_path}/nowhere.yaml\n")


def test_logs_without_a_cluster(tmp_path: Path) -> None:
    done = call("logs", "digits", FOOTPLATE_HOME=str(tmp_path), KUBECONFIG="")
    assert done.returncode == 1
    assert "footplate local up" in done.stderr


def test_a_kubeconfig_that_is_not_there(tmp_path: Path) -> None:
    done = call("logs", "digits", "--kubeconfig", str(tmp_path / "nowhere"))
    assert done.returncode == 1
    assert f"{tmp_path}/nowhere does not exist" in done.stderr


def test_kubeconfig_prints_the_path_alone(tmp_path: Path) -> None:
    assert call("local", "kubeconfig", FOOTPLATE_HOME=str(tmp_path)).stdout == f"{tmp_path}/kubeconfig\n"


def test_reset_asks_first(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    done = call("local", "reset", FOOTPLATE_HOME=str(tmp_path))
    assert done.returncode == 1
    assert "outputs of all runs included?" in done.stdout
    assert (tmp_path / "store").is_dir()

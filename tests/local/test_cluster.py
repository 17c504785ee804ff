"""Starting, stopping, repairing and forgetting a real cluster."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from local_cluster import LocalCluster, running_cluster

from footplate_local import cluster, readiness
from footplate_local.crds import crds
from footplate_local.home import Home
from footplate_local.operator_settings import free_port, health_port, settings_of
from footplate_local.processes import Process, wait_ended

ALL = {"supervisor", "apiserver", "node", "operator"}
FOREVER = "import time\nprint('begun', flush=True)\nwhile True: time.sleep(0.1)"


def quiet(said: str) -> None:
    """Progress is for people."""


def ready(home: Home) -> bool:
    return asyncio.run(readiness.status(home)).ready


def not_ready(home: Home) -> set[str]:
    return {service.name for service in asyncio.run(readiness.status(home)).services if not service.ready}


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[LocalCluster]:
    """A cluster that is not up yet and is brought down in the end."""
    found = LocalCluster(tmp_path / "home")
    yield found
    found.down()


def test_up_again_changes_nothing(own_cluster: LocalCluster) -> None:
    before = own_cluster.pids()
    assert set(before) == ALL
    own_cluster.up()
    assert own_cluster.pids() == before
    assert ready(own_cluster.home)


def test_without_an_operator_there_is_nothing_of_footplate(fresh: LocalCluster) -> None:
    done = fresh.footplate("local", "up", "--no-operator")
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(fresh.pids()) == ALL - {"operator"}
    assert fresh.kubectl("get", "crd", "--output", "name").stdout == ""
    fresh.up()
    assert set(fresh.pids()) == ALL
    assert fresh.footplate("local", "up", "--no-operator").returncode == 1, "the operator is not taken away from jobs"
    assert ready(fresh.home)


def test_two_at_once_bring_up_one_cluster(fresh: LocalCluster) -> None:
    environment = {**os.environ, "FOOTPLATE_HOME": str(fresh.home.path)}
    argv = [str(Path(sys.executable).with_name("footplate")), "local", "up"]
    both = [subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = [child.communicate(timeout=100)[0] for child in both]
    assert [child.returncode for child in both] == [0, 0]
    for output in outputs:
        assert output.splitlines()[-1] == f"export KUBECONFIG={fresh.home.kubeconfig}"
    assert set(fresh.pids()) == ALL


@pytest.mark.parametrize("name", ["apiserver", "node", "operator"])
def test_a_killed_service_is_back(own_cluster: LocalCluster, name: str) -> None:
    pid = own_cluster.pids()[name]
    os.kill(pid, signal.SIGKILL)
    own_cluster.wait(f"{name} runs again", lambda: own_cluster.pids().get(name, pid) != pid)
    own_cluster.up()
    assert set(own_cluster.pids()) == ALL
    assert ready(own_cluster.home)


def test_a_killed_supervisor_is_repaired_by_up(own_cluster: LocalCluster) -> None:
    before = own_cluster.pids()
    os.kill(before["supervisor"], signal.SIGKILL)
    os.kill(before["node"], signal.SIGKILL)
    own_cluster.wait("both are gone", lambda: set(own_cluster.pids()) == {"apiserver", "operator"})
    own_cluster.up()
    after = own_cluster.pids()
    assert set(after) == ALL
    assert not set(after.values()) & set(before.values()), "what the old supervisor left was ended"
    assert ready(own_cluster.home)


def test_the_operator_ends_at_once_when_asked(own_cluster: LocalCluster) -> None:
    operator = Process.of(own_cluster.pids()["operator"])
    began = time.monotonic()
    operator.send(signal.SIGTERM)
    assert wait_ended([operator], 20) == []
    assert time.monotonic() - began < 4
    log = own_cluster.home.log_of("supervisor")
    own_cluster.wait("it ended well", lambda: "operator ended with exit code 0" in log.read_text())
    assert "Traceback" not in own_cluster.home.log_of("operator").read_text()


def test_an_operator_with_other_settings_is_started_again(own_cluster: LocalCluster) -> None:
    home, before = own_cluster.home, own_cluster.pids()
    settings = yaml.safe_load(home.settings.read_text())
    assert settings == settings_of(home, health_port(home) or 0)
    home.settings.write_text(yaml.safe_dump({**settings, "pollSeconds": 7}))
    own_cluster.up()
    after = own_cluster.pids()
    assert yaml.safe_load(home.settings.read_text()) == settings
    assert after["operator"] != before["operator"]
    assert after["apiserver"] == before["apiserver"]


def test_down_ends_programs_and_keeps_objects(own_cluster: LocalCluster) -> None:
    name = own_cluster.start(FOREVER)
    own_cluster.phase(name, "Running")
    own_cluster.wait("it has begun", lambda: "begun" in own_cluster.footplate("logs", name).stdout)
    before = [Process.of(pid) for pid in own_cluster.pids().values()]
    programs = [Process.of(pid) for pid in pids_of(own_cluster.pods_dir)]
    assert programs
    own_cluster.down()
    assert [process for process in [*before, *programs] if process.alive] == []
    assert not_ready(own_cluster.home) == ALL
    assert own_cluster.footplate("local", "down").stdout == "the embedded cluster is not running\n"
    own_cluster.up()
    assert own_cluster.job(name)["metadata"]["name"] == name
    own_cluster.delete(name)


def pids_of(folder: Path) -> list[int]:
    """Processes with the folder in their command line or working directory: those of the pods in it."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            line, cwd = (place / "cmdline").read_bytes(), os.readlink(place / "cwd")
        except OSError:
            continue  # it has ended, or is not ours
        if str(folder).encode() in line or cwd.startswith(str(folder)):
            found.append(int(place.name))
    return found


def test_a_cluster_that_was_never_up(tmp_path: Path) -> None:
    home = Home(tmp_path / "none")
    assert asyncio.run(cluster.down(home, quiet)) is False
    assert not_ready(home) == ALL
    assert not home.path.exists()


def test_reset_forgets_all_and_nothing_else(tmp_path: Path) -> None:
    with running_cluster(tmp_path / "home") as running:
        home = running.home.path
        (home / "mine.txt").write_text("not the cluster's")
        done = running.footplate("local", "reset", "--yes")
        assert done.returncode == 0, done.stderr
        assert {path.name for path in home.iterdir()} <= {"mine.txt", "user"}
        running.up()
        assert running.request("GET", "/api/v1/namespaces/default/configmaps")["items"] == []


def test_a_home_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(cluster.ClusterError, match=r"cannot be written .*FOOTPLATE_HOME"):
        asyncio.run(cluster.up(Home(tmp_path / "file"), quiet))


def test_a_service_that_cannot_start_is_named_with_its_words(fresh: LocalCluster) -> None:
    (fresh.home.path / "cluster.db").mkdir(parents=True)
    with pytest.raises(cluster.ClusterError, match=r"the API server does not start \(.+\); its log is .+r\.log"):
        fresh.up()
    assert "apiserver" in not_ready(fresh.home)
    (fresh.home.path / "cluster.db").rmdir()
    fresh.up()
    assert ready(fresh.home)


def test_every_crd_comes_along() -> None:
    kinds = {crd["spec"]["names"]["kind"] for crd in crds()}
    assert kinds == {"TrainingJob", "ComputePool", "Environment", "RegisteredModel", "Dataset"}


def test_a_free_port_is_one() -> None:
    assert 1024 <= free_port() <= 65535

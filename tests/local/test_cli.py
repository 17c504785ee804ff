"""`footplate run` and `footplate logs` on a real cluster."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import yaml
from local_cluster import LocalCluster, config_map, job_manifest

COUNT = "import time\nfor i in range({0}):\n    print('line', i, flush=True)\n    time.sleep({1})\n"
WAIT = "import pathlib, time\nprint('begun', flush=True)\nwhile not pathlib.Path({0!r}).exists(): time.sleep(0.05)\n"


def written(folder: Path, name: str, code: str, **spec: object) -> str:
    """The path of a YAML file with a job and its code."""
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump_all([config_map(f"{name}-code", {"train.py": code}), job_manifest(name, **spec)]))
    return str(path)


def started(cluster: LocalCluster, *arguments: str) -> subprocess.Popen[str]:
    """The command in the background, its output in pipes."""
    environment = {**os.environ, "FOOTPLATE_HOME": str(cluster.home.path)}
    environment.pop("KUBECONFIG", None)
    argv = [str(Path(sys.executable).with_name("footplate")), *arguments]
    return subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def until(child: subprocess.Popen[str], word: str) -> str:
    """What it has said once it says `word`."""
    assert child.stdout is not None
    said = ""
    for line in child.stdout:
        said += line
        if word in line:
            return said
    raise AssertionError(f"{word} was not said: {said} {child.stderr.read() if child.stderr else ''}")


def test_a_run_again_is_a_new_run(local_cluster: LocalCluster, tmp_path: Path) -> None:
    name = local_cluster.name("again")
    file = written(tmp_path, name, "print('hello')")
    assert local_cluster.footplate("run", file).returncode == 0
    second = local_cluster.footplate("run", file)
    assert second.returncode == 0
    assert f"{name} has finished; this run is {name}-2" in second.stdout
    assert f"{name}-2 completed" in second.stdout


def test_a_run_under_way_is_followed_and_ctrl_c_leaves_it_alone(local_cluster: LocalCluster, tmp_path: Path) -> None:
    name = local_cluster.name("attach")
    end = tmp_path / "end"
    file = written(tmp_path, name, WAIT.format(str(end)))
    first = started(local_cluster, "run", file)
    try:
        until(first, "begun")
        first.send_signal(signal.SIGINT)
        said = first.communicate(timeout=30)[1]
        assert first.returncode == 130
        assert f"{name} keeps running; come back with: " in said
        assert said.rstrip().endswith(f"logs -f {name}")
        second = started(local_cluster, "run", file)
        seen = until(second, "begun")
        assert f"{name} is already running; following it" in seen
        end.touch()
        rest = second.communicate(timeout=60)[0]
        assert second.returncode == 0
        assert f"{name} completed" in rest
    finally:
        end.touch()
        first.kill()


def test_changed_code_is_not_the_run_under_way(local_cluster: LocalCluster, tmp_path: Path) -> None:
    name = local_cluster.name("changed")
    end = tmp_path / "end"
    code = WAIT.format(str(end))
    local_cluster.footplate("run", "--no-follow", written(tmp_path, name, code))
    local_cluster.phase(name, "Running")
    done = local_cluster.footplate("run", "--no-follow", written(tmp_path, name, code + "print('more')\n"))
    assert done.returncode == 0
    assert f"{name} is already running with other code or another spec; this is {name}-2" in done.stdout
    end.touch()
    assert local_cluster.ended(name)["phase"] == "Completed"
    assert local_cluster.ended(f"{name}-2")["phase"] == "Completed"


def test_no_follow_prints_where_to_come_back(local_cluster: LocalCluster, tmp_path: Path) -> None:
    name = local_cluster.name("later")
    done = local_cluster.footplate("run", "--no-follow", "-o", "json", written(tmp_path, name, "print(1)"))
    assert done.returncode == 0
    assert json.loads(done.stdout)["metadata"]["name"] == name
    assert f"logs -f {name}" in done.stderr
    assert local_cluster.ended(name)["phase"] == "Completed"


def test_a_misspelt_field_is_refused_with_its_file(local_cluster: LocalCluster, tmp_path: Path) -> None:
    name = local_cluster.name("misspelt")
    done = local_cluster.footplate("run", written(tmp_path, name, "print(1)", parametrs={"epochs": 1}))
    assert done.returncode == 2
    assert f"{name}.yaml, document 2: Could not create TrainingJob default/{name}: " in done.stderr
    assert 'unknown field "spec.parametrs"' in done.stderr


def test_a_file_without_a_job(local_cluster: LocalCluster, tmp_path: Path) -> None:
    path = tmp_path / "map.yaml"
    path.write_text(yaml.safe_dump(config_map("lonely", {"a": "b"})))
    done = local_cluster.footplate("run", str(path))
    assert done.returncode == 2
    assert "there is no TrainingJob in" in done.stderr
    assert local_cluster.request("GET", "/api/v1/namespaces/default/configmaps/lonely") is None, "nothing was applied"


def test_logs_outlive_the_pods(local_cluster: LocalCluster) -> None:
    name = local_cluster.start(COUNT.format(5, 0), cleanup={"pods": "Always"})
    local_cluster.ended(name)
    local_cluster.wait("its pods are gone", lambda: not local_cluster.pods(name))
    expected = "".join(f"line {i}\n" for i in range(5))
    for more in ([], ["--attempt", "1"], ["--replica", "worker-0"], ["-f"]):
        done = local_cluster.footplate("logs", name, *more)
        assert (done.returncode, done.stdout) == (0, expected), done.stderr


def test_logs_of_what_is_not_there(local_cluster: LocalCluster) -> None:
    name = local_cluster.start("print(1)")
    local_cluster.ended(name)
    replica = local_cluster.footplate("logs", name, "--replica", "worker-7")
    assert (replica.returncode, replica.stdout) == (2, "")
    assert replica.stderr == f"error: {name} has no replica worker-7; it has worker-0\n"
    attempt = local_cluster.footplate("logs", name, "--attempt", "3")
    assert attempt.returncode == 1
    assert attempt.stderr == f"error: {name} has had no attempt 3; the newest is 1\n"
    job = local_cluster.footplate("logs", "nobody")
    assert job.returncode == 2
    assert "error: there is no run nobody in namespace default of file:///" in job.stderr


def test_followed_logs_end_with_the_jobs_result(local_cluster: LocalCluster) -> None:
    name = local_cluster.start(COUNT.format(10, 0.1) + "raise SystemExit(3)")
    done = local_cluster.footplate("logs", "-f", name)
    assert done.returncode == 1
    assert done.stdout == "".join(f"line {i}\n" for i in range(10))
    assert f"{name} failed: worker-0 exited with code 3" in done.stderr


def test_all_attempts_are_followed(local_cluster: LocalCluster, tmp_path: Path) -> None:
    name = local_cluster.name("twice")
    code = "import os\nn = int(os.environ['FOOTPLATE_ATTEMPT'])\nprint('attempt', n)\nraise SystemExit(n == 1)"
    done = local_cluster.footplate("run", written(tmp_path, name, code, retry={"user": 1}))
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert lines.count("attempt 1") == 1
    assert lines.count("attempt 2") == 1
    assert lines.index("attempt 1") < lines.index("attempt 2")


def test_no_line_is_lost_or_doubled_when_the_api_server_dies(own_cluster: LocalCluster, tmp_path: Path) -> None:
    child = started(own_cluster, "run", written(tmp_path, "counting", COUNT.format(60, 0.1)))
    try:
        said = until(child, "line 10")
        os.kill(own_cluster.pids()["apiserver"], signal.SIGKILL)
        rest, complaint = child.communicate(timeout=90)
        assert child.returncode == 0, said + rest + complaint
        lines = [line for line in (said + rest).splitlines() if line.startswith("line ")]
        assert lines == [f"line {i}" for i in range(60)]
    finally:
        child.kill()


def test_a_job_that_is_deleted_under_way(local_cluster: LocalCluster, tmp_path: Path) -> None:
    name = local_cluster.name("deleted")
    child = started(local_cluster, "run", written(tmp_path, name, COUNT.format(600, 0.1)))
    try:
        until(child, "line 1")
        local_cluster.delete(name)
        told = child.communicate(timeout=60)[0]
        assert child.returncode == 1
        assert "canceled: the TrainingJob was deleted" in told
    finally:
        child.kill()


def test_a_build_that_failed_is_tried_again(local_cluster: LocalCluster, tmp_path: Path) -> None:
    name = local_cluster.name("build")
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    environment = {
        "apiVersion": "footplate.dev/v1alpha1",
        "kind": "Environment",
        "metadata": {"name": name},
        "spec": {"pip": [f"--no-index --find-links {wheels}", "nothing-of-this-name"]},
    }
    job = job_manifest(name, image=None, environment={"name": name})
    path = tmp_path / "job.yaml"
    path.write_text(yaml.safe_dump_all([environment, config_map(f"{name}-code", {"train.py": "print(1)"}), job]))
    first = local_cluster.footplate("run", str(path))
    assert first.returncode == 1, first.stdout + first.stderr
    assert "EnvironmentBuildFailed" in first.stdout
    assert "build | " in first.stdout, "the build's log is shown"
    second = local_cluster.footplate("run", str(path))
    assert second.returncode == 1
    assert "EnvironmentBuilding" in second.stdout, "it was built again, not refused for the build before"

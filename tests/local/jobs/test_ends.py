"""How a program can end, as its user sees it: phase, reason, sentence, columns, and what is in the store."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from local_cluster import LocalCluster, config_map, job_manifest

SAVE = "open('outputs/partial.txt', 'w').write('so far')\n"


def columns(cluster: LocalCluster, name: str) -> dict[str, str]:
    """What `kubectl get tj NAME` prints, by its headers."""
    shown = cluster.kubectl("get", "tj", name)
    assert shown.returncode == 0, shown.stderr
    header, row = shown.stdout.splitlines()
    starts = [header.index(word) for word in header.split()]
    ends = [*starts[1:], None]
    return {header[a:b].strip(): row[a:b].strip() for a, b in zip(starts, ends, strict=True)}


def condition(status: dict[str, Any], kind: str) -> dict[str, Any]:
    return next(c for c in status["conditions"] if c["type"] == kind)


def failed(cluster: LocalCluster, name: str, reason: str) -> dict[str, Any]:
    """The status of a job that must fail for this reason, with what every failure promises."""
    status = cluster.phase(name, "Failed")
    assert status["reason"] == reason, cluster.report(name)
    shown = columns(cluster, name)
    assert (shown["PHASE"], shown["REASON"]) == ("Failed", reason)
    assert condition(status, "Failed")["status"] == "True"
    assert condition(status, "Complete")["status"] == "False"
    assert status["completionTime"]
    return status


def saved(cluster: LocalCluster, name: str, status: dict[str, Any], path: str = "outputs/partial.txt") -> str:
    """An output of a run whose manifest is there and says that it is complete."""
    folder = cluster.run_dir(name)
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["complete"] is True
    assert path in [entry["path"] for entry in manifest["files"]]
    assert condition(status, "OutputsPersisted")["status"] == "True"
    return (folder / path).read_text()


def test_exit_0(local_cluster: LocalCluster) -> None:
    name = local_cluster.start("print('hello')\nopen('outputs/model.txt', 'w').write('done')")
    status = local_cluster.phase(name, "Completed")
    folder = local_cluster.run_dir(name)
    assert (status["reason"], status["attempt"]) == ("Completed", 1)
    assert status["message"] == f"1 file (4 B) in {status['run']['uri']}"
    assert saved(local_cluster, name, status, "outputs/model.txt") == "done"
    assert (folder / "logs/1/worker-0.log").read_text() == "hello\n"
    assert json.loads((folder / "run.json").read_text())["phase"] == "Completed"
    shown = columns(local_cluster, name)
    assert (shown["PHASE"], shown["REASON"], shown["NODES"]) == ("Completed", "Completed", "1")
    waited = local_cluster.kubectl("wait", "--for=condition=Complete", f"tj/{name}", "--timeout=5s")
    assert waited.returncode == 0, waited.stderr
    local_cluster.wait("the pods of a completed job are deleted", lambda: not local_cluster.pods(name))


def test_exit_3(local_cluster: LocalCluster) -> None:
    name = local_cluster.start(SAVE + "import sys\nprint('epoch 1')\nprint('out of data')\nsys.exit(3)")
    status = failed(local_cluster, name, "UserError")
    assert status["message"] == "worker-0 exited with code 3\nlast lines:\n  epoch 1\n  out of data"
    attempt = status["attempts"][0]
    assert (attempt["exitCode"], attempt["replica"], attempt["reason"]) == (3, "worker-0", "UserError")
    assert saved(local_cluster, name, status) == "so far"
    assert len(local_cluster.pods(name)) == 1, "with cleanup OnSuccess a failed job keeps its pods"


@pytest.mark.parametrize("word", ["SIGSEGV", "SIGKILL"])
def test_a_signal(local_cluster: LocalCluster, word: str) -> None:
    code = SAVE + f"import os, signal\nprint('on the edge', flush=True)\nos.kill(os.getpid(), signal.{word})"
    status = failed(local_cluster, local_cluster.start(code, name := local_cluster.name()), "Signal")
    assert status["message"] == f"worker-0 was killed by {word}\nlast lines:\n  on the edge"
    assert status["attempts"][0]["exitCode"] == {"SIGSEGV": 139, "SIGKILL": 137}[word]
    assert saved(local_cluster, name, status) == "so far"


def test_a_module_that_is_not_there(local_cluster: LocalCluster) -> None:
    status = failed(local_cluster, local_cluster.start("import notthere"), "UserError")
    first = status["message"].splitlines()[0]
    assert first == "worker-0 exited with code 1: ModuleNotFoundError: No module named 'notthere'"


def test_a_script_that_is_not_there(local_cluster: LocalCluster) -> None:
    name = local_cluster.start("print(1)", entrypoint={"script": "trian.py"})
    status = failed(local_cluster, name, "UserError")
    assert "trian.py is not in the source; found: train.py" in status["message"].splitlines()[0]


def test_more_memory_than_the_limit(local_cluster: LocalCluster) -> None:
    code = SAVE + "import time\nprint('growing', flush=True)\nhog = bytearray(300 << 20)\ntime.sleep(30)"
    name = local_cluster.start(code, resources={"memory": "100Mi"})
    status = failed(local_cluster, name, "OutOfMemory")
    assert status["message"].splitlines()[0] == "worker-0 ran out of memory; ask for more in spec.resources.memory"
    assert status["attempts"][0]["exitCode"] == 137
    assert saved(local_cluster, name, status) == "so far"


def test_an_attempt_fails_and_the_next_one_succeeds(local_cluster: LocalCluster) -> None:
    code = "import os, sys\nattempt = os.environ['FOOTPLATE_ATTEMPT']\nprint('attempt', attempt)\n"
    code += "sys.exit(75 if attempt == '1' else 0)"
    name = local_cluster.start(code, retry={"user": 1})
    status = local_cluster.phase(name, "Completed")
    folder = local_cluster.run_dir(name)
    assert [(a["number"], a["reason"], a["exitCode"]) for a in status["attempts"]] == [
        (1, "UserError", 75),
        (2, "Completed", 0),
    ]
    assert status["retries"]["user"] == 1
    assert [(folder / f"logs/{n}/worker-0.log").read_text() for n in (1, 2)] == ["attempt 1\n", "attempt 2\n"]
    events = local_cluster.kubectl("get", "events", "--field-selector", f"involvedObject.name={name}").stdout
    assert "attempt 1 failed (worker-0 exited with code 75)" in events


def test_a_spent_budget_is_told(local_cluster: LocalCluster) -> None:
    name = local_cluster.start("raise SystemExit(75)", retry={"user": 1})
    status = failed(local_cluster, name, "UserError")
    assert [a["exitCode"] for a in status["attempts"]] == [75, 75]
    assert status["message"].startswith("worker-0 exited with code 75 (")


def test_a_command_without_the_launcher(local_cluster: LocalCluster) -> None:
    command = ["sh", "-c", "echo plain; echo $0 > outputs/said.txt; exit 4", "$(job)"]
    name = local_cluster.start("", entrypoint={"command": command, "launcher": False})
    status = failed(local_cluster, name, "UserError")
    assert status["message"].splitlines()[0] == "worker-0 exited with code 4"
    assert saved(local_cluster, name, status, "outputs/said.txt")


def test_excluded_outputs_stay_out_of_the_store(local_cluster: LocalCluster) -> None:
    code = SAVE + "open('outputs/scratch.tmp', 'w').write('x')"
    name = local_cluster.start(code, outputs={"exclude": ["*.tmp"]})
    status = local_cluster.phase(name, "Completed")
    assert status["run"]["files"] == 1
    assert saved(local_cluster, name, status) == "so far"
    assert [p.name for p in (local_cluster.run_dir(name) / "outputs").iterdir()] == ["partial.txt"]


@pytest.mark.parametrize("code", [255, 200])
def test_an_exit_code_beyond_all_signals_is_no_signal(local_cluster: LocalCluster, code: int) -> None:
    name = local_cluster.start(f"import sys\nsys.exit({code - 256})")
    status = failed(local_cluster, name, "UserError")
    assert status["message"] == f"worker-0 exited with code {code}"


def test_output_that_is_no_text(local_cluster: LocalCluster) -> None:
    code = (
        "import sys\nsys.stdout.buffer.write(b'\\xff\\x00\\x1b[31m ' + 'é'.encode() * 9000 + b'\\n' * 50)\nsys.exit(3)"
    )
    name = local_cluster.start(code)
    status = failed(local_cluster, name, "UserError")
    assert status["message"].startswith("worker-0 exited with code 3")
    log = (local_cluster.run_dir(name) / "logs/1/worker-0.log").read_bytes()
    assert log == b"\xff\x00\x1b[31m " + "é".encode() * 9000 + b"\n" * 50


def test_a_child_that_the_program_leaves_behind(local_cluster: LocalCluster) -> None:
    code = (
        "import subprocess\nchild = subprocess.Popen(['sleep', '61'])\nopen('outputs/pid', 'w').write(str(child.pid))"
    )
    name = local_cluster.start(code)
    status = local_cluster.phase(name, "Completed")
    pid = saved(local_cluster, name, status, "outputs/pid")
    assert not Path(f"/proc/{pid}").exists()


def test_an_exit_code_that_is_not_tried_again(local_cluster: LocalCluster) -> None:
    name = local_cluster.start("raise SystemExit(4)", retry={"user": 3, "retryableExitCodes": [75]})
    status = failed(local_cluster, name, "UserError")
    note = "(exit code 4 is not among retry.retryableExitCodes)"
    assert (status["message"], status["attempt"]) == (f"worker-0 exited with code 4 {note}", 1)


@pytest.mark.parametrize(("policy", "code", "left"), [("Never", 0, 1), ("Always", 3, 0)])
def test_cleanup(local_cluster: LocalCluster, policy: str, code: int, left: int) -> None:
    name = local_cluster.start(f"raise SystemExit({code})", cleanup={"pods": policy})
    local_cluster.ended(name)
    if left == 0:
        local_cluster.wait("its pods are deleted", lambda: not local_cluster.pods(name))
    logs = local_cluster.footplate("logs", name)
    assert logs.returncode == 0, logs.stderr
    assert len(local_cluster.pods(name)) == left


def test_a_job_of_another_namespace(local_cluster: LocalCluster) -> None:
    space = local_cluster.name("space")
    local_cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": space}})
    code, job = config_map("code", {"train.py": "print('elsewhere')"}), job_manifest("digits")
    job["spec"]["source"]["configMap"]["name"] = "code"
    for manifest in (code, job):
        manifest["metadata"]["namespace"] = space
    local_cluster.apply(code, job)
    waited = local_cluster.kubectl("wait", "-n", space, "--for=condition=Complete", "tj/digits", "--timeout=60s")
    assert waited.returncode == 0, waited.stderr
    logs = local_cluster.footplate("logs", "digits", "-n", space)
    assert (logs.returncode, logs.stdout) == (0, "elsewhere\n")
    assert len(list((local_cluster.store / space).glob("digits-*/manifest.json"))) == 1

"""What the program finds: its arguments, inputs and environment; and what it says: metrics."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from http_files import http_files
from local_cluster import LocalCluster

TELL = """
import json, os, sys
found = {'argv': sys.argv[1:], 'environment': dict(os.environ), 'folder': sorted(os.listdir('.'))}
json.dump(found, open('outputs/found.json', 'w'))
"""


def test_arguments_and_inputs_arrive(local_cluster: LocalCluster, tmp_path: Path) -> None:
    folder = tmp_path / "digits"
    folder.mkdir()
    (folder / "a.csv").write_text("1,2")
    code = TELL + "print(open(os.environ['INPUT_TEXT']).read(), open(sys.argv[1] + '/a.csv').read())"
    with http_files() as web:
        web.files["/text.txt"] = b"over http"
        name = local_cluster.start(
            code,
            entrypoint={"script": "train.py", "args": ["$(inputs.digits)", "$(outputs)", "$(job)", "a b", "$$(job)"]},
            parameters={
                "epochs": 10,
                "amp": True,
                "verbose": False,
                "rate": 0.001,
                "note": "two words; $(date +%s)",
                "to": "$(job)",
            },
            inputs=[
                {"name": "digits", "uri": folder.as_uri() + "/"},
                {"name": "text", "uri": f"{web.url}/text.txt"},
            ],
        )
        status = local_cluster.phase(name, "Completed")
    run = local_cluster.run_dir(name)
    argv = json.loads((run / "outputs/found.json").read_text())["argv"]
    assert argv[0].endswith("/inputs/digits")
    assert argv[1].endswith("/outputs")
    assert argv[2:] == [
        *(name, "a b", "$(job)"),
        *("--amp", "--epochs", "10", "--note", "two words; $(date +%s)", "--rate", "0.001", "--to", name),
    ]
    assert (run / "logs/1/worker-0.log").read_text() == "over http 1,2\n"
    record = json.loads((run / "run.json").read_text())
    given = {
        "epochs": 10,
        "amp": True,
        "verbose": False,
        "rate": 0.001,
        "note": "two words; $(date +%s)",
        "to": "$(job)",
    }
    assert record["parameters"] == given
    assert {name: type(value) for name, value in record["parameters"].items()} == {n: type(v) for n, v in given.items()}
    assert [(i["name"], i["files"], i["bytes"]) for i in record["inputs"]] == [("digits", 1, 3), ("text", 1, 9)]
    assert status["run"]["files"] == 1


def test_a_name_that_means_nothing_is_refused_before_any_pod(local_cluster: LocalCluster) -> None:
    name = local_cluster.start(TELL, entrypoint={"script": "train.py", "args": ["--data", "$(inputs.digit)"]})
    status = local_cluster.phase(name, "Failed")
    assert status["reason"] == "InvalidSpec"
    assert status["message"] == (
        "$(inputs.digit) in spec.entrypoint.args[1] is not known; known are $(job), $(outputs). "
        "Write $$(inputs.digit) for a literal $(inputs.digit)"
    )
    assert (status.get("attempt"), local_cluster.pods(name)) == (0, [])


def test_keys_of_the_store_are_not_in_its_environment(local_cluster: LocalCluster) -> None:
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": local_cluster.name("keys")},
        "stringData": {"AWS_SECRET_ACCESS_KEY": "hunter2", "AWS_ACCESS_KEY_ID": "ada"},
    }
    local_cluster.apply(secret)
    store = {"uri": local_cluster.store.as_uri(), "secretName": secret["metadata"]["name"]}
    name = local_cluster.start(TELL, outputs={"store": store})
    local_cluster.phase(name, "Completed")
    found = (local_cluster.run_dir(name) / "outputs/found.json").read_text()
    environment = json.loads(found)["environment"]
    assert "hunter2" not in found
    assert "AWS_ACCESS_KEY_ID" not in environment
    assert (environment["RANK"], environment["WORLD_SIZE"], environment["FOOTPLATE_JOB"]) == ("0", "1", name)
    assert json.loads(found)["folder"] == ["logs", "outputs", "train.py"]


def test_metrics_reach_status_store_and_columns(local_cluster: LocalCluster) -> None:
    code = "from footplate_run import Run\nrun = Run.get_context()\n"
    code += "for step in range(5):\n    run.log('loss', 1.0 / (step + 1), step=step)\n"
    name = local_cluster.start(code)
    status = local_cluster.phase(name, "Completed")
    assert (status["metrics"]["loss"]["value"], status["metrics"]["loss"]["step"]) == (pytest.approx(0.2), 4)
    run = local_cluster.run_dir(name)
    loss = json.loads((run / "run.json").read_text())["metrics"]["loss"]
    assert (loss["last"], loss["min"], loss["max"], loss["count"]) == (pytest.approx(0.2), pytest.approx(0.2), 1.0, 5)
    lines = (run / "metrics/1/worker-0.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [0, 1, 2, 3, 4]
    assert "loss=0.2" in local_cluster.kubectl("get", "tj", name).stdout


def test_metrics_are_seen_while_it_runs(local_cluster: LocalCluster) -> None:
    code = "import time\nfrom footplate_run import Run\nRun.get_context().log('loss', 0.5)\ntime.sleep(60)\n"
    name = local_cluster.start(code)
    local_cluster.phase(name, "Running")
    local_cluster.wait("the metric is in the status", lambda: local_cluster.status(name).get("metric") == "loss=0.5")
    logged = local_cluster.footplate("logs", name)
    assert logged.returncode == 0, logged.stderr
    local_cluster.delete(name)


def test_values_of_a_pod_template_reach_the_program(local_cluster: LocalCluster) -> None:
    template = {"spec": {"containers": [{"name": "train", "env": [{"name": "FLAVOUR", "value": "vanilla"}]}]}}
    name = local_cluster.start(TELL, podTemplate=template)
    local_cluster.phase(name, "Completed")
    found = json.loads((local_cluster.run_dir(name) / "outputs/found.json").read_text())
    assert found["environment"]["FLAVOUR"] == "vanilla"

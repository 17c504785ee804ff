"""Runs that real agents have left in a folder and in S3, read by the command with no cluster anywhere."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from called import Done, called
from replica import AgentProcess, Replica, eventually
from s3_server import S3Server, s3_server

__all__ = ["s3_server"]

WEIGHTS = os.urandom(3_000_000)
DONE, UNDER_WAY = "digits-aaaaaaaa", "digits-bbbbbbbb"


@dataclass(frozen=True)
class Runs:
    """A store with two runs of the job digits: one that has completed, and a later one that is under way."""

    uri: str
    env: dict[str, str]
    running: Replica

    def footplate(self, *arguments: str) -> Done:
        """The command with FOOTPLATE_STORE set."""
        return called(*arguments, env={**self.env, "FOOTPLATE_STORE": self.uri, "COLUMNS": "100"})

    def said(self, *arguments: str) -> str:
        """What it printed; it must have ended well."""
        done = self.footplate(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def json(self, *arguments: str) -> Any:
        return json.loads(self.said(*arguments, "-o", "json"))


@pytest.fixture(params=["file", "s3"], scope="module")
def runs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    base = tmp_path_factory.mktemp("runs")
    env = {"FOOTPLATE_HOME": str(base / "no-cluster"), "KUBECONFIG": ""}
    uri, endpoint, secret = (base / "store").as_uri() + "/", None, {}
    if request.param == "s3":
        server: S3Server = request.getfixturevalue("s3_server")
        uri, endpoint, secret = server.new_uri(), server.endpoint, server.env
        env |= {**secret, "AWS_ENDPOINT_URL": server.endpoint}

    def replica(folder: str, rate: float, **more: Any) -> Replica:
        place = base / folder
        place.mkdir(exist_ok=True)
        made = Replica(place, f"{uri}default/{folder}/", endpoint, secret, **more)
        path = made.root / "launch/launch.json"
        orders = json.loads(path.read_text())
        orders["job"]["uid"] = f"{folder[-8:]}-0000"
        orders["record"]["parameters"] = {"learning-rate": rate, "epochs": 3}
        path.write_text(json.dumps(orders))
        return made

    with ExitStack() as agents:
        first = replica(DONE, 0.1)
        for step, loss in enumerate((2.0, 1.0, 0.25)):
            first.log_scalar("loss", loss, step)
        first.write("outputs/model.bin", WEIGHTS)
        first.write("outputs/deep/ünï cödé %41.txt", b"text")
        first.write("state/console.log", b"epoch 1\nepoch 2\n")
        first.write("logs/debug.log", b"deep\n")
        second = replica(DONE, 0.1, index=1)
        second.write("outputs/shard-1", b"one")
        for each in (first, second):
            each.write_exit(0)
            with AgentProcess(each) as agent:
                agent.wait_for_log("Uploading")
                assert agent.stop() == 0
        running = replica(UNDER_WAY, 0.01)
        agents.enter_context(AgentProcess(running))
        running.write("outputs/checkpoint-1", b"half way")
        running.write("state/console.log", b"epoch 1\n")
        running.log_scalar("loss", 1.5, 0)
        there = ("run.json", "outputs/checkpoint-1", "metrics/1/worker-0.jsonl", "logs/1/worker-0.log")
        eventually(lambda: all(stored(running, start) for start in there), "the run under way")
        yield Runs(uri, env, running)


def stored(replica: Replica, start: str) -> bool:
    """Whether an object is there whose key begins so."""
    keys = replica.keys()
    return any(key.startswith(start) for key in keys)


def test_the_list(runs: Runs) -> None:
    found = {run["run"]: run for run in runs.json("runs", "--sort", "started")}
    assert list(found)[-1] == UNDER_WAY
    assert found[DONE]["experiment"] == "default"
    assert found[DONE]["parameters"] == {"learning-rate": 0.1, "epochs": 3}
    assert found[DONE]["metrics"]["loss"]["last"] == 0.25
    assert (found[UNDER_WAY]["phase"], found[UNDER_WAY]["ended"]) == ("Running", None)
    table = runs.said("runs").splitlines()
    assert re.fullmatch(
        r"NAMESPACE +RUN +EXPERIMENT +PHASE +REASON +STARTED \(UTC\) +DURATION .*--learning-rate", table[0]
    )
    assert table[1].split()[:2] == ["default", "digits"], "the newest of a name is shown by its name"
    assert table[2].split()[:2] == ["default", DONE]
    rows = list(csv.DictReader(io.StringIO(runs.said("runs", "-o", "csv"))))
    assert {row["run"]: row["parameter.learning-rate"] for row in rows} == {DONE: "0.1", UNDER_WAY: "0.01"}
    assert runs.json("runs", "--experiment", "other") == []


def test_the_record(runs: Runs) -> None:
    document = runs.json("run", "show", DONE)
    assert document["record"]["job"]["uid"] == "aaaaaaaa-0000"
    assert [output["path"] for output in document["outputs"]] == [
        "deep/ünï cödé %2541.txt",
        "model.bin",
        "ranks/worker-1/shard-1",
    ]
    text = runs.said("runs", "show", DONE)
    assert f"default/{DONE}" in text
    assert re.search(r"learning-rate +0\.1\n", text)
    assert re.search(r"loss +0\.25 +0\.25 +2 +2 +3\n", text)
    assert "3 files, 3.0 MB, all in the manifest" in text


def test_the_record_of_a_run_under_way(runs: Runs) -> None:
    done = runs.footplate("run", "show", "digits")
    assert done.returncode == 0, done.stderr
    assert f"digits is here the newest of 2 runs, default/{UNDER_WAY} of " in done.stderr
    assert re.search(r"phase +Running\n", done.stdout)
    assert re.search(r"loss +1\.5 ", done.stdout)
    assert "1 file, 8 B, 1 of them in no manifest yet" in done.stdout


def test_metrics(runs: Runs) -> None:
    assert runs.said("metrics", DONE, "loss", "-o", "csv").splitlines()[1:] == [
        f"digits,loss,worker-0,0,{step},1732187401.25,{loss}" for step, loss in enumerate((2.0, 1.0, 0.25))
    ]
    charts = runs.said("metrics", DONE, "loss", "--compare", UNDER_WAY)
    assert f"a {DONE}  last 0.25, min 0.25, max 2, 3 values" in charts
    assert f"b {UNDER_WAY}  last 1.5" in charts
    assert "last 0.25, min 0.25, max 2, 3 values" in runs.said("metrics", DONE, "loss", "--follow"), "it has ended"
    missing = runs.footplate("metrics", DONE, "los")
    assert (missing.returncode, missing.stdout) == (2, "")
    assert "digits logged no metric los" in missing.stderr


def test_a_page_of_metrics(runs: Runs, tmp_path: Path) -> None:
    done = runs.footplate("metrics", DONE, "--html", str(tmp_path / "x.html"))
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert (tmp_path / "x.html").read_text().count("<svg") == 1
    assert runs.footplate("metrics", DONE, "--html", str(tmp_path / "no/x.html")).returncode == 1


def test_outputs_come_whole_and_once(runs: Runs, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    first = runs.footplate("outputs", "get", DONE, "--all", str(folder))
    assert first.returncode == 0, first.stderr
    assert f"{folder}: 3 files fetched (3.0 MB), all as their manifest says" in first.stderr
    assert (folder / "model.bin").read_bytes() == WEIGHTS
    assert (folder / "deep/ünï cödé %41.txt").read_bytes() == b"text"
    assert (folder / "ranks/worker-1/shard-1").read_bytes() == b"one"
    (folder / "model.bin").write_bytes(WEIGHTS[:-1] + b"?")
    again = runs.footplate("outputs", "get", DONE, "--all", str(folder))
    assert "1 file fetched (3.0 MB), 2 there already, all as their manifest says" in again.stderr
    assert (folder / "model.bin").read_bytes() == WEIGHTS


def test_some_outputs(runs: Runs, tmp_path: Path) -> None:
    listed = runs.json("outputs", "ls", DONE, "model.bin")
    assert [(o["size"], o["sha256"]) for o in listed] == [(len(WEIGHTS), hashlib.sha256(WEIGHTS).hexdigest())]
    assert runs.footplate("outputs", "get", DONE, "deep/", "ranks/worker-1", str(tmp_path)).returncode == 0
    assert sorted(p.name for p in tmp_path.rglob("*") if p.is_file()) == ["shard-1", "ünï cödé %41.txt"]
    missing = runs.footplate("outputs", "get", DONE, "model.pt", str(tmp_path))
    assert missing.returncode == 2
    assert f"{DONE} has no output model.pt; footplate outputs ls {DONE} lists them" in missing.stderr


def test_outputs_of_a_run_under_way(runs: Runs, tmp_path: Path) -> None:
    done = runs.footplate("outputs", "get", UNDER_WAY, "--all", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "1 file fetched (8 B), 1 without a checksum, for no manifest names them yet" in done.stderr
    assert (tmp_path / "checkpoint-1").read_bytes() == b"half way"


def test_logs(runs: Runs) -> None:
    assert runs.said("logs", DONE) == "epoch 1\nepoch 2\n"
    assert runs.said("logs", DONE, "-f") == "epoch 1\nepoch 2\n"
    assert runs.said("logs", UNDER_WAY) == "epoch 1\n"
    assert runs.said("logs", DONE, "--file", "1/worker-0/debug.log") == "deep\n"
    listing = runs.said("logs", DONE, "--list").splitlines()
    assert [line.split()[-1] for line in listing if "agent.log" not in line] == [
        *("FILE", "1/worker-0.log", "1/worker-0/debug.log"),
    ]
    assert "grows   1/worker-0.log" in runs.said("logs", UNDER_WAY, "--list")
    assert runs.footplate("logs", DONE, "--replica", "worker-7").returncode == 2


def test_the_differences(runs: Runs) -> None:
    rows = {row["name"]: row for row in runs.json("compare", DONE, UNDER_WAY)["rows"]}
    assert rows["learning-rate"] == {
        "section": "parameters",
        "name": "learning-rate",
        "differs": True,
        "values": [0.1, 0.01],
    }
    assert not rows["epochs"]["differs"]
    assert rows["loss"]["values"] == [0.25, 1.5]
    text = runs.said("compare", DONE, UNDER_WAY, "--different")
    assert re.search(r"parameters +≠ +learning-rate +0\.1 +0\.01\n", text)
    assert "epochs" not in text


def test_an_address_needs_no_store_to_be_named(runs: Runs) -> None:
    done = called("run", "show", f"{runs.uri}default/{DONE}/", env={**runs.env, "FOOTPLATE_STORE": ""})
    assert done.returncode == 0, done.stderr
    assert f"default/{DONE}" in done.stdout

"""The launcher as a user's program meets it: a real process under each Python that an image may have."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest
from launcher_tree import LaunchTree


def test_success_is_zero_and_both_streams_arrive(tree: LaunchTree) -> None:
    tree.write("train.py", "import sys\nprint('to out')\nsys.stderr.write('to err\\n')\n")
    tree.orders("train.py")
    ended = tree.run()
    assert (ended.status, ended.out, ended.err) == (0, b"to out\n", b"to err\n")
    assert sorted(ended.console.splitlines()) == [b"to err", b"to out"]
    assert ended.exit["exitCode"] == 0
    assert ended.exit["signal"] is None
    assert ended.exit["error"] is None
    assert ended.exit["startTime"] <= ended.exit["endTime"]
    assert ended.exit["endTime"].endswith("Z")
    assert json.loads(ended.termination) == ended.exit


def test_exit_code_is_the_programs(tree: LaunchTree) -> None:
    tree.write("train.py", "import sys\nprint('giving up')\nsys.exit(3)\n")
    tree.orders("train.py")
    ended = tree.run()
    assert ended.status == 3
    assert (ended.exit["exitCode"], ended.exit["error"], ended.exit["lastLines"]) == (3, None, ["giving up"])


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_death_by_signal_is_128_plus_n(tree: LaunchTree, number: signal.Signals) -> None:
    tree.write("train.py", f"import os\nos.kill(os.getpid(), {int(number)})\n")
    tree.orders("train.py")
    ended = tree.run()
    assert ended.status == 128 + number
    assert (ended.exit["exitCode"], ended.exit["signal"]) == (None, number)


def test_error_is_the_end_of_the_traceback(tree: LaunchTree) -> None:
    tree.write("train.py", "def f():\n    raise ValueError('bad shape: (3, 4)')\nf()\n")
    tree.orders("train.py")
    ended = tree.run()
    assert ended.status == 1
    assert ended.exit["error"] == "ValueError: bad shape: (3, 4)"
    assert ended.exit["lastLines"][-1] == "ValueError: bad shape: (3, 4)"


def test_missing_module_is_named(tree: LaunchTree) -> None:
    tree.write("train.py", "import no_such_module\n")
    tree.orders("train.py")
    ended = tree.run()
    assert ended.status == 1
    assert ended.exit["error"] == "ModuleNotFoundError: No module named 'no_such_module'"


def test_missing_module_of_a_command_is_named(tree: LaunchTree) -> None:
    tree.orders(command=[tree.python, "-m", "no_such_module"])
    ended = tree.run()
    assert ended.status == 1
    assert ended.exit["error"].endswith("No module named no_such_module")


def test_missing_script_names_what_is_there(tree: LaunchTree) -> None:
    tree.write("model.py", "")
    tree.write("src/train.py", "")
    tree.write(".git/config", "")
    tree.write("notes.txt", "")
    tree.orders("train.py")
    ended = tree.run()
    sentence = "train.py is not in the source; found: src/train.py, model.py, notes.txt"
    assert ended.status == 127
    assert ended.exit["error"] == sentence
    assert ended.exit["exitCode"] == 127
    assert ended.err.decode() == f"footplate: {sentence}\n"
    assert ended.console == ended.err


def test_script_without_a_suffix_must_be_executable(tree: LaunchTree) -> None:
    tree.write("train", "#!/bin/sh\necho here\n")
    tree.orders("train")
    ended = tree.run()
    assert ended.status == 126
    assert ended.exit["error"].startswith("train is not executable: chmod +x it in the source")


@pytest.mark.parametrize(
    ("name", "text", "out"),
    [
        ("train", "#!/bin/sh\necho $0 $1 | sed 's,.*/,,'\n", b"train a b\n"),
        ("train.sh", "echo sh $1\n", b"sh a b\n"),
        ("train.py", "import sys\nprint('py', sys.argv[1])\n", b"py a b\n"),
    ],
)
def test_scripts_run_by_their_suffix(tree: LaunchTree, name: str, text: str, out: bytes) -> None:
    tree.write(name, text, 0o755 if name == "train" else 0o644)
    tree.orders(name, ["a b"])
    ended = tree.run()
    assert (ended.status, ended.out) == (0, out)


def test_script_whose_interpreter_is_missing(tree: LaunchTree) -> None:
    tree.write("train", "#!/no/such/interpreter\n", 0o755)
    tree.orders("train")
    ended = tree.run()
    assert ended.status == 127
    assert "the interpreter in its first line was not found in the image" in ended.exit["error"]


def test_executable_that_is_no_program(tree: LaunchTree) -> None:
    tree.write("train", "echo no first line\n", 0o755)
    tree.orders("train")
    ended = tree.run()
    assert ended.status == 126
    assert "has no #! in its first line" in ended.exit["error"]


def test_command_that_is_not_there(tree: LaunchTree) -> None:
    tree.orders(command=["no-such-command", "--epochs", "3"])
    ended = tree.run()
    assert ended.status == 127
    assert ended.exit["error"].startswith("the command no-such-command was not found on the PATH of the image (")


def test_references_are_replaced(tree: LaunchTree) -> None:
    tree.write("train.py", "import sys\nprint(*sys.argv[1:], sep='\\n')\n")
    tree.orders(
        "train.py",
        ["--data=$(inputs.my-data)/x", "$(outputs)", "$(job)", "$$(job)"],
        inputs=[{"name": "my-data", "uri": "s3://b/", "mode": "Download"}],
    )
    root = tree.root
    assert tree.run().out.decode().splitlines() == [
        f"--data={root}/inputs/my-data/x",
        f"{root}/outputs",
        "digits",
        "$(job)",
    ]


def test_unknown_reference_is_refused(tree: LaunchTree) -> None:
    tree.write("train.py", "raise SystemExit('must not run')")
    tree.orders("train.py", ["$(inputs.dgits)"], inputs=[{"name": "digits", "uri": "s3://b/", "mode": "Download"}])
    ended = tree.run()
    assert ended.status == 2
    assert ended.exit["exitCode"] == 2
    assert ended.exit["error"] == (
        "$(inputs.dgits) in the program's arguments is not known; known are $(inputs.digits), $(job), $(outputs). "
        "Write $$(inputs.dgits) for a literal $(inputs.dgits)"
    )


def test_environment_and_working_directory(tree: LaunchTree) -> None:
    tree.write("train.py", "import json, os\nprint(json.dumps([os.getcwd(), dict(os.environ)]))\n")
    tree.orders("train.py", inputs=[{"name": "my-data.v2", "uri": "s3://b/", "mode": "Download"}])
    folder, variables = json.loads(tree.run(env={"MINE": "kept", "PYTHONPATH": "/mine"}).out)
    assert folder == str(tree.code)
    wanted = {
        "RANK": "0",
        "WORLD_SIZE": "1",
        "LOCAL_RANK": "0",
        "INPUT_MY_DATA_V2": f"{tree.root}/inputs/my-data.v2",
        "FOOTPLATE_ROOT": str(tree.root),
        "FOOTPLATE_JOB": "digits",
        "PYTHONPATH": f"{tree.pyz}:/mine",
        "MINE": "kept",
    }
    assert {name: variables.get(name) for name in wanted} == wanted


def test_outputs_and_logs_lead_to_the_kept_folders(tree: LaunchTree) -> None:
    tree.write("outputs/from-source.txt", "came along")
    tree.write(
        "train.py",
        """
        for name in ("outputs", "logs"):
            with open(name + "/made.txt", "w") as file:
                file.write(name)
        """,
    )
    tree.orders("train.py")
    assert tree.run().status == 0
    assert (tree.root / "outputs/made.txt").read_text() == "outputs"
    assert (tree.root / "logs/made.txt").read_text() == "logs"
    assert (tree.root / "outputs/from-source.txt").read_text() == "came along"


def test_code_in_the_image_runs_where_the_image_has_it(tree: LaunchTree, tmp_path: Path) -> None:
    image = tmp_path / "app"
    image.mkdir()
    (image / "train.py").write_text("open('outputs/made.txt', 'w').close()\nimport os\nprint(os.getcwd())\n")
    tree.orders("train.py", source={"image": {"path": str(image)}})
    assert tree.run().out.decode().strip() == str(image)
    assert (tree.root / "outputs/made.txt").exists()
    tree.orders("train.py", source=None)
    assert tree.run(cwd=image).out.decode().strip() == str(image)


def test_run_is_importable_and_logs(tree: LaunchTree) -> None:
    tree.write(
        "train.py",
        """
        from footplate_run import Run

        with Run.get_context() as run:
            run.log("loss", 0.25, step=7)
            print(run.id, run.name, run.experiment, run.attempt, run.rank)
            print(run.inputs["digits"])
        """,
    )
    tree.orders("train.py", inputs=[{"name": "digits", "uri": "s3://b/", "mode": "Download"}])
    ended = tree.run(env={"FOOTPLATE_ATTEMPT": "2"})
    assert ended.err == b""
    assert ended.out.decode().splitlines() == ["digits-1a2b3c4d digits mnist 2 0", f"{tree.root}/inputs/digits"]
    line = json.loads((tree.root / "metrics/metrics.jsonl").read_text())
    assert {key: line[key] for key in ("kind", "name", "value", "step", "rank")} == {
        "kind": "scalar",
        "name": "loss",
        "value": 0.25,
        "step": 7,
        "rank": 0,
    }


def test_arguments_and_names_beyond_ascii_in_the_c_locale(tree: LaunchTree) -> None:
    tree.write("train.sh", 'printf %s "$1" "$NAME"')
    tree.orders("train.sh", ["größe=∞"])
    ended = tree.run(env={"LC_ALL": "C", "NAME": "Zoë"})
    assert ended.out.decode() == "größe=∞Zoë"


def test_launch_json_that_is_missing(tree: LaunchTree) -> None:
    ended = tree.run()
    assert ended.status == 2
    assert ended.exit["error"] == f"{tree.root}/launch/launch.json cannot be read: No such file or directory"


def test_framework_that_is_not_known(tree: LaunchTree) -> None:
    tree.write("train.py", "")
    tree.orders("train.py", distribution={"framework": "chainer", "nodes": 2})
    ended = tree.run()
    assert ended.status == 2
    assert ended.exit["error"].startswith("the framework chainer is not known to this launcher; known are ")


def test_pytorch_without_torch_is_said_plainly(current_tree: LaunchTree, tmp_path: Path) -> None:
    current_tree.write("train.py", "")
    current_tree.orders("train.py", distribution={"framework": "pytorch", "nodes": 1, "processesPerNode": 1, "port": 1})
    blocker = tmp_path / "site"
    blocker.mkdir()
    (blocker / "sitecustomize.py").write_text(
        "import importlib.util as u\nfind = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name == 'torch' else find(name, *a)\n"
    )
    ended = current_tree.run(env={"PYTHONPATH": str(blocker)})
    assert ended.status == 127
    assert ended.exit["error"] == (
        f"the job's distribution is pytorch, but {current_tree.python} has no module torch: "
        "add torch to the job's environment"
    )


def test_python_of_the_program_is_the_launchers(tree: LaunchTree) -> None:
    tree.write("train.py", "import sys\nprint(sys.executable)\n")
    tree.orders("train.py")
    assert Path(tree.run().out.decode().strip()).resolve() == Path(tree.python).resolve()


def test_reports_that_cannot_be_written_cost_no_exit_status(current_tree: LaunchTree) -> None:
    current_tree.write("train.py", "import sys\nsys.exit(5)\n")
    current_tree.orders("train.py")
    (current_tree.root / "state/exit.json.tmp").mkdir(parents=True)
    process = current_tree.start(env={"FOOTPLATE_TERMINATION_LOG": "/no/such/folder/log"})
    _, err = process.communicate(timeout=30)
    assert process.returncode == 5
    assert b"state/exit.json cannot be written" in err
    assert b"the termination message cannot be written" in err

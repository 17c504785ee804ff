"""The venv builder, with real pip and packages made here: no network."""

from __future__ import annotations

import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tiny_package import write_tiny

from footplate_local.builder import BuildError, find_python
from footplate_local.node.images import resolve

HASH = "0123456789ab" + "c" * 52


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package ``tiny`` 1.2, and ``made`` 1.0 as its source."""
    folder = tmp_path_factory.mktemp("wheels") / "wheels"
    write_tiny(folder)
    with tarfile.open(folder / "made-1.0.tar.gz", "w:gz") as source:
        for name, text in MADE.items():
            entry = tarfile.TarInfo(f"made-1.0/{name}")
            entry.size = len(text.encode())
            source.addfile(entry, io.BytesIO(text.encode()))
    return folder


# A source package that builds like Horovod: it imports what it is built with, wants a program on the PATH and a
# variable, and what it becomes depends on them.
MADE = {
    "PKG-INFO": "Metadata-Version: 2.1\nName: made\nVersion: 1.0\n",
    "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
    "backend.py": """
import os, subprocess, zipfile

def build_wheel(folder, config_settings=None, metadata_directory=None):
    import tiny
    if "WITH_TINY" not in os.environ:
        raise RuntimeError("set WITH_TINY=1")
    said = subprocess.run(["tinycc"], stdout=subprocess.PIPE, check=True).stdout.decode().strip()
    name = "made-1.0-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(folder, name), "w") as wheel:
        wheel.writestr("made.py", "HOW = %r\\n" % [tiny.WORD, said, os.environ["WITH_TINY"]])
        wheel.writestr("made-1.0.dist-info/METADATA", "Metadata-Version: 2.1\\nName: made\\nVersion: 1.0\\n")
        wheel.writestr("made-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr("made-1.0.dist-info/RECORD", "made.py,,\\n")
    return name
""",
}


def environ(home: Path, wheels: Path, **spec: Any) -> dict[str, str]:
    order = {"version": 1, "contentHash": HASH, "spec": spec}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    return kept | {
        "FOOTPLATE_BUILD": json.dumps(order),
        "FOOTPLATE_HOME": str(home),
        "FOOTPLATE_TERMINATION_LOG": str(home / "message"),
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(wheels),
    }


def build(env: dict[str, str]) -> tuple[int, dict[str, Any], str]:
    """Exit code, termination message, log."""
    command = [sys.executable, "-m", "footplate_local.builder"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, json.loads(Path(env["FOOTPLATE_TERMINATION_LOG"]).read_text()), done.stdout


@dataclass(frozen=True)
class Built:
    """An environment with ``tiny`` that two builders were asked for at once, in a home whose environments are a link.

    Of each builder what it printed and what its log has; first the one that built.
    """

    home: Path
    folder: Path
    env: dict[str, str]
    message: dict[str, Any]
    said: tuple[str, str]
    logs: tuple[str, str]

    def again(self, log: Path) -> tuple[int, dict[str, Any], str]:
        return build(self.env | {"FOOTPLATE_BUILD_LOG": str(log)})


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, wheels: Path) -> Built:
    top = tmp_path_factory.mktemp("built")
    home, room = top / "home", top / "room"
    home.mkdir()
    room.mkdir()
    (home / "environments").symlink_to(room)
    env = environ(home, wheels, pip=["tiny"])
    command = [sys.executable, "-m", "footplate_local.builder"]
    logs = [top / "log-0", top / "log-1"]
    both = [
        subprocess.Popen(command, env=env | {"FOOTPLATE_BUILD_LOG": str(log)}, stdout=subprocess.PIPE, text=True)
        for log in logs
    ]
    said = [process.communicate(timeout=120)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    first, second = sorted((0, 1), key=lambda i: "is built already" in said[i])
    message = json.loads((home / "message").read_text())
    texts = [log.read_text() for log in logs]
    folder = room / "env-0123456789ab"
    return Built(home, folder, env, message, (said[first], said[second]), (texts[first], texts[second]))


def test_two_builds_of_one_content_make_one_environment(built: Built) -> None:
    first, second = built.said
    assert "is built already" not in first
    assert "Successfully installed tiny-1.2" in first
    assert second.endswith("env-0123456789ab is built already\n")
    assert "Successfully installed" not in second


def test_an_environment_is_built_once_and_reused(built: Built, tmp_path: Path) -> None:
    lock = (built.folder / "lock.txt").read_text()
    version = built.message["python"]
    assert lock.splitlines()[0] == f"# python {version}"
    assert "tiny==1.2" in lock.splitlines()
    digest = hashlib.sha256(lock.encode()).hexdigest()
    assert built.message == {
        "version": 1,
        "image": f"footplate.local/env-0123456789ab@sha256:{digest}",
        "lock": (built.folder / "lock.txt").as_uri(),
        "python": version,
    }
    program = [str(built.folder / "bin" / "python"), "-c", "import tiny; print(tiny.WORD)"]
    assert subprocess.run(program, capture_output=True, text=True, check=True).stdout == "tiny\n"
    assert built.again(tmp_path / "log") == (0, built.message, "env-0123456789ab is built already\n")


def test_environments_may_be_a_link_and_outlive_the_home(built: Built) -> None:
    """Nothing in a virtual environment may name the way by which it was reached: its scripts would end with it."""
    link = built.home / "environments"
    assert resolve(built.message["image"], link).bin == link / "env-0123456789ab/bin"
    away = link.rename(link.with_name("away"))
    try:
        pip = subprocess.run([str(built.folder / "bin/pip"), "--version"], capture_output=True, check=False)
    finally:
        away.rename(link)
    assert pip.returncode == 0, pip.stderr


def test_its_log_is_kept_beside_the_environment(built: Built, tmp_path: Path) -> None:
    """A build that had nothing to do tells it."""
    said, log = built.said[0], built.logs[0]
    assert log == said
    assert built.logs[1] == built.said[1] + said
    assert built.again(tmp_path / "log")[0] == 0
    assert (tmp_path / "log").read_text() == "env-0123456789ab is built already\n" + said


def test_what_pip_cannot_install_is_told_in_its_words(tmp_path: Path, wheels: Path) -> None:
    code, message, log = build(environ(tmp_path, wheels, pip=["tiny", "no-such-package==9"]))
    assert code == 1
    assert message["error"]["message"] == (
        "pip could not install the requirements: No matching distribution found for no-such-package==9"
    )
    assert any("no-such-package" in line for line in message["error"]["lastLines"])
    assert "the build failed" in log
    assert not (tmp_path / "environments" / "env-0123456789ab" / ".complete").exists()


def test_a_source_is_built_with_the_build_requirements_their_programs_and_the_variables(
    tmp_path: Path, wheels: Path
) -> None:
    for content, value in (("a" * 64, "yes"), ("b" * 64, "another")):  # pip would take the first wheel again
        env = environ(tmp_path, wheels, pip=["made"], buildRequirements=["tiny"], variables={"WITH_TINY": value})
        env["FOOTPLATE_BUILD"] = env["FOOTPLATE_BUILD"].replace(HASH, content)
        env["XDG_CACHE_HOME"] = str(tmp_path / "cache")
        code, _, log = build(env)
        assert code == 0, log
        python = tmp_path / f"environments/env-{content[:12]}/bin/python"
        told = subprocess.run([str(python), "-c", "import made; print(made.HOW)"], capture_output=True, text=True)
        assert told.stdout == f"['tiny', 'compiled', '{value}']\n", told.stderr


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        (
            {"pip": ["made"], "buildRequirements": ["tiny"]},
            "pip could not install the requirements: Preparing metadata (pyproject.toml) of made-1.0.tar.gz did not "
            "run successfully: RuntimeError: set WITH_TINY=1",
        ),
        (
            {"pip": ["made"], "variables": {"WITH_TINY": "yes"}},
            "pip could not install the requirements: Preparing metadata (pyproject.toml) of made-1.0.tar.gz did not "
            "run successfully: ModuleNotFoundError: No module named 'tiny'",
        ),
        (
            {"pip": ["tiny<1.2"], "buildRequirements": ["tiny==1.2"]},
            "pip could not install the requirements: Cannot install tiny<1.2 and tiny==1.2 because these package "
            "versions have conflicting dependencies.",
        ),
        (
            {"pip": ["tiny"], "buildRequirements": ["no-such-package"]},
            "pip could not install the build requirements: No matching distribution found for no-such-package",
        ),
    ],
    ids=["a build that fails", "isolated without build requirements", "not exchanged afterwards", "not to be had"],
)
def test_why_a_source_is_not_built(spec: dict[str, Any], sentence: str, tmp_path: Path, wheels: Path) -> None:
    code, message, log = build(environ(tmp_path, wheels, **spec))
    assert (code, message["error"]["message"]) == (1, sentence), log


def test_a_build_that_was_killed_is_begun_again(tmp_path: Path, wheels: Path) -> None:
    env = environ(tmp_path, wheels, pip=["tiny"])
    folder = tmp_path / "environments" / "env-0123456789ab"
    first = subprocess.Popen(
        [sys.executable, "-m", "footplate_local.builder"], env=env, stdout=subprocess.DEVNULL, start_new_session=True
    )
    try:
        deadline = time.monotonic() + 60
        while not (folder / "bin").exists():
            assert time.monotonic() < deadline, "the build does not begin"
            time.sleep(0.01)
    finally:
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
    assert not (folder / ".complete").exists()
    code, _, log = build(env)
    assert code == 0, log
    assert "an unfinished build of env-0123456789ab is removed" in log


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"conda": "name: x"}, "makes pip environments only, and this one is of conda"),
        ({"dockerfile": "FROM x"}, "makes pip environments only, and this one is of dockerfile"),
        ({"pip": ["tiny"], "python": "2.99"}, "there is no Python 2.99 with venv on this machine"),
    ],
)
def test_what_it_cannot_build(spec: dict[str, Any], words: str, tmp_path: Path, wheels: Path) -> None:
    code, message, _ = build(environ(tmp_path, wheels, **spec))
    assert code == 1
    assert words in message["error"]["message"]


def test_a_python_of_the_version_asked_for_is_found_on_the_path(tmp_path: Path) -> None:
    """Also one that pyenv has; one that cannot make virtual environments does not count."""
    for folder, version, usable in (
        (tmp_path / "broken", "3.98", "exit 1"),
        (tmp_path / "good", "3.98", "echo 3.98.4"),
        (tmp_path / ".pyenv" / "versions" / "3.97.1" / "bin", "", "echo 3.97.1"),
    ):
        folder.mkdir(parents=True)
        program = folder / f"python{version}"
        program.write_text(f"#!/bin/sh\n{usable}\n")
        program.chmod(0o755)
    path = f"{tmp_path}/broken:{tmp_path}/good:{tmp_path}/.pyenv/shims:/usr/bin:/bin"
    assert find_python("3.98", {"PATH": path}) == str(tmp_path / "good" / "python3.98")
    assert find_python("3.97.1", {"PATH": path}) == str(tmp_path / ".pyenv" / "versions" / "3.97.1" / "bin" / "python")
    assert find_python(None, {"PATH": path}) == sys.executable
    with pytest.raises(BuildError, match=r"no Python 3\.96"):
        find_python("3.96", {"PATH": path})

"""Which engine builds, with which command, and what is said when none can."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import make_images
import pytest
from dockerfile import ROOT, read_dockerfile
from make_images import ImagesError, Order, build_command, choose_engine

import footplate

DIGEST = "sha256:" + "ab" * 32
ORDER = Order(
    engine="buildah",
    prefix="registry.example.com/footplate",
    tag="1.2.3",
    version="0.1.0",
    revision="c0ffee",
    base=f"registry.example.com/python:3.11@{DIGEST}",
    base_digest=DIGEST,
    epoch=60,
    platform=None,
    flags=(),
    arguments={},
)
NO_DAEMON = "echo 'Client: 28' ; echo 'Cannot connect to the Docker daemon. Is it running?' >&2; exit 1"


@pytest.fixture
def engines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on the PATH, for programs of the engines' names."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def put(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


@pytest.mark.parametrize(
    ("there", "wanted", "chosen"),
    [
        ({"docker": "exit 0", "buildah": "exit 0"}, None, "docker"),
        ({"docker": NO_DAEMON, "buildah": "exit 0"}, None, "buildah"),
        ({"podman": "exit 0", "buildah": "exit 0"}, None, "podman"),
        ({"docker": "exit 0", "buildah": "exit 0"}, "buildah", "buildah"),
    ],
)
def test_the_first_engine_that_works_builds(
    engines: Path, there: dict[str, str], wanted: str | None, chosen: str
) -> None:
    for name, script in there.items():
        put(engines, name, script)
    assert choose_engine(wanted) == chosen


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (None, ["docker: Cannot connect to the Docker daemon. Is it running?", "podman: is not installed", "ENGINE="]),
        ("podman", ["podman: is not installed"]),
        ("docker", ["docker: Cannot connect"]),
        ("kaniko", ["ENGINE=kaniko is not known; it is docker, podman or buildah."]),
    ],
)
def test_without_an_engine_it_says_what_is_wrong_with_each(engines: Path, wanted: str | None, said: list[str]) -> None:
    put(engines, "docker", NO_DAEMON)
    with pytest.raises(ImagesError) as error:
        choose_engine(wanted)
    assert [text for text in said if text not in str(error.value)] == []


def test_the_program_says_so_in_a_sentence(engines: Path) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "images/make_images.py"], env={"PATH": str(engines)}, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("make images: no engine can build images here:")


def arguments(command: list[str]) -> dict[str, str]:
    values = [command[index + 1] for index, word in enumerate(command) if word == "--build-arg"]
    return dict(value.split("=", 1) for value in values)


def test_the_command_of_a_build() -> None:
    order = replace(ORDER, platform="linux/arm64", flags=("--no-cache",), arguments={"PIP_NO_INDEX": "1"})
    command = build_command(order, "runtime")
    told = arguments(command)
    assert command[:2] == ["buildah", "build"]
    assert command[-2:] == ["--no-cache", "."]
    assert " ".join(command).count("--tag registry.example.com/footplate/runtime:1.2.3 --platform linux/arm64") == 1
    assert told["PIP_NO_INDEX"] == "1"
    assert told["BASE"].endswith(DIGEST)
    assert (told["BASE_DIGEST"], told["CREATED"]) == (DIGEST, "1970-01-01T00:01:00Z")


@pytest.mark.parametrize("engine", ["docker", "podman", "buildah"])
def test_every_engine_is_told_the_time_of_the_files(engine: str) -> None:
    command = build_command(replace(ORDER, engine=engine), "operator")
    assert arguments(command)["SOURCE_DATE_EPOCH"] == "60"
    assert ("--timestamp" in command) is (engine != "docker")  # BuildKit has no such flag


@pytest.mark.parametrize("image", make_images.IMAGES)
def test_the_dockerfiles_know_every_argument(image: str) -> None:
    file = read_dockerfile(image)
    known = {words.partition("=")[0] for stage in file.stages for words in stage.all("ARG")}
    packages = {"PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST", "PIP_NO_INDEX"}
    # The operator's installs no package of Debian.
    debian = {"DEBIAN_MIRROR", "DEBIAN_SECURITY_MIRROR"} if image == "runtime" else set()
    assert known == set(arguments(build_command(ORDER, image))) | packages | debian


BUILDAH = f"""
case "$1" in
  inspect) [ -e "$HERE/pulled" ] || exit 125; echo {DIGEST};;
  pull) echo "$@" >> "$HERE/pulled";;
esac
"""


@pytest.mark.parametrize(
    ("base", "resolved"),
    [
        (None, f"{make_images.BASE}@{DIGEST}"),
        ("localhost/python:3.11", "localhost/python:3.11"),
        (f"registry.example.com/python@{DIGEST}", f"registry.example.com/python@{DIGEST}"),
    ],
)
def test_the_base_gets_the_digest_that_its_registry_gives_it(
    engines: Path, monkeypatch: pytest.MonkeyPatch, base: str | None, resolved: str
) -> None:
    put(engines, "buildah", BUILDAH)
    monkeypatch.setenv("HERE", str(engines))
    order = make_images.order_from({"BASE": base} if base else {})
    assert (order.base, order.base_digest) == (resolved, DIGEST)
    assert (engines / "pulled").exists() is ("@" not in (base or ""))


@pytest.mark.parametrize(
    ("said", "resolved", "digest"),
    [
        (f'["python@{DIGEST}"] sha256:1d', f"python:3.11@{DIGEST}", DIGEST),
        (f'["localhost/python@{DIGEST}"] 1d', "python:3.11", DIGEST),  # podman has one for what it made itself
        ("[] sha256:1d", "python:3.11", "sha256:1d"),
    ],
)
def test_docker_and_podman_tell_digests_of_registries_and_ids(
    engines: Path, said: str, resolved: str, digest: str
) -> None:
    put(engines, "docker", f"echo '{said}'")
    order = make_images.order_from({"BASE": "python:3.11"})
    assert (order.engine, order.base, order.base_digest) == ("docker", resolved, digest)


def test_what_is_not_told_is_the_projects_own(engines: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(engines, "buildah", f"echo {DIGEST}")
    environ = {"http_proxy": "http://proxy:3128", "PIP_INDEX_URL": "", "SOURCE_DATE_EPOCH": "7"}
    order = make_images.order_from(environ)
    assert order.reference("operator") == f"footplate/operator:{footplate.__version__}"
    assert (order.arguments, order.epoch) == ({"http_proxy": "http://proxy:3128"}, 7)
    assert order.revision == "unknown"  # there is no git on the PATH
    assert os.environ["PATH"] == str(engines)

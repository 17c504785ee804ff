"""The embedded cluster's builder, ``python -m footplate_local.builder``: a virtual environment for an Environment.

Its orders and its answer are those of every builder (docs/architecture.md, "A builder"). The image it makes is a
folder, ``<home>/environments/env-<12 hex>``, made at its final place because virtual environments cannot be moved.
It counts as there once it holds the file ``.complete``; a build that was killed is begun again from nothing.

pip runs as in an activated environment with the spec's variables, so that a source build finds what a RUN of a
Dockerfile would: the environment's programs first on the PATH (cmake, mpicxx), then those of the machine.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from footplate_local.pip_log import PipLog
from footplate_runtime.contract import (
    DEFAULT_TERMINATION_LOG,
    ENV_BUILD,
    ENV_BUILD_LOG,
    ENV_TERMINATION_LOG,
    TERMINATION_LOG_LIMIT,
)

COMPLETE = ".complete"
LOCK = "lock.txt"
LOG = "build.log"
_IMAGE_PREFIX = "footplate.local/"
_NOT_HERE = ("image", "conda", "dockerfile")


class BuildError(Exception):
    """The environment cannot be built: one sentence, and the last lines of the log."""

    def __init__(self, message: str, last_lines: list[str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.last_lines = last_lines or []


@dataclass(frozen=True, slots=True)
class Order:
    """What to build, and where the environments of this machine lie."""

    content_hash: str
    pip: tuple[str, ...]
    build_requirements: tuple[str, ...]
    variables: Mapping[str, str]
    python: str | None
    environments: Path

    @property
    def name(self) -> str:
        return f"env-{self.content_hash[:12]}"

    @property
    def folder(self) -> Path:
        return self.environments / self.name

    def activated(self, environ: Mapping[str, str]) -> dict[str, str]:
        """The variables of a program that runs in the environment: ENVIRON, over it the spec's, and its programs."""
        given = {**environ, **self.variables}
        path = os.pathsep.join([str(self.folder / "bin"), given.get("PATH", os.defpath)])
        return {**given, "VIRTUAL_ENV": str(self.folder), "PATH": path}


def read_order(environ: Mapping[str, str]) -> Order:
    """From FOOTPLATE_BUILD and FOOTPLATE_HOME. Raises BuildError for what this builder cannot build."""
    for name in (ENV_BUILD, "FOOTPLATE_HOME"):
        if not environ.get(name):
            raise BuildError(f"the builder needs the environment variable {name}")
    order = json.loads(environ[ENV_BUILD])
    spec: dict[str, Any] = order["spec"]
    if not spec.get("pip"):
        kind = next((key for key in _NOT_HERE if spec.get(key)), "nothing")
        raise BuildError(
            f"the local builder makes pip environments only, and this one is of {kind}: "
            "use pip, or a cluster whose operator has an image builder"
        )
    if not re.fullmatch(r"[0-9a-f]{64}", order["contentHash"]):
        raise BuildError(f"the content hash {order['contentHash']!r} is not 64 hexadecimal digits")
    if spec.get("baseImage"):
        print(f"baseImage {spec['baseImage']} is not used: a local environment is built on this machine's Python")
    return Order(
        content_hash=order["contentHash"],
        pip=tuple(spec["pip"]),
        build_requirements=tuple(spec.get("buildRequirements") or ()),
        variables=spec.get("variables") or {},
        python=spec.get("python"),
        # Resolved: the folder may be a link to where there is room, and an environment knows its own path.
        environments=(Path(environ["FOOTPLATE_HOME"]) / "environments").resolve(),
    )


def build(order: Order, environ: Mapping[str, str]) -> dict[str, Any]:
    """Builds it unless it is there, and returns the answer of a builder. Raises BuildError."""
    order.environments.mkdir(parents=True, exist_ok=True)
    with _one_at_a_time(order):
        if (order.folder / COMPLETE).exists():
            print(f"{order.name} is built already", flush=True)
            _tell_again(order.folder / LOG, environ)
        else:
            _make(order, environ)
        return answer(order.folder)


def answer(folder: Path) -> dict[str, Any]:
    """What a builder says of a finished environment."""
    lock = folder / LOCK
    content = lock.read_bytes()
    version = content.decode().partition("\n")[0].removeprefix("# python ")
    digest = hashlib.sha256(content).hexdigest()
    return {
        "version": 1,
        "image": f"{_IMAGE_PREFIX}{folder.name}@sha256:{digest}",
        "lock": lock.absolute().as_uri(),
        "python": version,
    }


@contextmanager
def _one_at_a_time(order: Order) -> Iterator[None]:
    """Only one build of a content runs; who comes second waits and finds it built."""
    descriptor = os.open(order.environments / f".{order.name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"waiting for another build of {order.name}", flush=True)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _make(order: Order, environ: Mapping[str, str]) -> None:
    if order.folder.exists():
        print(f"an unfinished build of {order.name} is removed", flush=True)
        shutil.rmtree(order.folder)
    python = find_python(order.python, environ)
    print(f"building {order.name} with {python}", flush=True)
    _run([python, "-m", "venv", str(order.folder)], environ, "the virtual environment could not be made")
    pip = [str(order.folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--no-input"]
    # Compiling all modules takes longer than all else; Python compiles those that a program imports, once.
    install = [*pip, "install", "--no-compile", "--progress-bar", "off"]
    if order.variables or order.build_requirements:
        # pip's cache has wheels that it built before, by name and version alone: for another MPI or other variables.
        install.append("--no-cache-dir")
    requirements = _file_of(order.folder / "requirements.txt", order.pip)
    activated = order.activated(environ)
    if order.build_requirements:
        first = _file_of(order.folder / "build-requirements.txt", order.build_requirements)
        _run([*install, *first], activated, "pip could not install the build requirements")
        # Again, so that no later requirement exchanges what was built with.
        requirements = ["--no-build-isolation", *first, *requirements]
    _run([*install, *requirements], activated, "pip could not install the requirements")
    _write_lock(order.folder, [*pip, "freeze", "--all"], environ)
    print(f"{order.name} is ready", flush=True)
    if environ.get(ENV_BUILD_LOG):
        shutil.copyfile(environ[ENV_BUILD_LOG], order.folder / LOG)
    (order.folder / COMPLETE).write_text(order.content_hash, encoding="ascii")


def _tell_again(log: Path, environ: Mapping[str, str]) -> None:
    """The log of the build that made the environment stands for that of this one, which had nothing to do."""
    if environ.get(ENV_BUILD_LOG) and log.exists():
        with open(environ[ENV_BUILD_LOG], "ab") as file:
            file.write(log.read_bytes())


def _file_of(path: Path, requirements: tuple[str, ...]) -> list[str]:
    """pip's arguments that install the REQUIREMENTS, after they are written to PATH."""
    path.write_text("".join(f"{line}\n" for line in requirements), encoding="utf-8")
    return ["--requirement", str(path)]


def _write_lock(folder: Path, freeze: list[str], environ: Mapping[str, str]) -> None:
    """``# python <version>`` and every installed package with its version; its sha256 is the image's digest."""
    version = _output(
        [str(folder / "bin" / "python"), "-c", "import platform; print(platform.python_version())"], environ
    )
    packages = _output(freeze, environ)
    (folder / LOCK).write_text(f"# python {version.strip()}\n{packages}", encoding="utf-8")


def find_python(wanted: str | None, environ: Mapping[str, str]) -> str:
    """A Python of the version WANTED ("3.11"): this one, ``python3.11`` on the PATH, or one of pyenv's.

    Raises BuildError when there is none that can make virtual environments.
    """
    if wanted is None:
        return sys.executable
    short = ".".join(wanted.split(".")[:2])
    on_path = [str(Path(folder) / f"python{short}") for folder in environ.get("PATH", "").split(os.pathsep)]
    for candidate in [sys.executable, *on_path, *_pyenv_pythons(wanted, environ)]:
        if _version_of(candidate, environ)[: len(wanted.split("."))] == wanted.split("."):
            return candidate
    raise BuildError(
        f"there is no Python {wanted} with venv on this machine (python{short} on the PATH, pyenv): "
        "install it, or leave spec.python out to use the one Footplate runs on"
    )


def _version_of(python: str, environ: Mapping[str, str]) -> list[str]:
    """[major, minor, patch], or nothing when it cannot run or cannot make virtual environments."""
    question = "import ensurepip, venv, platform; print(platform.python_version())"
    try:
        return _output([python, "-c", question], environ).strip().split(".")
    except (OSError, subprocess.CalledProcessError):
        return []


def _pyenv_pythons(wanted: str, environ: Mapping[str, str]) -> list[str]:
    """pyenv's interpreters of that version; its shims only run the versions that the user has chosen."""
    shims = [Path(folder) for folder in environ.get("PATH", "").split(os.pathsep) if folder.endswith("/.pyenv/shims")]
    roots = [Path(environ["PYENV_ROOT"])] if environ.get("PYENV_ROOT") else [folder.parent for folder in shims]
    return [str(path) for root in roots for path in sorted(root.glob(f"versions/{wanted}*/bin/python"))]


def _output(command: list[str], environ: Mapping[str, str]) -> str:
    return subprocess.run(
        command, env=dict(environ), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True
    ).stdout


def _run(command: list[str], environ: Mapping[str, str], failure: str) -> None:
    """Runs COMMAND, its output going on line by line. Raises BuildError with pip's own sentence."""
    log = PipLog()
    environment = {**environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as child:
        assert child.stdout is not None
        for raw in child.stdout:
            line = raw.decode("utf-8", "replace").rstrip()
            print(line, flush=True)
            log.add(line)
    if child.returncode != 0:
        raise BuildError(f"{failure}: {log.cause or f'exit code {child.returncode}'}", log.last_lines)


def _report(environ: Mapping[str, str], value: dict[str, Any]) -> None:
    """The termination message; lines go, the first ones first, until it fits."""
    lines = value.get("error", {}).get("lastLines", [])
    while len(content := json.dumps(value).encode()) > TERMINATION_LOG_LIMIT and lines:
        del lines[0]
    Path(environ.get(ENV_TERMINATION_LOG) or DEFAULT_TERMINATION_LOG).write_bytes(content)


class _Both(io.TextIOBase):
    """Writes to two streams."""

    def __init__(self, *streams: TextIO) -> None:
        self._streams = streams

    def write(self, text: str) -> int:
        for stream in self._streams:
            stream.write(text)
            stream.flush()
        return len(text)


@contextmanager
def _kept(path: str | None) -> Iterator[None]:
    """What is printed meanwhile is also in the file."""
    if not path:
        yield
        return
    with open(path, "a", encoding="utf-8") as file, redirect_stdout(_Both(sys.stdout, file)):
        yield


def main(environ: Mapping[str, str] = os.environ) -> int:
    with _kept(environ.get(ENV_BUILD_LOG)):
        return _main(environ)


def _main(environ: Mapping[str, str]) -> int:
    try:
        _report(environ, build(read_order(environ), environ))
        return 0
    except BuildError as error:
        print(f"the build failed: {error.message}", flush=True)
        _report(environ, {"version": 1, "error": {"message": error.message[:1024], "lastLines": error.last_lines}})
        return 1


if __name__ == "__main__":
    sys.exit(main())

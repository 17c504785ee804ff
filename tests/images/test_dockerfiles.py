"""What can be known of the images without building them; test_build.py builds them."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterable
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

import pytest
from dockerfile import ROOT, files_of_build, read_dockerfile
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

IMAGES = ("operator", "runtime")
OWN = {"footplate", "footplate_run", "footplate_runtime"}
# Imported where they are, and done without where they are not.
OPTIONAL = {"numpy", "torch", "matplotlib", "tensorflow", "mpi4py"}

each_image = pytest.mark.parametrize("image", IMAGES)


@each_image
def test_all_stages_are_made_from_the_base_that_is_given(image: str) -> None:
    file = read_dockerfile(image)
    assert len(file.arguments) == 1
    assert re.fullmatch(r"BASE=[a-z.]+/[a-z/]+:[a-z0-9.-]+", file.arguments[0]), (
        "no engine knows a short name's registry"
    )
    names = {stage.name for stage in file.stages}
    assert {stage.base for stage in file.stages} <= names | {"${BASE}"}


@each_image
def test_all_that_is_copied_exists_and_is_let_into_the_build(image: str) -> None:
    copied = read_dockerfile(image).copied()
    assert copied
    for path in copied:
        assert files_of_build(path), f"{path} is not there or .dockerignore leaves it out"


def test_nothing_else_is_let_into_the_builds() -> None:
    for path in (".git", ".venv", "tests", "docs", "local", "pyproject.toml", "operator/footplate/cli", "build"):
        assert files_of_build(path) == []
    files = [file for path in ("operator", "runtime", "images") for file in files_of_build(path)]
    assert not [file for file in files if file.suffix == ".pyc"]


@each_image
def test_runs_as_a_number_that_is_not_root_and_asks_for_no_health_check(image: str) -> None:
    file = read_dockerfile(image)
    instructions = [name for stage in file.stages for name, _ in stage.instructions]
    assert "HEALTHCHECK" not in instructions
    assert "ADD" not in instructions  # files from anywhere
    (user,) = (words for stage in file.last for words in stage.all("USER"))
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)


@each_image
def test_where_packages_come_from_is_not_told_by_the_image(image: str) -> None:
    arguments = {words.partition("=")[0] for stage in read_dockerfile(image).last for words in stage.all("ARG")}
    assert not {name for name in arguments if name.startswith("PIP_")}, "an index's address may have a password in it"


@each_image
def test_labels_say_what_it_is(image: str) -> None:
    (labels,) = read_dockerfile(image).stages[-1].all("LABEL")
    told = set(re.findall(r"org\.opencontainers\.image\.([a-z.]+)=", labels))
    assert told == {
        *("title", "description", "licenses", "version", "revision", "created", "base.name", "base.digest"),
    }


def requirements(image: str) -> set[str]:
    lines = (ROOT / "images" / image / "requirements.txt").read_text().splitlines()
    return {canonicalize_name(line) for line in lines if line and not line.startswith("#")}


def closure(names: Iterable[str]) -> set[str]:
    """The packages and all that they require here."""
    found: set[str] = set()
    left = list(names)
    while left:
        name = canonicalize_name(left.pop())
        if name in found:
            continue
        found.add(name)
        needed = [Requirement(text) for text in distribution(name).requires or ()]
        left += [need.name for need in needed if need.marker is None or need.marker.evaluate({"extra": ""})]
    return found


@each_image
def test_the_version_of_all_that_is_installed_is_pinned_to_the_tested_one(image: str) -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = {canonicalize_name(line.partition("==")[0]): line.partition("==")[2] for line in lines if "==" in line}
    installed = {name: distribution(name).version for name in closure(requirements(image))}
    assert {name: pinned.get(name) for name in installed} == installed


def sources(image: str) -> list[Path]:
    folders = [path for path in read_dockerfile(image).copied() if Path(path).name in OWN]
    return [file for folder in folders for file in files_of_build(folder) if file.suffix == ".py"]


@each_image
def test_requirements_are_what_the_code_imports(image: str) -> None:
    imported: set[str] = set()
    for path in sources(image):
        if image == "operator" and "footplate_run" in str(path.relative_to(ROOT)):
            continue  # of these it imports the contract alone
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {name.name.partition(".")[0] for name in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                imported.add(node.module.partition(".")[0])
    foreign = imported - set(sys.stdlib_module_names) - OWN - OPTIONAL
    known = packages_distributions()
    packages = {canonicalize_name(known[name][0]) for name in foreign}
    assert requirements(image) <= packages <= closure(requirements(image))


ONLY = """
import sys
allowed, left_out, paths = set({allowed!r}), tuple({left_out!r}), {paths!r}

class Only:
    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        own = top in sys.stdlib_module_names or top.startswith("_sysconfigdata")
        if own or top in allowed and not (name + ".").startswith(left_out):
            return self.finder.find_spec(name, path, target)
        return None

sys.meta_path[:] = map(Only, sys.meta_path)
sys.path[:0] = paths
"""


def in_image(image: str, program: str, *arguments: str) -> None:
    """Run a program that sees of this Python's packages those that the image has."""
    packages = closure(requirements(image))
    known = packages_distributions()
    tops = {top for top, names in known.items() if {canonicalize_name(name) for name in names} & packages}
    runs = [words for stage in read_dockerfile(image).stages for words in stage.all("RUN")]
    (install,) = (words.split() for words in runs if "install.sh" in words)
    left_out = [word.replace("/", ".") + "." for word in install[3:]]
    code = ONLY.format(
        allowed=sorted({*tops, *OWN}),
        left_out=[*left_out, "footplate.cli."],
        paths=[str(ROOT / "operator"), str(ROOT / "runtime")],
    )
    done = subprocess.run(
        [sys.executable, "-c", code + program, *arguments], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr


def modules_of_pods() -> list[str]:
    """What the operator starts in the runtime image."""
    text = "".join(path.read_text() for path in sources("operator"))
    found = set(re.findall(r'"-m", f?"(footplate_runtime\.[a-z_{}]+)"', text))
    assert "footplate_runtime.{name}" in found  # the containers of jobs/pods.py have their module's name
    return sorted({*found - {"footplate_runtime.{name}"}, "footplate_runtime.fetch", "footplate_runtime.agent"})


def test_what_the_operator_starts_in_pods_is_in_the_runtime_image() -> None:
    modules = modules_of_pods()
    assert len(modules) == 4
    started = [module + ".__main__" if (place(module)).is_dir() else module for module in modules]
    in_image("runtime", "import importlib\n" + "\n".join(f"importlib.import_module({name!r})" for name in started))


def place(module: str) -> Path:
    return ROOT / "runtime" / module.replace(".", "/")


KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: there
contexts: [{name: there, context: {cluster: there, user: me}}]
clusters: [{name: there, cluster: {server: "https://127.0.0.1:6443"}}]
users:
  - name: me
    user:
      exec:
        apiVersion: client.authentication.k8s.io/v1
        command: echo
        args: ['{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": "t"}}']
        interactiveMode: Never
"""


def test_the_operator_finds_its_cluster_with_what_is_in_its_image(tmp_path: Path) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(KUBECONFIG)
    program = """
import asyncio, footplate.__main__
from footplate.kube import config

async def connect():
    connection = await config.load(sys.argv[1], None, {})
    assert await connection.headers() == {"Authorization": "Bearer t"}, await connection.headers()

asyncio.run(connect())
"""
    in_image("operator", program, str(kubeconfig))

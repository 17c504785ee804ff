"""The images, built by `make images` with buildah on the base that BASE names, and what is in them run as in a pod.

As root, with --images; docs/development.md says how to make a base. Other variables of `make images` hold as well.
"""

from __future__ import annotations

import json
import os
import re
import signal
import ssl
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
import yaml
from api_server import ApiServerInThread
from built_image import NOBODY, BuiltImage, buildah, identity, unpacked
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from dockerfile import ROOT
from own_certificate import own_certificate
from replica import AgentProcess, Replica, eventually

import footplate
from footplate_runtime.store import open_store

pytestmark = pytest.mark.images

BASE = os.environ.get("BASE") or "localhost/python:3.11"
PREFIX = "localhost/footplate-under-test"
MEGABYTE = 1_000_000
SERVICE_ACCOUNT = "run/secrets/kubernetes.io/serviceaccount"


def make_images(tag: str, **environ: str) -> str:
    """Build both; what the program printed."""
    env = {**os.environ, "ENGINE": "buildah", "IMAGE_PREFIX": PREFIX, "BASE": BASE, "TAG": tag, **environ}
    command = [sys.executable, "images/make_images.py"]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=1500, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


@pytest.fixture(scope="module")
def built() -> Iterator[str]:
    """The tag of the images; they are removed at the end."""
    assert os.geteuid() == 0, "--images needs root: it mounts images and takes another user's place"
    tag = f"t{os.getpid()}"
    make_images(tag, ENGINE_FLAGS="--no-cache")  # what is cached has the time of an earlier commit
    yield tag
    buildah("rmi", f"{PREFIX}/operator:{tag}", f"{PREFIX}/runtime:{tag}")


@pytest.fixture(scope="module")
def operator(built: str) -> Iterator[BuiltImage]:
    with unpacked(f"{PREFIX}/operator:{built}") as image:
        yield image


@pytest.fixture(scope="module")
def runtime(built: str) -> Iterator[BuiltImage]:
    with unpacked(f"{PREFIX}/runtime:{built}") as image:
        yield image


@pytest.fixture(params=["operator", "runtime"])
def image(request: pytest.FixtureRequest) -> BuiltImage:
    found: BuiltImage = request.getfixturevalue(request.param)
    return found


def test_a_second_build_gives_the_same_images_wherever_packages_come_from(built: str) -> None:
    again = f"{built}-again"
    make_images(again, ENGINE_FLAGS="--no-cache", PIP_TRUSTED_HOST="secret.invalid")
    try:
        names = [f"{PREFIX}/{image}" for image in ("operator", "runtime")]
        assert [identity(f"{name}:{again}") for name in names] == [identity(f"{name}:{built}") for name in names]
    finally:
        buildah("rmi", f"{PREFIX}/operator:{again}", f"{PREFIX}/runtime:{again}")


def test_they_are_small(operator: BuiltImage, runtime: BuiltImage) -> None:
    with unpacked(BASE) as base:
        over_base = {image.name: image.bytes() - base.bytes() for image in (operator, runtime)}
    print({name: f"{size / MEGABYTE:.0f} MB over the base" for name, size in over_base.items()})
    assert over_base[operator.name] < 90 * MEGABYTE
    assert over_base[runtime.name] < 70 * MEGABYTE


def test_the_configuration_is_that_of_the_dockerfile(image: BuiltImage) -> None:
    labels = image.config["Labels"]
    assert image.config["User"] == "65532:65532"
    assert labels["org.opencontainers.image.version"] == footplate.__version__
    assert labels["org.opencontainers.image.base.name"] == BASE
    digest = buildah("inspect", "--type", "image", "--format", "{{.FromImageDigest}}", BASE)
    assert labels["org.opencontainers.image.base.digest"] == digest
    told = json.dumps(image.config)
    assert [name for name in ("PIP_", "proxy") if name in told] == []


def test_there_is_no_compiler_and_no_pip(image: BuiltImage) -> None:
    tools = "cc gcc c++ g++ clang ld as make pip pip3 pip3.11"
    assert image.run("sh", "-c", f"command -v {tools}").stdout == ""
    for python in ("python3", "/usr/bin/python3", "/usr/local/bin/python3"):
        done = image.run("sh", "-c", f"{python} -m pip --version || {python} -m ensurepip --version")
        assert done.returncode != 0


def test_any_user_can_use_all_of_it_and_write_nowhere(image: BuiltImage) -> None:
    program = "import getpass, os, pathlib; print(os.getuid(), getpass.getuser(), pathlib.Path.home())"
    assert image.run("python3", "-c", program).stdout.split() == [str(NOBODY), "footplate", "/tmp"]
    unreadable = image.run("sh", "-c", "find /opt/footplate ! -readable; touch /tmp/x /opt/footplate/x /x")
    assert unreadable.stdout == ""
    assert unreadable.stderr.count("Read-only file system") == 3


def test_nothing_is_compiled_at_a_start(image: BuiltImage) -> None:
    runtime = "footplate_runtime.agent.agent, footplate_runtime.fetch.fetch, footplate_runtime.fetch.git"
    modules = "footplate.__main__" if image.config.get("Entrypoint") else runtime
    done = image.run("python3", "-v", "-c", f"import {modules}")
    assert done.returncode == 0, done.stderr[-2000:]
    loaded = re.findall(r"^# code object from '?(/[^'\n]+)", done.stderr, re.MULTILINE)
    assert len(loaded) > 50
    compiled = [path for path in loaded if not path.endswith(".pyc")]
    # Of the thousand models of the Kubernetes client, those that something names.
    assert len([path for path in compiled if "/client/models/" in path]) < 5
    assert [path for path in compiled if "/client/models/" not in path] == []


def test_the_bill_of_materials_names_all_that_is_there(image: BuiltImage) -> None:
    name = f"footplate-{image.name.rpartition('/')[2].partition(':')[0]}.cdx.json"
    text = (image.root / "usr/share/sbom" / name).read_text()
    assert (ROOT / "build/images" / name).read_text() == text
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    purls = {component.get("purl", "") for component in json.loads(text)["components"]}
    packages = len(list(image.root.glob("opt/footplate/lib/python3*/site-packages/*.dist-info")))
    assert len([purl for purl in purls if purl.startswith("pkg:pypi/")]) == packages > 1
    debian = image.run("dpkg-query", "--show", "--showformat", "${db:Status-Abbrev}\n").stdout.splitlines()
    assert len([purl for purl in purls if purl.startswith("pkg:deb/")]) == len([x for x in debian if x[:2] == "ii"])


def test_the_operator_says_who_it_is(operator: BuiltImage) -> None:
    assert operator.config["Entrypoint"] == ["python", "-m", "footplate"]
    entrypoint = operator.config["Entrypoint"]
    assert operator.run(*entrypoint, "--version").stdout == f"footplate {footplate.__version__}\n"
    assert "--config" in operator.run(*entrypoint, "--help").stdout


def test_the_operator_leads_and_leaves_as_in_a_pod(
    operator: BuiltImage, api_server: ApiServerInThread, tmp_path: Path, unused_tcp_port: int
) -> None:
    api_server.load_crds()
    account, settings = tmp_path / "account", tmp_path / "settings"
    for folder in (account, settings):
        folder.mkdir()
    (account / "token").write_text(api_server.token)
    (account / "ca.crt").write_bytes(api_server.certificate.read_bytes())
    (account / "namespace").write_text("default")
    told: dict[str, Any] = {"store": {"uri": "s3://bucket/runs"}, "operatorNamespace": "default"}
    told |= {"healthHost": "127.0.0.1", "healthPort": unused_tcp_port}
    (settings / "settings.yaml").write_text(yaml.safe_dump(told))
    os.chmod(tmp_path, 0o755)
    address = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(api_server.server.port)}
    mounts = {account: f"/{SERVICE_ACCOUNT}", settings: "/etc/footplate"}
    command = operator.command(mounts, "FOOTPLATE_CONFIG=/etc/footplate/settings.yaml", *operator.config["Entrypoint"])
    log = tmp_path / "log"
    with log.open("wb") as file:
        process = subprocess.Popen(command, env={"PATH": os.environ["PATH"], **address}, stdout=file, stderr=file)
    try:

        def ready() -> bool:
            assert process.poll() is None, log.read_text()
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{unused_tcp_port}/readyz", timeout=5) as answer:
                    return bool(answer.status == 200)
            except OSError:
                return False

        eventually(ready, f"the operator to be ready: {log}")
        status, lease = api_server.request(
            "GET", "/apis/coordination.k8s.io/v1/namespaces/default/leases/footplate-operator"
        )
        assert (status, bool(lease["spec"]["holderIdentity"])) == (200, True)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0, log.read_text()
        assert "Traceback" not in log.read_text()
    finally:
        process.kill()
        process.wait()


class Pod:
    """A replica whose containers are those of the runtime image."""

    def __init__(self, image: BuiltImage, folder: Path) -> None:
        self.image, self.folder = image, folder
        self.replica = Replica(folder, (folder / "store/default/digits-1a2b3c4d").as_uri() + "/")

    @property
    def mounts(self) -> dict[Path, str]:
        """The pod's volume and the store, given to the user as a pod's fsGroup does."""
        for path in (self.folder, *self.folder.rglob("*")):
            os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
        return {self.folder: str(self.folder)}

    def run(self, module: str, **more: str) -> subprocess.CompletedProcess[str]:
        command = self.image.command(self.mounts, "python3", "-m", f"footplate_runtime.{module}")
        env = {**self.replica.env, **more}
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)

    def agent(self) -> AgentProcess:
        # The harness ends the command with its own Python, which gives way to that of the image.
        own = ("sh", "-c", 'shift; exec env --block-signal=TERM python3 "$@"', "sh")
        return AgentProcess(self.replica, before=self.image.command(self.mounts, *own))


def keeps_stops(pid: int) -> bool:
    """Whether a SIGTERM waits for the process, as for a pod's first one from its beginning."""
    if Path(f"/proc/{pid}/comm").read_text().strip() not in ("env", "python3"):
        return False  # not in the image yet
    blocked = re.search(r"^SigBlk:\s*(\w+)", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return blocked is not None and bool(int(blocked[1], 16) >> (signal.SIGTERM - 1) & 1)


@pytest.fixture
def pod(runtime: BuiltImage, tmp_path: Path) -> Pod:
    return Pod(runtime, tmp_path)


def repository(folder: Path) -> tuple[str, str]:
    """A git repository with one program; its url and its commit."""
    folder.mkdir()
    (folder / "train.py").write_text("print('hello')\n")
    git = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main"]
    for words in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "-m", "one"]):
        subprocess.run([*git, *words], check=True, timeout=60)
    commit = subprocess.run([*git, "rev-parse", "HEAD"], check=True, timeout=60, capture_output=True, text=True)
    return folder.as_uri(), commit.stdout.strip()


def test_fetch_brings_code_from_git_and_the_launcher(pod: Pod) -> None:
    url, commit = repository(pod.folder / "repository")
    pod.replica.source = {"git": {"url": url, "revision": "main", "path": None}}
    pod.replica.write_orders()
    done = pod.run("fetch")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (pod.replica.root / "code/train.py").read_text() == "print('hello')\n"
    assert json.loads((pod.replica.root / "state/fetch.json").read_bytes())["source"]["revision"] == commit
    launcher = pod.replica.root / "bin/footplate-run.pyz"
    started = subprocess.run([sys.executable, launcher], capture_output=True, text=True, timeout=60, check=False)
    assert "launch.json" in started.stderr + started.stdout  # it runs, and outside of a job it has no orders


def test_the_agent_brings_a_tree_to_the_store(pod: Pod) -> None:
    for index in range(50):
        pod.replica.write(f"outputs/model/part-{index}.bin", bytes([index]) * 10_000)
    pod.replica.write("state/console.log", b"epoch 1\n")
    pod.replica.log_scalar("loss", 0.5, step=1)
    with pod.agent() as agent:
        agent.wait_for_log("Serving http://")
        pod.replica.write_exit()
        os.chown(pod.replica.root / "state/exit.json", NOBODY, NOBODY)
        assert agent.stop() == 0, agent.log
    assert len([key for key in pod.replica.keys("outputs/") if key.endswith(".bin")]) == 50
    assert pod.replica.store.get("outputs/model/part-7.bin") == bytes([7]) * 10_000
    assert pod.replica.termination()["complete"] is True


def test_a_stop_that_comes_before_the_agents_python_has_started_is_not_lost(pod: Pod) -> None:
    pod.replica.write("outputs/model.bin", b"weights")
    pod.replica.write_exit()
    with pod.agent() as agent:
        eventually(lambda: keeps_stops(agent.pid), "the image's own first process")
        assert agent.stop() == 0, agent.log
    assert pod.replica.store.get("outputs/model.bin") == b"weights"


def test_the_recorder_writes_the_record(pod: Pod) -> None:
    told = {
        "version": 1,
        "seconds": 20,
        "footplate": footplate.__version__,
        "job": {"name": "digits", "namespace": "default", "uid": "1a2b3c4d", "experiment": "default"},
        "uri": pod.replica.run_uri,
        "store": {"uri": pod.replica.run_uri},
        "attempt": 0,
        "phase": "Failed",
        "reason": "EnvironmentBuildFailed",
        "message": "no such package",
        **dict.fromkeys(("replica", "createdTime", "queuedTime", "startTime", "endTime")),
        "spec": {},
        "parameters": {},
        "environment": {"name": None, "version": None, "image": None},
        "source": {"revision": None},
        "inputs": [],
        "attempts": [],
        "metrics": {},
        "outputs": {"files": None, "bytes": None, "complete": None, "manifestDigest": None},
    }
    done = pod.run("record", FOOTPLATE_RECORD=json.dumps(told))
    assert done.returncode == 0, done.stdout + done.stderr
    assert pod.replica.json("run.json")["reason"] == "EnvironmentBuildFailed"


def test_the_sidecar_of_a_build_keeps_its_log(pod: Pod) -> None:
    log, folder = pod.folder / "build.log", pod.folder.as_uri() + "/"
    log.write_bytes(b"Collecting numpy\n")
    command = pod.image.command(
        pod.mounts, "env", "--block-signal=TERM", "python3", "-m", "footplate_runtime.build_log"
    )
    told = json.dumps({"uri": f"{folder}_environments/abc/build.log", "endpoint": None})
    env = {"PATH": os.environ["PATH"], "FOOTPLATE_BUILD_STORE": told, "FOOTPLATE_BUILD_LOG": str(log)}
    process = subprocess.Popen(command, env=env)
    try:
        eventually(lambda: keeps_stops(process.pid), "its start")
        process.terminate()
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
    assert open_store(folder).get("_environments/abc/build.log") == b"Collecting numpy\n"


def test_git_speaks_https_and_trusts_nobody_unknown(runtime: BuiltImage, tmp_path: Path) -> None:
    certificate, key = own_certificate(tmp_path)
    os.chmod(tmp_path, 0o755)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = HTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    url = f"https://127.0.0.1:{server.server_port}/none.git"
    mounts = {tmp_path: "/trusted"}
    try:
        unknown = runtime.run("git", "ls-remote", url)
        trusted = runtime.run("env", "GIT_SSL_CAINFO=/trusted/tls.crt", "git", "ls-remote", url, mounts=mounts)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert "certificate verification failed" in unknown.stderr
    assert f"repository '{url}/' not found" in trusted.stderr

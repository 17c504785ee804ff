"""Helm: the program on the PATH, or the same as a library (helm-python-sdk)."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any, Protocol

import yaml

JSON = dict[str, Any]
NAME = "footplate"
WAIT_SECONDS = 300


class Helm(Protocol):
    """One release. All methods raise when Helm fails, and return when what they changed is ready or gone.

    There may be nothing to uninstall.
    """

    @property
    def title(self) -> str: ...
    def install(self, chart: Path, values: JSON) -> None: ...
    def upgrade(self, chart: Path, values: JSON) -> None: ...
    def uninstall(self) -> None: ...


def helm_for(kubeconfig: Path, namespace: str) -> Helm:
    """The program goes before the library. Raises ImportError when there is neither."""
    program = shutil.which("helm")
    return Program(program, kubeconfig, namespace) if program else Library(kubeconfig, namespace)


class Program:
    def __init__(self, program: str, kubeconfig: Path, namespace: str) -> None:
        self._argv = [program, "--kubeconfig", str(kubeconfig), "--namespace", namespace]
        self.title = self._helm("version", "--short").strip()

    def _helm(self, *arguments: str, given: str | None = None) -> str:
        done = subprocess.run(
            [*self._argv, *arguments], input=given, capture_output=True, text=True, timeout=2 * WAIT_SECONDS
        )
        assert done.returncode == 0, f"helm {' '.join(arguments)}: {done.stderr.strip()}"
        return done.stdout

    def install(self, chart: Path, values: JSON) -> None:
        self._change("install", chart, values)

    def upgrade(self, chart: Path, values: JSON) -> None:
        self._change("upgrade", chart, values)

    def _change(self, verb: str, chart: Path, values: JSON) -> None:
        waiting = ("--wait", "--timeout", f"{WAIT_SECONDS}s")
        self._helm(verb, NAME, str(chart), "--values", "-", *waiting, given=yaml.safe_dump(values))

    def uninstall(self) -> None:
        self._helm("uninstall", NAME, "--ignore-not-found", "--wait", "--timeout", f"{WAIT_SECONDS}s")


class Library:
    def __init__(self, kubeconfig: Path, namespace: str) -> None:
        import helm_python

        self._config = helm_python.Config(kubeconfig_path=kubeconfig, namespace=namespace)
        self.title = f"Helm {helm_python.helm_sdk_version()} of helm-python-sdk"

    def install(self, chart: Path, values: JSON) -> None:
        self._config.install(chart, NAME, values, wait="watcher", timeout=WAIT_SECONDS)

    def upgrade(self, chart: Path, values: JSON) -> None:
        self._config.upgrade(chart, NAME, values, wait="watcher", timeout=WAIT_SECONDS)

    def uninstall(self) -> None:
        self._config.uninstall(NAME, ignore_not_found=True, wait="watcher", timeout=WAIT_SECONDS)

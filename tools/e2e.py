"""Runs tests/e2e on the cluster that KUBECONFIG names, or on one that kind makes for it; `make e2e` calls it.

  KUBECONFIG, IMAGE_PREFIX, TAG   a cluster, and the images that it can pull: these are used as they are
  neither                         kind and docker make a cluster of kind-config.yaml, with images of `make images`;
                                  KEEP=1 leaves it there
  E2E_FLAGS                       more for pytest, such as `-k mpi` or `--keep`; `--embedded` needs no cluster

docs/e2e.md has the other variables.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from footplate import __version__

ROOT = Path(__file__).resolve().parents[1]
KIND_CONFIG = ROOT / "kind-config.yaml"
KUBECONFIG = ROOT / "build" / "e2e" / "kubeconfig"
CLUSTER = "footplate-e2e"


class E2eError(Exception):
    """A sentence for who wants to run the suite."""


def main() -> int:
    try:
        return _run(os.environ)
    except E2eError as error:
        print(f"make e2e: {error}", file=sys.stderr)
        return 2


def _run(environ: Mapping[str, str]) -> int:
    flags = shlex.split(environ.get("E2E_FLAGS", ""))
    if "--embedded" in flags or (environ.get("KUBECONFIG") and environ.get("IMAGE_PREFIX")):
        return _suite(environ, flags)
    if environ.get("KUBECONFIG"):
        raise E2eError(
            "KUBECONFIG is set and IMAGE_PREFIX is not. Push the images of `make images` where the cluster can pull "
            "them and say so: make e2e IMAGE_PREFIX=registry.example.com/footplate"
        )
    _require_kind()
    return _on_kind(environ, flags)


def _require_kind() -> None:
    missing = [f"{name} is not on the PATH" for name in ("kind", "docker") if shutil.which(name) is None]
    if shutil.which("docker"):
        asked = subprocess.run(["docker", "info"], capture_output=True, text=True)
        if asked.returncode != 0:
            missing.append(f"docker does not work ({(asked.stderr.strip().splitlines() or ['no reason given'])[-1]})")
    if missing:
        raise E2eError(
            f"there is no cluster: {'; '.join(missing)}.\n"
            "Either install what is missing, and a cluster is made; or name one with KUBECONFIG and IMAGE_PREFIX; or "
            "run the steps that need none: make e2e E2E_FLAGS=--embedded"
        )


def _on_kind(environ: Mapping[str, str], flags: Sequence[str]) -> int:
    """The exit code of the suite, on a cluster of its own. Raises E2eError when that cannot be made."""
    prefix, tag = environ.get("IMAGE_PREFIX") or "footplate", environ.get("TAG") or __version__
    images = {**environ, "ENGINE": "docker", "IMAGE_PREFIX": prefix, "TAG": tag}
    _must(["make", "images"], images)
    KUBECONFIG.parent.mkdir(parents=True, exist_ok=True)
    place = ["--name", CLUSTER]
    try:
        files = ["--config", str(KIND_CONFIG), "--kubeconfig", str(KUBECONFIG)]
        _must(["kind", "create", "cluster", *place, *files, "--wait", "180s"], environ)
        _must(["kind", "load", "docker-image", *place, f"{prefix}/operator:{tag}", f"{prefix}/runtime:{tag}"], environ)
        told = {"KUBECONFIG": str(KUBECONFIG), "IMAGE_PREFIX": prefix, "TAG": tag}
        return _suite({**environ, **told}, flags)
    finally:
        if environ.get("KEEP"):
            print(f"kept: export KUBECONFIG={KUBECONFIG}; kind delete cluster --name {CLUSTER}")
        else:
            subprocess.run(["kind", "delete", "cluster", *place], cwd=ROOT)


def _must(command: Sequence[str], environ: Mapping[str, str]) -> None:
    print(f"+ {shlex.join(command)}", flush=True)
    code = subprocess.run(command, cwd=ROOT, env=dict(environ)).returncode
    if code != 0:
        raise E2eError(f"{shlex.join(command)} ended with {code}")


def _suite(environ: Mapping[str, str], flags: Sequence[str]) -> int:
    command = [sys.executable, "-m", "pytest", "tests/e2e", "-p", "no:cacheprovider", *flags]
    return subprocess.run(command, cwd=ROOT, env=dict(environ)).returncode


if __name__ == "__main__":
    sys.exit(main())

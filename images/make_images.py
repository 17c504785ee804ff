"""Builds the images with docker, podman or buildah and writes their bills of materials; `make images` calls it.

The environment says how (make passes on what stands after it, as in `make images TAG=1.2.3`):

  ENGINE           docker, podman or buildah; without it the first of these that works
  IMAGE_PREFIX     footplate, or a registry and a folder in it, such as registry.example.com/footplate
  TAG              the project's version
  BASE             a Debian with Python 3.11, best with its digest: …/python:3.11-slim@sha256:…
  PLATFORM         such as linux/arm64; without it that of this machine
  SOURCE_DATE_EPOCH  the time of all that is built, seconds; without it that of the last commit
  PIP_INDEX_URL, PIP_EXTRA_INDEX_URL, PIP_TRUSTED_HOST, PIP_NO_INDEX, DEBIAN_MIRROR, DEBIAN_SECURITY_MIRROR,
  http_proxy, https_proxy, no_proxy
                   where packages come from
  ENGINE_FLAGS     more flags of the engine's build command
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ("operator", "runtime")
BASE = "docker.io/library/python:3.11-slim"
BILLS = ROOT / "build" / "images"

# A command that succeeds only where the engine can build.
_PROBES = {"docker": ("docker", "version"), "podman": ("podman", "info"), "buildah": ("buildah", "info")}
_PASSED_ON = (
    *("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST", "PIP_NO_INDEX"),
    *("DEBIAN_MIRROR", "DEBIAN_SECURITY_MIRROR"),
    *("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"),
)


class ImagesError(Exception):
    """A sentence for who builds the images."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be built; `base` has its digest where a registry gave it one."""

    engine: str
    prefix: str
    tag: str
    version: str
    revision: str
    base: str
    base_digest: str
    epoch: int
    platform: str | None
    flags: tuple[str, ...]
    arguments: Mapping[str, str]

    def reference(self, image: str) -> str:
        return f"{self.prefix}/{image}:{self.tag}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", nargs="*", help="operator, runtime (default: both)")
    chosen = parser.parse_args().images or IMAGES
    if not set(chosen) <= set(IMAGES):
        parser.error(f"the images are {' and '.join(IMAGES)}")
    try:
        order = order_from(os.environ)
        print(f"engine  {order.engine}\nbase    {order.base}  ({order.base_digest})", flush=True)
        built = [(order.reference(image), _build(order, image)) for image in chosen]
    except ImagesError as error:
        print(f"make images: {error}", file=sys.stderr)
        return 1
    for reference, bill in built:
        print(f"image   {reference}\n        bill of materials: {bill}")
    return 0


def order_from(environ: Mapping[str, str]) -> Order:
    """Raises ImagesError when there is no engine, or no base."""
    engine = choose_engine(environ.get("ENGINE"))
    platform = environ.get("PLATFORM") or None
    base, digest = _resolve(engine, environ.get("BASE") or BASE, platform)
    version = project_version()
    return Order(
        engine=engine,
        prefix=(environ.get("IMAGE_PREFIX") or "footplate").rstrip("/"),
        tag=environ.get("TAG") or version,
        version=version,
        revision=_git("describe", "--always", "--abbrev=40", "--exclude=*", "--dirty") or "unknown",
        base=base,
        base_digest=digest,
        epoch=int(environ.get("SOURCE_DATE_EPOCH") or _git("log", "-1", "--format=%ct") or 0),
        platform=platform,
        flags=tuple(shlex.split(environ.get("ENGINE_FLAGS", ""))),
        arguments={name: environ[name] for name in _PASSED_ON if environ.get(name)},
    )


def choose_engine(wanted: str | None) -> str:
    """The engine that was asked for, else the first that works. Raises ImagesError with what is wrong with each."""
    if wanted and wanted not in _PROBES:
        raise ImagesError(f"ENGINE={wanted} is not known; it is docker, podman or buildah.")
    complaints = []
    for engine in [wanted] if wanted else _PROBES:
        complaint = _complaint(engine)
        if complaint is None:
            return engine
        complaints.append(f"\n  {engine}: {complaint}")
    raise ImagesError(
        "no engine can build images here:" + "".join(complaints) + "\n"
        "Start or install one (on Debian: apt install buildah), or name one that works with ENGINE=…"
    )


def _complaint(engine: str) -> str | None:
    if shutil.which(engine) is None:
        return "is not installed"
    done = subprocess.run(_PROBES[engine], capture_output=True, text=True, check=False, timeout=60)
    if done.returncode == 0:
        return None
    return (done.stderr.strip() or f"ended with {done.returncode}").splitlines()[-1]


def _resolve(engine: str, base: str, platform: str | None) -> tuple[str, str]:
    """The base with its registry's digest if there is one, and its digest; one that is here is not pulled again."""
    if "@" in base:
        return base, base.partition("@")[2]
    found = _digests(engine, base)
    if found is None:
        print(f"The base {base} is not here yet; {engine} gets it.", flush=True)
        _run(engine, "pull", *(("--platform", platform) if platform else ()), base)
        found = _digests(engine, base)
    if found is None:
        raise ImagesError(f"{engine} does not know the base {base} that it has pulled.")
    digest, of_registry = found
    return (f"{base}@{digest}" if of_registry else base), digest


def _digests(engine: str, base: str) -> tuple[str, bool] | None:
    """The digest of an image that is here, and whether a registry knows it by that; None when it is not here."""
    command: tuple[str, ...]
    if engine == "buildah":
        command = ("buildah", "inspect", "--type", "image", "--format", "{{.FromImageDigest}}", base)
    else:
        command = (engine, "image", "inspect", "--format", "{{json .RepoDigests}} {{.Id}}", base)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return None
    if engine == "buildah":
        return done.stdout.strip(), not base.startswith("localhost/")
    listed, _, identity = done.stdout.strip().rpartition(" ")
    names = [*(json.loads(listed) or ()), f"localhost/@{identity}"]
    return names[0].partition("@")[2], not names[0].startswith("localhost/")


def build_command(order: Order, image: str) -> list[str]:
    """The engine's command that builds the image."""
    moment = datetime.fromtimestamp(order.epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    arguments = {
        **order.arguments,
        "BASE": order.base,
        "BASE_DIGEST": order.base_digest,
        "VERSION": order.version,
        "REVISION": order.revision,
        "CREATED": moment,
        "SOURCE_DATE_EPOCH": str(order.epoch),
    }
    return [
        *(order.engine, "build", "--file", f"images/{image}/Dockerfile", "--tag", order.reference(image)),
        *(("--platform", order.platform) if order.platform else ()),
        # The time of all files; BuildKit takes SOURCE_DATE_EPOCH from the arguments.
        *(() if order.engine == "docker" else ("--layers", "--timestamp", str(order.epoch))),
        *(word for name, value in arguments.items() for word in ("--build-arg", f"{name}={value}")),
        *order.flags,
        ".",
    ]


def _build(order: Order, image: str) -> Path:
    """Build it and return where its bill of materials lies."""
    _run(*build_command(order, image))
    BILLS.mkdir(parents=True, exist_ok=True)
    bill = BILLS / f"footplate-{image}.cdx.json"
    _copy_out(order, order.reference(image), f"/usr/share/sbom/{bill.name}", bill)
    return bill.relative_to(ROOT)


def _copy_out(order: Order, reference: str, path: str, target: Path) -> None:
    """Copy a file out of an image."""
    if order.engine == "buildah":
        container = _run("buildah", "from", "--pull-never", reference, quiet=True).strip()
        target.write_text(_run("buildah", "run", container, "--", "cat", path, quiet=True))
    else:
        platform = ("--platform", order.platform) if order.platform else ()
        container = _run(order.engine, "create", *platform, reference, "true", quiet=True).strip()
        _run(order.engine, "cp", f"{container}:{path}", str(target), quiet=True)
    _run(order.engine, "rm", container, quiet=True)


def _run(*command: str, quiet: bool = False) -> str:
    """Run it in the repository's root; what it printed when it is quiet. Raises ImagesError when it fails."""
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE if quiet else None, text=True, check=False)
    if done.returncode != 0:
        raise ImagesError(f"`{shlex.join(command[:3])} …` ended with {done.returncode}; what it said stands above.")
    return done.stdout or ""


def _git(*arguments: str) -> str | None:
    """What git says about the repository; None without a repository or git."""
    if shutil.which("git") is None:
        return None
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None


def project_version() -> str:
    """The `__version__` of the operator."""
    found = re.search(r'^__version__ = "(.+)"', (ROOT / "operator/footplate/__init__.py").read_text(), re.MULTILINE)
    assert found is not None
    return found[1]


if __name__ == "__main__":
    sys.exit(main())

"""What an image name means on this machine. Nothing is pulled.

``footplate/runtime`` and ``footplate/operator``, of any registry, are this Python; ``footplate.local/env-<12
hex>@sha256:…`` is a virtual environment the local builder has made; anything else runs on the machine's PATH.
"""

from __future__ import annotations

import hashlib
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from footplate_local.builder import COMPLETE, LOCK

_DOMAIN = r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?(?::[0-9]+)?/)?"
_PATH = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_TAIL = r"(?::[\w][\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?"
# distribution/reference: grammar of an image name.
_REFERENCE = re.compile(rf"{_DOMAIN}{_PATH}(?:/{_PATH})*{_TAIL}", re.ASCII)
_OURS = re.compile(rf"{_DOMAIN}(?:[a-z0-9._-]+/)*footplate/(?:runtime|operator)(?![\w./-])", re.ASCII)
_ENVIRONMENT = re.compile(r"footplate\.local/(env-[0-9a-f]{12})(?::[\w.-]+)?(?:@sha256:([0-9a-f]{64}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Image:
    """``bin``: the folder to put first on PATH, or None. ``on_host``: it only names a program of this machine."""

    id: str
    bin: Path | None
    on_host: bool = False


class ImageError(Exception):
    """``reason`` is a waiting reason of the kubelet: InvalidImageName or ErrImagePull."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


def resolve(name: str, environments: Path) -> Image:
    """The image NAME; ENVIRONMENTS is ``<home>/environments``. Raises ImageError."""
    if not _REFERENCE.fullmatch(name):
        raise ImageError(
            "InvalidImageName",
            f"Failed to apply default image tag {name!r}: couldn't parse image name {name!r}: invalid reference format",
        )
    if _OURS.match(name):
        return Image(id=f"footplate.local/python@{sys.version.split()[0]}", bin=Path(sys.executable).parent)
    if name.startswith("footplate.local/"):
        return _environment(name, environments)
    return Image(id=name, bin=None, on_host=True)


def _environment(name: str, environments: Path) -> Image:
    match = _ENVIRONMENT.fullmatch(name)
    if match is None:
        raise ImageError(
            "ErrImagePull", f"{name} is no image of the local builder; theirs are footplate.local/env-<12 hex>"
        )
    folder = environments / match[1]
    if not (folder / COMPLETE).exists():
        raise ImageError("ErrImagePull", f"{match[1]} is not in {environments}: build the Environment again")
    if match[2] is not None and match[2] != lock_digest(folder):
        raise ImageError(
            "ErrImagePull",
            f"{match[1]} in {environments} holds other packages than {name}: use the Environment's latest version",
        )
    return Image(id=f"footplate.local/{match[1]}@sha256:{lock_digest(folder)}", bin=folder / "bin")


def lock_digest(folder: Path) -> str:
    """The sha256 of an environment's lock file: the digest of its image."""
    return hashlib.sha256((folder / LOCK).read_bytes()).hexdigest()

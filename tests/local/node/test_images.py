"""What an image name means on this machine."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import pytest

from footplate_local.node.images import Image, ImageError, resolve

LOCK = b"# python 3.11.7\nsix==1.17.0\n"
DIGEST = hashlib.sha256(LOCK).hexdigest()


@pytest.fixture
def environments(tmp_path: Path) -> Path:
    folder = tmp_path / "env-0123456789ab"
    folder.mkdir()
    (folder / "lock.txt").write_bytes(LOCK)
    (folder / ".complete").write_text("")
    (tmp_path / "env-ba9876543210").mkdir()  # a build that was killed
    return tmp_path


@pytest.mark.parametrize(
    "name",
    [
        "footplate/runtime",
        "footplate/runtime:0.1.0",
        f"footplate/runtime@sha256:{DIGEST}",
        "footplate/operator:0.1.0",
        "docker.io/footplate/operator:0.1.0",
        "registry.example.com:5000/mirror/footplate/runtime:0.1.0",
    ],
)
def test_our_images_are_this_python(name: str, environments: Path) -> None:
    image = resolve(name, environments)
    assert image.bin == Path(sys.executable).parent
    assert not image.on_host


def test_an_environment_is_its_folder(environments: Path) -> None:
    image = f"footplate.local/env-0123456789ab@sha256:{DIGEST}"
    assert resolve(image, environments) == Image(id=image, bin=environments / "env-0123456789ab" / "bin")


@pytest.mark.parametrize(
    "name", ["python:3.11", "registry.example.com:5000/a/b_c@sha256:" + "0" * 64, "footplate/runtime-x"]
)
def test_any_other_image_is_the_machine(name: str, environments: Path) -> None:
    image = resolve(name, environments)
    assert image.on_host
    assert image.bin is None


@pytest.mark.parametrize(
    ("name", "reason", "words"),
    [
        ("", "InvalidImageName", "couldn't parse"),
        ("a:b:c", "InvalidImageName", "couldn't parse"),
        ("repository/Upper", "InvalidImageName", "couldn't parse"),
        ("x@sha256:12", "InvalidImageName", "couldn't parse"),
        ("footplate.local/other", "ErrImagePull", "no image of the local builder"),
        ("footplate.local/env-ba9876543210", "ErrImagePull", "build the Environment again"),
        ("footplate.local/env-0123456789ab@sha256:" + "0" * 64, "ErrImagePull", "holds other packages"),
    ],
)
def test_images_that_cannot_be_had(name: str, reason: str, words: str, environments: Path) -> None:
    with pytest.raises(ImageError, match=words) as caught:
        resolve(name, environments)
    assert caught.value.reason == reason

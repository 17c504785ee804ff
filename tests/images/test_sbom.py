"""The bill of materials of an image is a CycloneDX document and has in it what is installed."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import sbom
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from dockerfile import ROOT

STATUS = """Package: libcurl3-gnutls
Status: install ok installed
Architecture: amd64
Source: curl
Version: 7.88.1-10+deb12u15

Package: perl
Status: deinstall ok config-files
Architecture: amd64
Version: 5.36.0-7

Package: git
Status: install ok installed
Architecture: amd64
Version: 1:2.39.5-0+deb12u3
"""
ENVIRON = {
    "VERSION": "1.2.3",
    "BASE": "example.org/python:3.11",
    "BASE_DIGEST": "sha256:abc",
    "SOURCE_DATE_EPOCH": "60",
}
PACKAGES = [path for path in sys.path if path.endswith("site-packages")]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "var/lib/dpkg").mkdir(parents=True)
    (tmp_path / "var/lib/dpkg/status").write_text(STATUS)
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/os-release").write_text('NAME="Debian"\nID=debian\nVERSION_ID="12"\n')
    return tmp_path


@pytest.fixture
def document(root: Path) -> dict[str, Any]:
    return sbom.bill("footplate-runtime", PACKAGES, root, ENVIRON)


def test_is_what_the_schema_asks_for(document: dict[str, Any]) -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(document)) is None


def test_names_packages_of_python_and_debian_and_what_was_linked_into_them(document: dict[str, Any]) -> None:
    found = {component["bom-ref"] for component in document["components"]}
    assert {
        f"pkg:pypi/obstore@{version('obstore')}",
        f"pkg:pypi/prometheus-client@{version('prometheus_client')}",
        "pkg:deb/debian/git@1%3A2.39.5-0%2Bdeb12u3?arch=amd64&distro=debian-12",
        "pkg:deb/debian/libcurl3-gnutls@7.88.1-10%2Bdeb12u15?arch=amd64&distro=debian-12&upstream=curl",
        "example.org/python:3.11@sha256:abc",
    } <= found
    assert not [ref for ref in found if "/perl@" in ref], "what has been removed is not in the image"
    (obstore,) = (each for each in document["dependencies"] if each["ref"].startswith("pkg:pypi/obstore@"))
    assert [ref for ref in obstore["dependsOn"] if ref.startswith("pkg:cargo/rustls@")]


def test_every_part_hangs_on_the_image(document: dict[str, Any]) -> None:
    below = {each["ref"]: each["dependsOn"] for each in document["dependencies"]}
    reached, left = set(), ["footplate-runtime"]
    while left:
        ref = left.pop()
        if ref not in reached:
            reached.add(ref)
            left += below.get(ref, [])
    assert reached == {"footplate-runtime", *(component["bom-ref"] for component in document["components"])}


def test_is_the_same_each_time(document: dict[str, Any], root: Path) -> None:
    assert document["metadata"]["timestamp"] == "1970-01-01T00:01:00Z"
    assert sbom.bill("footplate-runtime", PACKAGES, root, ENVIRON) == document
    other = sbom.bill("footplate-runtime", PACKAGES, root, {**ENVIRON, "VERSION": "1.2.4"})
    assert other["serialNumber"] != document["serialNumber"]


def test_runs_as_in_the_build(root: Path) -> None:
    command = [sys.executable, "images/sbom.py", "--name", "x", "--packages", PACKAGES[0], "--root", str(root)]
    done = subprocess.run(command, cwd=ROOT, env=ENVIRON, capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(done.stdout)["metadata"]["component"]["version"] == "1.2.3"

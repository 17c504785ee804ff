"""Prints the software bill of materials of the image in which it runs: CycloneDX 1.6 as JSON, the same each time.

What is in it: the Python packages of /opt/footplate, what their wheels say they were linked with (PEP 770: Rust crates,
OpenSSL), the packages of Debian, the Python, and the base image. Standard library only: it runs in a build stage.
"""

from __future__ import annotations

import argparse
import email.parser
import json
import os
import platform
import re
import sys
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any
from urllib.parse import quote

Component = dict[str, Any]

_KEPT = ("type", "name", "version", "purl", "licenses", "hashes")
_REQUIREMENT = re.compile(r"[A-Za-z0-9._-]+")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--name", required=True, help="of the image")
    parser.add_argument("--packages", default="/opt/footplate/lib/python3*/site-packages", help="a pattern of folders")
    parser.add_argument("--root", type=Path, default=Path("/"), help="where etc/os-release and var/lib/dpkg are")
    arguments = parser.parse_args()
    folders = [str(path) for path in Path("/").glob(arguments.packages.lstrip("/"))]
    document = bill(arguments.name, folders, arguments.root, os.environ)
    json.dump(document, sys.stdout, indent=1, sort_keys=True)
    sys.stdout.write("\n")
    return 0


def bill(name: str, folders: list[str], root: Path, environ: Mapping[str, str]) -> dict[str, Any]:
    """The document of an image; `environ` has VERSION, BASE, BASE_DIGEST and SOURCE_DATE_EPOCH where they are known."""
    components: dict[str, Component] = {}
    dependencies: dict[str, list[str]] = {}
    system = [_base(environ), _python(), *_of_debian(root)]
    found = {_normal(package.name): package for package in distributions(path=folders)}
    for package in found.values():
        component = _of_python(package)
        linked = list(_linked(package))
        needed = [_pypi(other) for other in _needs(package, found)]
        dependencies[component["purl"]] = sorted({*needed, *(_ref(each) for each in linked)})
        components.update((_ref(each), each) for each in (component, *linked))
    components.update((_ref(each), each) for each in system if each)
    needed_by_some = {ref for refs in dependencies.values() for ref in refs}
    dependencies[name] = sorted(ref for ref in components if ref not in needed_by_some)
    version = environ.get("VERSION") or "0"
    listed = [{"bom-ref": ref, **components[ref]} for ref in sorted(components)]
    identity = json.dumps([name, version, listed], sort_keys=True)
    moment = datetime.fromtimestamp(int(environ.get("SOURCE_DATE_EPOCH") or 0), UTC)
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, identity)}",
        "version": 1,
        "metadata": {
            "timestamp": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": {"type": "container", "bom-ref": name, "name": name, "version": version},
        },
        "components": listed,
        "dependencies": [{"ref": ref, "dependsOn": refs} for ref, refs in sorted(dependencies.items())],
    }


def _ref(component: Component) -> str:
    return str(component.get("purl") or f"{component['name']}@{component.get('version', '')}")


def _normal(name: str) -> str:
    """PyPA: names of projects, normalization."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _pypi(package: Distribution) -> str:
    return f"pkg:pypi/{_normal(package.name)}@{quote(package.version)}"


def _of_python(package: Distribution) -> Component:
    component: Component = {
        "type": "library",
        "name": package.name,
        "version": package.version,
        "purl": _pypi(package),
    }
    told = package.metadata.json
    expression, text = told.get("license_expression"), str(told.get("license", ""))
    if expression:
        component["licenses"] = [{"expression": expression}]
    elif 0 < len(text) < 80 and "\n" not in text:
        component["licenses"] = [{"license": {"name": text}}]
    return component


def _needs(package: Distribution, found: Mapping[str, Distribution]) -> Iterator[Distribution]:
    """The installed packages that it requires, not counting its extras."""
    for line in package.requires or ():
        name = _REQUIREMENT.match(line)
        if name and "extra ==" not in line and _normal(name[0]) in found:
            yield found[_normal(name[0])]


def _linked(package: Distribution) -> Iterator[Component]:
    """What the bills in its wheel name, but for itself, which they know by a path of the machine that built it."""
    for file in package.files or ():
        if file.parent.name == "sboms" and file.suffix == ".json":
            for component in json.loads(file.read_text()).get("components", ()):
                if "download_url=file:" not in component.get("purl", ""):
                    yield {key: component[key] for key in _KEPT if key in component}


def _of_debian(root: Path) -> Iterator[Component]:
    status = root / "var/lib/dpkg/status"
    if not status.exists():
        return
    release = dict(
        line.replace('"', "").split("=", 1)
        for line in (root / "etc/os-release").read_text().splitlines()
        if "=" in line
    )
    distribution, number = release.get("ID", "debian"), release.get("VERSION_ID", "")
    yield {"type": "operating-system", "name": distribution, "version": number}
    for paragraph in status.read_text().split("\n\n"):
        fields = email.parser.HeaderParser().parsestr(paragraph)
        if fields.get("Status", "").endswith(" installed"):
            name, version = str(fields["Package"]), str(fields["Version"])
            source = f"&upstream={quote(fields['Source'].split()[0])}" if fields.get("Source") else ""
            purl = f"pkg:deb/{distribution}/{quote(name)}@{quote(version)}?arch={fields['Architecture']}"
            purl += f"&distro={distribution}-{number}{source}"
            yield {"type": "library", "name": name, "version": version, "purl": purl}


def _python() -> Component:
    version = platform.python_version()
    cpe = f"cpe:2.3:a:python:python:{version}:*:*:*:*:*:*:*"
    return {
        "type": "application",
        "name": "python",
        "version": version,
        "purl": f"pkg:generic/python@{version}",
        "cpe": cpe,
    }


def _base(environ: Mapping[str, str]) -> Component | None:
    if not environ.get("BASE"):
        return None
    return {"type": "container", "name": environ["BASE"], "version": environ.get("BASE_DIGEST") or "unknown"}


if __name__ == "__main__":
    sys.exit(main())

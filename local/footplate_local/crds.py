"""The custom resource definitions that come with this version of Footplate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

import footplate


def crd_files() -> list[Path]:
    """Where they lie: in an installed wheel beside the package, in a checkout at its root.

    Raises FileNotFoundError when there are none.
    """
    package = Path(footplate.__file__).parent
    for folder in (package / "crds", package.parents[1] / "crds"):
        found = sorted(folder.glob("*.yaml"))
        if found:
            return found
    raise FileNotFoundError(f"no CRDs beside {package}; this installation of Footplate is not whole: install it again")


def crds() -> list[dict[str, Any]]:
    """Their manifests, in the order of the files' names."""
    return [document for path in crd_files() for document in yaml.safe_load_all(path.read_text()) if document]

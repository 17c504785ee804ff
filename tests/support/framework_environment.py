"""A cluster in which an example's Environment is built: once a machine, into `.cache/environments`.

A test of a framework uses it as its module's fixture:

    @pytest.fixture(scope="module")
    def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
        with cluster_with_environment("pytorch-ddp", tmp_path_factory) as found:
            yield found

An Environment that takes minutes to build goes with the marker `slow_build`, see `skip_slow_builds`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from local_cluster import ENVIRONMENTS, LocalCluster, running_cluster

from footplate.api.environment import EnvironmentSpec
from footplate.environments.content_hash import content_hash
from footplate_local.builder import COMPLETE

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
CACHE = ROOT / ".cache" / "environments"
SLOW_BUILDS = "--slow-builds"
BUILD_SECONDS = 900.0  # a first build downloads and unpacks the framework
# The packages are not to be had: pip's words when the index has none for this machine or is not reached, and the
# builder's. A version that the index does not have is a fault of the example, and fails.
NOT_TO_BE_HAD = ("(from versions: none)", "there is no Python ")


@contextlib.contextmanager
def cluster_with_environment(
    example: str, tmp_path_factory: pytest.TempPathFactory, seconds: float = BUILD_SECONDS
) -> Iterator[LocalCluster]:
    """A running cluster with the Environment of `examples/<example>`; skips with the reason where it cannot be had."""
    with cluster_with_cache(tmp_path_factory.mktemp(example)) as cluster:
        build_environment(cluster, example, seconds)
        yield cluster


@contextlib.contextmanager
def cluster_with_cache(folder: Path) -> Iterator[LocalCluster]:
    """A running cluster below `folder` that finds and keeps environments in the shared cache."""
    home = folder / "home"
    home.mkdir()
    CACHE.mkdir(parents=True, exist_ok=True)
    (home / "environments").symlink_to(CACHE)
    with running_cluster(home) as cluster:
        yield cluster


def build_environment(cluster: LocalCluster, example: str, seconds: float = BUILD_SECONDS) -> None:
    """Applies the example's Environment, which has its name, and waits until it is built."""
    cluster.apply((EXAMPLES / example / "environment.yaml").read_text())
    ready = cluster.wait(f"Environment {example} is built", lambda: _ended(cluster, example), seconds, every=1.0)
    if any(words in ready["message"] for words in NOT_TO_BE_HAD):
        pytest.skip(f"the packages of {example} cannot be had here: {ready['message']}")
    assert ready["status"] == "True", ready["message"]


def _ended(cluster: LocalCluster, name: str) -> dict[str, Any] | None:
    """The condition Ready once the build has ended, well or not."""
    found = cluster.request("GET", f"{ENVIRONMENTS}/{name}")
    conditions = (found.get("status") or {}).get("conditions") or []
    ready = next((c for c in conditions if c["type"] == "Ready"), None)
    ended = ready is not None and (ready["status"] == "True" or ready["reason"] == "BuildFailed")
    return ready if ended else None


def is_cached(example: str) -> bool:
    """Whether this machine has built the example's Environment."""
    return (folder_of(example) / COMPLETE).exists()


def folder_of(example: str) -> Path:
    """Where the example's Environment is, once it is built."""
    manifest = yaml.safe_load((EXAMPLES / example / "environment.yaml").read_text())
    content = content_hash(EnvironmentSpec.model_validate(manifest["spec"]))
    return CACHE / f"env-{content[:12]}"


def skip_slow_builds(config: pytest.Config, items: Iterable[pytest.Item]) -> None:
    """Skips tests marked `slow_build("<example>")` whose Environment is not there, unless --slow-builds is given."""
    if config.getoption(SLOW_BUILDS):
        return
    for item in items:
        marker = item.get_closest_marker("slow_build")
        if marker is not None and not is_cached(marker.args[0]):
            reason = f"the environment of {marker.args[0]} takes minutes to build: `make test-frameworks` builds it"
            item.add_marker(pytest.mark.skip(reason=reason))

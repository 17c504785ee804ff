"""Helm has nothing against the chart, and its files made from others are up to date."""

from __future__ import annotations

from pathlib import Path

import chart_docs
import helm_python as helm
import pytest
from chart import CHART, STORE, Rendered, loaded, render

from footplate import __version__
from footplate.api import crd

ICON = {"icon is recommended"}  # there is none


@pytest.mark.parametrize("version", ["v1.29.0", "v1.34.0"])
@pytest.mark.parametrize("values", [{}, {"store": {"uri": STORE}}], ids=["as it is", "with a store"])
def test_lint(values: dict[str, object], version: str) -> None:
    report = helm.lint(CHART, values, strict=True, kube_version=version)
    assert report["errors"] == []
    assert {message["error"] for message in report["messages"]} <= ICON


def test_files_made_from_others_are_up_to_date() -> None:
    assert chart_docs.main(["--check"]) == 0
    assert crd.main([str(CHART / "files" / "crds"), "--check"]) == 0


def test_it_is_of_this_version() -> None:
    assert (loaded().metadata["version"], loaded().metadata["appVersion"]) == (__version__, __version__)


def test_the_package_has_all_that_is_needed(tmp_path: Path) -> None:
    archive = helm.package(CHART, destination=tmp_path)
    assert Path(archive).name == f"footplate-{__version__}.tgz"
    with helm.Chart.load(archive) as packed:
        files = packed.render({"store": {"uri": STORE}}, name="footplate", namespace="footplate-system")
    assert Rendered(files).manifests == render().manifests

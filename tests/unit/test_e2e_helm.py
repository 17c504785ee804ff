"""The `helm` that the end-to-end suite calls where there is one; tests/local runs the suite with the library."""

from __future__ import annotations

from pathlib import Path

import e2e_helm
import pytest
import yaml

PROGRAM = """\
#!/bin/sh
echo "$*" >> {folder}/called
case "$*" in
*version*) echo v9.9.9 ;;
*upgrade*) echo "Error: no such release" >&2; exit 1 ;;
*install*) [ "$5" = uninstall ] || cat > {folder}/values ;;
esac
"""


@pytest.fixture
def helm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> e2e_helm.Helm:
    program = tmp_path / "helm"
    program.write_text(PROGRAM.format(folder=tmp_path))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return e2e_helm.helm_for(Path("/kubeconfig"), "place")


def test_the_program_on_the_path_goes_before_the_library(helm: e2e_helm.Helm) -> None:
    assert helm.title == "v9.9.9"


def test_it_waits_and_reads_the_values(helm: e2e_helm.Helm, tmp_path: Path) -> None:
    helm.install(Path("/chart"), {"store": {"uri": "s3://runs"}})
    helm.uninstall()
    place = "--kubeconfig /kubeconfig --namespace place"
    assert (tmp_path / "called").read_text().splitlines()[1:] == [
        f"{place} install footplate /chart --values - --wait --timeout 300s",
        f"{place} uninstall footplate --ignore-not-found --wait --timeout 300s",
    ]
    assert yaml.safe_load((tmp_path / "values").read_text()) == {"store": {"uri": "s3://runs"}}


def test_its_words_are_told_when_it_fails(helm: e2e_helm.Helm) -> None:
    with pytest.raises(AssertionError, match="no such release"):
        helm.upgrade(Path("/chart"), {})

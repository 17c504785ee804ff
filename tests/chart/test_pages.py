"""What docs/ says of the chart, and of health checks in Argo CD and Flux, works as it stands there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from cel_expr_python import cel
from chart import CHART, render
from lupa import lua54

from footplate.api.phases import Phase

DOCS = CHART.parents[1] / "docs"
PAGES = [DOCS / f"{name}.md" for name in ("install", "operations", "multi-tenancy", "gitops", "embedded-cluster")]


def blocks(page: Path) -> list[str]:
    found: list[str] = re.findall(r"^ *```yaml\n(.*?)^ *```", page.read_text(), re.DOTALL | re.MULTILINE)
    return found


VALUES = [
    pytest.param(yaml.safe_load(block), id=f"{page.stem}-{number}")
    for page in PAGES
    for number, block in enumerate(blocks(page))
    if block.lstrip().startswith("# values.yaml")
]


@pytest.mark.parametrize("values", VALUES)
def test_values_are_taken(values: dict[str, Any]) -> None:
    assert render(values).of_kind("Deployment")


def test_there_are_values() -> None:
    assert len(VALUES) >= 4


def of_kind(page: str, kind: str) -> Any:
    (found,) = [m for m in map(yaml.safe_load, blocks(DOCS / page)) if m.get("kind") == kind]
    return found


def test_the_values_for_argo_cd_and_flux_are_taken() -> None:
    argo = of_kind("gitops.md", "Application")["spec"]["source"]["helm"]["valuesObject"]
    flux = of_kind("gitops.md", "HelmRelease")["spec"]["values"]
    assert all(render(values).one("Deployment")["spec"]["replicas"] == 2 for values in (argo, flux))
    assert render(argo).of_kind("ServiceMonitor")


JOBS = {
    None: "Progressing",
    **dict.fromkeys(Phase, "Progressing"),
    Phase.COMPLETED: "Healthy",
    Phase.FAILED: "Degraded",
    Phase.CANCELED: "Degraded",
    Phase.SUSPENDED: "Suspended",
}
ENVIRONMENTS = {
    ("True", "Built"): "Healthy",
    ("False", "BuildFailed"): "Degraded",
    ("False", "Building"): "Progressing",
}


def health(kind: str, found: dict[str, Any]) -> tuple[str, str]:
    """What Argo CD says of an object by the page's check."""
    script = of_kind("gitops.md", "ConfigMap")["data"][f"resource.customizations.health.footplate.dev_{kind}"]
    lua = lua54.LuaRuntime(unpack_returned_tuples=True)
    lua.globals().obj = lua.table_from(found, recursive=True)
    result = lua.execute(script)
    return result.status, result.message


@pytest.mark.parametrize(("phase", "wanted"), JOBS.items(), ids=str)
def test_the_health_of_a_job_in_argo_cd(phase: Phase | None, wanted: str) -> None:
    status = {"status": {"phase": phase.value, "message": "so it is"}} if phase else {}
    assert health("TrainingJob", status) == (wanted, "so it is" if phase else "not looked at yet")


@pytest.mark.parametrize(("state", "wanted"), ENVIRONMENTS.items(), ids=str)
def test_the_health_of_an_environment_in_argo_cd(state: tuple[str, str], wanted: str) -> None:
    status, reason = state
    ready = {"type": "Ready", "status": status, "reason": reason, "message": "so it is"}
    assert health("Environment", {"status": {"conditions": [ready]}}) == (wanted, "so it is")
    assert health("Environment", {})[0] == "Progressing"


def judge(kind: str, found: dict[str, Any]) -> str:
    """What Flux says of an object by the page's expressions; an expression that cannot be evaluated is not true."""
    checks = of_kind("gitops.md", "Kustomization")["spec"]["healthCheckExprs"]
    (check,) = [c for c in checks if c["kind"] == kind]
    for verdict in ("failed", "current"):
        if evaluate(check[verdict], found):
            return verdict
    return "in progress"


def evaluate(expression: str, found: dict[str, Any]) -> bool:
    environment = cel.NewEnv(variables={"status": cel.Type.DYN})
    return environment.compile(expression).eval(data={"status": found.get("status", {})}).value() is True


@pytest.mark.parametrize(("phase", "wanted"), JOBS.items(), ids=str)
def test_the_health_of_a_job_in_flux(phase: Phase | None, wanted: str) -> None:
    told = {"Healthy": "current", "Degraded": "failed"}.get(wanted, "in progress")
    assert judge("TrainingJob", {"status": {"phase": phase.value} if phase else {}}) == told


@pytest.mark.parametrize(("state", "wanted"), ENVIRONMENTS.items(), ids=str)
def test_the_health_of_an_environment_in_flux(state: tuple[str, str], wanted: str) -> None:
    told = {"Healthy": "current", "Degraded": "failed"}.get(wanted, "in progress")
    ready = {"type": "Ready", "status": state[0], "reason": state[1]}
    assert judge("Environment", {"status": {"conditions": [ready]}}) == told

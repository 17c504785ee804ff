"""docs/security.md tells of the rights that the chart gives, all of them and no others; its policy is one."""

from __future__ import annotations

import re
from pathlib import Path

import chart
import kubernetes_validate
import pytest
import rights
import yaml
from pod_security import VERSIONS

PAGE = (Path(__file__).parents[2] / "docs" / "security.md").read_text()


def table(heading: str) -> list[list[str]]:
    """The cells of the table whose first cell is this."""
    rows = PAGE[PAGE.index(f"| {heading} |") :].partition("\n\n")[0].splitlines()
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows[2:]]


def test_the_operators_rights() -> None:
    told = {
        (resource.strip("`"), verb, where)
        for resource, verbs, where, _ in table("resource")
        for verb in verbs.split(", ")
    }
    given = {
        (f"{r.resource}.{r.group}".rstrip("."), r.verb, "operator" if r.namespace == chart.NAMESPACE else "jobs")
        for r in rights.rights()
    }
    assert told == given


def test_one_lease_alone_is_read_and_written() -> None:
    named = {(r.verb, r.names) for r in rights.rights() if r.resource == "leases"}
    assert named == {("create", ()), ("get", ("footplate-operator",)), ("update", ("footplate-operator",))}


@pytest.mark.parametrize("row", table("role"), ids=lambda row: row[0])
def test_the_roles_of_people(row: list[str]) -> None:
    for name in re.findall(r"`([a-z-]+)`", row[0]):
        rules = chart.render().one("ClusterRole", name)["rules"]
        verbs = {resource: ", ".join(rule["verbs"]) for rule in rules for resource in rule["resources"]}
        for kind in ("trainingjobs", "environments", "datasets", "registeredmodels"):
            assert (verbs[kind], verbs[f"{kind}/status"]) == (row[1], "get")
        assert verbs["computepools"] == row[2]


def test_nobody_has_rights_that_are_not_listed() -> None:
    """No wildcards, for nobody."""
    roles = [m for m in chart.render().manifests if m["kind"] in ("Role", "ClusterRole")]
    words = [word for role in roles for rule in role["rules"] for part in rule.values() for word in part]
    assert "*" not in words


@pytest.mark.parametrize("version", [VERSIONS[0], VERSIONS[-1]])
def test_the_policy_for_jobs_is_one(version: str) -> None:
    blocks = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]
    (policy,) = [block for block in blocks if block.get("kind") == "NetworkPolicy"]
    kubernetes_validate.validate(policy, version, strict=True)

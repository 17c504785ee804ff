"""The chart in the cluster, and the operator that it brings."""

from __future__ import annotations

from typing import Any

from e2e_cluster import Cluster
from e2e_helm import Helm
from e2e_plan import CHART, Plan

JSON = dict[str, Any]
DEPLOYMENT = "deployment/footplate-operator"
SELECTOR = "app.kubernetes.io/name=footplate,app.kubernetes.io/component=operator"


class Release:
    """Installed, upgraded and uninstalled by the steps; `values` are those of the last change."""

    def __init__(self, cluster: Cluster, plan: Plan, helm: Helm, values: JSON) -> None:
        self._cluster = cluster
        self._plan = plan
        self._helm = helm
        self.values = values
        self.begun = False
        """Something of it may be in the cluster."""

    @property
    def helm(self) -> str:
        return self._helm.title

    def install(self, **more: Any) -> None:
        self.values = _merged(self.values, more)
        self.begun = True
        self._helm.install(CHART, self.values)
        self.rolled_out()

    def upgrade(self, **more: Any) -> None:
        self.values = _merged(self.values, more)
        self._helm.upgrade(CHART, self.values)
        self.rolled_out()

    def uninstall(self) -> None:
        self._helm.uninstall()
        self.begun = False

    def rolled_out(self) -> str:
        return self._cluster.kubectl(
            "rollout", "status", DEPLOYMENT, "--timeout=300s", namespace=self._plan.release, seconds=330
        )

    def pods(self) -> list[JSON]:
        """The operator's, without those that are being deleted."""
        found = self._cluster.list("pods", SELECTOR, self._plan.release)
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def leader(self) -> str | None:
        """Who holds the Lease."""
        lease = self._cluster.get("lease", "footplate-operator", self._plan.release) or {}
        return (lease.get("spec") or {}).get("holderIdentity") or None


def values_of(plan: Plan, store: JSON, more: JSON) -> JSON:
    """Of the first installation."""
    images = {
        "image": {"registry": "", "repository": f"{plan.image_prefix}/operator", "tag": plan.tag},
        "runtime": {"image": {"repository": f"{plan.image_prefix}/runtime", "tag": plan.tag}},
    }
    return _merged({"store": store, "settings": {"pollSeconds": 5}, **images}, more)


def _merged(values: JSON, more: JSON) -> JSON:
    found = dict(values)
    for key, value in more.items():
        before = found.get(key)
        found[key] = _merged(before, value) if isinstance(before, dict) and isinstance(value, dict) else value
    return found

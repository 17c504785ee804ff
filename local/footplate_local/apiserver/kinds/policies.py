"""Kinds that say how others are run: priorities, disruption budgets, autoscalers, webhooks.

Budgets are not kept, nothing is scaled and no webhook is called by the embedded cluster; priorities are those of pods.
Sources: kubernetes pkg/apis/{scheduling,policy,autoscaling,admissionregistration} (v1/defaults.go, validation).
"""

from __future__ import annotations

from typing import Any

from footplate_local.apiserver.errors import field_forbidden, forbidden, invalid_value, not_supported, required
from footplate_local.apiserver.kinds import checks
from footplate_local.apiserver.kinds.checks import Errors
from footplate_local.apiserver.kinds.plain import PlainStrategy
from footplate_local.apiserver.storage.model import Storage

JSON = dict[str, Any]
_LARGEST_PRIORITY = 1_000_000_000
_POLICIES = ("PreemptLowerPriority", "Never")
SYSTEM_PRIORITIES = {"system-cluster-critical": 2_000_000_000, "system-node-critical": 2_000_001_000}


class PriorityStrategy(PlainStrategy):
    """PriorityClasses, of which one may be the default (plugin/pkg/admission/priority)."""

    def __init__(self) -> None:
        super().__init__(
            "scheduling.k8s.io/v1", "PriorityClass", generation=True, fill=fill_priority, check=check_priority
        )

    def admit(self, obj: JSON, old: JSON | None, storage: Storage) -> None:
        """Raises StatusError 403 for a second default."""
        name = obj["metadata"].get("name", "")
        for item in storage.listing("priorityclasses.scheduling.k8s.io") if obj.get("globalDefault") else ():
            if item.object.get("globalDefault") and item.key.name != name:
                text = f"PriorityClass {item.key.name} is already marked as default. Only one default can exist"
                raise forbidden("scheduling.k8s.io", "priorityclasses", name, text)


def fill_priority(priority: JSON) -> None:
    priority.setdefault("preemptionPolicy", "PreemptLowerPriority")


def check_priority(priority: JSON, old: JSON | None) -> Errors:
    name, value = priority["metadata"].get("name", ""), priority.get("value", 0)
    if name.startswith("system-") and SYSTEM_PRIORITIES.get(name) != value:
        text = "priority class names with 'system-' prefix are reserved for system use only"
        yield field_forbidden("metadata.name", text)
    elif value > _LARGEST_PRIORITY and name not in SYSTEM_PRIORITIES:
        text = f"maximum allowed value of a user defined priority is {_LARGEST_PRIORITY}"
        yield field_forbidden("value", text)
    if priority["preemptionPolicy"] not in _POLICIES:
        yield not_supported("preemptionPolicy", priority["preemptionPolicy"], _POLICIES)
    if old is not None:
        if value != old.get("value", 0):
            yield field_forbidden("value", "may not be changed in an update.")
        yield from checks.unchanged(priority["preemptionPolicy"], old.get("preemptionPolicy"), "preemptionPolicy")


def check_budget(budget: JSON, old: JSON | None) -> Errors:
    spec = budget["spec"]
    if "minAvailable" in spec and "maxUnavailable" in spec:
        yield invalid_value("spec", spec, "minAvailable and maxUnavailable cannot be both set")
    for part in ("minAvailable", "maxUnavailable"):
        if part in spec:
            yield from checks.count_or_percent(spec[part], f"spec.{part}")
    yield from checks.label_selector(spec.get("selector"), "spec.selector")
    policies = ("AlwaysAllow", "IfHealthyBudget")
    yield from checks.maybe_one_of(spec.get("unhealthyPodEvictionPolicy"), policies, "spec.unhealthyPodEvictionPolicy")


def fill_autoscaler(autoscaler: JSON) -> None:
    spec = autoscaler["spec"]
    spec.setdefault("minReplicas", 1)
    if not spec.get("metrics"):
        target = {"type": "Utilization", "averageUtilization": 80}
        spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]


def check_autoscaler(autoscaler: JSON, old: JSON | None) -> Errors:
    spec = autoscaler["spec"]
    low, high = spec["minReplicas"], spec.get("maxReplicas", 0)
    if low < 1:
        yield invalid_value("spec.minReplicas", low, "must be greater than or equal to 1")
    if high < 1:
        yield invalid_value("spec.maxReplicas", high, "must be greater than 0")
    if high < low:
        yield invalid_value("spec.maxReplicas", high, "must be greater than or equal to `minReplicas`")
    for part in ("kind", "name"):
        if not spec["scaleTargetRef"].get(part):
            yield required(f"spec.scaleTargetRef.{part}")


def fill_webhooks(configuration: JSON) -> None:
    for webhook in configuration.get("webhooks") or ():
        webhook.setdefault("failurePolicy", "Fail")
        webhook.setdefault("matchPolicy", "Equivalent")
        webhook.setdefault("namespaceSelector", {})
        webhook.setdefault("objectSelector", {})
        webhook.setdefault("timeoutSeconds", 10)
        if configuration["kind"].startswith("Mutating"):
            webhook.setdefault("reinvocationPolicy", "Never")
        for rule in webhook.get("rules") or ():
            rule.setdefault("scope", "*")
        if "service" in webhook["clientConfig"]:
            webhook["clientConfig"]["service"].setdefault("port", 443)


def check_webhooks(configuration: JSON, old: JSON | None) -> Errors:
    seen: set[str] = set()
    for index, webhook in enumerate(configuration.get("webhooks") or ()):
        path, name = f"webhooks[{index}]", webhook.get("name", "")
        if len(name.split(".")) < 3:
            yield invalid_value(
                f"{path}.name", name, "should be a domain with at least three segments separated by dots"
            )
        if name in seen:
            yield checks.duplicate(f"{path}.name", name)
        seen.add(name)
        if webhook.get("sideEffects") not in ("None", "NoneOnDryRun"):
            if not webhook.get("sideEffects"):
                yield required(f"{path}.sideEffects", "must specify one of None, NoneOnDryRun")
            else:
                yield not_supported(f"{path}.sideEffects", webhook["sideEffects"], ("None", "NoneOnDryRun"))
        if not webhook.get("admissionReviewVersions"):
            yield required(f"{path}.admissionReviewVersions", "must specify one of v1, v1beta1")
        yield from checks.between(webhook["timeoutSeconds"], 1, 30, f"{path}.timeoutSeconds")
        client = webhook["clientConfig"]
        if ("url" in client) == ("service" in client):
            yield required(f"{path}.clientConfig", "exactly one of url or service is required")

"""Jobs and CronJobs: filled in and checked; the embedded cluster runs none.

Sources: kubernetes pkg/apis/batch/v1/defaults.go, pkg/apis/batch/validation/validation.go,
pkg/registry/batch/job/strategy.go.
"""

from __future__ import annotations

import re
from typing import Any

from footplate_local.apiserver.errors import invalid_value, not_supported, required
from footplate_local.apiserver.kinds import checks, label_selectors
from footplate_local.apiserver.kinds.checks import Errors
from footplate_local.apiserver.kinds.plain import PlainStrategy
from footplate_local.apiserver.kinds.pods import defaults as pod_defaults
from footplate_local.apiserver.kinds.pods import validation as pod_validation

JSON = dict[str, Any]
_UID, _NAME = "controller-uid", "job-name"
_PREFIX = "batch.kubernetes.io/"
_COUNTS = ("parallelism", "completions", "activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished")
_IMMUTABLE = ("selector", "completionMode", "podFailurePolicy", "backoffLimitPerIndex", "managedBy", "successPolicy")
_LONGEST_CRON_NAME = 52
_CRON_FIELD = r"[\w*?,/#-]+"
_CRON = re.compile(
    rf"@(yearly|annually|monthly|weekly|daily|midnight|hourly|every \S+)|{_CRON_FIELD}( +{_CRON_FIELD}){{4}}"
)


class JobStrategy(PlainStrategy):
    def __init__(self) -> None:
        super().__init__("batch/v1", "Job", generation=True, status=True, fill=_fill_job, check=_check_job)

    def prepare(self, obj: JSON, old: JSON | None) -> None:
        if old is None and not obj["spec"].get("manualSelector"):
            _select_own_pods(obj)
        super().prepare(obj, old)

    def field_values(self, obj: JSON) -> dict[str, str]:
        return {"status.successful": str(obj.get("status", {}).get("succeeded", 0))}


class CronJobStrategy(PlainStrategy):
    def __init__(self) -> None:
        super().__init__("batch/v1", "CronJob", generation=True, status=True, fill=_fill_cron, check=_check_cron)


def _fill_job(job: JSON) -> None:
    spec = job["spec"]
    if "completions" not in spec and "parallelism" not in spec:
        spec["completions"] = 1
    defaults = {
        "parallelism": 1,
        "backoffLimit": checks.LARGEST_INT32 if "backoffLimitPerIndex" in spec else 6,
        "completionMode": "NonIndexed",
        "suspend": False,
        "podReplacementPolicy": "Failed" if "podFailurePolicy" in spec else "TerminatingOrFailed",
    }
    for key, value in defaults.items():
        spec.setdefault(key, value)
    template = spec["template"]
    labels = template["metadata"].get("labels")
    if labels and not job["metadata"].get("labels"):
        job["metadata"]["labels"] = dict(labels)
    pod_defaults.apply(template["spec"], template=True)


def _select_own_pods(job: JSON) -> None:
    """A job's pods are those with its uid, unless it chooses them itself (generateSelector)."""
    spec, meta = job["spec"], job["metadata"]
    own = {_UID: meta["uid"], _NAME: meta.get("name", "")}
    labels = spec["template"]["metadata"].setdefault("labels", {})
    for key, value in own.items():
        labels.setdefault(key, value)
        labels.setdefault(_PREFIX + key, value)
    spec.setdefault("selector", {}).setdefault("matchLabels", {}).setdefault(_PREFIX + _UID, meta["uid"])


def _check_job(job: JSON, old: JSON | None) -> Errors:
    spec = job["spec"]
    yield from _spec_errors(spec, "spec")
    selector, labels = spec.get("selector"), spec["template"]["metadata"].get("labels") or {}
    if selector is None:
        yield required("spec.selector")
    else:
        yield from checks.label_selector(selector, "spec.selector")
        if not label_selectors.matches(selector, labels):
            text = "`selector` does not match template `labels`"
            yield invalid_value("spec.template.metadata.labels", labels, text)
    if not spec.get("manualSelector"):
        yield from _own_selector_errors(job, labels)
    if old is not None:
        yield from _change_errors(spec, old["spec"], job)


def _own_selector_errors(job: JSON, labels: JSON) -> Errors:
    meta = job["metadata"]
    for key, value in ((_PREFIX + _UID, meta["uid"]), (_PREFIX + _NAME, meta.get("name", ""))):
        if labels.get(key) != value:
            yield invalid_value("spec.template.metadata.labels", labels, f"must be '{value}'")


def _spec_errors(spec: JSON, path: str) -> Errors:
    for part in _COUNTS:
        yield from checks.not_negative(spec.get(part), f"{path}.{part}")
    mode = spec.get("completionMode")
    if mode is not None and mode not in ("NonIndexed", "Indexed"):
        yield not_supported(f"{path}.completionMode", mode, ("NonIndexed", "Indexed"))
    if mode == "Indexed" and "completions" not in spec:
        yield required(f"{path}.completions", "when completion mode is Indexed")
    template = spec["template"]
    yield from pod_validation.template_errors(template, f"{path}.template")
    policy, where = template["spec"]["restartPolicy"], f"{path}.template.spec.restartPolicy"
    if policy == "Always":  # which is also the default
        yield required(where, 'valid values: "OnFailure", "Never"')
    elif policy not in ("OnFailure", "Never"):
        yield not_supported(where, policy, ("OnFailure", "Never"))


def _change_errors(spec: JSON, old: JSON, job: JSON) -> Errors:
    """What of a job stays. An indexed one may grow; a suspended one that never ran may get other pods."""
    elastic = spec.get("completionMode") == "Indexed" and spec.get("completions") == spec.get("parallelism")
    if not elastic:
        yield from checks.unchanged(spec.get("completions"), old.get("completions"), "spec.completions")
    for part in _IMMUTABLE:
        yield from checks.unchanged(spec.get(part), old.get(part), f"spec.{part}")
    new_template, old_template = spec["template"], old["template"]
    if old.get("suspend") and not job.get("status", {}).get("startTime"):
        new_template, old_template = _elsewhere(new_template), _elsewhere(old_template)
    yield from checks.unchanged(new_template, old_template, "spec.template")


def _elsewhere(template: JSON) -> JSON:
    """A template without what only says where its pods run."""
    free = ("nodeSelector", "affinity", "tolerations", "schedulingGates")
    meta = {key: value for key, value in template["metadata"].items() if key not in ("labels", "annotations")}
    return {"metadata": meta, "spec": {key: value for key, value in template["spec"].items() if key not in free}}


def _fill_cron(cron: JSON) -> None:
    spec = cron["spec"]
    defaults = {
        "concurrencyPolicy": "Allow",
        "suspend": False,
        "successfulJobsHistoryLimit": 3,
        "failedJobsHistoryLimit": 1,
    }
    for key, value in defaults.items():
        spec.setdefault(key, value)
    pod_defaults.apply(spec["jobTemplate"]["spec"]["template"]["spec"], template=True)


def _check_cron(cron: JSON, old: JSON | None) -> Errors:
    spec, name = cron["spec"], cron["metadata"].get("name", "")
    schedule = spec.get("schedule", "")
    if not schedule:
        yield required("spec.schedule")
    elif "TZ" in schedule:
        yield invalid_value(
            "spec.schedule", schedule, "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"
        )
    elif not _CRON.fullmatch(schedule):
        yield invalid_value("spec.schedule", schedule, f"expected exactly 5 fields, found {len(schedule.split())}")
    yield from checks.not_negative(spec.get("startingDeadlineSeconds"), "spec.startingDeadlineSeconds")
    policies = ("Allow", "Forbid", "Replace")
    yield from checks.one_of(spec["concurrencyPolicy"], policies, "spec.concurrencyPolicy")
    yield from _spec_errors(spec["jobTemplate"]["spec"], "spec.jobTemplate.spec")
    for part in ("successfulJobsHistoryLimit", "failedJobsHistoryLimit"):
        yield from checks.not_negative(spec[part], f"spec.{part}")
    if len(name) > _LONGEST_CRON_NAME:
        yield invalid_value("metadata.name", name, f"must be no more than {_LONGEST_CRON_NAME} characters")

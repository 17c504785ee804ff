"""Checks of where a pod may run: tolerations, affinities, topology.

Source: kubernetes pkg/apis/core/validation/validation.go.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from footplate_local.apiserver.errors import field_forbidden, invalid_value, not_supported, required
from footplate_local.apiserver.kinds import checks
from footplate_local.apiserver.kinds.checks import Errors
from footplate_local.apiserver.objects import names

JSON = dict[str, Any]
TAINT_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
_NO_OPERATOR = "not a valid selector operator"


def tolerations(found: Sequence[JSON], path: str) -> Errors:
    for index, toleration in enumerate(found):
        where = f"{path}[{index}]"
        key, operator = toleration.get("key", ""), toleration.get("operator", "")
        value, effect = toleration.get("value", ""), toleration.get("effect", "")
        if key:
            yield from checks.by(names.label_key, key, f"{where}.key")
        elif operator != "Exists":
            text = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'
            yield invalid_value(f"{where}.operator", operator, text)
        if "tolerationSeconds" in toleration and effect != "NoExecute":
            text = "effect must be 'NoExecute' when `tolerationSeconds` is set"
            yield invalid_value(f"{where}.effect", effect, text)
        if operator in ("Equal", ""):
            problems = names.label_value(value)
            if problems:
                yield invalid_value(f"{where}.operator", value, ";".join(problems))
        elif operator == "Exists":
            if value:
                yield invalid_value(f"{where}.operator", toleration, "value must be empty when `operator` is 'Exists'")
        else:
            yield not_supported(f"{where}.operator", operator, ("Equal", "Exists"))
        if effect and effect not in TAINT_EFFECTS:
            yield not_supported(f"{where}.effect", effect, TAINT_EFFECTS)


def affinity(found: JSON, path: str) -> Errors:
    node = found.get("nodeAffinity") or {}
    if _REQUIRED in node:
        yield from node_selector(node[_REQUIRED], f"{path}.nodeAffinity.{_REQUIRED}")
    for index, term in enumerate(node.get(_PREFERRED) or ()):
        where = f"{path}.nodeAffinity.{_PREFERRED}[{index}]"
        yield from _weight(term, where)
        yield from _node_term(term.get("preference") or {}, f"{where}.preference")
    for kind in ("podAffinity", "podAntiAffinity"):
        pods = found.get(kind) or {}
        for index, term in enumerate(pods.get(_REQUIRED) or ()):
            yield from _pod_term(term, f"{path}.{kind}.{_REQUIRED}[{index}]")
        for index, term in enumerate(pods.get(_PREFERRED) or ()):
            where = f"{path}.{kind}.{_PREFERRED}[{index}]"
            yield from _weight(term, where)
            yield from _pod_term(term.get("podAffinityTerm") or {}, f"{where}.podAffinityTerm")


def _weight(term: JSON, path: str) -> Errors:
    weight = term.get("weight", 0)
    if not 1 <= weight <= 100:
        yield invalid_value(f"{path}.weight", weight, "must be in the range 1-100")


def node_selector(selector: JSON, path: str) -> Errors:
    terms = selector.get("nodeSelectorTerms") or ()
    if not terms:
        yield required(f"{path}.nodeSelectorTerms", "must have at least one node selector term")
    for index, term in enumerate(terms):
        yield from _node_term(term, f"{path}.nodeSelectorTerms[{index}]")


def _node_term(term: JSON, path: str) -> Errors:
    for index, expression in enumerate(term.get("matchExpressions") or ()):
        where = f"{path}.matchExpressions[{index}]"
        yield from _node_requirement(expression, where)
        yield from checks.by(names.label_key, expression.get("key", ""), f"{where}.key")
    for index, expression in enumerate(term.get("matchFields") or ()):
        yield from _node_field(expression, f"{path}.matchFields[{index}]")


def _node_requirement(expression: JSON, path: str) -> Errors:
    operator, values = expression.get("operator", ""), expression.get("values") or ()
    match operator:
        case "In" | "NotIn":
            if not values:
                yield required(f"{path}.values", "must be specified when `operator` is 'In' or 'NotIn'")
        case "Exists" | "DoesNotExist":
            if values:
                text = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
                yield field_forbidden(f"{path}.values", text)
        case "Gt" | "Lt":
            if len(values) != 1:
                yield required(f"{path}.values", "must be specified single value when `operator` is 'Lt' or 'Gt'")
        case _:
            yield invalid_value(f"{path}.operator", operator, _NO_OPERATOR)


def _node_field(expression: JSON, path: str) -> Errors:
    operator, values = expression.get("operator", ""), expression.get("values") or ()
    if operator not in ("In", "NotIn"):
        yield invalid_value(f"{path}.operator", operator, _NO_OPERATOR)
    elif len(values) != 1:
        text = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"
        yield required(f"{path}.values", text)
    if expression.get("key") != "metadata.name":
        yield invalid_value(f"{path}.key", expression.get("key", ""), "not a valid field selector key")
        return
    for index, value in enumerate(values):
        yield from checks.by(names.subdomain, value, f"{path}.values[{index}]")


def _pod_term(term: JSON, path: str) -> Errors:
    yield from checks.label_selector(term.get("labelSelector"), f"{path}.labelSelector")
    yield from checks.label_selector(term.get("namespaceSelector"), f"{path}.namespaceSelector")
    for name in term.get("namespaces") or ():
        yield from checks.by(names.dns_label, name, f"{path}.namespace")
    key = term.get("topologyKey", "")
    if not key:
        yield required(f"{path}.topologyKey", "can not be empty")
    yield from checks.by(names.label_key, key, f"{path}.topologyKey")


def topology_spread(found: Sequence[JSON], path: str) -> Errors:
    seen: set[tuple[str, str]] = set()
    for index, constraint in enumerate(found):
        where = f"{path}[{index}]"
        if constraint.get("maxSkew", 0) <= 0:
            yield invalid_value(f"{where}.maxSkew", constraint.get("maxSkew", 0), "must be greater than zero")
        key, action = constraint.get("topologyKey", ""), constraint.get("whenUnsatisfiable", "")
        if not key:
            yield required(f"{where}.topologyKey", "can not be empty")
        else:
            yield from checks.by(names.label_key, key, f"{where}.topologyKey")
        if action not in ("DoNotSchedule", "ScheduleAnyway"):
            yield not_supported(f"{where}.whenUnsatisfiable", action, ("DoNotSchedule", "ScheduleAnyway"))
        if (key, action) in seen:
            yield checks.duplicate(f"{where}.{{topologyKey, whenUnsatisfiable}}", f"{{{key}, {action}}}")
        seen.add((key, action))
        domains = constraint.get("minDomains")
        if domains is not None:
            if domains <= 0:
                yield invalid_value(f"{where}.minDomains", domains, "must be greater than zero")
            if action != "DoNotSchedule":
                text = "can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ScheduleAnyway"
                yield invalid_value(f"{where}.minDomains", domains, text)
        for policy in ("nodeAffinityPolicy", "nodeTaintsPolicy"):
            yield from checks.maybe_one_of(constraint.get(policy), ("Honor", "Ignore"), f"{where}.{policy}")
        yield from checks.label_selector(constraint.get("labelSelector"), f"{where}.labelSelector")

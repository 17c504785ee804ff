"""Rules as widely used CRDs have them: they compile with the types of their schema, hold, and are broken."""

from __future__ import annotations

from typing import Any

import pytest

from footplate_local.apiserver.schema.correlation import MISSING
from footplate_local.apiserver.schema.declared import schema_errors
from footplate_local.apiserver.schema.rules import Rules

JSON = dict[str, Any]
TEXT: JSON = {"type": "string"}
NUMBER: JSON = {"type": "integer"}
TEXTS: JSON = {"type": "array", "items": TEXT, "maxItems": 8}
LABELS: JSON = {"type": "object", "additionalProperties": TEXT}


def _object(**properties: JSON) -> JSON:
    return {"type": "object", "properties": properties}


CASES: list[tuple[str, JSON, Any, Any]] = [
    # Gateway API
    (
        "self.all(l1, self.exists_one(l2, l1.name == l2.name))",
        {"type": "array", "items": _object(name=TEXT)},
        [{"name": "a"}, {"name": "b"}],
        [{"name": "a"}, {"name": "a"}],
    ),
    (
        "self.type == 'ReplaceFullPath' ? has(self.replaceFullPath) : true",
        _object(type=TEXT, replaceFullPath=TEXT),
        {"type": "ReplaceFullPath", "replaceFullPath": "/"},
        {"type": "ReplaceFullPath"},
    ),
    (
        "(size(self.group) == 0 && self.kind == 'Service') ? has(self.port) : true",
        _object(group=TEXT, kind=TEXT, port=NUMBER),
        {"group": "", "kind": "Service", "port": 80},
        {"group": "", "kind": "Service"},
    ),
    (
        "!self.exists(l, l.protocol in ['HTTP', 'TCP'] && has(l.tls))",
        {"type": "array", "items": _object(protocol=TEXT, tls=_object(mode=TEXT))},
        [{"protocol": "HTTPS", "tls": {"mode": "x"}}],
        [{"protocol": "HTTP", "tls": {"mode": "x"}}],
    ),
    # cert-manager, Istio
    (
        "(has(self.secretRef) ? 1 : 0) + (has(self.inline) ? 1 : 0) == 1",
        _object(secretRef=TEXT, inline=TEXT),
        {"inline": "x"},
        {},
    ),
    (
        "has(self.selector) ? !has(self.targetRef) : true",
        _object(selector=LABELS, targetRef=TEXT),
        {"selector": {}},
        {"selector": {}, "targetRef": "x"},
    ),
    ("self.all(key, key.size() > 0 && self[key].matches('^[a-z]*$'))", LABELS, {"a": "b"}, {"a": "B"}),
    ("duration(self) >= duration('1ms')", TEXT, "5s", "0s"),
    ("isURL(self) && url(self).getScheme() in ['http', 'https']", TEXT, "https://a.b", "ftp://a.b"),
    # Kueue, JobSet
    (
        "!has(self.cohort) || self.cohort.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",
        _object(cohort=TEXT),
        {"cohort": "a-b"},
        {"cohort": "A"},
    ),
    (
        "self.all(f, self.exists_one(g, g.name == f.name)"
        " && f.resources.all(r, quantity(r).compareTo(quantity('0')) >= 0))",
        {"type": "array", "items": _object(name=TEXT, resources=TEXTS)},
        [{"name": "a", "resources": ["1Gi"]}],
        [{"name": "a", "resources": ["-1"]}],
    ),
    (
        "self.orValue == 1 || has(self.x) && self.x.lowerAscii().startsWith('a')",
        _object(orValue=NUMBER, x=TEXT),
        {"orValue": 2, "x": "Ab"},
        {"orValue": 2},
    ),
    # Karpenter
    (
        "self.all(x, x.operator == 'In' ? x.values.size() != 0 : true)",
        {"type": "array", "items": _object(operator=TEXT, values=TEXTS)},
        [{"operator": "In", "values": ["a"]}],
        [{"operator": "In", "values": []}],
    ),
    (
        "self.all(x, x in ['a', 'b'] || !x.find('^([^/]+)').endsWith('kubernetes.io'))",
        TEXTS,
        ["a", "example.com/x"],
        ["kubernetes.io/x"],
    ),
    (
        "self.schedule == '' || has(self.duration) == has(self.schedule)",
        _object(schedule=TEXT, duration=TEXT),
        {"schedule": "x", "duration": "1h"},
        {"schedule": "x"},
    ),
    ("int(self.split('%')[0]) <= 100", TEXT, "50%", "101%"),
    # Cluster API, with the libraries of later versions
    ("!format.dns1123Label().validate(self).hasValue()", TEXT, "a-b", "A_B"),
    ("self.?a.orValue('x') == 'x'", _object(a=TEXT), {}, {"a": "y"}),
    ("self.?labels['a'].orValue('x') == 'x'", _object(labels=LABELS), {}, {"labels": {"a": "y"}}),
    ("self[?'a'].hasValue()", LABELS, {"a": ""}, {}),
    ("semver(self).compareTo(semver('1.30.0')) >= 0", TEXT, "1.31.2", "1.29.9"),
    ("isCIDR(self) && cidr('10.0.0.0/8').containsCIDR(self)", TEXT, "10.1.0.0/16", "11.0.0.0/16"),
    ("isIP(self) && ip(self).family() == 4", TEXT, "10.0.0.1", "::1"),
    ("sets.contains(['a', 'b'], self)", TEXTS, ["a"], ["c"]),
    ("sets.equivalent(self, ['a', 'b'])", TEXTS, ["b", "a"], ["a"]),
    ("self.size() <= 2", TEXT, "äö", "abc"),
    (
        "self.metadata.name.size() <= 3",
        {"type": "object"},
        {"metadata": {"name": "abc"}},
        {"metadata": {"name": "abcd"}},
    ),
    (
        "type(self.port) == int ? self.port > 0 : self.port == 'http'",
        _object(port={"x-kubernetes-int-or-string": True}),
        {"port": "http"},
        {"port": 0},
    ),
    (
        "self.since < timestamp('2024-01-01T00:00:00Z')",
        _object(since={"type": "string", "format": "date-time"}),
        {"since": "2023-05-05T00:00:00Z"},
        {"since": "2024-05-05T00:00:00Z"},
    ),
    (
        "self.timeout <= duration('1h')",
        _object(timeout={"type": "string", "format": "duration"}),
        {"timeout": "30m"},
        {"timeout": "2h"},
    ),
    ("self.ratio < 0.5", _object(ratio={"type": "number"}), {"ratio": 0}, {"ratio": 1}),
    ("string(self) in ['1', '2']", NUMBER, 1, 3),
    (
        "self.isSorted() && self.sum() < 9 && self.max() > self.min()",
        {"type": "array", "items": NUMBER},
        [1, 2],
        [2, 1],
    ),
]


@pytest.mark.parametrize(("rule", "schema", "good", "bad"), CASES, ids=[case[0][:40] for case in CASES])
def test_a_rule_in_common_use(rule: str, schema: JSON, good: Any, bad: Any) -> None:
    declared = {**schema, "x-kubernetes-validations": [{"rule": rule, "message": "broken"}]}
    root = schema == {"type": "object"}
    whole = declared if root else {"type": "object", "properties": {"x": declared}}
    assert schema_errors(whole, "schema", status=False) == ()
    rules = Rules(whole)
    assert rules.check(good if root else {"x": good}) == []
    (error,) = rules.check(bad if root else {"x": bad})
    assert (error.reason, error.detail) == ("FieldValueInvalid", "broken")


def test_former_states_may_be_missing() -> None:
    rule = {"rule": "oldSelf.hasValue() ? self >= oldSelf.value() : self == 0", "optionalOldSelf": True}
    rules = Rules({"type": "object", "properties": {"n": {"type": "integer", "x-kubernetes-validations": [rule]}}})
    cases = [({"n": 0}, MISSING, 0), ({"n": 1}, MISSING, 1), ({"n": 2}, {"n": 1}, 0), ({"n": 0}, {"n": 1}, 1)]
    assert [len(rules.check(new, old)) for new, old, _ in cases] == [count for _, _, count in cases]


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("self.l[3] > 1", "index out of bounds: 3 evaluating rule: r"),
        ("10 / self.n > 1", "division by zero evaluating rule: r"),
        ("quantity(self.t).isInteger()", "'no' is not a Kubernetes quantity like 500m, 2Gi or 4 evaluating rule: r"),
        (
            "self.i + 1 > 1",
            "'no such overload': call arguments did not match a supported operator, function or macro signature for "
            "rule: r",
        ),
    ],
)
def test_a_rule_without_a_value_says_why(rule: str, text: str) -> None:
    schema = _object(l={"type": "array", "items": NUMBER}, n=NUMBER, t=TEXT, i={"x-kubernetes-int-or-string": True}) | {
        "x-kubernetes-validations": [{"rule": rule, "message": "r"}]
    }
    (error,) = Rules(schema).check({"l": [], "n": 0, "t": "no", "i": "x"})
    assert error.detail == text

"""Wrong values are refused, and the sentence says what to do."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import helm_python as helm
import kubernetes_validate
import pytest
from chart import CHART, STORE, Rendered, merged, nested, render, render_bare
from chart_values import documented

from footplate.settings_file import parse

PEM = "-----BEGIN CERTIFICATE-----"
WITH_STORE = {"store": {"uri": STORE}}

MISTAKES: list[tuple[dict[str, Any], str]] = [
    ({}, "store.uri is empty: say where the runs of all jobs go, e.g. --set store.uri=s3://bucket/prefix"),
    (
        {"store": {"uri": "http://a/b"}},
        'must begin with s3://, gs://, az:// or file:// and name a bucket or folder, not "http://a/b".',
    ),
    ({"store": {"uri": "s3://"}}, 'name a bucket or folder, not "s3://"'),
    ({"store": {"endpoint": "minio:9000"}}, 'store.endpoint must begin with http:// or https://, not "minio:9000".'),
    ({"store": {"uri": None}}, "store.uri is empty"),
    ({"store": {"url": STORE}}, "at '/store': additional properties 'url' not allowed"),
    ({"store": {"secret": "keys"}}, "at '/store': additional properties 'secret' not allowed"),
    ({"store": {"pathStyle": "yes"}}, "at '/store/pathStyle': got string, want boolean"),
    (
        {"store": {"caCertificate": "ca.pem"}},
        f"store.caCertificate must be PEM and begin with {PEM}; read it from a file with --set-file",
    ),
    ({"store": None}, "missing property 'store'"),
    ({"replicaCount": 2}, "at '': additional properties 'replicaCount' not allowed"),
    ({"replicas": 3}, "at '/replicas': maximum: got 3, want 2"),
    ({"replicas": "2"}, "at '/replicas': got string, want integer"),
    (
        {"replicas": 2, "settings": {"leaderElection": False}},
        "two operators without a Lease would both lead. Use one replica or leave the election on.",
    ),
    (
        {"image": {"pullPolicy": "always"}},
        "at '/image/pullPolicy': value must be one of 'Always', 'IfNotPresent', 'Never'",
    ),
    ({"image": {"name": "x"}}, "at '/image': additional properties 'name' not allowed"),
    ({"image": {"repository": ""}}, "at '/image/repository': minLength: got 0, want 1"),
    ({"image": {"digest": "abc"}}, "at '/image/digest': 'abc' does not match pattern '^(sha256:[0-9a-f]{64})?$'"),
    (
        {"runtime": {"resources": {"fetch": {"memory": "1Gi"}}}},
        "at '/runtime/resources/fetch': additional properties 'memory' not allowed",
    ),
    ({"imagePullSecrets": ["registry"]}, "at '/imagePullSecrets/0': got string, want object"),
    ({"settings": {"worker": 4}}, "at '/settings': additional properties 'worker' not allowed"),
    ({"settings": {"workers": "4"}}, "at '/settings/workers': got string, want integer"),
    ({"settings": {"qps": 0}}, "at '/settings/qps': exclusiveMinimum: got 0, want 0"),
    ({"settings": {"store": {"uri": STORE}}}, "at '/settings': additional properties 'store' not allowed"),
    ({"watchNamespaces": "team-a"}, "at '/watchNamespaces': got string, want array"),
    ({"watchNamespaces": ["a", "a"]}, "at '/watchNamespaces': items at 0 and 1 are equal"),
    ({"builder": {"command": ["build"]}}, "builder.command is set and builder.image is empty: say which image builds"),
    ({"serviceAccount": {"create": False}}, "serviceAccount.name is empty although serviceAccount.create is false"),
    ({"crds": {"enabled": False}}, "at '/crds': additional properties 'enabled' not allowed"),
    ({"rbac": {"create": "false"}}, "at '/rbac/create': got string, want boolean"),
    (
        {"networkPolicy": {"apiServer": {"ports": ["443"]}}},
        "at '/networkPolicy/apiServer/ports/0': got string, want integer",
    ),
    ({"networkPolicy": {"apiServer": {"ports": []}}}, "at '/networkPolicy/apiServer/ports': minItems: got 0, want 1"),
    (
        {"podDisruptionBudget": {"maxUnavailable": "half"}},
        "at '/podDisruptionBudget/maxUnavailable': 'half' does not match pattern '^[0-9]+%$'",
    ),
    ({"podAnnotations": {"a": True}}, "at '/podAnnotations/a': got boolean, want string"),
    ({"extraEnv": [{"value": "b"}]}, "at '/extraEnv/0': missing property 'name'"),
    ({"extraEnv": {"A": "b"}}, "at '/extraEnv': got object, want array"),
    ({"tolerations": {"key": "a"}}, "at '/tolerations': got object, want array"),
    ({"livenessProbe": {"httpGet": {}}}, "at '/livenessProbe': additional properties 'httpGet' not allowed"),
    ({"terminationGracePeriodSeconds": 0}, "at '/terminationGracePeriodSeconds': minimum: got 0, want 1"),
]


@pytest.mark.parametrize(("values", "sentence"), MISTAKES, ids=[str(values)[:60] for values, _ in MISTAKES])
def test_it_is_said_what_is_wrong(values: dict[str, Any], sentence: str) -> None:
    given = values if "store" in values or not values else merged(WITH_STORE, values)
    with pytest.raises(helm.HelmError) as refused:
        render_bare(given)
    assert sentence in str(refused.value)


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(helm.HelmError) as refused:
        render_bare({"serviceAccount": {"create": False}, "builder": {"command": ["x"]}})
    assert [line.split()[0] for line in str(refused.value).splitlines() if line.endswith(".")] == [
        "store.uri",
        "serviceAccount.name",
        "builder.command",
    ]


def test_a_parent_chart_may_say_something_to_all_of_its_charts() -> None:
    assert render_bare(merged(WITH_STORE, {"global": {"registry": "x"}})).manifests


@pytest.mark.parametrize("name", [value.name for value in documented((CHART / "values.yaml").read_text())])
def test_a_value_that_is_taken_away(name: str) -> None:
    """`null` removes a default. Either the chart does without, or it says what is missing; no template breaks."""
    refusal, rendered = said(nested(name, None))
    if rendered is None:
        assert re.search(rf"missing property '{name.rpartition('.')[2]}'|{name} is empty", refusal)
        return
    assert parse(rendered.settings_text.encode(), Path("settings.yaml")).store.uri
    for manifest in rendered.manifests:
        if manifest["kind"] != "CustomResourceDefinition":
            kubernetes_validate.validate(manifest, "1.34", strict=True)
            assert "<nil>" not in str(manifest)


def said(values: dict[str, Any]) -> tuple[str, Rendered | None]:
    """What Helm says against the values, or what it makes of them."""
    try:
        return "", render(values)
    except helm.HelmError as error:
        return str(error), None

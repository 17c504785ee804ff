"""values.schema.json of the chart: what each value may be. Its texts are those of values.yaml."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from chart_values import Value

from footplate.settings import Settings

JSON = dict[str, Any]

TEXT: JSON = {"type": "string"}
SWITCH: JSON = {"type": "boolean"}
MAP: JSON = {"type": "object"}  # of Kubernetes' own fields, which the API server checks
TEXTS: JSON = {"type": "object", "additionalProperties": TEXT}
LABELS = TEXTS
PORT: JSON = {"type": "integer", "minimum": 1, "maximum": 65535}
AMOUNTS: JSON = {"type": "object", "additionalProperties": {"type": ["string", "number"]}}


def section(**properties: JSON) -> JSON:
    """Values of which no other may be there. What has no empty form cannot be taken away by `null`."""
    needed = [name for name, schema in properties.items() if _cannot_be_empty(schema)]
    return {"type": "object", "additionalProperties": False, "properties": properties, "required": needed}


def _cannot_be_empty(schema: JSON) -> bool:
    return (
        "properties" in schema
        or "enum" in schema
        or schema.get("type") in ("boolean", "integer", "number", ["integer", "string"])
        or "minLength" in schema
    )


def listed(items: JSON, **more: Any) -> JSON:
    return {"type": "array", "items": items, **more}


IMAGE = section(
    registry=TEXT,
    repository={"type": "string", "minLength": 1},
    tag=TEXT,
    digest={"type": "string", "pattern": "^(sha256:[0-9a-f]{64})?$"},
    pullPolicy={"enum": ["Always", "IfNotPresent", "Never"]},
)
PROBE: JSON = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        name: {"type": "integer", "minimum": 0}
        for name in ("initialDelaySeconds", "periodSeconds", "timeoutSeconds", "failureThreshold")
    },
}
DURATION: JSON = {"type": "string", "pattern": "^([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$", "minLength": 2}
MONITOR = section(
    enabled=SWITCH, labels=LABELS, interval=DURATION, scrapeTimeout=DURATION, metricRelabelings=listed(MAP)
)
POSITIVE: JSON = {"type": "number", "exclusiveMinimum": 0}
THRESHOLDS = section(
    queueWaitSeconds=POSITIVE,
    reconcileSeconds=POSITIVE,
    reconcileErrorShare={**POSITIVE, "maximum": 1},
    apiErrorShare={**POSITIVE, "maximum": 1},
    throttledPerSecond=POSITIVE,
    rateLimitWaitSeconds=POSITIVE,
    watchSilenceSeconds=POSITIVE,
    infrastructureFailuresPerHour=POSITIVE,
    uploadLagSeconds=POSITIVE,
    storeErrorsPerSecond=POSITIVE,
)
CONTAINER_RESOURCES: JSON = {
    "type": "object",
    "additionalProperties": False,
    "properties": {"requests": AMOUNTS, "limits": AMOUNTS},
}

VALUES = section(
    store=section(
        uri=TEXT,  # templates/checks.yaml says in a sentence what it must be
        secretName=TEXT,
        endpoint=TEXT,
        region=TEXT,
        pathStyle=SWITCH,
        caCertificate=TEXT,
    ),
    image=IMAGE,
    runtime=section(
        image=IMAGE,
        resources=section(fetch=CONTAINER_RESOURCES, agent=CONTAINER_RESOURCES),
        runAsUser={"type": ["integer", "null"], "minimum": 1},
    ),
    imagePullSecrets=listed(section(name={"type": "string", "minLength": 1})),
    builder=section(image=TEXT, command=listed(TEXT), env=TEXTS, securityContext=MAP),
    watchNamespaces=listed({"type": "string", "minLength": 1, "maxLength": 63}, uniqueItems=True),
    settings=MAP,  # replaced below
    replicas={"type": "integer", "minimum": 0, "maximum": 2},
    crds=section(install=SWITCH, keep=SWITCH),
    rbac=section(create=SWITCH, userRoles=SWITCH, aggregateUserRoles=SWITCH),
    serviceAccount=section(create=SWITCH, name=TEXT, annotations=TEXTS),
    resources=MAP,
    podDisruptionBudget=section(
        enabled=SWITCH, maxUnavailable={"type": ["integer", "string"], "pattern": "^[0-9]+%$", "minimum": 0}
    ),
    networkPolicy=section(
        enabled=SWITCH,
        ingressFrom=listed(MAP),
        apiServer=section(cidrs=listed(TEXT), ports=listed(PORT, minItems=1)),
        extraEgress=listed(MAP),
    ),
    service=section(annotations=TEXTS),
    commonLabels=LABELS,
    podLabels=LABELS,
    podAnnotations=TEXTS,
    podSecurityContext=MAP,
    securityContext=MAP,
    priorityClassName=TEXT,
    nodeSelector=LABELS,
    tolerations=listed(MAP),
    affinity=MAP,
    topologySpreadConstraints=listed(MAP),
    livenessProbe=PROBE,
    readinessProbe=PROBE,
    terminationGracePeriodSeconds={"type": "integer", "minimum": 1},
    extraArgs=listed(TEXT),
    extraEnv=listed({"type": "object", "required": ["name"]}),
    extraVolumes=listed({"type": "object", "required": ["name"]}),
    extraVolumeMounts=listed({"type": "object", "required": ["name", "mountPath"]}),
    monitoring=section(
        force=SWITCH,
        serviceMonitor=MONITOR,
        podMonitor=MONITOR,
        prometheusRule=section(
            enabled=SWITCH,
            labels=LABELS,
            alertLabels=LABELS,
            runbookUrl=TEXT,
            disabled=listed(TEXT),
            thresholds=THRESHOLDS,
        ),
        dashboard=section(enabled=SWITCH, labels=LABELS, annotations=TEXTS),
    ),
)

# Settings that other values say, or that the manifests rely on.
DERIVED = (
    *("store", "builder", "namespaces", "operatorNamespace", "runtimeImage", "runtimePullPolicy", "runAsUser"),
    *("runtimeResources", "imagePullSecrets", "healthHost", "healthPort"),
)


def schema(values: Sequence[Value]) -> JSON:
    """The JSON schema. Raises LookupError when VALUES and values.yaml do not have the same values."""
    found = json.loads(json.dumps(VALUES))  # TEXT and the like are parts of many
    settings, definitions = _settings()
    found["properties"]["settings"] = settings
    for path in [(), *(value.path for value in values if value.section)]:
        _compare(path, set(_at(found, path)["properties"]), {v.path[-1] for v in values if v.path[:-1] == path})
    for value in values:
        _at(found, value.path)["description"] = value.text
    found["properties"]["global"] = {"type": "object", "description": "What a parent chart says to all of its charts."}
    return {"$schema": "http://json-schema.org/draft-07/schema#", "title": "footplate", **found, "$defs": definitions}


def _at(schema: JSON, path: tuple[str, ...]) -> JSON:
    for name in path:
        schema = schema["properties"][name]
    return schema


def _compare(path: tuple[str, ...], described: set[str], documented: set[str]) -> None:
    if described != documented:
        names = ", ".join(".".join((*path, name)) for name in sorted(described ^ documented))
        raise LookupError(f"values.yaml and tools/chart_schema.py must both have these values: {names}")


def _settings() -> tuple[JSON, JSON]:
    """The schema of `settings`, and the definitions that it refers to."""
    whole = _without_titles(Settings.model_json_schema(by_alias=True))
    definitions = whole.pop("$defs", {})
    own = {name: part for name, part in whole["properties"].items() if name not in DERIVED}
    used = str(own)
    return (
        {"type": "object", "additionalProperties": False, "properties": own},
        {name: part for name, part in definitions.items() if f"'#/$defs/{name}'" in used},
    )


def _without_titles(part: Any) -> Any:
    """pydantic calls every field by its name once more."""
    if isinstance(part, dict):
        return {k: _without_titles(v) for k, v in part.items() if not (k == "title" and isinstance(v, str))}
    return [_without_titles(item) for item in part] if isinstance(part, list) else part

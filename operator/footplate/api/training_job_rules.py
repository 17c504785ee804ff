"""The CEL rules of TrainingJob: which fields go together, and which may change while the job lives."""

from __future__ import annotations

from footplate.api.rules import Rule, exactly_one, immutable, unchanged

MAX_NAME = 50  # leaves room for -<attempt>-<role>-<index> in a pod's name of at most 63

NAME_RULES = (
    Rule(
        f"size(self.metadata.name) <= {MAX_NAME}",
        f"metadata.name is longer than {MAX_NAME} characters: its pods' names have room for no more; shorten it",
    ),
    # Kubernetes: the name becomes a Service's, hence a DNS label that starts with a letter (RFC 1035).
    Rule(
        "self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
        "metadata.name becomes a host name: write lower-case letters, digits and -, starting with a letter",
    ),
)

_SUITS = (
    exactly_one(
        ("environment", "image"),
        "a job needs exactly one of environment and image, e.g. environment: {name: torch}",
    ),
    Rule(
        "self.nodes == 1 || has(self.distribution) && "
        "[has(self.distribution.pytorch), has(self.distribution.mpi), has(self.distribution.tensorflow), "
        "has(self.distribution.jax)]"
        ".exists(given, given)",
        "nodes: 2 or more needs a distribution, e.g. distribution: {pytorch: {}}",
    ),
    Rule(
        "self.nodes == 1 || !has(self.distribution) || !has(self.distribution.tensorflow)",
        "tensorflow counts its own replicas: remove nodes, and set workers and parameterServers",
    ),
    Rule(
        "!has(self.distribution) || !has(self.distribution.pytorch) || !has(self.distribution.pytorch.minNodes) || "
        "self.distribution.pytorch.minNodes <= self.nodes",
        "distribution.pytorch.minNodes is greater than nodes: lower minNodes or raise nodes",
    ),
    Rule(
        "!self.retry.notResponding || has(self.progressTimeoutSeconds)",
        "retry.notResponding needs progressTimeoutSeconds: after how many silent seconds the job is stopped",
    ),
    Rule(
        "self.entrypoint.launcher || !has(self.distribution)",
        "a distribution is started by the launcher: remove distribution, or launcher: false",
    ),
)

IMMUTABLE = (
    "experiment",
    "environment",
    "image",
    "source",
    "entrypoint",
    "computePool",
    "nodes",
    "resources",
    "distribution",
    "inputs",
    "registerModels",
    "outputs",
    "metrics",
    "retry",
    "timeoutSeconds",
    "startTimeoutSeconds",
    "progressTimeoutSeconds",
    "podTemplate",
)
MUTABLE = ("suspend", "cancel", "cleanup", "ttlSecondsAfterFinished")

_RUNS_ONCE = "a job runs once; create a new job under another name"
_STAYS = (
    *(immutable(field, _RUNS_ONCE) for field in IMMUTABLE),
    # For the parameters, which no rule can name, as their values have no type: if no mutable field changed, none did.
    Rule(
        " || ".join(("self == oldSelf", *(f"!({unchanged(field)})" for field in MUTABLE))),
        "a spec, its parameters too, is immutable but for suspend, cancel, cleanup and ttlSecondsAfterFinished: "
        f"{_RUNS_ONCE}",
    ),
    Rule(
        "self.cancel || !oldSelf.cancel",
        "spec.cancel cannot be undone: create a new job under another name",
    ),
)

SPEC_RULES = (*_SUITS, *_STAYS)

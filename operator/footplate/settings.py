"""The operator's settings: one YAML file (docs/settings.md). Models alone; settings_file.py reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from footplate.api.scalars import QUANTITY_PATTERN
from footplate.jobs.security import USER
from footplate.quantity import parse_quantity

Text = Annotated[str, Field(min_length=1)]
# A bare number is a quantity, too, as in a pod.
Quantity = Annotated[str, Field(strict=False, coerce_numbers_to_str=True, pattern=QUANTITY_PATTERN)]
# Kubernetes: DNS subdomain names, and DNS labels for namespaces.
ObjectName = Annotated[str, Field(max_length=253, pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")]
NamespaceName = Annotated[str, Field(max_length=63, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")]
_Resource = Literal["cpu", "memory", "ephemeral-storage"]
RESOURCES: Sequence[str] = get_args(_Resource)
Amounts = Mapping[_Resource, Quantity]


class Section(BaseModel):
    """Keys and values of the file."""

    # Strict: `workers: "16"` and `qps: true` are mistakes, not numbers.
    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        populate_by_name=True,
        strict=True,
        use_attribute_docstrings=True,
        allow_inf_nan=False,
    )


class StoreSettings(Section):
    """Where the runs of all jobs go (docs/store.md)."""

    uri: Annotated[str, Field(pattern=r"^(s3|gs|az|file)://.")]
    """The address under which each run has a folder: `s3://`, `gs://`, `az://` or `file://`."""
    secret_name: ObjectName | None = None
    """The Secret with the store's keys, in the namespace of each job; absent when none are needed."""
    endpoint: Annotated[str, Field(pattern=r"^https?://.")] | None = None
    """The address of the service where it is not the cloud's own, e.g. `https://minio.example:9000`."""
    region: Text | None = None
    """The region of the bucket."""
    path_style: bool = True
    """The bucket is a folder of the endpoint; false: a part of its host name."""
    ca_certificate: Annotated[str, Field(pattern=r"^\s*-----BEGIN CERTIFICATE-----")] | None = None
    """PEM of the authorities to trust besides those of the runtime image."""


class BuilderSettings(Section):
    """The pods that build Environments; without an image those that need a build fail."""

    image: Text | None = None
    """The image that builds."""
    command: Annotated[tuple[str, ...], Field(strict=False)] = ()
    """How it is called; empty: the image's own entry point."""
    env: Mapping[str, str] = {}
    """More variables for it."""
    security_context: Mapping[str, Any] = {}
    """What it needs beyond the restricted profile: fields of a container's `securityContext`."""


class ContainerResources(Section):
    """Of a container that Footplate adds. Each list that is given replaces the default one."""

    requests: Amounts
    limits: Amounts

    @model_validator(mode="after")
    def _within_limits(self) -> Self:
        for name, amount in self.requests.items():
            limit = self.limits.get(name)
            if limit is not None and parse_quantity(amount) > parse_quantity(limit):
                raise ValueError(f"requests more {name} ({amount}) than it may use ({limit})")
        return self


class FetchResources(ContainerResources):
    """The init container `fetch`, which brings code and inputs."""

    requests: Amounts = {"cpu": "50m", "memory": "64Mi"}
    """What the init container `fetch` asks for: `cpu`, `memory`, `ephemeral-storage`."""
    limits: Amounts = {"memory": "512Mi"}
    """What it may use at most; the same keys."""


class AgentResources(ContainerResources):
    """The sidecar `agent`, which uploads outputs, and all else of ours that talks to the store."""

    requests: Amounts = {"cpu": "50m", "memory": "64Mi"}
    """What the sidecar `agent` asks for, and the containers that write records and keep logs of builds."""
    limits: Amounts = {"memory": "256Mi"}
    """What they may use at most; the same keys."""


class RuntimeResources(Section):
    """Of the containers that Footplate adds to pods."""

    fetch: FetchResources = FetchResources()
    agent: AgentResources = AgentResources()


class LeaseSeconds(Section):
    """How leadership changes hands between replicas of the operator (Kubernetes: leases)."""

    duration: Annotated[float, Field(gt=0, le=3600)] = 15
    """A replica that has not seen the Lease change for so long takes it over."""
    renew: Annotated[float, Field(gt=0)] = 10
    """A leader that could not renew for so long stops."""
    retry: Annotated[float, Field(gt=0)] = 2
    """The pause between two tries, of the leader and of those that wait."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.retry < self.renew < self.duration:
            raise ValueError(
                "needs retry < renew < duration, or two could lead at once; "
                f"not {self.retry:g}, {self.renew:g} and {self.duration:g}"
            )
        return self


class Settings(Section):
    """All of the file."""

    store: StoreSettings
    runtime_image: Text = "footplate/runtime:0.1.0"
    """The image of the containers that Footplate adds to pods."""
    runtime_pull_policy: Literal["Always", "IfNotPresent", "Never"] | None = None
    """When its image is pulled; absent: Kubernetes decides by the tag."""
    runtime_resources: RuntimeResources = RuntimeResources()
    image_pull_secrets: Annotated[tuple[ObjectName, ...], Field(strict=False)] = ()
    """Secrets, in the namespace of each job, with which all images of its pods are pulled."""
    run_as_user: Annotated[int, Field(ge=1, lt=2**31)] | None = USER
    """The user and group of all pods that Footplate makes; null: the cluster assigns them, as OpenShift does."""
    builder: BuilderSettings = BuilderSettings()
    namespaces: Annotated[tuple[NamespaceName, ...], Field(strict=False)] = ()
    """Those that are served; empty: all."""
    operator_namespace: NamespaceName = "footplate-system"
    """Where the Lease is, and the Environments that all namespaces may use."""
    qps: Annotated[float, Field(gt=0)] = 100
    """Calls to the API server a second, in the long run."""
    burst: Annotated[int, Field(ge=1)] = 200
    """Calls to the API server at once."""
    workers: Annotated[int, Field(ge=1, le=1000)] = 16
    """Objects that are worked on at the same time."""
    sweep_seconds: Annotated[float, Field(gt=0)] = 300
    """How often everything is listed, in case that a watch has missed something."""
    poll_seconds: Annotated[float, Field(gt=0)] = 15
    """How often running jobs' agents are asked for metrics, and what waits is looked at again."""
    leader_election: bool = True
    """Only the holder of the Lease works; false where there is one operator for certain."""
    lease_seconds: LeaseSeconds = LeaseSeconds()
    health_host: Text | None = None
    """The address of /healthz, /readyz and /metrics; absent: all, as the kubelet calls the pod's."""
    health_port: Annotated[int, Field(ge=0, le=65535)] = 8080
    """Their port; 0: any free one."""

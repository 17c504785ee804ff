"""What planning needs from the operator's settings, and nothing else of them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from footplate.jobs.security import USER


@dataclass(frozen=True, slots=True)
class StoreAddress:
    """Where runs go, and the Secret (in the job's namespace) with the keys for it."""

    uri: str
    secret_name: str | None = None
    endpoint: str | None = None
    region: str | None = None
    path_style: bool | None = None
    ca_certificate: str | None = None

    def as_json(self) -> Mapping[str, object]:
        return {
            "uri": self.uri,
            "endpoint": self.endpoint,
            "region": self.region,
            "pathStyle": self.path_style,
            "caCertificate": self.ca_certificate,
        }


@dataclass(frozen=True, slots=True)
class Amounts:
    """What a container asks for and may use, by Kubernetes' names of resources."""

    requests: Mapping[str, str] = field(default_factory=dict)
    limits: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {"requests": dict(self.requests), "limits": dict(self.limits)}


def pulling(secrets: Sequence[str]) -> dict[str, Any]:
    """The part of a pod's spec that lets its images be pulled with these Secrets."""
    return {"imagePullSecrets": [{"name": name} for name in secrets]} if secrets else {}


@dataclass(frozen=True, slots=True)
class Runtime:
    """How the containers are run that Footplate adds to pods or makes pods of."""

    image: str
    fetch: Amounts = Amounts()
    agent: Amounts = Amounts()
    """Of all that is not fetch: the recorder and the keeper of a build's log as well."""
    pull_policy: str | None = None
    pull_secrets: Sequence[str] = ()

    def container(self, name: str, *command: str) -> dict[str, Any]:
        """The beginning of a container's manifest: what runs in it."""
        policy = {"imagePullPolicy": self.pull_policy} if self.pull_policy else {}
        return {"name": name, "image": self.image, **policy, "command": list(command)}


@dataclass(frozen=True, slots=True)
class Context:
    """The same for every job of an operator."""

    store: StoreAddress
    runtime: Runtime
    poll_seconds: float = 15.0
    user: int | None = USER
    """Who the pods run as; None: whom the cluster assigns."""

"""What planning needs from the operator's settings, and nothing else of them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


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
class Context:
    """The same for every job of an operator."""

    store: StoreAddress
    runtime_image: str
    poll_seconds: float = 15.0

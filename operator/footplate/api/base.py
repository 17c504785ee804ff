"""What all kinds share: the base of their models, metadata, and the scalar types of the Kubernetes API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema
from pydantic.alias_generators import to_camel

from footplate.constants import API_VERSION


@dataclass(frozen=True, slots=True)
class Rule:
    """A CEL rule of a schema (Kubernetes: Validation rules) and what a refused user is told to write instead."""

    rule: str
    message: str = ""
    message_expression: str = ""  # a CEL expression that makes the message; `message` is used where it fails


class Schema(BaseModel):
    """An object of the API: snake_case here, camelCase on the wire; what is not known is ignored when reading.

    A field's docstring is its description in the CRD, hence what `kubectl explain` prints.
    """

    model_config = ConfigDict(
        frozen=True,
        alias_generator=to_camel,
        populate_by_name=True,
        extra="ignore",
    )

    rules: ClassVar[tuple[Rule, ...]] = ()

    def to_json(self) -> dict[str, Any]:
        """Exactly what goes to the API server: camelCase, absent instead of null."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


def rfc3339(time: datetime) -> str:
    """A time as Kubernetes writes it: UTC, whole seconds."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


Time = Annotated[AwareDatetime, PlainSerializer(rfc3339, return_type=str, when_used="json")]

# Kubernetes: resource.Quantity, without negative ones. A bare number is accepted, as Kubernetes does.
QUANTITY_PATTERN = r"^([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?$"
Quantity = Annotated[
    str,
    Field(coerce_numbers_to_str=True),
    WithJsonSchema({"x-kubernetes-int-or-string": True, "pattern": QUANTITY_PATTERN, "maxLength": 32}),
]

DNS_LABEL_PATTERN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
DNS_NAME_PATTERN = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"
ObjectName = Annotated[str, Field(min_length=1, max_length=253, pattern=DNS_NAME_PATTERN)]
SecretName = ObjectName
Sha256 = Annotated[str, Field(max_length=64, pattern=r"^[0-9a-f]{64}$")]


class OwnerReference(Schema):
    """Kubernetes: OwnerReference, as far as it is looked at."""

    api_version: str
    kind: str
    name: str
    uid: str
    controller: bool = False


class ObjectMeta(Schema):
    """Kubernetes: ObjectMeta, as far as it is looked at."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}
    owner_references: tuple[OwnerReference, ...] = ()
    creation_timestamp: Time | None = None
    deletion_timestamp: Time | None = None


class Resource(Schema):
    """An object of one of our kinds, as the API server returns it."""

    api_version: str = API_VERSION
    kind: str
    metadata: ObjectMeta = ObjectMeta()

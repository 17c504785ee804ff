"""The scalar types of the schemas: quantities, names, paths, addresses. Every one has a maximal length."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, Field, PlainSerializer, WithJsonSchema

from footplate.api.rules import Rule

Count = Annotated[int, Field(ge=0)]
PositiveInt = Annotated[int, Field(ge=1)]


def rfc3339(time: datetime) -> str:
    """A time as Kubernetes writes it: UTC, whole seconds."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


Time = Annotated[AwareDatetime, PlainSerializer(rfc3339, return_type=str, when_used="json")]

# Kubernetes: resource.Quantity, but for negative ones. A bare number is one, too.
QUANTITY_PATTERN = r"^([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?$"
Quantity = Annotated[
    str,
    Field(coerce_numbers_to_str=True),
    WithJsonSchema({"x-kubernetes-int-or-string": True, "pattern": QUANTITY_PATTERN, "maxLength": 32}),
]

ObjectName = Annotated[str, Field(max_length=253, pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")]
# Azure ML: model names. A colon and a version may follow where a model is referred to.
ModelName = Annotated[str, Field(max_length=255, pattern=r"^[A-Za-z0-9][-A-Za-z0-9._]*$")]
ImageName = Annotated[str, Field(max_length=1024, pattern=r"^\S+$")]
DataUri = Annotated[str, Field(max_length=2048, pattern=r"^(https?|s3|gs|az|pvc|file)://.+$")]
Sha256 = Annotated[str, Field(max_length=64, pattern=r"^[0-9a-f]{64}$")]
# One stable CamelCase word.
Reason = Annotated[str, Field(max_length=128)]
Message = Annotated[str, Field(max_length=4096)]

STAYS_INSIDE = Rule(
    r"!self.startsWith('/') && !self.matches('(^|/)\\.\\.(/|$)')",
    "must be a relative path without .., e.g. train/main.py",
)
RelativePath = Annotated[
    str, Field(max_length=1024, json_schema_extra={"x-kubernetes-validations": [STAYS_INSIDE.to_json()]})
]
OutputPath = Annotated[RelativePath, Field(pattern=r"^outputs(/.*)?$")]

# Anything but a list or an object. Neither a type nor a CEL rule can say so (Kubernetes: Structural schemas), but a
# length of at least 1 and at most 0 can, for each of the two.
SCALAR = {
    "x-kubernetes-preserve-unknown-fields": True,
    "minItems": 1,
    "maxItems": 0,
    "minProperties": 1,
    "maxProperties": 0,
}
Scalar = Annotated[bool | int | float | str, WithJsonSchema(SCALAR)]
Number = Annotated[float | str, WithJsonSchema(SCALAR)]


def list_map(*keys: str) -> dict[str, Any]:
    """The schema extension of a list whose items are told apart by `keys` (Kubernetes: Merge strategy)."""
    return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(keys)}

"""Dataset: named, versioned data that jobs take as input."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from footplate.api.base import Resource, Schema
from footplate.api.conditions import Conditions
from footplate.api.rules import Rule
from footplate.api.scalars import Count, DataUri, PositiveInt, Sha256, Time, list_map

Uris = Annotated[tuple[DataUri, ...], Field(min_length=1, max_length=256)]


class DatasetSpec(Schema):
    """Where the data is. A change makes a new version."""

    rules = (
        Rule(
            "!has(self.sha256) || size(self.uris) == 1 && !self.uris[0].endsWith('/')",
            "sha256 is the digest of one file: give one uri that does not end in /, or remove sha256",
        ),
    )

    uris: Uris
    """Files or folders: https://, http://, s3://, gs://, az://, pvc:// or file://; a trailing slash means a folder."""
    sha256: Sha256 | None = None
    """The SHA-256 of the one file as 64 hex digits; a file that differs is refused."""


class DatasetVersion(Schema):
    """One content of the Dataset."""

    number: PositiveInt
    """1, 2, …"""
    content_hash: Sha256
    """The hash of uris and sha256."""
    uris: Uris
    """The version's uris."""
    sha256: Sha256 | None = None
    """The version's sha256."""
    created_time: Time | None = None
    """When the version was made."""


class DatasetStatus(Schema):
    """The versions so far."""

    versions: Annotated[
        tuple[DatasetVersion, ...],
        Field(max_length=256, json_schema_extra=list_map("number")),
    ] = ()
    """The versions, oldest first."""
    latest_version: PositiveInt | None = None
    """The number of the newest version."""
    observed_generation: Count | None = None
    """The generation of the spec that this status is about."""
    conditions: Conditions = ()
    """Ready."""


class Dataset(Resource):
    """Named, versioned data that training jobs take as input."""

    kind: Literal["Dataset"] = "Dataset"
    spec: DatasetSpec
    status: DatasetStatus = DatasetStatus()

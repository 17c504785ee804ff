"""Environment: the image that programs run in, built once for each content."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from footplate.api.base import Resource, Schema, Time
from footplate.api.conditions import Conditions

Requirement = Annotated[str, Field(min_length=1, max_length=1024)]


class EnvironmentSpec(Schema):
    """Exactly one of image, pip, conda and dockerfile. A change makes a new version; the same content never builds twice."""

    image: Annotated[str, Field(max_length=1024, pattern=r"^[^\s]+$")] | None = None
    """A ready image; nothing is built."""
    pip: Annotated[tuple[Requirement, ...], Field(min_length=1, max_length=1024)] | None = None
    """Requirements as in requirements.txt, installed on baseImage."""
    conda: Annotated[str, Field(min_length=1, max_length=262144)] | None = None
    """An environment.yml, installed on baseImage."""
    dockerfile: Annotated[str, Field(min_length=1, max_length=262144)] | None = None
    """A Dockerfile, built as it is."""
    base_image: Annotated[str, Field(max_length=1024, pattern=r"^[^\s]+$")] | None = None
    """The image that pip or conda installs on; default: the operator's."""
    python: Annotated[str, Field(max_length=16, pattern=r"^[0-9]+\.[0-9]+(\.[0-9]+)?$")] | None = None
    """The Python version, e.g. 3.11; default: the one of baseImage."""
    variables: Annotated[Mapping[str, Annotated[str, Field(max_length=32768)]], Field(max_length=256)] = {}
    """Environment variables of every program that runs in it."""


class EnvironmentVersion(Schema):
    """One content of the Environment and the image made of it."""

    number: Annotated[int, Field(ge=1)]
    """1, 2, …"""
    content_hash: Annotated[str, Field(max_length=64, pattern=r"^[0-9a-f]{64}$")]
    """The hash of all that decides the image."""
    image: Annotated[str, Field(max_length=1024)] | None = None
    """The image by digest; absent while it is not built."""
    built_time: Time | None = None
    """When the image was ready."""
    lock: Annotated[str, Field(max_length=2048)] | None = None
    """Where the list of all installed packages with their versions is."""
    python: Annotated[str, Field(max_length=16)] | None = None
    """The Python version in the image."""


class EnvironmentStatus(Schema):
    """The versions so far, and how the newest is coming along."""

    versions: Annotated[
        tuple[EnvironmentVersion, ...],
        Field(
            max_length=256,
            json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["number"]},
        ),
    ] = ()
    """The versions, oldest first."""
    latest_version: Annotated[int, Field(ge=1)] | None = None
    """The number of the newest version that is ready."""
    observed_generation: Annotated[int, Field(ge=0)] | None = None
    """The generation of the spec that this status is about."""
    conditions: Annotated[
        Conditions,
        Field(
            max_length=16,
            json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
        ),
    ] = ()
    """Ready and Building."""


class Environment(Resource):
    """An image for programs to run in, from a pip or conda list, a Dockerfile, or as it is."""

    kind: Literal["Environment"] = "Environment"
    spec: EnvironmentSpec
    """What is in it."""
    status: EnvironmentStatus = EnvironmentStatus()
    """The versions so far."""

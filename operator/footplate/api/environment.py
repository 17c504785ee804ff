"""Environment: the image that programs run in, built once for each content."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from footplate.api.base import Resource, Schema
from footplate.api.conditions import Conditions
from footplate.api.rules import Rule, exactly_one
from footplate.api.scalars import Count, ImageName, PositiveInt, Sha256, Time, list_map

Requirement = Annotated[str, Field(min_length=1, max_length=1024)]


class EnvironmentSpec(Schema):
    """Exactly one of image, pip, conda and dockerfile. A change makes a new version; no content builds twice."""

    rules = (
        exactly_one(
            ("image", "pip", "conda", "dockerfile"),
            "an environment needs exactly one of image, pip, conda and dockerfile, e.g. pip: [numpy, scikit-learn]",
        ),
        Rule(
            "!has(self.baseImage) || has(self.pip) || has(self.conda)",
            "baseImage goes with pip or conda: remove it, or write FROM in the dockerfile",
        ),
        Rule(
            "!has(self.python) || has(self.pip)",
            "python goes with pip: remove it, or name python in the conda file or the dockerfile",
        ),
        Rule(
            "!has(self.buildRequirements) || has(self.pip)",
            "buildRequirements goes with pip: remove it, or install what a build needs in the dockerfile",
        ),
    )

    image: ImageName | None = None
    """A ready image; nothing is built."""
    pip: Annotated[tuple[Requirement, ...], Field(min_length=1, max_length=1024)] | None = None
    """Requirements as in requirements.txt, installed on baseImage."""
    build_requirements: Annotated[tuple[Requirement, ...], Field(min_length=1, max_length=1024)] | None = None
    """Installed before pip, whose packages are then built with it: --no-build-isolation. E.g. torch for flash-attn."""
    conda: Annotated[str, Field(min_length=1, max_length=262144)] | None = None
    """An environment.yml, installed on baseImage."""
    dockerfile: Annotated[str, Field(min_length=1, max_length=262144)] | None = None
    """A Dockerfile, built as it is."""
    base_image: ImageName | None = None
    """The image that pip or conda installs on; default: the operator's."""
    python: Annotated[str, Field(max_length=16, pattern=r"^[0-9]+\.[0-9]+(\.[0-9]+)?$")] | None = None
    """The Python version, e.g. 3.11; default: the one of baseImage."""
    variables: Annotated[Mapping[str, Annotated[str, Field(max_length=32768)]], Field(max_length=256)] = {}
    """Environment variables of every program that runs in it, and of the build of a pip or conda list."""


class EnvironmentVersion(Schema):
    """One content of the Environment and the image made of it."""

    number: PositiveInt
    """1, 2, …"""
    content_hash: Sha256
    """The hash of all that decides the image."""
    image: Annotated[str, Field(max_length=1024)] | None = None
    """The image by digest; absent while it is not built."""
    built_time: Time | None = None
    """When the image was ready."""
    lock: Annotated[str, Field(max_length=2048)] | None = None
    """Where the list of all installed packages with their versions is."""
    python: Annotated[str, Field(max_length=16)] | None = None
    """The Python version in the image."""
    build_log: Annotated[str, Field(max_length=2048)] | None = None
    """Where the log of its build is in the store; absent when nothing was built."""


class EnvironmentStatus(Schema):
    """The versions so far, and how the newest is coming along."""

    versions: Annotated[
        tuple[EnvironmentVersion, ...],
        Field(max_length=256, json_schema_extra=list_map("number")),
    ] = ()
    """The versions, oldest first."""
    latest_version: PositiveInt | None = None
    """The number of the newest version that is ready."""
    observed_generation: Count | None = None
    """The generation of the spec that this status is about."""
    build_log: Annotated[str, Field(max_length=2048)] | None = None
    """Where the log of the newest build is in the store once it has ended, also of one that failed."""
    conditions: Conditions = ()
    """Ready and Building."""


class Environment(Resource):
    """An image for programs to run in, from a pip or conda list, a Dockerfile, or as it is."""

    kind: Literal["Environment"] = "Environment"
    spec: EnvironmentSpec
    status: EnvironmentStatus = EnvironmentStatus()

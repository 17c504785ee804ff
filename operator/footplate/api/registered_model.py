"""RegisteredModel: one version of a model, with where it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from footplate.api.base import MetricValue, Resource, Schema
from footplate.api.conditions import Conditions
from footplate.api.rules import Rule, immutable
from footplate.api.scalars import Count, DataUri, ModelName, ObjectName, OutputPath, PositiveInt, Quantity

# Azure ML: Model.Framework
ModelFramework = Literal["Custom", "TensorFlow", "ScikitLearn", "Onnx", "TfKeras", "PyTorch", "Multi"]


class ModelSource(Schema):
    """Where the model's files come from: an output of a job, or a uri."""

    rules = (
        Rule(
            "has(self.job) != has(self.uri)",
            "source needs exactly one of job and uri, e.g. source: {job: digits, path: outputs/model}",
        ),
        Rule(
            "has(self.job) == has(self.path)",
            "job and path go together, e.g. source: {job: digits, path: outputs/model}",
        ),
    )

    job: Annotated[ObjectName, Field(max_length=50)] | None = None
    """A TrainingJob of the same namespace; its run may outlive it."""
    path: OutputPath | None = None
    """A file or folder under the job's outputs."""
    uri: DataUri | None = None
    """https://, http://, s3://, gs://, az://, pvc:// or file://; a trailing slash means a folder."""


class ModelResources(Schema):
    """What a server of the model needs."""

    cpu: Quantity | None = None
    """CPU cores, e.g. 1 or 500m."""
    memory: Quantity | None = None
    """Memory, e.g. 2Gi."""
    gpu: Annotated[int, Field(ge=0, le=64)] = 0
    """GPUs."""


class RegisteredModelSpec(Schema):
    """What is registered. Immutable but for tags and description."""

    rules = tuple(
        immutable(field, "register another version under another name")
        for field in ("modelName", "source", "framework", "frameworkVersion", "resources")
    )

    model_name: ModelName
    """The model of which this is a version."""
    source: ModelSource
    """Where its files come from; they are copied."""
    framework: ModelFramework = "Custom"
    """What the model was made with."""
    framework_version: Annotated[str, Field(max_length=63)] | None = None
    """Its version, e.g. 2.13."""
    resources: ModelResources | None = None
    """What a server of the model needs."""
    tags: Annotated[Mapping[str, Annotated[str, Field(max_length=1000)]], Field(max_length=50)] = {}
    """Words to find the model by."""
    description: Annotated[str, Field(max_length=4096)] | None = None
    """What the model does, for people."""


class DatasetRef(Schema):
    """A version of a Dataset."""

    name: ObjectName
    """The Dataset."""
    version: PositiveInt
    """Its version."""


class Lineage(Schema):
    """What the model was made of."""

    job_uid: Annotated[str, Field(max_length=64)] | None = None
    """The uid of the TrainingJob."""
    source_revision: Annotated[str, Field(max_length=256)] | None = None
    """The git commit or the digest of the code."""
    environment_image: Annotated[str, Field(max_length=1024)] | None = None
    """The image that the program ran in, by digest."""
    datasets: Annotated[tuple[DatasetRef, ...], Field(max_length=64)] = ()
    """The datasets that it read."""
    metrics: Annotated[Mapping[str, MetricValue], Field(max_length=32)] = {}
    """The job's last metrics."""


class RegisteredModelStatus(Schema):
    """The version that was made."""

    version: PositiveInt | None = None
    """1, 2, … for each modelName and namespace."""
    uri: Annotated[str, Field(max_length=2048)] | None = None
    """Where the model's files are in the store; ends in a slash."""
    digest: Annotated[str, Field(max_length=71)] | None = None
    """sha256:<hex> over the names and contents of the files."""
    bytes: Count | None = None
    """Size of all files in bytes."""
    files: Count | None = None
    """How many files there are."""
    lineage: Lineage | None = None
    """What the model was made of."""
    observed_generation: Count | None = None
    """The generation of the spec that this status is about."""
    conditions: Conditions = ()
    """Ready."""


class RegisteredModel(Resource):
    """One version of a model in the registry, with its files and its lineage."""

    kind: Literal["RegisteredModel"] = "RegisteredModel"
    spec: RegisteredModelSpec
    status: RegisteredModelStatus = RegisteredModelStatus()

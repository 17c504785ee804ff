"""TrainingJob.status: what the operator reports. Nothing in it drives the operator but the attempt counter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from footplate.api.base import MetricValue, Schema
from footplate.api.conditions import Conditions
from footplate.api.phases import Phase
from footplate.api.scalars import Count, Message, PositiveInt, Reason, Time


class Resumed(Schema):
    """What the attempts before left in outputs/, put back before the program started."""

    files: Count = 0
    """How many files the primary got back."""
    bytes: Count = 0
    """Their size in bytes."""
    damaged: Count = 0
    """How many were left out, because they are not in the store as their manifest says."""


class LostReplica(Schema):
    """A replica that an elastic attempt lost and went on without; what is said is of its latest loss."""

    replica: Annotated[str, Field(max_length=63)]
    """Which one, e.g. worker-1."""
    times: PositiveInt
    """How often it was lost in this attempt."""
    time: Time
    """When."""
    reason: Reason
    """Why, as the same word that would end an attempt."""
    message: Message
    """Why, and whether it is replaced, as a sentence for a person."""
    pod_uid: Annotated[str, Field(max_length=128)] | None = None
    """The pod that was lost; absent when nobody saw it go."""
    replaced: bool
    """Whether another pod takes its place; false: the attempt goes on without."""
    replacement_uid: Annotated[str, Field(max_length=128)] | None = None
    """That pod, once it is there."""


class Attempt(Schema):
    """One start of all of a job's pods."""

    number: PositiveInt
    """1 for the first start, then 2, 3, …"""
    start_time: Time | None = None
    """When all replicas of the attempt ran, of an elastic job minNodes of them; absent if they never did."""
    resumed: Resumed | None = None
    """The outputs of earlier attempts that it started with; absent in the first."""
    node: Annotated[str, Field(max_length=253)] | None = None
    """The node of the replica that decided the attempt."""
    end_time: Time | None = None
    """When the attempt was over; absent while it is not."""
    reason: Reason | None = None
    """Why it ended, as one stable CamelCase word."""
    message: Message | None = None
    """Why it ended, as a sentence for a person."""
    exit_code: Annotated[int, Field(ge=0, le=255)] | None = None
    """The exit code of the replica that decided the attempt; 128 + n if signal n ended it."""
    replica: Annotated[str, Field(max_length=63)] | None = None
    """The replica that decided the attempt, e.g. worker-1."""
    lost: Annotated[tuple[LostReplica, ...], Field(max_length=1000)] | None = None
    """The replicas that an elastic attempt (minNodes) lost and went on without, for a while or to its end."""


class ReplicaCounts(Schema):
    """The replicas of one role in the current attempt."""

    desired: Count = 0
    """How many the attempt needs."""
    running: Count = 0
    """How many run now."""
    succeeded: Count = 0
    """How many ended with exit code 0."""
    failed: Count = 0
    """How many ended otherwise."""


class UsedEnvironment(Schema):
    """The environment that the job was pinned to when it was first started."""

    name: Annotated[str, Field(max_length=253)] | None = None
    """The Environment; absent when the job names an image."""
    version: PositiveInt | None = None
    """The version of the Environment."""
    image: Annotated[str, Field(max_length=1024)] | None = None
    """The image, by digest where it is known."""


class UsedSource(Schema):
    """The code that runs."""

    revision: Annotated[str, Field(max_length=256)] | None = None
    """The git commit, or the digest of the archive; the same for all attempts."""


class Run(Schema):
    """What the job left in the store; it stays when the TrainingJob is gone."""

    uri: Annotated[str, Field(max_length=2048)]
    """Where the run lies in the store; ends in a slash."""
    files: Count | None = None
    """How many output files the manifests name; while the job runs, how many of the primary are stored."""
    bytes: Count | None = None
    """Their size in bytes."""
    manifest_digest: Annotated[str, Field(max_length=71)] | None = None
    """sha256:<hex> of manifest.json, which names every output with its size and digest."""


class RegisteredVersion(Schema):
    """A model that the job registered."""

    name: Annotated[str, Field(max_length=255)]
    """The model's name."""
    version: PositiveInt
    """The version that it got."""


class RetryCounts(Schema):
    """How much of each budget of spec.retry is spent."""

    user: Count = 0
    """Restarts after failures of the program."""
    infrastructure: Count = 0
    """Restarts after lost nodes, evictions and preemptions, and workers of elastic jobs that were replaced."""


class TrainingJobStatus(Schema):
    """What became of the job so far."""

    phase: Phase | None = None
    """Preparing, Queued, Scaling, Running, Finalizing, Completed, Failed, Canceled or Suspended."""
    reason: Reason | None = None
    """Why the job is in this phase, as one stable CamelCase word."""
    message: Message | None = None
    """The same as a sentence for a person: what happens, what is waited for, what went wrong."""
    phase_time: Time | None = None
    """When the job came into this phase; when it was created, if that was its first."""
    attempt: Count = 0
    """The number of the newest attempt; 0 before the first."""
    attempts: Annotated[tuple[Attempt, ...], Field(max_length=10)] = ()
    """The last 10 attempts, oldest first."""
    retries: RetryCounts | None = None
    """How much of the budgets of spec.retry is spent."""
    earlier_running_seconds: Count = 0
    """How many seconds the attempts ran that are no longer listed; counts towards timeoutSeconds."""
    replicas: Annotated[Mapping[str, ReplicaCounts], Field(max_length=8)] = {}
    """The replicas of the newest attempt by role."""
    nodes: Count | None = None
    """All replicas together: TensorFlow's roles are not in spec.nodes."""
    gpus: Count | None = None
    """GPUs of all replicas together."""
    environment: UsedEnvironment | None = None
    """The environment that the job was pinned to."""
    source: UsedSource | None = None
    """The code that the job was pinned to."""
    run: Run | None = None
    """Where the run lies in the store, and what is in it."""
    metrics: Annotated[Mapping[str, MetricValue], Field(max_length=32)] = {}
    """The latest values of at most 32 metrics by name; their history is in the store."""
    metric: Annotated[str, Field(max_length=256)] | None = None
    """One of them in short, e.g. loss=0.31, for the METRIC column."""
    registered_models: Annotated[tuple[RegisteredVersion, ...], Field(max_length=16)] = ()
    """The models that the job registered."""
    queued_time: Time | None = None
    """When the job first waited for capacity."""
    start_time: Time | None = None
    """When all replicas of the first attempt first ran. Deadlines count from here."""
    completion_time: Time | None = None
    """When the job became Completed, Failed or Canceled."""
    observed_generation: Count | None = None
    """The generation of the spec that this status is about."""
    conditions: Conditions = ()
    """Admitted, EnvironmentReady, Running, OutputsPersisted, Complete, Failed and NotResponding."""

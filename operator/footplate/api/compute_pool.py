"""ComputePool: nodes that jobs wait for, and that scale with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from footplate.api.base import Resource, Schema
from footplate.api.conditions import Conditions
from footplate.api.rules import Rule
from footplate.api.scalars import Count, ObjectName, Quantity

LabelValue = Annotated[str, Field(max_length=63)]


class Toleration(Schema):
    """Kubernetes: Toleration."""

    rules = (
        Rule(
            "!has(self.operator) || self.operator != 'Exists' || !has(self.value) || self.value == ''",
            "operator Exists takes no value: remove value, or write operator: Equal",
        ),
    )

    key: Annotated[str, Field(max_length=317)] | None = None
    """The taint's key; absent with operator Exists: every taint."""
    operator: Literal["Exists", "Equal"] | None = None
    """Exists or Equal; default: Equal."""
    value: LabelValue | None = None
    """The taint's value, with Equal."""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    """The taint's effect; default: any."""
    toleration_seconds: int | None = None
    """How many seconds a NoExecute taint is tolerated; default: for ever."""


class PoolNode(Schema):
    """What one node of the pool offers to jobs, that is without what system pods take."""

    cpu: Quantity
    """CPU cores."""
    memory: Quantity
    """Memory."""
    gpu: Annotated[int, Field(ge=0, le=64)] = 0
    """GPUs."""
    gpu_resource: Annotated[str, Field(max_length=317, pattern=r"^[a-z0-9][-a-z0-9.]*/[A-Za-z0-9][-A-Za-z0-9_.]*$")] = (
        "nvidia.com/gpu"
    )
    """The extended resource that stands for a GPU."""


class ScaleTarget(Schema):
    """Any object with a scale subresource: a MachineDeployment, a node group."""

    api_version: Annotated[str, Field(min_length=1, max_length=317)]
    """Its apiVersion, e.g. cluster.x-k8s.io/v1beta1."""
    kind: Annotated[str, Field(min_length=1, max_length=63)]
    """Its kind, e.g. MachineDeployment."""
    namespace: ObjectName | None = None
    """Its namespace; absent for a cluster-scoped object."""
    name: ObjectName
    """Its name."""


class Scaling(Schema):
    """How nodes are made."""

    target: ScaleTarget
    """Whose replicas are set to the number of nodes."""


class ComputePoolSpec(Schema):
    """Which nodes, how many, and who gets them first."""

    rules = (
        Rule(
            "self.minNodes <= self.maxNodes",
            "minNodes is greater than maxNodes: lower minNodes or raise maxNodes",
        ),
        Rule(
            "self.maxNodes > 0",
            "maxNodes must be at least 1: a pool without nodes admits no job",
        ),
    )

    node_selector: Annotated[Mapping[str, LabelValue], Field(max_length=32)] = {}
    """Labels of the pool's nodes; they are added to the nodeSelector of the jobs' pods."""
    tolerations: Annotated[tuple[Toleration, ...], Field(max_length=32)] = ()
    """Taints of the pool's nodes; they are added to the tolerations of the jobs' pods."""
    node: PoolNode
    """What one node offers to jobs."""
    min_nodes: Annotated[int, Field(ge=0, le=10000)] = 0
    """How many nodes stay when there is nothing to do."""
    max_nodes: Annotated[int, Field(ge=0, le=10000)] = 4
    """How many nodes there may be."""
    idle_seconds_before_scale_down: Count = 1800
    """How many seconds a node idles before it goes."""
    priority: Literal["Dedicated", "LowPriority"] = "Dedicated"
    """LowPriority: spot nodes; their preemption is not charged to a job's retry.user."""
    queueing: Literal["BestEffortFIFO", "StrictFIFO"] = "BestEffortFIFO"
    """StrictFIFO: the first job in the queue blocks all others; BestEffortFIFO: smaller jobs may pass it."""
    scaling: Scaling | None = None
    """How nodes are made; absent: a cluster autoscaler sees the pending pods."""


class NodeCounts(Schema):
    """Nodes by what they do."""

    idle: Count = 0
    """Ready and without a job."""
    running: Count = 0
    """With a job."""
    preparing: Count = 0
    """Coming up."""
    leaving: Count = 0
    """Being drained or removed."""
    preempted: Count = 0
    """Taken away by the provider."""
    unusable: Count = 0
    """Not ready, or cordoned."""


class PoolNodes(Schema):
    """The pool's nodes."""

    current: Count = 0
    """How many there are."""
    target: Count = 0
    """How many there should be."""
    counts: NodeCounts = NodeCounts()
    """How many by what they do."""


class Amounts(Schema):
    """Amounts of resources."""

    cpu: Quantity | None = None
    """CPU cores."""
    memory: Quantity | None = None
    """Memory."""
    gpu: Count = 0
    """GPUs."""


class JobCounts(Schema):
    """The pool's jobs."""

    queued: Count = 0
    """Jobs that wait for the pool."""
    running: Count = 0
    """Jobs that the pool has admitted."""


class ComputePoolStatus(Schema):
    """What the pool has, and who waits."""

    nodes: PoolNodes | None = None
    """The pool's nodes."""
    capacity: Amounts | None = None
    """What maxNodes nodes offer together."""
    reserved: Amounts | None = None
    """What the admitted jobs have reserved."""
    jobs: JobCounts | None = None
    """How many jobs wait and run."""
    queue: Annotated[tuple[Annotated[str, Field(max_length=320)], ...], Field(max_length=20)] = ()
    """The first 20 waiting jobs as namespace/name, next one first."""
    observed_generation: Count | None = None
    """The generation of the spec that this status is about."""
    conditions: Conditions = ()
    """Ready."""


class ComputePool(Resource):
    """Nodes of one kind that training jobs wait for, and that scale with them."""

    kind: Literal["ComputePool"] = "ComputePool"
    spec: ComputePoolSpec
    status: ComputePoolStatus = ComputePoolStatus()

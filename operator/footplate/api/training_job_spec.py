"""TrainingJob.spec: what a user asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, WithJsonSchema

from footplate.api.base import Schema
from footplate.api.registered_model import ModelFramework
from footplate.api.rules import Rule, exactly_one
from footplate.api.scalars import (
    Count,
    DataUri,
    ImageName,
    ModelName,
    ObjectName,
    OutputPath,
    PositiveInt,
    Quantity,
    RelativePath,
    Scalar,
    Sha256,
    list_map,
)
from footplate.api.training_job_rules import SPEC_RULES

Seconds = Annotated[int, Field(ge=1)]
Word = Annotated[str, Field(max_length=4096)]
ProcessesPerNode = Annotated[
    PositiveInt | Literal["auto"],
    WithJsonSchema({"x-kubernetes-int-or-string": True, "minimum": 1, "pattern": "^auto$", "maxLength": 4}),
]


class EnvironmentRef(Schema):
    """An Environment of the job's namespace, or a curated one of the operator's."""

    name: ObjectName
    """The Environment."""
    version: PositiveInt | None = None
    """Which of its versions; default: the latest when the job first starts."""


class GitSource(Schema):
    """Code from a git repository."""

    url: Annotated[
        str, Field(max_length=2048, pattern=r"^((https?|ssh|git|file)://.+|[-A-Za-z0-9_.]+@[-A-Za-z0-9.]+:.+)$")
    ]
    """What `git clone` takes: https://, ssh://, git://, file:// or user@host:path."""
    revision: Annotated[str, Field(max_length=256, pattern=r"^[^-\s]\S*$")] = "HEAD"
    """A branch, tag or commit; it is resolved to a commit once for all attempts."""
    path: RelativePath = ""
    """The folder in the repository that becomes the working directory; default: its root."""


class ArchiveSource(Schema):
    """Code from a .tar, .tar.gz or .zip file."""

    uri: Annotated[str, Field(max_length=2048, pattern=r"^(https?|s3|gs|az|file)://.+$")]
    """Where the archive is: https://, http://, s3://, gs://, az:// or file://."""
    sha256: Sha256 | None = None
    """Its SHA-256 as 64 hex digits; a file that differs is refused."""


class ConfigMapSource(Schema):
    """Code from a ConfigMap: each key is a file."""

    name: ObjectName
    """A ConfigMap of the job's namespace."""


class ImageSource(Schema):
    """Code that the image already holds."""

    path: Annotated[str, Field(min_length=1, max_length=1024)]
    """The folder that becomes the working directory: absolute, or relative to the image's own."""


class Source(Schema):
    """Where the code comes from: exactly one of git, archive, configMap and image."""

    rules = (
        exactly_one(
            ("git", "archive", "configMap", "image"),
            "source needs exactly one of git, archive, configMap and image, "
            "e.g. source: {git: {url: 'https://example.com/repo.git'}}",
        ),
    )

    git: GitSource | None = None
    """A git repository."""
    archive: ArchiveSource | None = None
    """An archive file."""
    config_map: ConfigMapSource | None = None
    """A ConfigMap of the job's namespace, for a few small files."""
    image: ImageSource | None = None
    """A folder of the image."""


class Entrypoint(Schema):
    """What is run: a Python script, or a command."""

    rules = (
        Rule(
            "has(self.script) != has(self.command)",
            "entrypoint needs exactly one of script and command, e.g. entrypoint: {script: train.py}",
        ),
        Rule(
            "!has(self.args) || size(self.args) == 0 || has(self.script)",
            "args go with script: write them into command, e.g. command: [python, train.py, --epochs, '10']",
        ),
        Rule(
            "self.launcher || has(self.command)",
            "launcher: false needs a command: a script is started by the launcher",
        ),
    )

    script: Annotated[RelativePath, Field(min_length=1)] | None = None
    """A Python script, relative to the source."""
    args: Annotated[tuple[Word, ...], Field(max_length=256)] = ()
    """Arguments of the script. $(inputs.NAME), $(outputs) and $(job) are replaced."""
    command: Annotated[tuple[Word, ...], Field(min_length=1, max_length=256)] | None = None
    """A program and its arguments, instead of a script. The same words are replaced."""
    launcher: bool = True
    """false: the command is started without Footplate's launcher, for images that have no Python; needs a command."""


class Resources(Schema):
    """What each node of the job needs."""

    cpu: Quantity | None = None
    """CPU cores, e.g. 4 or 500m; default: no request."""
    memory: Quantity | None = None
    """Memory, e.g. 16Gi; default: no request."""
    gpu: Annotated[int, Field(ge=0, le=64)] = 0
    """GPUs."""
    shared_memory: Quantity = "2Gi"
    """Size limit of /dev/shm, which data loaders use; counts as memory."""


class PyTorch(Schema):
    """One torchrun a node (PyTorch: torchrun)."""

    processes_per_node: ProcessesPerNode = "auto"
    """Processes on each node; auto: one a GPU, or one without GPUs."""
    backend: Literal["nccl", "gloo", "mpi"] | None = None
    """What torch.distributed communicates with; default: nccl with GPUs, gloo without."""
    min_nodes: PositiveInt | None = None
    """Makes the job elastic: it goes on with so many nodes when others are lost."""


class MPI(Schema):
    """One mpirun over all nodes: Horovod, mpi4py, Chainer."""

    processes_per_node: ProcessesPerNode = "auto"
    """Processes (slots) on each node; auto: one a GPU, or one without GPUs."""
    implementation: Literal["OpenMPI", "MPICH", "Intel"] = "OpenMPI"
    """The MPI that the image holds."""
    args: Annotated[tuple[Word, ...], Field(max_length=256)] = ()
    """More arguments of mpirun, before the program, e.g. [--map-by, 'ppr:1:socket']."""


class RoleResources(Schema):
    """What the replicas of each role need, where that is not spec.resources."""

    chief: Resources | None = None
    """Of the chief; default: spec.resources."""
    worker: Resources | None = None
    """Of each worker; default: spec.resources."""
    ps: Resources | None = None
    """Of each parameter server; default: spec.resources without GPUs."""
    evaluator: Resources | None = None
    """Of the evaluator; default: spec.resources."""


class TensorFlow(Schema):
    """TF_CONFIG with workers, parameter servers, a chief and an evaluator (TensorFlow: distributed training)."""

    workers: PositiveInt = 1
    """How many workers."""
    parameter_servers: Count = 0
    """How many parameter servers; they are stopped when the chief, or all workers without one, have ended."""
    chief: bool = False
    """Whether there is a chief, which then decides the job."""
    evaluator: bool = False
    """Whether there is an evaluator; it is stopped like the parameter servers."""
    resources: RoleResources = RoleResources()
    """What the replicas of a role need, where that is not spec.resources."""


class Jax(Schema):
    """One process a node; jax.distributed.initialize() finds the others (JAX: Multi-process programming)."""


class Distribution(Schema):
    """How the program is started on several nodes: at most one of pytorch, mpi, tensorflow and jax."""

    rules = (
        Rule(
            "[has(self.pytorch), has(self.mpi), has(self.tensorflow), has(self.jax)].filter(given, given).size() <= 1",
            "distribution takes one of pytorch, mpi, tensorflow and jax: remove the others",
        ),
    )

    pytorch: PyTorch | None = None
    """torchrun on every node."""
    mpi: MPI | None = None
    """mpirun over all nodes."""
    tensorflow: TensorFlow | None = None
    """TensorFlow's own roles."""
    jax: Jax | None = None
    """One process a node."""


class Input(Schema):
    """Data that is there before the program starts, at inputs/NAME: exactly one of uri, dataset and model."""

    rules = (
        exactly_one(
            ("uri", "dataset", "model"),
            "an input needs exactly one of uri, dataset and model, e.g. {name: digits, uri: 's3://data/digits/'}",
        ),
    )

    name: Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[A-Za-z0-9_][-A-Za-z0-9_.]*$")]
    """The name under inputs/, and in $(inputs.NAME)."""
    uri: DataUri | None = None
    """Where the data is: https://, http://, s3://, gs://, az://, pvc:// or file://; a trailing slash means a folder."""
    dataset: (
        Annotated[str, Field(max_length=300, pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?(:[1-9][0-9]*)?$")] | None
    ) = None
    """A Dataset as name or name:version; default: its latest version."""
    model: Annotated[str, Field(max_length=300, pattern=r"^[A-Za-z0-9][-A-Za-z0-9._]*(:[1-9][0-9]*)?$")] | None = None
    """A registered model as name or name:version; default: its latest version."""
    mode: Literal["Download"] = "Download"
    """How it gets there: Download copies it before the program starts."""


class ModelRegistration(Schema):
    """A model to register when the job has completed."""

    name: ModelName
    """The model; each registration makes its next version."""
    path: OutputPath = "outputs"
    """A file or folder under outputs."""
    framework: ModelFramework = "Custom"
    """What the model was made with."""
    framework_version: Annotated[str, Field(max_length=63)] | None = None
    """Its version, e.g. 2.13."""


class OutputStore(Schema):
    """An object store of the job's own."""

    uri: Annotated[str, Field(max_length=2048, pattern=r"^(s3|gs|az|file)://.+$")]
    """s3://bucket/prefix, gs://bucket/prefix, az://container/prefix or file:///folder."""
    secret_name: ObjectName | None = None
    """A Secret of the job's namespace with the store's credentials; of S3 also AWS_ENDPOINT_URL and AWS_REGION."""


class Outputs(Schema):
    """How what the program writes gets to the store."""

    flush_seconds: Annotated[int, Field(ge=1, le=86400)] = 600
    """How many seconds the upload may take after the program has ended."""
    exclude: Annotated[tuple[Annotated[str, Field(max_length=1024)], ...], Field(max_length=64)] = ()
    """Patterns of paths under outputs that are not uploaded, e.g. *.tmp; see also outputs/.footplateignore."""
    mirror_deletes: bool = False
    """true: what the program deletes under outputs is deleted in the store, too; false: the store keeps it."""
    store: OutputStore | None = None
    """Overrides the store of the operator's settings."""


class MetricSources(Schema):
    """Where metrics come from beside what the program logs through Run."""

    rules = (
        Rule(
            "!has(self.stdout) || self.stdout.all(pattern, pattern.contains('(?P<'))",
            "a pattern of metrics.stdout has a named group for each metric, e.g. 'loss: (?P<loss>[0-9.eE+-]+)'",
        ),
    )

    stdout: Annotated[tuple[Annotated[str, Field(min_length=1, max_length=1024)], ...], Field(max_length=16)] = ()
    """Patterns (Python's re) to find in what is printed; named groups are metrics, the group step is their step."""
    tensorboard: bool = True
    """Whether the scalars of TensorBoard's event files below outputs and logs are metrics."""


class Retry(Schema):
    """Budgets of restarts. A restart is a new attempt: all pods of the job start again."""

    rules = (
        Rule(
            "!has(self.retryableExitCodes) || size(self.retryableExitCodes) == 0 || self.user > 0",
            "retryableExitCodes without restarts to spend: set user to at least 1, or remove retryableExitCodes",
        ),
    )

    user: Annotated[int, Field(ge=0, le=1000)] = 0
    """Restarts after failures of the program."""
    infrastructure: Annotated[int, Field(ge=0, le=1000)] = 3
    """Restarts after lost nodes, evictions and preemptions."""
    retryable_exit_codes: Annotated[tuple[Annotated[int, Field(ge=1, le=255)], ...], Field(max_length=64)] = ()
    """Exit codes that spend the user budget; empty: all of them do. Others fail the job at once."""
    not_responding: bool = False
    """true: a job that is NotResponding (progressTimeoutSeconds) is stopped as after a failure of the program."""


class Cleanup(Schema):
    """What goes when the job has ended. Outputs, logs and metrics are in the store and stay."""

    pods: Literal["OnSuccess", "Always", "Never"] = "OnSuccess"
    """When the pods of an ended job are deleted."""


_STRINGS = {"type": "object", "maxProperties": 64, "additionalProperties": {"type": "string", "maxLength": 32768}}
POD_METADATA = {
    "type": "object",
    "properties": {
        "labels": {**_STRINGS, "description": "Labels of every pod."},
        "annotations": {**_STRINGS, "description": "Annotations of every pod."},
    },
}
POD_SPEC = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


class PodTemplate(Schema):
    """Merged by key into every pod of the job."""

    metadata: Annotated[Mapping[str, Any], WithJsonSchema(POD_METADATA)] = {}
    """labels and annotations."""
    spec: Annotated[Mapping[str, Any], WithJsonSchema(POD_SPEC)] = {}
    """Any fields of a pod's spec: tolerations, volumes, containers by name, …"""


class TrainingJobSpec(Schema):
    """What to run, on what, with what. Immutable but for suspend, cancel, cleanup and ttlSecondsAfterFinished."""

    rules = SPEC_RULES

    experiment: Annotated[
        str, Field(min_length=1, max_length=63, pattern=r"^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$")
    ] = "default"
    """Groups runs that are compared with each other."""
    environment: EnvironmentRef | None = None
    """The Environment whose image the program runs in; or else image."""
    image: ImageName | None = None
    """The image that the program runs in, best by digest; or else environment."""
    source: Source | None = None
    """Where the code comes from; default: the image's working directory."""
    entrypoint: Entrypoint
    """What is run."""
    parameters: Annotated[Mapping[str, Scalar], Field(max_length=256)] = {}
    """Hyperparameters: recorded, and appended to the arguments as --name value, or --name alone for true."""
    compute_pool: ObjectName | None = None
    """The ComputePool to wait for; default: pods go to the scheduler at once."""
    nodes: Annotated[int, Field(ge=1, le=1000)] = 1
    """How many nodes; more than one needs a distribution."""
    resources: Resources = Resources()
    """What each node needs."""
    distribution: Distribution | None = None
    """How the program is started on several nodes; default: one process on one node."""
    inputs: Annotated[tuple[Input, ...], Field(max_length=64, json_schema_extra=list_map("name"))] = ()
    """Data that is there before the program starts."""
    register_models: Annotated[
        tuple[ModelRegistration, ...], Field(max_length=16, json_schema_extra=list_map("name"))
    ] = ()
    """Models to register when the job has completed."""
    outputs: Outputs = Outputs()
    """How what the program writes gets to the store."""
    metrics: MetricSources = MetricSources()
    """Where metrics come from beside what the program logs through Run."""
    retry: Retry = Retry()
    """Budgets of restarts."""
    timeout_seconds: Seconds = 2592000
    """How many seconds the job may run, all attempts together; time queued or suspended does not count."""
    start_timeout_seconds: Seconds = 3600
    """How many seconds from admission until all replicas must run."""
    progress_timeout_seconds: Seconds | None = None
    """The job is NotResponding after so many seconds without output or metric; default: never."""
    suspend: bool = False
    """true: the pods go and the job waits; false again: the next attempt starts."""
    cancel: bool = False
    """true: the job stops for good; its outputs are kept. Cannot be undone."""
    cleanup: Cleanup = Cleanup()
    """What goes when the job has ended."""
    ttl_seconds_after_finished: Count | None = None
    """The TrainingJob itself is deleted so many seconds after its end; default: never."""
    pod_template: PodTemplate = PodTemplate()
    """Merged by key into every pod of the job."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import ValidationError

from footplate.api.compute_pool import ComputePool
from footplate.api.dataset import Dataset
from footplate.api.environment import Environment
from footplate.api.phases import Phase
from footplate.api.registered_model import RegisteredModel
from footplate.api.scalars import rfc3339
from footplate.api.training_job import TrainingJob

# As the API server returns it: with managed fields, defaults filled in, and a field of a later version.
BODY: dict[str, Any] = {
    "apiVersion": "footplate.dev/v1alpha1",
    "kind": "TrainingJob",
    "metadata": {
        "name": "digits",
        "namespace": "default",
        "uid": "1a2b3c4d-0000-4000-8000-000000000000",
        "resourceVersion": "12",
        "generation": 2,
        "creationTimestamp": "2026-01-02T03:04:05Z",
        "labels": {"team": "vision"},
        "managedFields": [{"manager": "kubectl"}],
    },
    "spec": {
        "experiment": "default",
        "environment": {"name": "torch", "version": 3},
        "source": {"configMap": {"name": "code"}},
        "entrypoint": {"script": "train.py", "args": ["--data", "$(inputs.digits)"], "launcher": True},
        "parameters": {"epochs": 10, "rate": 0.1, "amp": True, "optimizer": "adam", "seed": "0"},
        "nodes": 2,
        "resources": {"cpu": 4, "memory": "16Gi", "gpu": 1, "sharedMemory": "2Gi"},
        "distribution": {"pytorch": {"processesPerNode": "auto", "minNodes": 1}},
        "inputs": [{"name": "digits", "uri": "s3://data/digits/", "mode": "Download"}],
        "retry": {"user": 1, "infrastructure": 3, "retryableExitCodes": [75]},
        "ttlSecondsAfterFinished": 60,
        "podTemplate": {"spec": {"tolerations": [{"operator": "Exists"}]}},
        "ofALaterVersion": {"a": 1},
    },
    "status": {
        "phase": "Running",
        "attempt": 1,
        "attempts": [{"number": 1, "startTime": "2026-01-02T03:05:00Z"}],
        "replicas": {"worker": {"desired": 2, "running": 2, "succeeded": 0, "failed": 0}},
        "metrics": {"loss": {"value": 0.5, "step": 3}, "best": {"value": "NaN"}},
    },
}


def test_a_job_is_read_as_the_api_server_sent_it() -> None:
    job = TrainingJob.model_validate(BODY)

    assert (job.metadata.name, job.metadata.generation, job.metadata.labels) == ("digits", 2, {"team": "vision"})
    assert job.metadata.creation_timestamp == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert job.spec.resources.cpu == "4"
    assert job.spec.distribution is not None
    assert job.spec.distribution.pytorch is not None
    assert job.spec.distribution.pytorch.processes_per_node == "auto"
    assert job.spec.retry.retryable_exit_codes == (75,)
    assert job.spec.ttl_seconds_after_finished == 60
    assert job.spec.pod_template.spec == {"tolerations": [{"operator": "Exists"}]}
    assert job.status.phase is Phase.RUNNING
    assert job.status.replicas["worker"].running == 2


def test_parameters_keep_their_types() -> None:
    parameters = TrainingJob.model_validate(BODY).spec.parameters

    assert [(name, type(value)) for name, value in parameters.items()] == [
        ("epochs", int),
        ("rate", float),
        ("amp", bool),
        ("optimizer", str),
        ("seed", str),
    ]


def test_what_a_spec_leaves_out_has_the_default_of_the_crd() -> None:
    spec = TrainingJob.model_validate({"spec": {"image": "python", "entrypoint": {"script": "a.py"}}}).spec

    assert (spec.nodes, spec.experiment, spec.timeout_seconds, spec.retry.infrastructure) == (1, "default", 2592000, 3)
    assert (spec.resources.shared_memory, spec.cleanup.pods, spec.outputs.flush_seconds) == ("2Gi", "OnSuccess", 600)
    assert (spec.progress_timeout_seconds, spec.ttl_seconds_after_finished, spec.distribution) == (None, None, None)


def test_a_status_goes_back_as_it_came() -> None:
    status = TrainingJob.model_validate(BODY).status

    assert status.to_json() == {**BODY["status"], "earlierRunningSeconds": 0, "registeredModels": [], "conditions": []}


def test_models_are_frozen() -> None:
    job = TrainingJob.model_validate(BODY)

    with pytest.raises(ValidationError, match="frozen"):
        job.spec.nodes = 3  # type: ignore[misc]


def test_snake_case_names_make_models_too() -> None:
    job = TrainingJob.model_validate(BODY)

    suspended = job.model_copy(update={"spec": job.spec.model_copy(update={"suspend": True})})

    assert suspended.spec.suspend
    assert not job.spec.suspend


@pytest.mark.parametrize("given", [[1, 2], {"a": 1}, None])
def test_a_parameter_is_a_scalar(given: object) -> None:
    spec = {"image": "python", "entrypoint": {"script": "a.py"}, "parameters": {"layers": given}}

    with pytest.raises(ValidationError, match="layers"):
        TrainingJob.model_validate({"spec": spec})


@pytest.mark.parametrize(
    ("time", "wanted"),
    [
        (datetime(2026, 1, 2, 3, 4, 5, 999999, tzinfo=UTC), "2026-01-02T03:04:05Z"),
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=2))), "2026-01-02T01:04:05Z"),
    ],
)
def test_times_are_utc_and_whole_seconds(time: datetime, wanted: str) -> None:
    assert rfc3339(time) == wanted


@pytest.mark.parametrize(
    ("phase", "terminal"),
    [(phase, phase in (Phase.COMPLETED, Phase.FAILED, Phase.CANCELED)) for phase in Phase],
)
def test_which_phases_are_the_end(phase: Phase, terminal: bool) -> None:
    assert phase.terminal is terminal


def test_the_other_kinds_are_read() -> None:
    environment = Environment.model_validate(
        {"spec": {"pip": ["numpy"]}, "status": {"versions": [{"number": 1, "contentHash": "0a" * 32}]}}
    )
    pool = ComputePool.model_validate({"spec": {"node": {"cpu": 8, "memory": "64Gi"}}})
    dataset = Dataset.model_validate({"spec": {"uris": ["s3://data/digits/"]}})
    model = RegisteredModel.model_validate({"spec": {"modelName": "net", "source": {"uri": "s3://models/net/"}}})

    assert environment.status.versions[0].content_hash == "0a" * 32
    assert (pool.spec.min_nodes, pool.spec.max_nodes, pool.spec.node.gpu_resource) == (0, 4, "nvidia.com/gpu")
    assert dataset.spec.uris == ("s3://data/digits/",)
    assert (model.spec.model_name, model.spec.framework) == ("net", "Custom")

"""The launcher's orders: launch.json in the ConfigMap `<job>-launch`. Pure.

It is the same for every replica and every attempt, and its size does not grow with the number of nodes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from footplate import __version__
from footplate.api.training_job import TrainingJob
from footplate.constants import LAUNCH_KEY
from footplate.frameworks import Framework
from footplate.jobs import naming
from footplate.jobs.context import Context, StoreAddress
from footplate.jobs.observe import EnvironmentImage


def store_of(job: TrainingJob, context: Context) -> StoreAddress:
    """The job's own store when its spec names one, else the operator's.

    The operator's settings are those of its own store alone; another's come with the keys in its Secret.
    """
    own = job.spec.outputs.store
    if own is None:
        return context.store
    return StoreAddress(own.uri, own.secret_name)


def run_uri(job: TrainingJob, context: Context) -> str:
    metadata = job.metadata
    return naming.run_uri(store_of(job, context).uri, metadata.namespace, metadata.name, metadata.uid)


def parameter_arguments(parameters: Mapping[str, Any]) -> list[str]:
    """`{epochs: 10, amp: true, verbose: false}` as `--amp --epochs 10`.

    Sorted by name, because the API server does not keep the order of a map. True is a bare flag, false nothing.
    """
    arguments: list[str] = []
    for name in sorted(parameters):
        value = parameters[name]
        if value is False:
            continue
        arguments.append(f"--{name}")
        if value is not True:
            arguments.append(str(value))
    return arguments


def program(job: TrainingJob) -> Mapping[str, object]:
    entrypoint = job.spec.entrypoint
    extra = parameter_arguments(job.spec.parameters)
    if entrypoint.script is not None:
        return {"script": entrypoint.script, "argv": [*entrypoint.args, *extra]}
    return {"command": [*(entrypoint.command or ()), *extra]}


def launch_orders(
    job: TrainingJob, framework: Framework, context: Context, image: EnvironmentImage
) -> Mapping[str, object]:
    """launch.json as described in docs/architecture.md, "launch.json"."""
    spec, metadata = job.spec, job.metadata
    return {
        "version": 1,
        "job": {
            "name": metadata.name,
            "namespace": metadata.namespace,
            "uid": metadata.uid,
            "experiment": spec.experiment,
        },
        "store": store_of(job, context).as_json(),
        "runUri": run_uri(job, context),
        "buildLog": image.build_log,
        "source": spec.source.model_dump(mode="json", by_alias=True, exclude_none=True) if spec.source else None,
        "inputs": [i.model_dump(mode="json", by_alias=True, exclude_none=True) for i in spec.inputs],
        "program": program(job),
        "distribution": framework.launch(spec, naming.rendezvous_port(metadata.uid)),
        "hosts": naming.host_pattern(metadata.name, metadata.namespace),
        "roles": dict(framework.roles(spec)),
        "primary": {"role": framework.primary_role(spec), "index": 0},
        "outputs": spec.outputs.model_dump(mode="json", by_alias=True, exclude={"store"}),
        "metrics": spec.metrics.model_dump(mode="json", by_alias=True),
        "record": {
            "footplate": __version__,
            "spec": spec.model_dump(mode="json", by_alias=True, exclude_none=True),
            "environment": {"name": image.name or None, "version": image.version, "image": image.image},
            "parameters": dict(spec.parameters),
        },
    }


def launch_config_map(
    job: TrainingJob, framework: Framework, context: Context, image: EnvironmentImage
) -> dict[str, Any]:
    orders = launch_orders(job, framework, context, image)
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": naming.launch_config_name(job.metadata.name),
            "namespace": job.metadata.namespace,
            "labels": dict(naming.labels(job.metadata.name)),
            "ownerReferences": [dict(naming.owner_reference(job))],
        },
        "immutable": True,
        "data": {LAUNCH_KEY: json.dumps(orders, sort_keys=True, indent=1)},
    }

"""The headless Service that gives the replicas of a job their names. Pure."""

from __future__ import annotations

from typing import Any

from footplate.api.training_job import TrainingJob
from footplate.jobs import naming


def headless_service(job: TrainingJob) -> dict[str, Any]:
    """`<role>-<index>.<job>.<namespace>.svc` for every replica, ready or not (Kubernetes: Headless Services)."""
    name = job.metadata.name
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": naming.service_name(name),
            "namespace": job.metadata.namespace,
            "labels": dict(naming.labels(name)),
            "ownerReferences": [dict(naming.owner_reference(job))],
        },
        "spec": {
            "clusterIP": "None",
            "publishNotReadyAddresses": True,
            "selector": dict(naming.labels(name)),
        },
    }

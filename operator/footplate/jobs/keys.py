"""The Secret by which the replicas of a job know each other: a key and a certificate of the job's own. Pure.

It is made once, and only made: the operator may not read Secrets. What is in it is made just before (certificate.py).
"""

from __future__ import annotations

from typing import Any

from footplate.api.training_job import TrainingJob
from footplate.jobs import naming

MOUNT_MODE = 0o444  # whatever the user of the image's program


def keys_secret(job: TrainingJob) -> dict[str, Any]:
    """The Secret without its data. A job of the same name that was deleted and made again has another one."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": naming.keys_secret_name(job.metadata.name, job.metadata.uid),
            "namespace": job.metadata.namespace,
            "labels": dict(naming.labels(job.metadata.name)),
            "ownerReferences": [dict(naming.owner_reference(job))],
        },
        "type": "Opaque",
        "immutable": True,
    }


def keys_volume(job: TrainingJob) -> dict[str, Any]:
    return {
        "name": "keys",
        "secret": {
            "secretName": naming.keys_secret_name(job.metadata.name, job.metadata.uid),
            "defaultMode": MOUNT_MODE,
        },
    }

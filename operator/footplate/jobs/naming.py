"""Names of a job's children: deterministic, so that a doubled create is an AlreadyExists and never a twin."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass

from footplate.api.training_job import TrainingJob
from footplate.constants import (
    LABEL_ATTEMPT,
    LABEL_INDEX,
    LABEL_JOB,
    LABEL_MANAGED_BY,
    LABEL_ROLE,
    MANAGED_BY,
)


@dataclass(frozen=True, slots=True, order=True)
class Replica:
    """One pod's place in a job: `worker-0` and the like."""

    role: str
    index: int

    def __str__(self) -> str:
        return f"{self.role}-{self.index}"

    @classmethod
    def parse(cls, name: str) -> Replica:
        """What `str` made of it."""
        role, _, index = name.rpartition("-")
        return cls(role, int(index))


@dataclass(frozen=True, slots=True)
class Start:
    """One start of a replica: in which attempt, and the how many-th pod that replaces a lost one there."""

    replica: Replica
    attempt: int
    replacement: int = 0


def pod_name(job: str, attempt: int, replica: Replica) -> str:
    return f"{job}-{attempt}-{replica}"


def service_name(job: str) -> str:
    return job


def launch_config_name(job: str) -> str:
    return f"{job}-launch"


def recorder_name(job: str) -> str:
    return f"{job}-record"


def keys_secret_name(job: str, uid: str) -> str:
    """With the start of the uid: the operator cannot read it to see whose it is."""
    return f"{job}-{uid[:8]}-keys"


def host_pattern(job: str, namespace: str) -> str:
    """The stable name of a replica's host over all attempts, with {role} and {index} to fill in."""
    return f"{{role}}-{{index}}.{service_name(job)}.{namespace}.svc"


def run_uri(store_uri: str, namespace: str, job: str, uid: str) -> str:
    """Where a run lies in the store; ends in a slash. Two jobs of one name never share it."""
    return f"{store_uri.rstrip('/')}/{namespace}/{job}-{uid[:8]}/"


def rendezvous_port(uid: str) -> int:
    """A port for the job's own rendezvous, 20000 to 29999.

    Derived from the uid so that two jobs whose pods share a network (hostNetwork, the embedded cluster) do not meet.
    """
    return 20000 + zlib.crc32(uid.encode()) % 10000


def labels(job: str, attempt: int | None = None, replica: Replica | None = None) -> Mapping[str, str]:
    found = {LABEL_MANAGED_BY: MANAGED_BY, LABEL_JOB: job}
    if attempt is not None:
        found[LABEL_ATTEMPT] = str(attempt)
    if replica is not None:
        found[LABEL_ROLE] = replica.role
        found[LABEL_INDEX] = str(replica.index)
    return found


def owner_reference(job: TrainingJob) -> Mapping[str, object]:
    """The controller reference that lets the garbage collector take a child with its job."""
    return {
        "apiVersion": job.api_version,
        "kind": job.kind,
        "name": job.metadata.name,
        "uid": job.metadata.uid,
        "controller": True,
    }

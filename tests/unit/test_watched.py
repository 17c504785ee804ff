"""What events do to the stores, and which keys they put into the queue."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

from fake_clock import FakeClock
from job_factory import START, UID, job_body

from footplate.engine.keys import Key
from footplate.engine.queue import WorkQueue
from footplate.jobs.observe import pod_view
from footplate.kube.resources import Resource
from footplate.watched import Lister, Watched

JOB = Key("TrainingJob", "default", "digits")


def make() -> Watched:
    clock = FakeClock(START)
    watched = Watched(WorkQueue(clock, random.Random(0)), clock, "footplate-system")
    watched.begin()
    return watched


async def keys(watched: Watched) -> list[Key]:
    found = []
    while watched.queue.depth:
        key = await watched.queue.get()
        watched.queue.done(key)
        found.append(key)
    return sorted(found)


def pod_body(labels: dict[str, str] | None = None, **metadata: Any) -> dict[str, Any]:
    owner = {"apiVersion": "footplate.dev/v1alpha1", "kind": "TrainingJob", "name": "digits", "uid": UID}
    return {
        "metadata": {
            "name": "digits-1-worker-0",
            "namespace": "default",
            "uid": "p-1",
            "resourceVersion": "5",
            "creationTimestamp": "2026-11-21T12:00:00Z",
            "labels": labels or {"footplate.dev/job": "digits", "footplate.dev/attempt": "1"},
            "ownerReferences": [{**owner, "controller": True}],
            **metadata,
        }
    }


def environment_body(version: str = "3", namespace: str = "default") -> dict[str, Any]:
    return {
        "metadata": {"name": "torch", "namespace": namespace, "uid": f"e-{namespace}", "resourceVersion": version},
        "spec": {"pip": ["torch"]},
    }


async def test_a_job_is_its_own_key_and_an_event_that_says_nothing_new_is_dropped() -> None:
    watched = make()
    watched.on_job("ADDED", job_body())
    assert await keys(watched) == [JOB]
    watched.on_job("MODIFIED", job_body())
    assert await keys(watched) == []


async def test_a_pod_wakes_its_owner_and_leaves_a_tombstone() -> None:
    watched = make()
    watched.on_pod(None, pod_body())
    assert await keys(watched) == [JOB]
    watched.on_pod("DELETED", pod_body(resourceVersion="6"))
    assert await keys(watched) == [JOB]
    assert watched.pods.owned_by(UID) == []
    assert [p.key.name for p in watched.pods.gone(UID)] == ["digits-1-worker-0"]


async def test_an_environment_wakes_the_unfinished_jobs_that_name_it() -> None:
    watched = make()
    environment = {"image": None, "environment": {"name": "torch"}}
    watched.on_job(None, job_body("waits", **environment))
    watched.on_job(None, job_body("done", status={"phase": "Completed"}, **environment))
    watched.on_job(None, job_body("other", image="x"))
    await keys(watched)
    watched.on_environment("ADDED", environment_body())
    found = await keys(watched)
    assert found == [Key("Environment", "default", "torch"), Key("TrainingJob", "default", "waits")]
    watched.on_environment("ADDED", environment_body(namespace="footplate-system"))
    assert Key("TrainingJob", "default", "waits") in await keys(watched)
    watched.on_environment("ADDED", environment_body(namespace="elsewhere"))
    assert await keys(watched) == [Key("Environment", "elsewhere", "torch")]


def test_labels_that_are_no_numbers_are_no_attempt() -> None:
    view = pod_view(pod_body({"footplate.dev/job": "x", "footplate.dev/attempt": "-1", "footplate.dev/index": "²"}))
    assert (view.attempt, view.replica.index) == (0, 0)


class Listing:
    """A client that lists what it is told."""

    def __init__(self, *bodies: dict[str, Any]) -> None:
        self.bodies = bodies
        self.namespaces: list[str | None] = []

    async def list(self, resource: Resource, namespace: str | None, label_selector: str | None) -> list[Any]:
        self.namespaces.append(namespace)
        return list(self.bodies)


async def test_an_environment_that_cannot_be_read_hides_no_other() -> None:
    broken = {**environment_body(), "spec": {"pip": 7}}
    client = Listing(broken, environment_body(namespace="fine"))
    views = await Lister(client, ()).environments()  # type: ignore[arg-type]
    assert [v.key.namespace for v in views] == ["fine"]
    assert client.namespaces == [None]


async def test_only_the_namespaces_that_are_served_are_listed() -> None:
    client = Listing()
    await Lister(client, ("a", "b")).jobs()  # type: ignore[arg-type]
    assert client.namespaces == ["a", "b"]


async def test_the_removal_of_a_stopped_pod_does_not_change_when_its_end_was_asked_for() -> None:
    watched = make()
    stopped = {"deletionTimestamp": "2026-11-21T12:10:40Z", "deletionGracePeriodSeconds": 630}
    removed = {"deletionTimestamp": "2026-11-21T12:00:15Z", "deletionGracePeriodSeconds": 0}
    watched.on_pod("ADDED", pod_body())
    watched.on_pod("MODIFIED", pod_body(resourceVersion="6", **stopped))
    watched.on_pod("DELETED", pod_body(resourceVersion="7", **removed))
    assert [p.stop_asked for p in watched.pods.gone(UID)] == [START + timedelta(seconds=10)]


async def test_an_operator_that_waits_to_lead_looks_on_and_then_looks_at_everything() -> None:
    clock = FakeClock(START)
    watched = Watched(WorkQueue(clock, random.Random(0)), clock, "footplate-system")
    assert watched.heard("TrainingJob") is None
    clock.advance(5)
    watched.on_job("ADDED", job_body())
    watched.on_job("ADDED", job_body("other"))
    watched.on_job("DELETED", job_body("other"))
    watched.on_pod("ADDED", pod_body())
    assert await keys(watched) == []
    assert len(watched.jobs) == len(watched.pods) == 1
    assert watched.heard("TrainingJob") == watched.heard("Pod") == 5
    watched.begin()
    assert await keys(watched) == [JOB]

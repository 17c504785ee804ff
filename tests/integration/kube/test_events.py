"""Events as the API server takes them: their shape, that they count up, and that they never stand in anybody's way."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from api_server import ApiServerInThread
from fake_clock import FakeClock
from kube_client import connected

from footplate.events import Event, warning
from footplate.kube.client import KubeClient
from footplate.kube.events import AT_ONCE, SECONDS_EACH, WAITING, Recorder
from footplate.kube.resources import EVENTS

JOB = {
    "apiVersion": "footplate.dev/v1alpha1",
    "kind": "TrainingJob",
    "metadata": {"name": "digits", "namespace": "default", "uid": "u-1"},
}
OTHER = {**JOB, "metadata": {"name": "other", "namespace": "default", "uid": "u-3"}}
POOL = {
    "apiVersion": "footplate.dev/v1alpha1",
    "kind": "ComputePool",
    "metadata": {"name": "gpu", "uid": "u-2"},
}
PULL = warning("ImagePullFailed", "no such image", "Wait")
SECONDS = 20.0


class Outcomes:
    """What became of the events."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def event_ended(self, outcome: str) -> None:
        self.seen.append(outcome)


@pytest.fixture
async def client(api_server: ApiServerInThread) -> AsyncIterator[KubeClient]:
    async with connected(api_server) as client:
        yield client


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def outcomes() -> Outcomes:
    return Outcomes()


@pytest.fixture
def recorder(client: KubeClient, clock: FakeClock, outcomes: Outcomes) -> Recorder:
    """One that does not write yet."""
    return Recorder(client, outcomes, clock=clock, instance="operator-0")


@contextlib.asynccontextmanager
async def writing(recorder: Recorder) -> AsyncIterator[None]:
    """All that was told by the end of the block is written."""
    task = asyncio.create_task(recorder.run())
    try:
        yield
        await recorder.flush(SECONDS)
    finally:
        task.cancel()
        await asyncio.wait([task])


async def events(client: KubeClient) -> list[dict[str, Any]]:
    return await client.list(EVENTS, "default")


async def test_an_event_names_its_object_its_reason_and_who_tells(client: KubeClient, recorder: Recorder) -> None:
    async with writing(recorder):
        recorder.tell(JOB, PULL)
    [event] = await events(client)
    assert event["involvedObject"] == {
        "apiVersion": "footplate.dev/v1alpha1",
        "kind": "TrainingJob",
        "name": "digits",
        "namespace": "default",
        "uid": "u-1",
    }
    said = {key: event[key] for key in ("type", "reason", "action", "message", "count", "lastTimestamp", "source")}
    assert said == {
        "type": "Warning",
        "reason": "ImagePullFailed",
        "action": "Wait",
        "message": "no such image",
        "count": 1,
        "lastTimestamp": "2026-01-02T03:04:05Z",
        "source": {"component": "footplate"},
    }
    assert (event["reportingComponent"], event["reportingInstance"]) == ("footplate", "operator-0")


async def test_what_is_no_trouble_is_normal(client: KubeClient, recorder: Recorder) -> None:
    async with writing(recorder):
        recorder.tell(JOB, Event("Completed", "2 files", "Finish"))
    [event] = await events(client)
    assert event["type"] == "Normal"


async def test_the_same_again_counts_up(client: KubeClient, recorder: Recorder, clock: FakeClock) -> None:
    async with writing(recorder):
        for _ in range(3):
            recorder.tell(JOB, PULL)
            clock.advance(60)
        recorder.tell(JOB, warning("ImagePullFailed", "another image", "Wait"))
    found = {event["message"]: event for event in await events(client)}
    assert found["no such image"]["count"] == 3
    assert found["no such image"]["firstTimestamp"] == "2026-01-02T03:04:05Z"
    assert found["no such image"]["lastTimestamp"] == "2026-01-02T03:06:05Z"
    assert found["another image"]["count"] == 1


async def test_an_event_of_a_cluster_scoped_object_is_in_default(client: KubeClient, recorder: Recorder) -> None:
    async with writing(recorder):
        recorder.tell(POOL, warning("NoCapacity", "nothing is free", "Wait"))
    [event] = await events(client)
    assert "namespace" not in event["involvedObject"]


@pytest.mark.parametrize("message", ["x" * 5000, "ü" * 600, "x" * 1023 + "ü"])
async def test_a_long_message_is_cut_to_1024_bytes(client: KubeClient, recorder: Recorder, message: str) -> None:
    async with writing(recorder):
        recorder.tell(JOB, Event("Reason", message, "Wait"))
    [event] = await events(client)
    assert 1020 <= len(event["message"].encode()) <= 1024
    assert event["message"].endswith("…")


async def test_a_message_that_fits_is_not_cut(client: KubeClient, recorder: Recorder) -> None:
    async with writing(recorder):
        recorder.tell(JOB, Event("Reason", "x" * 1024, "Wait"))
    [event] = await events(client)
    assert event["message"] == "x" * 1024


async def test_an_event_that_cannot_be_written_is_logged_and_no_more(
    api_server: ApiServerInThread, recorder: Recorder, outcomes: Outcomes, caplog: pytest.LogCaptureFixture
) -> None:
    api_server.faults.add("POST", "/events", code=403, count=1)
    async with writing(recorder):
        recorder.tell(JOB, PULL)
        recorder.tell(OTHER, PULL)
    assert "The event ImagePullFailed (no such image) was not recorded" in caplog.text
    assert outcomes.seen == ["Refused", "Recorded"]


async def test_a_namespace_that_is_going_is_no_matter_for_the_log(
    api_server: ApiServerInThread, recorder: Recorder, outcomes: Outcomes, caplog: pytest.LogCaptureFixture
) -> None:
    finalizer = {"metadata": {"name": "held", "finalizers": ["example.com/wait"]}}
    held = {"apiVersion": "v1", "kind": "ConfigMap", **finalizer}
    for method, path, body in (
        ("POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "going"}}),
        ("POST", "/api/v1/namespaces/going/configmaps", held),
        ("DELETE", "/api/v1/namespaces/going", None),
    ):
        status, answer = await asyncio.to_thread(api_server.request, method, path, body)
        assert status < 300, answer
    async with writing(recorder):
        recorder.tell({**JOB, "metadata": {"name": "digits", "namespace": "going", "uid": "u-9"}}, PULL)
    assert outcomes.seen == ["Refused"]
    assert caplog.text == ""


async def test_telling_waits_for_nobody(
    api_server: ApiServerInThread, client: KubeClient, recorder: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    """The API server takes no event, and still whoever tells goes on at once and the end comes in time."""
    api_server.faults.add("POST", "/events", action="hang")
    task = asyncio.create_task(recorder.run())
    try:
        for number in range(5):
            recorder.tell(JOB, warning("Reason", str(number), "Wait"))
        await asyncio.wait_for(recorder.flush(0.2), 5)
    finally:
        task.cancel()
        await asyncio.wait([task])
    assert "5 events are left unrecorded" in caplog.text


async def test_one_object_cannot_fill_the_log_of_events(
    client: KubeClient, recorder: Recorder, clock: FakeClock, outcomes: Outcomes
) -> None:
    async with writing(recorder):
        for number in range(int(AT_ONCE) + 10):
            recorder.tell(JOB, warning("Flapping", str(number), "Wait"))
        recorder.tell(OTHER, PULL)
        recorder.tell(JOB, Event("Completed", "its end is told all the same", "Finish", last=True))
        clock.advance(SECONDS_EACH)
        recorder.tell(JOB, warning("Flapping", "a minute later", "Wait"))
        recorder.tell(JOB, warning("Flapping", "and one more", "Wait"))
    messages = {event["message"] for event in await events(client)}
    assert len(messages) == AT_ONCE + 3
    assert {"no such image", "its end is told all the same", "a minute later"} <= messages
    assert outcomes.seen.count("Limited") == 11


async def test_more_than_can_wait_is_left_out_and_said_once(
    recorder: Recorder, outcomes: Outcomes, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(WAITING + 3):
        metadata = {"name": f"job-{number}", "namespace": "default", "uid": f"u-{number}"}
        recorder.tell({**JOB, "metadata": metadata}, PULL)
    assert outcomes.seen == ["Dropped"] * 3
    assert caplog.text.count("Events are left out") == 1

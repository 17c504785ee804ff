from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from api_server import ApiServerInThread
from fake_clock import FakeClock
from kube_client import connected

from footplate.kube.client import KubeClient
from footplate.kube.events import Recorder
from footplate.kube.resources import EVENTS

JOB = {
    "apiVersion": "footplate.dev/v1alpha1",
    "kind": "TrainingJob",
    "metadata": {"name": "digits", "namespace": "default", "uid": "u-1"},
}
POOL = {
    "apiVersion": "footplate.dev/v1alpha1",
    "kind": "ComputePool",
    "metadata": {"name": "gpu", "uid": "u-2"},
}


@pytest.fixture
async def client(api_server: ApiServerInThread) -> AsyncIterator[KubeClient]:
    async with connected(api_server) as client:
        yield client


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def recorder(client: KubeClient, clock: FakeClock) -> Recorder:
    return Recorder(client, clock=clock)


async def events(client: KubeClient) -> list[dict[str, Any]]:
    return await client.list(EVENTS, "default")


async def test_an_event_names_its_object_and_its_reason(client: KubeClient, recorder: Recorder) -> None:
    await recorder.warning(JOB, "ImagePullFailed", "no such image")
    [event] = await events(client)
    assert event["involvedObject"] == {
        "apiVersion": "footplate.dev/v1alpha1",
        "kind": "TrainingJob",
        "name": "digits",
        "namespace": "default",
        "uid": "u-1",
    }
    said = {key: event[key] for key in ("type", "reason", "message", "count", "lastTimestamp", "source")}
    assert said == {
        "type": "Warning",
        "reason": "ImagePullFailed",
        "message": "no such image",
        "count": 1,
        "lastTimestamp": "2026-01-02T03:04:05Z",
        "source": {"component": "footplate"},
    }


async def test_the_same_again_counts_up(client: KubeClient, recorder: Recorder, clock: FakeClock) -> None:
    for _ in range(3):
        await recorder.warning(JOB, "ImagePullFailed", "no such image")
        clock.advance(60)
    await recorder.warning(JOB, "ImagePullFailed", "another image")
    found = {event["message"]: event for event in await events(client)}
    assert found["no such image"]["count"] == 3
    assert found["no such image"]["firstTimestamp"] == "2026-01-02T03:04:05Z"
    assert found["no such image"]["lastTimestamp"] == "2026-01-02T03:06:05Z"
    assert found["another image"]["count"] == 1


async def test_an_event_of_a_cluster_scoped_object_is_in_default(client: KubeClient, recorder: Recorder) -> None:
    await recorder.warning(POOL, "NoCapacity", "nothing is free")
    [event] = await events(client)
    assert "namespace" not in event["involvedObject"]


@pytest.mark.parametrize("message", ["x" * 5000, "ü" * 600, "x" * 1023 + "ü"])
async def test_a_long_message_is_cut_to_1024_bytes(client: KubeClient, recorder: Recorder, message: str) -> None:
    await recorder.warning(JOB, "Reason", message)
    [event] = await events(client)
    assert 1020 <= len(event["message"].encode()) <= 1024
    assert event["message"].endswith("…")


async def test_a_message_that_fits_is_not_cut(client: KubeClient, recorder: Recorder) -> None:
    await recorder.warning(JOB, "Reason", "x" * 1024)
    [event] = await events(client)
    assert event["message"] == "x" * 1024


async def test_an_event_that_cannot_be_written_is_logged_and_no_more(
    api_server: ApiServerInThread, recorder: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    api_server.faults.add("POST", "/events", code=403)
    await recorder.warning(JOB, "ImagePullFailed", "no such image")
    assert "The event ImagePullFailed (no such image) was not recorded" in caplog.text

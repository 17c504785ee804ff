"""Which pod's agent is asked for the job's latest metrics, how often, and what its answers may be."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from fake_clock import FakeClock
from job_factory import CONTEXT, DONE, after, at, ddp, make_job, make_pod, parameter_servers

from footplate.jobs.agents import AgentPoller, pod_to_ask
from footplate.jobs.observe import AgentStatus, Observed, PodView, agent_status
from footplate.jobs.plan import plan

PS, WORKER, CHIEF = (make_pod(role=role) for role in ("ps", "worker", "chief"))
STATUS = {"phase": "Running", "attempt": 1}


@pytest.mark.parametrize(
    ("spec", "pods", "wanted"),
    [
        ({}, [WORKER], WORKER),
        (ddp(2), [make_pod(1), WORKER], WORKER),
        (parameter_servers(), [PS, WORKER, CHIEF], CHIEF),
        (parameter_servers(), [PS, WORKER], None),
        (parameter_servers(chief=False), [PS, WORKER], WORKER),
        ({}, [make_pod(attempt=2)], None),
        ({}, [make_pod(agent=DONE)], None),
        ({}, [make_pod(podIP="")], None),
    ],
)
def test_the_primary_is_asked(spec: dict[str, Any], pods: list[PodView], wanted: PodView | None) -> None:
    assert pod_to_ask(make_job(status=STATUS, **spec), pods) == wanted


@pytest.mark.parametrize(("phase", "asked"), [("Scaling", False), ("Running", True), ("Finalizing", True)])
def test_while_its_program_runs_or_its_outputs_are_uploaded(phase: str, asked: bool) -> None:
    assert (pod_to_ask(make_job(status={**STATUS, "phase": phase}), [WORKER]) is not None) == asked


class Agent:
    """Answers /status with what it is told to, and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.answer: tuple[int, str] = (200, "{}")
        self.silent: asyncio.Event | None = None  # until it is set

    async def handle(self, request: web.Request) -> web.Response:
        self.asked += 1
        if self.silent is not None:
            await self.silent.wait()
        return web.Response(status=self.answer[0], text=self.answer[1])


@pytest.fixture
async def agent() -> AsyncIterator[tuple[Agent, int]]:
    """An agent on 127.0.0.1, and its port."""
    found, app = Agent(), web.Application()
    app.router.add_get("/status", found.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield found, runner.addresses[0][1]
    await runner.cleanup()


HERE = make_pod(podIP="127.0.0.1")
STATUS_BODY = {
    "version": 1,
    "phase": "Running",
    "pending": {"files": 1, "bytes": 5},
    "uploaded": {"files": 3, "bytes": 999},
    "lastActivityTime": "2026-11-21T12:00:05Z",
    "metrics": {"loss": {"value": 0.5, "step": 7, "time": "2026-11-21T12:00:05Z"}},
}


async def test_an_agent_is_asked_at_most_once_in_the_seconds_and_its_last_word_stays(agent: tuple[Agent, int]) -> None:
    found, port = agent
    clock = FakeClock()
    poller = AgentPoller(clock, 15, port)
    found.answer = (200, json.dumps(STATUS_BODY))
    first = await poller.status(HERE)
    assert first == AgentStatus(STATUS_BODY["metrics"], 1, 5, 3, 999, at(5))  # type: ignore[arg-type]
    clock.advance(10)
    await poller.status(HERE)
    assert found.asked == 1
    found.answer = (500, "")
    clock.advance(10)
    assert await poller.status(HERE) == first
    assert found.asked == 2
    await poller.close()


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "[]",
        "null",
        "no json",
        '{"lastActivityTime": "yesterday"}',
        '{"metrics": ' + "[" * 100_000,
        '{"x": "' + "y" * (2 << 20) + '"}',
    ],
    ids=lambda answer: answer[:20],
)
async def test_what_no_agent_says_is_no_answer(agent: tuple[Agent, int], answer: str) -> None:
    found, port = agent
    found.answer = (200, answer)
    poller = AgentPoller(FakeClock(), 15, port)
    assert await poller.status(HERE) is None
    await poller.close()


async def test_an_agent_that_does_not_answer_holds_nobody_up_twice(agent: tuple[Agent, int]) -> None:
    found, port = agent
    clock = FakeClock()
    poller = AgentPoller(clock, 15, port, patience=0.05)
    found.answer, found.silent = (200, json.dumps(STATUS_BODY)), asyncio.Event()
    assert await poller.status(HERE) is None, "waited for, in vain"
    poller._patience = 60
    for _ in range(3):
        clock.advance(15)
        assert await asyncio.wait_for(poller.status(HERE), 30) is None, "not waited for any more"
    assert found.asked == 1, "one question at a time"
    found.silent.set()
    while poller._questions:
        await asyncio.sleep(0.01)
    clock.advance(15)
    heard = await poller.status(HERE)
    assert heard is not None, "it answers again"
    clock.advance(15)
    await poller.status(HERE)
    assert found.asked == 2, "and is waited for again"
    await poller.close()


async def test_an_agent_with_much_to_say_is_heard_to_the_end(agent: tuple[Agent, int]) -> None:
    found, port = agent
    metrics = {f"{number:02d}" + "n" * 1000: {"value": 0.5, "step": 1, "time": None} for number in range(32)}
    found.answer = (200, json.dumps({**STATUS_BODY, "metrics": metrics}))
    poller = AgentPoller(FakeClock(), 15, port)
    status = await poller.status(HERE)
    assert status is not None
    assert status.metrics == metrics
    await poller.close()


async def test_nobody_there_is_no_answer() -> None:
    poller = AgentPoller(FakeClock(), 15, port=1)
    assert await poller.status(HERE) is None
    await poller.close()


def test_values_that_are_none_do_no_harm() -> None:
    said = {
        "pending": 3,
        "uploaded": {"files": "many", "bytes": -1},
        "lastActivityTime": 17,
        "metrics": {"a": {"value": {}}, "b": 3, "loss": {"value": 0.5, "step": "x"}, "ok": {"value": 1}},
    }
    job = make_job()
    job = after(job, plan(job, Observed(), CONTEXT, at(1)))
    step = plan(job, Observed(pods=[make_pod()], agent=agent_status(said)), CONTEXT, at(9))
    assert list(step.status.metrics) == ["ok"]
    assert step.status.run is not None
    assert step.status.run.files is None

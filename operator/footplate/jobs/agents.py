"""Asking the agents of running jobs for their latest metrics and progress."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterable
from dataclasses import dataclass, replace

import aiohttp

from footplate.api.phases import Phase
from footplate.api.training_job import TrainingJob
from footplate.engine.clock import Clock
from footplate.frameworks import framework_of
from footplate.jobs.lately import Lately
from footplate.jobs.naming import Replica
from footplate.jobs.observe import AgentStatus, PodView, agent_status
from footplate_runtime.contract import AGENT_PORT

log = logging.getLogger(__name__)

_MAX_ANSWER = 1 << 20  # bytes; 32 metrics with the longest names are a tenth of it
TIMEOUT = aiohttp.ClientTimeout(total=2.0)


def pod_to_ask(job: TrainingJob, pods: Iterable[PodView]) -> PodView | None:
    """The primary's, while its agent has something to tell: between the program's start and its own end."""
    if job.status.phase not in (Phase.RUNNING, Phase.FINALIZING):
        return None
    first = Replica(framework_of(job.spec).primary_role(job.spec), 0)
    primary = next((p for p in pods if p.attempt == job.status.attempt and p.replica == first), None)
    return primary if primary is not None and primary.ip and primary.agent.running else None


@dataclass(frozen=True, slots=True)
class _Said:
    """The last answer of an agent, and the question that it has not answered in time."""

    status: AgentStatus | None
    late: asyncio.Task[AgentStatus | None] | None = None


class AgentPoller:
    """The last answer of every agent, asked at most once in `seconds`. An agent that does not answer is no error.

    Where a network lets nothing through to agents, each of them would hold a worker up until the timeout. So one that
    has been waited for in vain is asked in the background from then on, and its answer counts at the next question.
    """

    def __init__(self, clock: Clock, seconds: float, port: int = AGENT_PORT, patience: float = 0.5) -> None:
        """An agent is waited for at most `patience` seconds."""
        self._answers: Lately[_Said] = Lately(clock, seconds)
        self._port = port
        self._patience = patience
        self._session: aiohttp.ClientSession | None = None
        self._questions: set[asyncio.Task[AgentStatus | None]] = set()

    async def status(self, pod: PodView) -> AgentStatus | None:
        """What the agent of the pod says, or said; None when it never answered."""

        async def ask(known: _Said | None) -> _Said:
            return await self._ask_again(pod, known or _Said(None))

        return (await self._answers.answer(pod.uid, ask)).status

    async def close(self) -> None:
        for question in self._questions:
            question.cancel()
        await asyncio.gather(*self._questions, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    async def _ask_again(self, pod: PodView, known: _Said) -> _Said:
        if known.late is None:
            question = self._question(pod)
            await asyncio.wait([question], timeout=self._patience)
            return _Said(question.result() or known.status) if question.done() else replace(known, late=question)
        if not known.late.done():
            return known
        answer = known.late.result()
        return _Said(answer) if answer else replace(known, late=self._question(pod))

    def _question(self, pod: PodView) -> asyncio.Task[AgentStatus | None]:
        question = asyncio.create_task(self._ask(pod))
        self._questions.add(question)
        question.add_done_callback(self._questions.discard)
        return question

    async def _ask(self, pod: PodView) -> AgentStatus | None:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=TIMEOUT)
        host = f"[{pod.ip}]" if ":" in pod.ip else pod.ip
        try:
            async with self._session.get(f"http://{host}:{self._port}/status") as response:
                response.raise_for_status()
                if response.content_length is None or response.content_length > _MAX_ANSWER:
                    raise ValueError("no agent says so much")
                return agent_status(json.loads(await response.read()))
        except (TimeoutError, aiohttp.ClientError, ValueError, RecursionError) as error:
            log.debug("agent of %s does not answer: %s", pod.key, error)
            return None

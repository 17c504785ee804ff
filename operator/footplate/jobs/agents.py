"""Asking the agents of running jobs for their latest metrics and progress."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable

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


class AgentPoller:
    """The last answer of every agent, asked at most once in `seconds`. An agent that does not answer is no error."""

    def __init__(self, clock: Clock, seconds: float, port: int = AGENT_PORT) -> None:
        self._answers: Lately[AgentStatus | None] = Lately(clock, seconds)
        self._port = port
        self._session: aiohttp.ClientSession | None = None

    async def status(self, pod: PodView) -> AgentStatus | None:
        """What the agent of the pod says, or said; None when it never answered."""

        async def ask(known: AgentStatus | None) -> AgentStatus | None:
            return await self._ask(pod) or known

        return await self._answers.answer(pod.uid, ask)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

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

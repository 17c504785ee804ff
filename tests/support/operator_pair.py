"""Two replicas of the operator: one leads, the other waits."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

from api_server import ApiServerInThread
from operator_process import OPERATOR, OperatorProcess, holder, until
from request_record import RequestRecord, carried_out, is_write, operator_of

# The defaults are for API servers across a network that may be away for some seconds; the tests' is on this machine.
QUICK_LEASE: Mapping[str, float] = {"duration": 4, "renew": 2.7, "retry": 0.5}
DEFAULT_LEASE: Mapping[str, float] = {"duration": 15, "renew": 10, "retry": 2}


class Pair:
    """What the tests of leadership hold in their hands."""

    def __init__(self, server: ApiServerInThread, folder: Path) -> None:
        self._server = server
        self._folder = folder
        self._keepers: list[asyncio.Task[None]] = []
        self.record = RequestRecord(server)
        self.operators: tuple[OperatorProcess, ...] = ()
        self.exit_codes: list[int] = []

    async def start(self, lease: Mapping[str, float] = QUICK_LEASE, kept: bool = False) -> None:
        """Both run, and one of them leads. With `kept` one that ends is started again, as a Deployment does it."""
        self._make(lease)
        await asyncio.gather(*(operator.started() for operator in self.operators))
        if kept:
            self._keepers = [asyncio.create_task(self._keep(operator)) for operator in self.operators]
        await self.whole()

    async def start_in_order(self, lease: Mapping[str, float], program: Sequence[str], **environment: str) -> None:
        """The first leads; `program` is what it runs, as the arguments of Python, if not the operator itself."""
        self._make(lease)
        first, second = self.operators
        await first.started(program or OPERATOR, **environment)
        await until(lambda: holder(self._server) == first.identity(), self.scene)
        await second.started()

    def _make(self, lease: Mapping[str, float]) -> None:
        first, second = (
            OperatorProcess(self._server, self._folder, name, leaseSeconds=dict(lease)) for name in ("first", "second")
        )
        self.operators = (first, second)

    async def whole(self) -> None:
        """One leads, and the other waits and knows all there is."""

        def true() -> bool:
            names = [operator.identity() for operator in self.operators if operator.ready]
            return len(names) == 2 and holder(self._server) in names

        await until(true, self.scene)

    async def end(self) -> None:
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        await asyncio.gather(*(operator.kill() for operator in self.operators))

    async def _keep(self, operator: OperatorProcess) -> None:
        while True:
            self.exit_codes.append(await operator.process.wait())
            await operator.start()

    def leader(self) -> OperatorProcess:
        now = holder(self._server)
        found = [operator for operator in self.operators if operator.running and operator.identity() == now]
        assert found, f"{now!r} leads, which is none of ours\n{self.scene()}"
        return found[0]

    def other(self, operator: OperatorProcess) -> OperatorProcess:
        (found,) = (o for o in self.operators if o is not operator)
        return found

    async def heir_writes(self, before: str | None, since: float) -> float:
        """When, after `since`, the first write of another operator than the one before was carried out."""
        self.record.collect()

        def first() -> float | None:
            done = (r for r in self._server.requests if r.at > since and is_write(r) and carried_out(r))
            return next((r.at for r in done if operator_of(r) != before), None)

        await until(lambda: first() is not None, self.scene)
        at = first()
        assert at is not None
        return at

    def scene(self) -> str:
        logs = "\n\n".join(operator.said()[-3000:] for operator in self.operators)
        return f"the Lease is {holder(self._server)}'s; exit codes {self.exit_codes}\n{logs}"

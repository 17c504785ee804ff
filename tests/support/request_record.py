"""The API server's record of requests: who wrote what, in which order."""

from __future__ import annotations

import re
from collections import Counter
from itertools import groupby

from api_server import ApiServerInThread

from footplate_local.apiserver.http.faults import Request

OPERATOR = re.compile(r"footplate/\S+ \((.+)\)")


def operator_of(request: Request) -> str:
    """The identity of the operator that made it; empty for anybody else."""
    found = OPERATOR.fullmatch(request.user_agent)
    return found[1] if found else ""


def is_write(request: Request) -> bool:
    """Of an operator, to something else than the Lease."""
    return request.method != "GET" and "/leases" not in request.path and operator_of(request) != ""


def carried_out(request: Request) -> bool:
    return request.status < 300


class RequestRecord:
    """All requests from its making on; `collect` must be called before the server forgets."""

    def __init__(self, server: ApiServerInThread) -> None:
        self._server = server
        self._until = 0.0
        self.requests: list[Request] = []
        self.collect()
        self.requests.clear()

    def collect(self) -> list[Request]:
        new = [r for r in self._server.requests if r.at > self._until]
        if new:
            self._until = new[-1].at
        self.requests += new
        return self.requests

    def writes(self) -> list[Request]:
        """Of operators, that were carried out."""
        return [r for r in self.collect() if is_write(r) and carried_out(r)]

    def reigns(self) -> list[str]:
        """Who wrote, in order: an operator that writes again after another one has written is there twice."""
        return [who for who, _ in groupby(operator_of(r) for r in self.writes())]

    def of_each_job(self, method: str, path: str) -> Counter[str]:
        """How many such writes there were to each job; `path` follows its name."""
        found = (re.search(rf"/trainingjobs/([^/?]+){path}$", r.path) for r in self.writes() if r.method == method)
        return Counter(match[1] for match in found if match)

    def created(self, plural: str) -> int:
        """How many objects of a kind operators have made."""
        return sum(r.method == "POST" and r.path.split("?")[0].endswith(f"/{plural}") for r in self.writes())

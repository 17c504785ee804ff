"""The agent's series: what they say, and that the documentation has them all."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from replica import AgentProcess, Replica, eventually
from s3_server import S3Server
from tcp_gate import gate

from footplate_runtime.agent.counted_store import CountedStore
from footplate_runtime.agent.prometheus import SERIES
from footplate_runtime.store import (
    AccessDenied,
    InvalidKey,
    NotFound,
    StoreError,
    StoreThrottled,
    StoreUnavailable,
    open_store,
)

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/metrics.md").read_text()


def series(text: str) -> dict[str, float]:
    """Every sample of an exposition, after a check of its form."""
    samples = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            assert re.fullmatch(r'[a-z_]+(\{[a-z]+="\w+"\})? [0-9.e+-]+', line), line
            name, value = line.rsplit(" ", 1)
            samples[name] = float(value)
    return samples


def test_what_they_say(in_s3: Replica) -> None:
    in_s3.write("outputs/a", b"x" * 1000)
    in_s3.append("state/console.log", b"y" * 500)
    in_s3.log_scalar("loss", 0.5)
    in_s3.append("metrics/metrics.jsonl", b'no json\n{"kind": "warning", "name": "names", "value": "many"}\n')
    with AgentProcess(in_s3) as agent:
        eventually(lambda: series(agent.get("/metrics").decode())["footplate_agent_uploaded_files"] == 1, "the upload")
        found = eventually(
            lambda: (s := series(agent.get("/metrics").decode()))["footplate_agent_unsent_log_bytes"] == 0 and s,
            "the console",
        )
        assert found['footplate_agent_phase{phase="Running"}'] == 1
        assert found["footplate_agent_uploaded_bytes"] == 1000
        assert found["footplate_agent_sent_bytes_total"] >= 1500
        assert found['footplate_agent_requests_total{operation="put"}'] >= 3
        assert found["footplate_agent_metrics_bad_lines_total"] == 1
        assert found["footplate_agent_metrics_warnings_total"] == 1
        assert found["footplate_agent_oldest_pending_seconds"] == 0
        assert 10 << 20 < found["process_resident_memory_bytes"] < 128 << 20
        assert 0 < found["process_cpu_seconds_total"] < 60
        assert sum(value for name, value in found.items() if "_errors_total" in name) == 0


def test_a_store_that_is_away_is_told_by_kind_and_lag(tmp_path: Path, s3_server: S3Server) -> None:
    with gate(s3_server.endpoint) as way:
        replica = Replica(tmp_path, s3_server.new_uri(), way.endpoint, s3_server.env)
        with AgentProcess(replica) as agent:
            agent.status()
            way.shut()
            replica.write("outputs/a", b"x" * 1000)
            replica.append("state/console.log", b"y" * 500)

            def told() -> dict[str, float] | None:
                found = series(agent.get("/metrics").decode())
                failed = found['footplate_agent_store_errors_total{kind="unavailable"}']
                return found if failed and found["footplate_agent_unsent_log_bytes"] == 500 else None

            found = eventually(told, "the failure")
            assert found["footplate_agent_errors_total"] >= 1
            assert (found["footplate_agent_pending_files"], found["footplate_agent_pending_bytes"]) == (1, 1000)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (StoreThrottled("x"), "throttled"),
        (StoreUnavailable("x"), "unavailable"),
        (AccessDenied("x"), "denied"),
        (InvalidKey("x"), "refused"),
        (NotFound("x"), None),
    ],
)
def test_errors_are_counted_by_kind(tmp_path: Path, error: StoreError, kind: str | None) -> None:
    counted = CountedStore(open_store(tmp_path.as_uri(), None, None, {}))

    def fails() -> bytes:
        raise error

    with pytest.raises(type(error)):
        counted._counted("get", fails)
    with pytest.raises(NotFound):
        counted.get("nothing")
    counted.put("a", b"123")
    assert [entry.key for entry in counted.list()] == ["a"]
    counts = counted.counts()
    assert counts.requests == {"put": 1, "get": 2, "list": 1, "head": 0, "delete": 0}
    assert {name: number for name, number in counts.errors.items() if number} == ({kind: 1} if kind else {})
    assert counts.sent_bytes == 3


def test_the_documentation_has_all_of_them() -> None:
    rows = re.findall(r"^\| `([a-z_]+)(?:\{([a-z]+)\})?` \| (\w+) \| (.+) \|$", PAGE, re.MULTILINE)
    assert rows == [(s.name, s.label, s.kind, s.text) for s in SERIES]

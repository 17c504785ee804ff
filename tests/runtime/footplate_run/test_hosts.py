from __future__ import annotations

from pathlib import Path

import pytest

from footplate_run import hosts
from footplate_run.errors import PEERS, CannotStart
from footplate_run.hosts import Resolver, read_hosts, timeout_of, wait_for


class Clock:
    """Seconds that pass by sleeping."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_read_hosts(tmp_path: Path) -> None:
    path = tmp_path / "hosts"
    path.write_text(
        "# a comment\n127.0.0.1\tlocalhost\n127.5.0.1 worker-0.digits.default.svc worker-0 # first\n\n"
        "127.5.0.9 worker-0.digits.default.svc\nlonely\n"
    )
    assert read_hosts(str(path)) == {
        "localhost": "127.0.0.1",
        "worker-0.digits.default.svc": "127.5.0.1",
        "worker-0": "127.5.0.1",
    }
    assert read_hosts(str(tmp_path / "none")) == {}


def test_resolve_prefers_the_file_and_falls_back_to_dns(tmp_path: Path) -> None:
    path = tmp_path / "hosts"
    path.write_text("127.5.0.1 localhost\n")
    assert Resolver(str(path))("localhost") == "127.5.0.1"
    assert Resolver(None)("localhost") == "localhost"
    assert Resolver(str(path))("no-such-host.invalid") is None


def test_a_hosts_file_that_comes_late_and_changes(tmp_path: Path) -> None:
    path = tmp_path / "hosts"
    resolve = Resolver(str(path))
    assert resolve("worker-1.digits.invalid") is None
    for address in ("127.5.0.1", "127.5.0.2"):
        path.with_name("new").write_text(f"{address} worker-1.digits.invalid\n")
        path.with_name("new").replace(path)
        assert resolve("worker-1.digits.invalid") == address


def test_a_hosts_file_is_read_when_it_has_changed_and_not_for_every_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "hosts"
    path.write_text("".join(f"127.5.0.{i} worker-{i}\n" for i in range(100)))
    read: list[str] = []

    def count(name: str) -> dict[str, str]:
        read.append(name)
        return read_hosts(name)

    monkeypatch.setattr(hosts, "read_hosts", count)
    resolve = Resolver(str(path))
    assert [resolve(f"worker-{i}") for i in range(100)] == [f"127.5.0.{i}" for i in range(100)]
    assert read == [str(path)]


def test_waits_until_all_resolve_and_tells_every_ten_seconds() -> None:
    clock, said = Clock(), []
    at = {"a": 100.0, "b": 125.0}
    found = wait_for(
        ["a", "b"],
        lambda name: f"ip-{name}" if clock.now >= at[name] else None,
        clock.monotonic,
        clock.sleep,
        said.append,
        timeout=600,
    )
    assert found == {"a": "ip-a", "b": "ip-b"}
    assert clock.now == 125.0
    assert said == [
        "waiting for b to resolve (10 s of 600 s)",
        "waiting for b to resolve (20 s of 600 s)",
    ]


def test_gives_up_with_a_sentence() -> None:
    clock = Clock()
    with pytest.raises(CannotStart, match=r"^b, c did not resolve within 30 s: the pod was not created") as caught:
        wait_for(
            ["a", "b", "c"],
            {"a": "1.2.3.4"}.get,
            clock.monotonic,
            clock.sleep,
            lambda line: None,
            timeout=30,
        )
    assert caught.value.exit_code == PEERS
    assert clock.now == 130.0


def test_no_peers_no_wait() -> None:
    clock = Clock()
    assert wait_for([], lambda name: None, clock.monotonic, clock.sleep, print) == {}
    assert clock.now == 100.0


def test_timeout_of() -> None:
    assert timeout_of({}) == 600
    assert timeout_of({"FOOTPLATE_PEERS_TIMEOUT_SECONDS": "12.5"}) == 12.5
    with pytest.raises(CannotStart, match="FOOTPLATE_PEERS_TIMEOUT_SECONDS is a number of seconds, not 'soon'"):
        timeout_of({"FOOTPLATE_PEERS_TIMEOUT_SECONDS": "soon"})

"""An agent that nobody reached to stop goes on while its replica has been started again: it must not write over it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from replica import AgentProcess, Replica, eventually

from footplate_runtime.agent.fence import SURE_SECONDS, NotOurTurn
from footplate_runtime.agent.fenced_store import FencedStore
from footplate_runtime.store import NotFound
from footplate_runtime.turns import Turn, announce, holder


def test_a_process_that_was_stopped_goes_on_when_the_next_attempt_is_over(in_s3: Replica) -> None:
    first = in_s3
    with AgentProcess(first) as lost:
        first.write("outputs/model", b"epoch 1")
        eventually(lambda: first.keys("outputs/"), "the first version")
        os.kill(lost.pid, signal.SIGSTOP)
        stopped = time.monotonic()
        for n in range(50):
            first.write(f"outputs/{n}", b"old")
        first.write("outputs/model", b"epoch 2")
        first.write("state/console.log", b"old\n" * 1000)
        first.log_scalar("loss", 9.0)
        first.write_exit(0)

        second = replace(first, attempt=2)
        assert second.fetch().returncode == 0
        with AgentProcess(second) as agent:
            second.write("outputs/model", b"epoch 5")
            second.write_exit(0)
            agent.wait_for_log("Uploading")
            assert agent.stop() == 0
        left = {key: second.store.get(key) for key in second.keys("")}

        time.sleep(max(0.0, stopped + SURE_SECONDS + 0.5 - time.monotonic()))
        os.kill(lost.pid, signal.SIGCONT)
        lost.wait_for_log("attempt 2 of this replica has begun")
        assert lost.stop() == 1

    assert {key: second.store.get(key) for key in second.keys("")} == left, "the store has what the newer one wrote"
    said = first.termination()
    assert (said["complete"], said["record"]) == (False, None)
    assert said["error"] == (
        "Nothing more is written: attempt 2 of this replica has begun, as attempt.json in the store says."
    )


def test_what_is_older_writes_nothing_more(replica: Replica) -> None:
    with AgentProcess(replica) as lost:
        replica.write("outputs/model", b"epoch 1")
        eventually(lambda: replica.keys("outputs/"), "the first version")

        second = replace(replica, attempt=2)
        assert second.fetch().returncode == 0
        with AgentProcess(second) as agent:
            second.write("outputs/model", b"epoch 5")
            second.write_exit(0)
            agent.wait_for_log("Uploading")
            assert agent.stop() == 0
        of_second = {key: replica.store.get(key) for key in ("manifest.json", "run.json")}

        lost.wait_for_log("attempt 2 of this replica has begun")
        replica.write("outputs/model", b"epoch 2")
        replica.write_exit(0)
        assert lost.stop() == 1

    assert replica.store.get("outputs/model") == b"epoch 5"
    assert {key: replica.store.get(key) for key in of_second} == of_second


def test_of_two_agents_of_one_attempt_the_one_that_came_last_goes_on(replica: Replica, tmp_path: Path) -> None:
    """A container that was started again, or two pods of one replica: they have nothing to compare but their tokens."""
    with AgentProcess(replica) as former:
        replica.write("outputs/model", b"former")
        eventually(lambda: replica.keys("outputs/"), "the first version")
        twin = replace(replica, base=tmp_path / "twin")
        with AgentProcess(twin) as latter:
            latter.wait_for_log("Uploading")
            twin.write("outputs/model", b"latter")
            twin.write_exit(0)
            former.wait_for_log("another agent of this replica and attempt has begun")
            replica.write("outputs/model", b"former again")
            assert former.stop() == 1
            assert latter.stop() == 0

    assert replica.store.get("outputs/model") == b"latter"
    assert [a["number"] for a in replica.json("run.json")["attempts"]] == [1]
    assert (replica.termination()["complete"], twin.termination()["complete"]) == (False, True)


def test_it_takes_over_from_its_predecessor_that_was_killed(replica: Replica) -> None:
    with AgentProcess(replica) as former:
        former.wait_for_log("Uploading")
        eventually(lambda: holder(replica.store, "").token, "its claim")
        former.kill()
    before = holder(replica.store, "")
    replica.write_exit(0)
    with AgentProcess(replica) as agent:
        agent.wait_for_log("Uploading")
        assert agent.stop() == 0
    assert holder(replica.store, "").turn == before.turn
    assert holder(replica.store, "").token != before.token


def test_it_finds_out_while_its_program_runs(local: Replica) -> None:
    other = replace(local, index=1)
    with AgentProcess(other) as lost:
        lost.wait_for_log("Uploading")
        announce(local.store, "ranks/worker-1/", Turn(1, 1))

        lost.wait_for_log("a replacement of this replica has begun, as ranks/worker-1/attempt.json")
        other.write("outputs/late", b"x")
        assert lost.stop() == 1

    with pytest.raises(NotFound):
        local.store.get("ranks/worker-1/outputs/late")


def test_a_large_upload_is_cut_in_its_middle(replica: Replica) -> None:
    """The blocks that were sent make no object, and the old one stays."""
    replica.store.put("outputs/model", b"of the newer one")
    sent = []

    def check() -> None:
        if len(sent) > 20:
            raise NotOurTurn("Nothing more is written.")

    def blocks() -> Iterator[bytes]:
        for _ in range(40):
            sent.append(1)
            yield b"x" * (1 << 20)

    with pytest.raises(NotOurTurn):
        FencedStore(replica.store, check).put_stream("outputs/model", blocks(), 40 << 20)
    assert replica.store.get("outputs/model") == b"of the newer one"

"""An agent that nobody reached to stop goes on while its replica has been started again: it must not write over it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from replica import AgentProcess, Replica, eventually

from footplate_runtime.store import NotFound
from footplate_runtime.turns import Turn, announce, newest


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

        replica.write("outputs/model", b"epoch 2")
        replica.write_exit(0)
        assert lost.stop() == 1

    said = replica.termination()
    assert said["complete"] is False
    assert said["error"] == (
        "Nothing more is written: attempt 2 of this replica has begun, as attempt.json in the store says."
    )
    assert replica.store.get("outputs/model") == b"epoch 5"
    assert {key: replica.store.get(key) for key in of_second} == of_second


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


def test_turns_only_go_forward(local: Replica) -> None:
    assert newest(local.store, "") == Turn(1, 0)
    for turn in (Turn(2, 1), Turn(2, 0), Turn(1, 7)):
        announce(local.store, "", turn)
    assert newest(local.store, "") == Turn(2, 1)
    local.store.put("attempt.json", b"{torn")
    assert newest(local.store, "") == Turn(1, 0)

from __future__ import annotations

from pathlib import Path

import pytest
from run_records import put_record, record, run

from footplate.cli.problem import CommandFailed, UsageError
from footplate.cli.runs.address import Address, Where
from footplate.cli.runs.find import Found, find_known
from footplate.cli.runs.known import Known
from footplate.cli.runs.stored_logs import LogFile, Wanted, chosen, consoles, follow, log_files, show_console, show_file
from footplate.cli.target import choose
from footplate_runtime.store import open_store

FILES = [
    LogFile("1/worker-0.log", 5, False),
    LogFile("1/worker-0.agent.log", 5, False),
    LogFile("1/worker-0/debug.log", 5, False),
    LogFile("1/worker-1.log", 5, False),
    LogFile("1/worker-1.r1.log", 5, False),
    LogFile("2/worker-0.log", 5, True),
    LogFile("10/worker-0.log", 5, True),
]


def test_what_there_is(tmp_path: Path) -> None:
    store = open_store(tmp_path.as_uri())
    start, end = "0" * 15, "000000000000007"
    store.put("logs/2/worker-0.log." + f"{start}-{end}", b"x" * 7)
    store.put("logs/2/worker-0.log." + f"{end}-000000000000009", b"x" * 2)
    store.put("logs/1/worker-0.log", b"x" * 3)
    store.put("logs/1/worker-0.log." + f"{start}-{end}", b"x" * 7)  # not deleted yet
    store.put("logs/10/worker-0/deep/a b.log", b"")
    assert log_files(store) == [
        LogFile("1/worker-0.log", 3, False),
        LogFile("2/worker-0.log", 9, True),
        LogFile("10/worker-0/deep/a b.log", 0, False),
    ]


@pytest.mark.parametrize(
    ("wanted", "keys"),
    [
        (Wanted(None, None), ["logs/10/worker-0.log"]),
        (Wanted(1, None), ["logs/1/worker-0.log"]),
        (Wanted(1, "worker-1"), ["logs/1/worker-1.log", "logs/1/worker-1.r1.log"]),
    ],
)
def test_which_consoles(wanted: Wanted, keys: list[str]) -> None:
    assert [console.key for console in chosen(run(), consoles(FILES), wanted)] == keys


def test_consoles_that_are_not_there() -> None:
    there = consoles(FILES)
    with pytest.raises(CommandFailed, match="has had no attempt 3; the newest is 10"):
        chosen(run(), there, Wanted(3, None))
    with pytest.raises(UsageError, match=r"no console of a replica worker-7 in attempt 1, only of worker-0, worker-1$"):
        chosen(run(), there, Wanted(1, "worker-7"))
    with pytest.raises(CommandFailed, match=r"has no console in the store so far$"):
        chosen(run(phase="Running"), [], Wanted(None, None))


@pytest.fixture
def place(tmp_path: Path) -> Where:
    store = open_store(tmp_path.as_uri())
    put_record(store, "default/digits-1a2b3c4d", record(attempts=[{"number": 1, "endTime": "x"}, {"number": 2}]))
    run_store = open_store(f"{tmp_path.as_uri()}/default/digits-1a2b3c4d/")
    run_store.put("logs/1/worker-0.log", b"one\n")
    run_store.put("logs/2/worker-0.log", b"two\n")
    run_store.put("logs/2/worker-0/own.log", b"own\n")
    return Where(choose(None, None, {"HOME": "/home/ada"}), None, store=tmp_path.as_uri())


async def test_a_console_and_a_file(place: Where, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    found = find_run_of(place)
    assert await show_console(found, Wanted(1, None)) == 0
    assert await show_file(found, "2/worker-0/own.log") == 0
    assert capfdbinary.readouterr().out == b"one\nown\n"
    with pytest.raises(UsageError, match=r"has no log 2/none\.log; footplate logs digits-1a2b3c4d --list"):
        await show_file(found, "2/none.log")


async def test_following_a_run_that_has_ended_gives_the_newest_attempt(
    place: Where, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert await follow(find_run_of(place), Wanted(None, None)) == 0
    assert capfdbinary.readouterr().out == b"two\n"


async def test_the_result_of_a_followed_run_is_the_exit_code(
    place: Where, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert place.store is not None
    put_record(open_store(place.store), "default/digits-1a2b3c4d", record(phase="Failed"))
    assert await follow(find_run_of(place), Wanted(1, None)) == 1
    assert capfdbinary.readouterr().out == b"one\n"


def find_run_of(place: Where) -> Found:
    """The one run of the store."""
    assert place.store is not None
    return find_known(Known(None, [place.address(place.store)]), "digits")


def test_an_address_is_opened_with_its_settings() -> None:
    assert Address("s3://bucket/x").below("default/a/").uri == "s3://bucket/x/default/a/"

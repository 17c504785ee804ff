from __future__ import annotations

from pathlib import Path

import pytest
from run_records import put_record, record

from footplate.cli.problem import CommandFailed, UsageError
from footplate.cli.runs.address import Address, Where, chosen_store
from footplate.cli.runs.find import all_runs, find_known, find_run
from footplate.cli.runs.known import Json, Known, known, store_of
from footplate.cli.target import choose
from footplate_runtime.store import AccessDenied, Store, open_store

ENV = {"HOME": "/home/ada"}


@pytest.fixture
def uri(tmp_path: Path) -> str:
    """A store with three runs of digits, one of another namespace, a registered model, and a run without a record."""
    found = (tmp_path / "store").as_uri() + "/"
    store = open_store(found)
    for uid, start in (("aaaaaaaa", "11:00"), ("bbbbbbbb", "13:00"), ("cccccccc", "12:00")):
        put_record(store, f"default/digits-{uid}", record(uid=uid, startTime=f"2026-11-21T{start}:00Z"))
    put_record(store, "research/other-dddddddd", record("other", "dddddddd"))
    store.put("default/models/digits/1/model.bin", b"x")
    store.put("default/early-eeeeeeee/source.json", b"{}")
    return found


def where(uri: str, namespace: str | None = None) -> Where:
    return Where(choose(None, None, ENV), namespace, store=uri)


def job(uri: str | None, name: str = "digits", phase: str = "Running") -> Json:
    metadata = {"name": name, "namespace": "default", "uid": "bbbbbbbb-1", "creationTimestamp": "2026-11-21T12:59:00Z"}
    status = {"phase": phase, "message": "waiting", **({"run": {"uri": uri}} if uri else {})}
    return {"metadata": metadata, "spec": {"experiment": "deep"}, "status": status}


def test_all_runs_of_a_store(uri: str) -> None:
    found = {(run.namespace, run.folder): run.phase for run in all_runs(known(where(uri))).runs}
    assert found == {
        ("default", "digits-aaaaaaaa"): "Completed",
        ("default", "digits-bbbbbbbb"): "Completed",
        ("default", "digits-cccccccc"): "Completed",
        ("default", "early-eeeeeeee"): None,
        ("research", "other-dddddddd"): "Completed",
    }
    assert [run.folder for run in all_runs(known(where(uri, "research"))).runs] == ["other-dddddddd"]


def test_a_store_is_opened_once_for_all_its_runs(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    open_it = Address.open

    def counted(address: Address) -> Store:
        opened.append(address.uri)
        return open_it(address)

    monkeypatch.setattr(Address, "open", counted)
    assert len(all_runs(known(where(uri))).runs) == 5
    assert len(opened) <= 2, "a client of S3 takes 20 ms to make: a thousand would be 20 s"


def test_a_name_is_the_newest_run_of_it(uri: str) -> None:
    found = find_run(where(uri, "default"), "digits")
    assert found.run.folder == "digits-bbbbbbbb"
    assert found.open().get("run.json")
    (note,) = found.notes
    assert note.startswith("digits is here the newest of 3 runs, digits-bbbbbbbb of 2026-11-21 13:00; the others: ")
    assert "digits-cccccccc of 2026-11-21 12:00, digits-aaaaaaaa of 2026-11-21 11:00" in note


@pytest.mark.parametrize("name", ["digits-aaaaaaaa", "other", "other-dddddddd", "early"])
def test_a_name_that_means_one_run(uri: str, name: str) -> None:
    found = find_run(where(uri), name)
    assert found.run.folder.startswith(name)
    assert found.notes == []


def test_an_address(uri: str) -> None:
    for given in (f"{uri}default/digits-aaaaaaaa", f"{uri}default/digits-aaaaaaaa/"):
        found = find_run(Where(choose(None, None, ENV), None), given)
        assert (found.run.namespace, found.run.folder, found.run.phase) == ("default", "digits-aaaaaaaa", "Completed")
    with pytest.raises(UsageError, match="there is no run at "):
        find_run(where(uri), f"{uri}default/nothing/")


def test_a_name_that_nothing_has(uri: str) -> None:
    with pytest.raises(UsageError, match=r"there is no run nobody in namespace default of file://.*; footplate runs"):
        find_run(where(uri, "default"), "nobody")
    with pytest.raises(UsageError, match="there is no run other in namespace default"):
        find_run(where(uri, "default"), "other")


def test_a_job_of_the_cluster_goes_before_what_the_store_says(uri: str) -> None:
    there = Known("default", [Address(uri)], [job(f"{uri}default/digits-bbbbbbbb/")])
    found = find_known(there, "digits")
    assert (found.run.phase, found.run.folder, found.notes) == ("Running", "digits-bbbbbbbb", ())
    listed = {run.folder: run.phase for run in all_runs(there).runs}
    assert listed["digits-bbbbbbbb"] == "Running"
    assert listed["digits-aaaaaaaa"] == "Completed"


def test_a_job_that_has_nothing_in_the_store_yet(uri: str) -> None:
    there = Known("default", [Address(uri)], [job(None, "fresh", "Queued")])
    with pytest.raises(CommandFailed, match=r"fresh has nothing in the store yet \(Queued: waiting\)"):
        find_known(there, "fresh")
    fresh = next(run for run in all_runs(there).runs if run.name == "fresh")
    assert (fresh.phase, fresh.uri, fresh.experiment) == ("Queued", "", "deep")


def test_a_job_that_failed_before_it_had_pods_is_one_run_and_its_record_is_found(uri: str) -> None:
    there = Known("default", [Address(uri)], [job(None, "digits", "Failed")])
    found = [(run.folder, run.phase) for run in all_runs(there).runs if run.folder == "digits-bbbbbbbb"]
    assert found == [("digits-bbbbbbbb", "Failed")]
    assert find_known(there, "digits").address.uri == f"{uri}default/digits-bbbbbbbb/"


def test_a_store_that_cannot_be_read_hides_no_other(uri: str) -> None:
    broken = Refusing("s3://broken/")
    lost = job("s3://broken/default/lost-bbbbbbbb/", "lost")
    listing = all_runs(Known("default", [broken, Address(uri)], [lost]))
    assert {run.name: run.phase for run in listing.runs} == {
        "digits": "Completed",
        "early": None,
        "lost": "Running",
    }
    assert listing.notes == ["no rights."]
    found = find_known(Known("default", [broken, Address(uri)]), "early")
    assert (found.run.name, found.notes) == ("early", ["no rights."])
    for action in (all_runs, lambda there: find_known(there, "digits")):
        with pytest.raises(AccessDenied, match="no rights"):
            action(Known("default", [broken]))


class Refusing(Address):
    """A store whose keys are wrong."""

    def open(self) -> Store:
        raise AccessDenied("no rights.")


def test_nobody_says_where_runs_lie() -> None:
    with pytest.raises(CommandFailed, match="--store URI"):
        find_known(Known("default", []), "digits")


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff\xfe"])
def test_a_damaged_record_hides_no_run(uri: str, content: bytes) -> None:
    open_store(uri).put("default/torn-ffffffff/run.json", content)
    found = find_run(where(uri), "torn")
    assert (found.run.name, found.run.phase) == ("torn", None)


@pytest.mark.parametrize(
    ("option", "asked", "environment", "store"),
    [
        ("s3://a/", False, "s3://b/", "s3://a/"),
        (None, False, "s3://b/", "s3://b/"),
        (None, True, "s3://b/", None),
        ("s3://a/", True, "", "s3://a/"),
        (None, False, "", None),
    ],
)
def test_which_store(option: str | None, asked: bool, environment: str, store: str | None) -> None:
    assert chosen_store(option, asked, {"FOOTPLATE_STORE": environment}) == store


def test_the_store_of_a_run() -> None:
    assert store_of("s3://bucket/prefix/default/digits-1a2b3c4d/") == "s3://bucket/prefix/"


def test_an_embedded_cluster_that_is_stopped_still_has_its_store(tmp_path: Path) -> None:
    home = {"HOME": str(tmp_path), "FOOTPLATE_HOME": str(tmp_path / "home")}
    with pytest.raises(CommandFailed, match="footplate local up"):
        known(Where(choose(None, None, home), None))
    put_record(open_store((tmp_path / "home/store").as_uri()), "default/digits-aaaaaaaa", record())
    there = known(Where(choose(None, None, home), None))
    assert there.note is not None
    assert "not running" in there.note
    assert [run.folder for run in all_runs(there).runs] == ["digits-aaaaaaaa"]

from __future__ import annotations

from pathlib import Path

from footplate_runtime.agent.journal import Growth, Journal, Part, Uploaded
from footplate_runtime.files import Stamp

ONE = Uploaded(Stamp(1, 2, 3, 4), "aa" * 32)
TWO = Uploaded(Stamp(5, 6, 7, 8), "bb" * 32)
GROWTH = Growth(9, (Part(0, 32, 1), Part(32, 40, 0)))


def test_what_was_recorded_is_there_again(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    journal.record_uploads([("outputs/a", ONE), ("outputs/b", ONE)])
    journal.record_uploads([("outputs/a", TWO)])
    journal.forget_upload("outputs/b")
    journal.record_growth("logs/1/x.log", GROWTH)
    journal.close()

    again = Journal(path)

    assert again.uploaded == {"outputs/a": TWO}
    assert again.growths == {"logs/1/x.log": GROWTH}


def test_uploads_that_began_are_known_until_they_are_recorded(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    journal.record_begun(["outputs/a", "outputs/b", "outputs/c"])
    journal.record_uploads([("outputs/a", ONE)])
    journal.forget_upload("outputs/b")
    journal.record_begun(["outputs/a"])
    assert journal.begun == {"outputs/c"}
    journal.close()

    again = Journal(path)
    assert (again.begun, again.uploaded) == ({"outputs/c"}, {"outputs/a": ONE})
    again.close()
    assert Journal(path).begun == {"outputs/c"}


def test_lines_torn_by_a_kill_are_dropped(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    journal.record_uploads([("outputs/a", ONE)])
    journal.close()
    whole = path.read_bytes()

    for length in range(len(whole)):
        path.write_bytes(whole + whole[:length].rstrip(b"\n"))
        again = Journal(path)
        assert again.uploaded == {"outputs/a": ONE}
        again.record_uploads([("outputs/b", TWO)])
        again.close()
        assert Journal(path).uploaded == {"outputs/a": ONE, "outputs/b": TWO}


def test_it_does_not_grow_for_ever(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    for i in range(200):
        journal.record_uploads([(f"outputs/{j}", Uploaded(Stamp(i, j, 0, 0), "c" * 64)) for j in range(300)])
    journal.close()

    assert path.stat().st_size < 6 << 20
    assert len(Journal(path).uploaded) == 300

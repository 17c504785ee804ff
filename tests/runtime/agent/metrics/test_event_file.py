"""Event files as tensorboardX (the format of torch.utils.tensorboard) and TensorFlow 2 write them.

`tensorflow-2.12.tfevents` was written by `tf.summary`: values of loss, the last of them NaN, one of lr, a histogram and
a text.
"""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tensorboardX import SummaryWriter
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.proto.summary_pb2 import Summary

from footplate_runtime.agent.metrics.event_file import Part, masked_crc32c, read_part

TENSORFLOW_2 = Path(__file__).parent / "tensorflow-2.12.tfevents"


@contextmanager
def opened(path: Path) -> Iterator[int]:
    fd = os.open(path, os.O_RDONLY)
    try:
        yield fd
    finally:
        os.close(fd)


def read(path: Path, start: int = 0) -> Part:
    with opened(path) as fd:
        return read_part(fd, start)


def values(part: Part) -> list[tuple[str, float | int, int | None]]:
    return [(point.name, point.value, point.step) for point in part.points]


def record(event: Event) -> bytes:
    data = event.SerializeToString()
    length = struct.pack("<Q", len(data))
    return length + struct.pack("<I", masked_crc32c(length)) + data + struct.pack("<I", masked_crc32c(data))


def scalar(tag: str, value: float, step: int = 1) -> bytes:
    summary = Summary(value=[Summary.Value(tag=tag, simple_value=value)])
    return record(Event(wall_time=1732187401.25, step=step, summary=summary))


def only_file(folder: Path) -> Path:
    (path,) = folder.glob("events.out.tfevents.*")
    return path


def test_crc32c_is_that_of_the_standard() -> None:
    """RFC 3720, B.4: CRC-32C of 32 bytes of zeros is 8a9136aa."""
    crc = 0x8A9136AA
    assert masked_crc32c(bytes(32)) == (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def test_what_tensorboardx_writes(tmp_path: Path) -> None:
    with SummaryWriter(str(tmp_path)) as writer:
        writer.add_scalar("loss", 0.31, 7, walltime=1732187401.25)
        writer.add_scalar("loss/ü", -1.5e-7, 2**40)
        writer.add_scalar("below_zero", 2.0, -3)
        writer.add_histogram("weights", [1.0, 2.0, 2.0], 7)
        writer.add_text("note", "not a number", 7)
        writer.add_scalar("infinite", math.inf, 8)

    part = read(only_file(tmp_path))

    assert values(part) == [
        ("loss", 0.31, 7), ("loss/ü", -1.5e-7, 2**40), ("below_zero", 2.0, -3), ("infinite", math.inf, 8)
    ]  # fmt: skip
    assert part.points[0].time == 1732187401.25
    assert (part.end, part.more, part.bad) == (only_file(tmp_path).stat().st_size, False, 0)


def test_what_tensorflow_2_writes() -> None:
    part = read(TENSORFLOW_2)

    assert values(part)[:4] == [("loss", 1.0, 0), ("loss", 0.5, 1), ("loss", 0.33333334, 2), ("lr", -0.001, 3)]
    assert [point.name for point in part.points[4:]] == ["loss"]
    assert math.isnan(part.points[4].value)
    assert (part.end, part.bad) == (TENSORFLOW_2.stat().st_size, 0)


@pytest.mark.parametrize("source", ["tensorboardX", "TensorFlow"])
def test_a_torn_end_waits_for_the_rest(tmp_path: Path, source: str) -> None:
    """However far the file has come when it is looked at, all values come, each once."""
    if source == "tensorboardX":
        with SummaryWriter(str(tmp_path / "whole")) as writer:
            for step in range(4):
                writer.add_scalar("loss", step, step)
        whole = only_file(tmp_path / "whole").read_bytes()
    else:
        whole = TENSORFLOW_2.read_bytes()
    growing = tmp_path / "growing"
    growing.touch()
    with opened(growing) as fd:
        found, at = [], 0
        for size in range(len(whole) + 1):
            os.truncate(growing, 0)
            growing.write_bytes(whole[:size])
            part = read_part(fd, at)
            assert (part.more, part.bad, part.broken) == (False, 0, False)
            found, at = [*found, *part.points], part.end
    assert [repr(point) for point in found] == [repr(point) for point in read(growing).points]
    assert len(found) >= 4


def test_a_damaged_record_is_passed_over_and_a_damaged_length_ends_the_file(tmp_path: Path) -> None:
    path = tmp_path / "events"
    first, second, third = scalar("a", 1), scalar("b", 2), scalar("c", 3)
    path.write_bytes(first + second[:-6] + b"\xff\xff" + second[-4:] + third)
    assert values(read(path)) == [("a", 1.0, 1), ("c", 3.0, 1)]
    assert read(path).bad == 1

    path.write_bytes(first + b"\x00" * 40 + third)
    part = read(path)
    assert values(part) == [("a", 1.0, 1)]
    assert (part.broken, part.end, part.more) == (True, len(first), False)


@pytest.mark.parametrize(
    ("event", "bad"),
    [
        (b"", 0),
        (b"\x2d\x00\x00\x00\x00", 0),  # a field of another kind than we know it: an event of some later version
        (b"\xff" * 20, 1),  # a number without end
        (b"\x2a\x7f\x00", 1),  # a summary longer than its event
        (b"\x2b", 1),  # a group, which no writer of this format uses
        (b"\x2a\x04\x0a\x02\x0a\xff", 1),  # the same, deeper
    ],
)
def test_bytes_that_are_no_event_are_counted(tmp_path: Path, event: bytes, bad: int) -> None:
    length = struct.pack("<Q", len(event))
    crc = struct.pack("<I", masked_crc32c(length))
    path = tmp_path / "events"
    path.write_bytes(length + crc + event + struct.pack("<I", masked_crc32c(event)) + scalar("after", 1))

    part = read(path)

    assert values(part) == [("after", 1.0, 1)]
    assert part.bad == bad


def test_records_beyond_measure_are_passed_over_unread(tmp_path: Path) -> None:
    """A graph or a batch of images of any size costs no memory, also while it is being written."""
    path = tmp_path / "events"
    image = record(Event(graph_def=b"x" * (5 << 20)))
    path.write_bytes(scalar("before", 1) + image[:-1])
    part = read(path)
    assert (values(part), part.more) == ([("before", 1.0, 1)], False)
    with open(path, "ab") as file:
        file.write(image[-1:] + scalar("after", 2))

    found, at, more = [], part.end, True
    while more:
        part = read(path, at)
        found, at, more = [*found, *values(part)], part.end, part.more

    assert found == [("after", 2.0, 1)]
    assert at == path.stat().st_size


def test_much_is_read_in_turns(tmp_path: Path) -> None:
    path = tmp_path / "events"
    path.write_bytes(b"".join(scalar("loss", step, step) for step in range(50_000)))
    at, steps, turns, more = 0, [], 0, True
    while more:
        part = read(path, at)
        steps += [point.step for point in part.points]
        at, more, turns = part.end, part.more, turns + 1
    assert steps == [*range(50_000)]
    assert turns > 1

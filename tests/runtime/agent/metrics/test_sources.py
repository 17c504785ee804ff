"""What the agent reads out of event files and the console, and writes down."""

from __future__ import annotations

import json
import os
import resource
import shutil
import struct
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from replica import eventually
from tensorboardX import SummaryWriter
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.proto.summary_pb2 import Summary
from tensorboardX.record_writer import RecordWriter

from footplate_runtime.agent.metrics import Metrics
from footplate_runtime.agent.metrics.console import Console, State, TooSlow, time_limit
from footplate_runtime.agent.metrics.points import Point, shortest
from footplate_runtime.agent.uploader import Item
from footplate_runtime.files import Stamp
from footplate_runtime.orders import MetricSources
from footplate_runtime.restored import Restored

NOW = 1732187401.25


class Replica:
    """A tree, and the metrics of an agent over it, which may start again."""

    def __init__(self, root: Path) -> None:
        self.root = Path(os.path.realpath(root))
        self.told: list[str] = []
        for folder in ("outputs", "logs", "metrics", "state"):
            (self.root / folder).mkdir()

    def start(
        self, *stdout: str, tensorboard: bool = True, rank: int | None = 0, restored: Iterable[Restored] = ()
    ) -> None:
        root, wanted = os.fsencode(self.root), MetricSources(stdout, tensorboard)
        self.metrics = Metrics(root, rank, wanted, restored, lambda: NOW, self.told.append)

    def read(self, final: bool = False) -> None:
        self.metrics.see(self.items())
        while self.metrics.read(final):
            pass

    def items(self) -> list[Item]:
        paths = [path for name in ("outputs", "logs") for path in (self.root / name).rglob("*") if path.is_file()]
        return [Item(os.fsencode(p.relative_to(self.root)), str(p), Stamp.of(p.stat())) for p in paths]

    def print(self, text: str) -> None:
        with open(self.root / "state/console.log", "a", newline="") as file:
            file.write(text)

    def lines(self, source: str) -> list[dict[str, Any]]:
        path = self.root / f"state/{source}.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def found(self, source: str) -> list[tuple[str, float, int | None]]:
        return [(line["name"], line["value"], line["step"]) for line in self.lines(source)]


@pytest.fixture
def replica(tmp_path: Path) -> Replica:
    replica = Replica(tmp_path)
    replica.start()
    return replica


def write_scalars(folder: Path, *values: float, tag: str = "loss") -> None:
    """As one writer of its own, which makes one file."""
    with SummaryWriter(str(folder)) as writer:
        for step, value in enumerate(values):
            writer.add_scalar(tag, value, step, walltime=NOW)


def event_file(path: Path, *values: float, tag: str = "loss") -> Path:
    """A file of this name, as a writer would make it at another time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = RecordWriter(str(path))
    for step, value in enumerate(values):
        summary = Summary(value=[Summary.Value(tag=tag, simple_value=value)])
        writer.write(Event(wall_time=NOW, step=step, summary=summary).SerializeToString())
    writer.close()
    return path


def test_scalars_of_event_files_become_lines_and_summaries(replica: Replica) -> None:
    write_scalars(replica.root / "logs/tb", 0.5, 0.31)
    replica.read()

    assert replica.lines("tensorboard") == [
        {"kind": "scalar", "name": "loss", "value": 0.5, "step": 0, "time": NOW, "rank": 0},
        {"kind": "scalar", "name": "loss", "value": 0.31, "step": 1, "time": NOW, "rank": 0},
    ]
    assert replica.metrics.latest() == {"loss": {"value": 0.31, "step": 1, "time": "2024-11-21T11:10:01Z"}}
    assert replica.metrics.summary()["loss"]["count"] == 2


def test_a_writer_that_goes_on_is_followed(replica: Replica) -> None:

    def comes(step: int) -> bool:
        replica.read()
        return ("loss", float(step), step) in replica.found("tensorboard")

    with SummaryWriter(str(replica.root / "outputs/tb"), max_queue=1, flush_secs=0) as writer:
        for step in range(3):
            writer.add_scalar("loss", step, step)
            eventually(lambda step=step: comes(step), f"the value of step {step}")
    assert len(replica.lines("tensorboard")) == 3


@pytest.mark.parametrize(
    ("folders", "names"),
    [
        (["logs"], ["loss"]),
        (["outputs/tensorboard"], ["loss"]),
        (["logs/fit/20261121-210000/train", "logs/fit/20261121-210000/validation"], ["train/loss", "validation/loss"]),
        (["outputs/model", "outputs/model/eval"], ["loss", "eval/loss"]),
        (["logs/tb", "logs/tb/loss_a", "logs/tb/loss_b"], ["loss", "loss_a/loss", "loss_b/loss"]),
        (["logs/a", "logs/b/c", "outputs"], ["loss", "b/c/loss", "loss"]),
        (["logs/train"], ["train/loss"]),
    ],
)
def test_names(replica: Replica, folders: list[str], names: list[str]) -> None:
    for number, folder in enumerate(folders):
        event_file(replica.root / folder / f"events.out.tfevents.{1732187401 + number}.host", number)
    replica.read()
    assert [line["name"] for line in replica.lines("tensorboard")] == names


def test_what_the_keras_callback_writes(replica: Replica) -> None:
    """`keras-2.12` was written by `tf.keras.callbacks.TensorBoard`, with graph and histograms, in two epochs."""
    shutil.copytree(Path(__file__).parent / "keras-2.12", replica.root / "logs/fit")
    replica.read()
    steps: dict[str, list[int | None]] = {}
    for name, value, step in replica.found("tensorboard"):
        assert 0 <= value < 100
        steps.setdefault(name, []).append(step)
    assert steps == {
        "train/epoch_loss": [0, 1],
        "validation/epoch_loss": [0, 1],
        "validation/evaluation_loss_vs_iterations": [1, 2],
    }
    assert replica.metrics.bad == 0


def test_names_stay_whatever_comes_later(replica: Replica) -> None:
    write_scalars(replica.root / "logs/run/train", 1.0)
    replica.read()
    write_scalars(replica.root / "logs/run/validation", 2.0)
    event_file(replica.root / "logs/earlier/events.out.tfevents.1.host", 3.0)
    replica.start()
    replica.read()
    assert [line["name"] for line in replica.lines("tensorboard")] == ["train/loss", "earlier/loss", "validation/loss"]


def test_each_file_of_a_folder_is_read(replica: Replica) -> None:
    """A writer that is closed and opened again, or limits the size of its files, makes a new one."""
    for number in (1, 2, 3):
        event_file(replica.root / f"logs/events.out.tfevents.{number}.host.0.v2", number)
    (replica.root / "logs/train.log").write_text("no event file")
    replica.read()
    assert replica.found("tensorboard") == [("loss", 1.0, 0), ("loss", 2.0, 0), ("loss", 3.0, 0)]


def test_what_earlier_attempts_left_is_not_read_again(replica: Replica) -> None:
    old = event_file(replica.root / "outputs/tb/events.out.tfevents.1.host", 1.0)
    stamp = Stamp.of(old.stat())
    replica.start(restored=[Restored("tb/events.out.tfevents.1.host", "outputs/tb/…", stamp, "0" * 64)])
    replica.read()
    assert replica.lines("tensorboard") == []

    event_file(replica.root / "outputs/tb/events.out.tfevents.2.host", 2.0)
    replica.read()
    assert replica.found("tensorboard") == [("loss", 2.0, 0)]


def test_a_file_that_was_replaced_is_read_from_its_start(replica: Replica) -> None:
    path = event_file(replica.root / "logs/events.out.tfevents.1.host", 1.0, 2.0)
    replica.read()
    event_file(path.with_name("new"), 3.0).replace(path)
    replica.read()
    assert [value for _, value, _ in replica.found("tensorboard")] == [1.0, 2.0, 3.0]


def test_a_damaged_file_is_told_once_and_others_go_on(replica: Replica) -> None:
    damaged = event_file(replica.root / "logs/events.out.tfevents.1.host", 1.0)
    with open(damaged, "ab") as file:
        file.write(b"\xff" * 100)
    for _ in range(3):
        replica.read()
    event_file(replica.root / "logs/events.out.tfevents.2.host", 2.0)
    replica.start()
    replica.read()
    assert [value for _, value, _ in replica.found("tensorboard")] == [1.0, 2.0]
    assert len(replica.told) == 1
    assert "events.out.tfevents.1.host is damaged at byte" in replica.told[0]


def test_names_that_nobody_can_bear_are_counted(replica: Replica) -> None:
    write_scalars(replica.root / "logs", 1.0, tag="x" * 1025)
    replica.read()
    assert (replica.lines("tensorboard"), replica.metrics.bad) == ([], 1)


def test_tensorboard_can_be_switched_off(replica: Replica) -> None:
    replica.start(tensorboard=False)
    write_scalars(replica.root / "logs", 1.0)
    replica.read()
    assert replica.lines("tensorboard") == []


def test_files_beyond_measure_are_left_and_that_is_told(replica: Replica, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("footplate_runtime.agent.metrics.tensorboard._MAX_FILES", 2)
    for number in (1, 2, 3, 4):
        event_file(replica.root / f"logs/events.out.tfevents.{number}.host", number)
    replica.read()
    assert len(replica.lines("tensorboard")) == 2
    assert replica.told == ["There are more than 2 event files of TensorBoard; only those are read."]


@pytest.mark.parametrize("lost", ["nothing", "what was not counted", "the state"])
def test_an_agent_that_starts_again_goes_on_without_a_point_twice_or_lost(replica: Replica, lost: str) -> None:
    replica.start("loss=(?P<loss>.*)")
    write_scalars(replica.root / "logs/a", 1.0, 2.0)
    replica.print("loss=1\nloss=2\nlo")
    replica.read()
    for source in ("tensorboard", "stdout"):
        derived = replica.root / f"state/{source}.jsonl"
        if lost == "what was not counted":  # killed between the lines and the state
            derived.write_bytes(derived.read_bytes() + b'{"kind": "scalar", "name": "twice"}\n{"ki')
        if lost == "the state":
            derived.with_name(derived.name + ".state").write_bytes(b'{"si')

    replica.start("loss=(?P<loss>.*)")
    event_file(replica.root / "logs/a/events.out.tfevents.9999999999.host", 3.0)
    replica.print("ss=3\n")
    replica.read()

    assert [value for _, value, _ in replica.found("tensorboard")] == [1.0, 2.0, 3.0]
    assert [value for _, value, _ in replica.found("stdout")] == [1.0, 2.0, 3.0]
    assert replica.metrics.bad == 0
    assert replica.metrics.summary()["loss"]["count"] == 3, "of the more trusted source alone"


def test_a_disk_that_is_full_is_told_once_and_nothing_is_lost(replica: Replica) -> None:
    """RLIMIT_FSIZE makes writes fail as a full disk does, in the middle."""
    write_scalars(replica.root / "logs", *range(100))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        for _ in range(3):
            replica.read()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (len(replica.told), replica.lines("tensorboard")) == (1, [])
    assert "cannot be written" in replica.told[0]
    replica.read()
    assert [step for _, _, step in replica.found("tensorboard")] == [*range(100)]


@pytest.mark.parametrize(
    ("pattern", "printed", "found"),
    [
        (r"loss: (?P<loss>\S+)", "epoch 1 loss: 0.5\nloss: 2.5e-1\n", [("loss", 0.5, None), ("loss", 0.25, None)]),
        (r"(?P<step>\d+) loss (?P<loss>\S+) acc (?P<acc>\S+)", "7 loss 1 acc 2\n", [("loss", 1, 7), ("acc", 2, 7)]),
        (r"loss=(?P<loss>\d+)", "loss=1 loss=2\n", [("loss", 1, None), ("loss", 2, None)]),
        (r"loss=(?P<loss>\d+)", "\r 1% loss=1\r 2% loss=2\r\ndone\r\n", [("loss", 1, None), ("loss", 2, None)]),
        (r"loss=(?P<loss>\S+)", "loss=nan\nloss=-inf\n", [("loss", "NaN", None), ("loss", "-Infinity", None)]),
        (r"a=(?P<a>\d)|b=(?P<b>\d)", "b=2\n", [("b", 2, None)]),
        (r"^loss=(?P<loss>\d+)$", "loss=1\n loss=2\n", [("loss", 1, None)]),
        (r"ü=(?P<x>\d+)", "ü=1\n", [("x", 1, None)]),
        (r"x=(?P<x>\d+)", "x" * 5000 + "x=1\nx=2\n", [("x", 2, None)]),  # beyond the 4,096th character
        (r"x=(?P<x>\d+)", "\n\n\r\n", []),
    ],
)
def test_patterns(replica: Replica, pattern: str, printed: str, found: list[Any]) -> None:
    replica.start(pattern)
    replica.print(printed)
    replica.read()
    assert replica.found("stdout") == found
    assert all(line["time"] == NOW for line in replica.lines("stdout"))


def test_a_line_is_searched_once_it_is_whole_or_the_program_has_ended(replica: Replica) -> None:
    replica.start(r"loss=(?P<loss>\d+)")
    replica.print("loss=1")
    replica.read()
    assert replica.lines("stdout") == []
    replica.print("0\nloss=2")
    replica.read()
    assert replica.found("stdout") == [("loss", 10, None)]
    replica.read(final=True)
    replica.read(final=True)
    assert replica.found("stdout") == [("loss", 10, None), ("loss", 2, None)]


def test_points_of_several_patterns_come_in_the_order_of_the_lines(replica: Replica) -> None:
    replica.start(r"a=(?P<a>\d)", r"b=(?P<b>\d)")
    replica.print("b=1\na=2\nb=3\n")
    replica.read()
    assert replica.found("stdout") == [("b", 1, None), ("a", 2, None), ("b", 3, None)]


def test_what_is_no_number_is_counted(replica: Replica) -> None:
    replica.start(r"(?P<step>\S+) loss=(?P<loss>\S+)")
    replica.print("1 loss=low\nnan loss=2\ninf loss=3\n1e300 loss=4\n2 loss=5\n")
    replica.read()
    assert replica.found("stdout") == [("loss", 2, None), ("loss", 3, None), ("loss", 4, None), ("loss", 5, 2)]
    assert replica.metrics.bad == 4


def test_a_pattern_that_never_ends_is_given_up_and_others_go_on(replica: Replica) -> None:
    console = Console(
        os.fsencode(replica.root), [r"(?P<slow>(a+)+)$", r"loss=(?P<loss>\d+)"], lambda: NOW, replica.told.append, 0.1
    )
    replica.print("a" * 60 + "!\nloss=1\n")
    began = time.monotonic()
    found = console.read(State(), False)
    assert time.monotonic() - began < 30
    assert [point.name for point in found.points] == ["loss"]
    assert replica.told == [
        "The pattern '(?P<slow>(a+)+)$' of metrics.stdout takes too long: it is no longer searched."
    ]
    replica.print("a" * 60 + "!\nloss=2\n")
    assert [point.value for point in console.read(found.state, False).points] == [2.0]


def test_a_limit_of_time_is_over_with_its_block() -> None:
    with time_limit(0.02):
        pass
    end = time.process_time() + 0.1
    while time.process_time() < end:
        pass
    with pytest.raises(TooSlow):
        _never_end()


def _never_end() -> None:
    with time_limit(0.02):
        while True:
            pass


def test_a_pattern_that_is_none_here_is_told(replica: Replica) -> None:
    replica.start("(", r"x=(?P<x>\d)")
    replica.print("x=1\n")
    replica.read()
    assert replica.found("stdout") == [("x", 1, None)]
    assert "The pattern '(' of metrics.stdout is not understood" in replica.told[0]


def test_a_name_that_several_sources_have_is_that_of_the_first(replica: Replica) -> None:
    """In the order Run, TensorBoard, stdout, whichever is read first; the lines of all are kept."""
    replica.start(r"loss=(?P<loss>\d+)")
    replica.print("loss=3\n")
    replica.read()
    assert replica.metrics.latest()["loss"]["value"] == 3
    write_scalars(replica.root / "logs", 2.0)
    replica.read()
    assert replica.metrics.latest()["loss"]["value"] == 2
    line = {"kind": "scalar", "name": "loss", "value": 1, "step": 5, "time": NOW, "rank": 0}
    (replica.root / "metrics/metrics.jsonl").write_text(json.dumps(line) + "\n")
    replica.print("loss=4\n")
    replica.read()
    assert replica.metrics.summary()["loss"] == {
        "last": 1, "step": 5, "time": "2024-11-21T11:10:01Z", "min": 1, "max": 1, "count": 1
    }  # fmt: skip
    assert [value for _, value, _ in replica.found("stdout")] == [3.0, 4.0]


def test_names_that_run_logs_make_room_for_themselves(replica: Replica) -> None:
    replica.start(r"(?P<a>\d+) (?P<b>\d+)")
    for number in range(31):
        event_file(replica.root / f"logs/events.out.tfevents.{number}.host", 1.0, tag=f"tb{number}")
    replica.print("1 2\n")
    replica.read()
    assert "a" in replica.metrics.latest()
    assert replica.metrics.left_out == 1
    lines = [{"kind": "scalar", "name": n, "value": 1, "step": 5, "time": NOW, "rank": 0} for n in ("x", "y")]
    (replica.root / "metrics/metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    replica.read()
    assert {"x", "y", "tb29"} <= set(replica.metrics.latest())
    assert not {"a", "b", "tb30"} & set(replica.metrics.latest())
    assert len(replica.metrics.latest()) == 32


def test_other_replicas_than_the_primary_write_no_rank(replica: Replica) -> None:
    replica.start(r"loss=(?P<loss>\d+)", rank=None)
    replica.print("loss=3\n")
    write_scalars(replica.root / "logs", 2.0)
    replica.read()
    assert [line["rank"] for source in ("tensorboard", "stdout") for line in replica.lines(source)] == [None, None]
    assert replica.metrics.latest() == {}


@pytest.mark.parametrize("value", [0.31, 1e-45, 3.4028234663852886e38, 1 / 3, -0.0, 16777217.0, 123456.79])
def test_the_shortest_decimal_is_the_same_number(value: float) -> None:
    as_float = struct.unpack("<f", struct.pack("<f", value))[0]
    short = shortest(as_float)
    assert struct.pack("<f", short) == struct.pack("<f", as_float)
    assert len(repr(short)) <= len(repr(as_float))
    assert Point("x", short, None, NOW).usable

"""``Run``: what a training script logs, as one JSON line each in ``metrics/metrics.jsonl``.

    from footplate_run import Run

    run = Run.get_context()
    run.log("loss", 0.31, step=7)

Each call is one write to a file opened for appending, so threads, forked processes and the ranks of a node may log side
by side. Trouble with the file (a full disk) and what is beyond a limit is counted and said once, and never reaches the
training; a wrong call raises. Outside a job the lines go to ``./metrics/metrics.jsonl`` and are printed too. The format
is in docs/architecture.md.
"""

import json
import os
import sys
from time import time as _now

from footplate_run import artifacts, layout
from footplate_run.values import an_object, scalar, scalars, step_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import TracebackType
    from typing import Any

    Value = int | float | bool | str

# docs/metrics.md, "Limits", tells them.
_NAMES = 10000  # of one process; a script with more is naming its metrics wrongly
_LINE = 16 << 20  # bytes; the agent reads no longer ones
# Open MPI; PMIx; PMI of MPICH and Intel MPI. They are there when the process starts; RANK, which goes before them, some
# programs set themselves for the processes that they fork.
_MPI_RANKS = ("OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK")


class Inputs(dict):  # type: ignore[type-arg]
    """Name -> path of the job's inputs; outside a job the paths in ``INPUT_<NAME>``."""

    def __missing__(self, name: str) -> str:
        path = os.environ.get(layout.input_variable(name))
        if path:
            return path
        there = ", ".join(sorted(self)) or "none"
        raise KeyError(
            "this run has no input {0!r} (it has: {1}); outside a job set {2}".format(
                name, there, layout.input_variable(name)
            )
        )


class Run:
    """The run that this process belongs to; get it with ``Run.get_context()``."""

    _current = None  # type: Run | None

    def __init__(self, environment: "Mapping[str, str]", folder: str) -> None:
        """A run as ``environment`` describes it, or, outside a job, one in ``folder``."""
        self.in_job = bool(environment.get(layout.ENV_JOB))
        self._root = environment.get(layout.ENV_ROOT, layout.DEFAULT_ROOT) if self.in_job else os.path.abspath(folder)
        self.name = environment.get(layout.ENV_JOB) or "offline"
        self.attempt = int(environment.get(layout.ENV_ATTEMPT) or 1)
        self.outputs = os.path.join(self._root, layout.OUTPUTS)
        self.logs = os.path.join(self._root, layout.LOGS)
        self.lost = 0  # lines that could not be written
        self.dropped = 0  # values beyond a limit
        self._launch = None  # type: dict[str, Any] | None
        self._path = os.path.join(self._root, layout.METRICS)
        self._fd = None  # type: int | None
        self._torn = False
        self._heads = {}  # type: dict[str, str]  # of values with a step
        self._stepless = {}  # type: dict[str, str]
        self._warned = set()  # type: set[str]
        self._artifacts = artifacts.Artifacts(self._root)

    @classmethod
    def get_context(cls, allow_offline: bool = True) -> "Run":
        """The run of this process, always the same one; without ``allow_offline`` it must be one of a job."""
        if not allow_offline and not os.environ.get(layout.ENV_JOB):
            raise RuntimeError("this process belongs to no job: {} is not set".format(layout.ENV_JOB))
        if Run._current is None:
            Run._current = cls(os.environ, os.getcwd())
        return Run._current

    @property
    def id(self) -> str:
        """Of the run among all runs of all time: the job's name and the start of its uid."""
        uri = self._orders().get("runUri") or self.name
        return str(uri).rstrip("/").rpartition("/")[2]

    @property
    def experiment(self) -> str:
        return str(self._orders().get("job", {}).get("experiment") or "default")

    @property
    def rank(self) -> int:
        """``RANK`` of this process, or what mpirun calls it; 0 without."""
        return int(_rank())

    @property
    def inputs(self) -> "dict[str, str]":
        """Name -> path of the job's inputs."""
        names = [entry["name"] for entry in self._orders().get("inputs") or ()]
        return Inputs((name, os.path.join(self._root, layout.INPUTS, name)) for name in names)

    def log(self, name: str, value: "Value | Any", step: "int | None" = None) -> None:
        """One value of a metric, as of ``step``: a number, a bool, a string, or a numpy or torch scalar."""
        heads = self._stepless if step is None else self._heads
        head = heads.get(name) or self._head(name, heads)
        text = scalar(value, "log")
        at = "null" if step is None else step_of(step)
        if not head:
            return
        self._append('{}{}, "step": {}, "time": {:.6f}, "rank": {}}}\n'.format(head, text, at, _now(), _rank()))
        if not self.in_job:
            _show("{} = {}{}".format(name, text, "" if step is None else " (step {})".format(at)))

    def log_list(self, name: str, values: "Iterable[Value | Any]") -> None:
        """A list of values at once: a curve, a vector; any iterable of what ``log`` takes."""
        self._record("list", name, "[{}]".format(", ".join(scalars(name, values))))

    def log_row(self, name: str, **columns: "Value | Any") -> None:
        """One row of a table: ``log_row("confusion", actual=3, predicted=5, count=7)``."""
        if not columns:
            raise TypeError("log_row({!r}) needs at least one column, such as x=1".format(name))
        self._record("row", name, an_object((key, scalar(value, "log_row")) for key, value in columns.items()))

    def log_table(self, name: str, table: "Mapping[str, Iterable[Value | Any]]") -> None:
        """A whole table: column -> values, all columns of one length."""
        columns = {key: scalars(key, values) for key, values in table.items()}
        lengths = {len(values) for values in columns.values()}
        if len(lengths) != 1:
            sizes = ", ".join("{}: {}".format(key, len(values)) for key, values in columns.items())
            raise ValueError("log_table({!r}) needs columns of one length; these have {}".format(name, sizes or "none"))
        self._record("table", name, an_object((key, "[{}]".format(", ".join(v))) for key, v in columns.items()))

    def log_image(self, name: str, path: "str | os.PathLike[str] | None" = None, plot: "Any" = None) -> None:
        """An image file, or a matplotlib figure (anything with ``savefig``), kept below ``outputs``."""
        if (path is None) == (plot is None):
            raise TypeError("log_image({!r}) needs either path or plot".format(name))
        _check(name)
        if path is not None and not os.path.isfile(path):
            raise FileNotFoundError("log_image({!r}): there is no file {}".format(name, path))
        try:
            if path is None:
                kept = self._artifacts.save_plot(name, _rank(), plot)
            else:
                kept = self._artifacts.keep_image(name, _rank(), os.fspath(path))
        except OSError as problem:
            self._lose(problem)
            return
        self._record("image", name, json.dumps(kept))

    def log_confusion_matrix(self, name: str, value: "Any") -> None:
        """``{"class_labels": [...], "matrix": [[...], ...]}``, kept as JSON below ``outputs``; as Azure ML takes it."""
        self._chart("confusion_matrix", name, value)

    def log_accuracy_table(self, name: str, value: "Any") -> None:
        """``{"probability_tables": ..., ...}``: counts at many thresholds, for ROC and precision-recall curves."""
        self._chart("accuracy_table", name, value)

    def log_residuals(self, name: str, value: "Any") -> None:
        """``{"bin_edges": [...], "bin_counts": [...]}``: the histogram of predicted minus actual values."""
        self._chart("residuals", name, value)

    def log_predictions(self, name: str, value: "Any") -> None:
        """``{"bin_averages": [...], "bin_errors": [...], "bin_counts": [...], "bin_edges": [...]}``."""
        self._chart("predictions", name, value)

    def tag(self, key: str, value: "Value" = "") -> None:
        """A word about the run; a later one with the same key replaces it."""
        if not isinstance(value, (str, int, float)):
            raise TypeError("tag({!r}) takes a string or a number, not {}".format(key, type(value).__name__))
        self._record("tag", key, json.dumps(str(value)))

    def flush(self) -> None:
        """Brings what was logged to the disk; each call of ``log`` has already handed its line to the system."""
        if self._fd is not None:
            try:
                os.fsync(self._fd)
            except OSError as problem:
                self._told(problem)

    def __enter__(self) -> "Run":
        return self

    def __exit__(
        self, kind: "type[BaseException] | None", error: "BaseException | None", traceback: "TracebackType | None"
    ) -> None:
        self.flush()

    def _orders(self) -> "dict[str, Any]":
        """launch.json, read when first needed; outside a job empty."""
        if self._launch is None:
            if not self.in_job:
                return {}
            with open(os.path.join(self._root, layout.LAUNCH), "rb") as file:
                self._launch = json.loads(file.read().decode("utf-8"))
        assert self._launch is not None
        return self._launch

    def _head(self, name: str, heads: "dict[str, str]") -> str:
        """A scalar's line up to its value, empty when there are too many names; raises for what is not a name."""
        _check(name)
        other = self._heads if heads is self._stepless else self._stepless
        if name in other:
            self._warn("steps", "{!r} is logged with a step and without: a chart shows one of them", name[:200])
        elif len(heads) + len(other) >= _NAMES:
            self.dropped += 1
            self._warn(
                "names", "this process logs more than {} metrics: {!r} and others are dropped", _NAMES, name[:200]
            )
            return ""
        head = '{{"kind": "scalar", "name": {}, "value": '.format(self._name(name))
        if len(name) <= layout.MAX_METRIC_NAME:
            heads[name] = head
        return head

    def _name(self, name: str) -> str:
        """A name as JSON, cut to what it may have."""
        if len(name) > layout.MAX_METRIC_NAME:
            self._warn("name", "names of metrics are cut to {} characters: {!r}", layout.MAX_METRIC_NAME, name[:200])
        return json.dumps(name[: layout.MAX_METRIC_NAME])

    def _chart(self, kind: str, name: str, value: "Any") -> None:
        _check(name)
        whole = artifacts.chart(kind, value)
        try:
            kept = self._artifacts.save_chart(name, _rank(), whole)
        except OSError as problem:
            self._lose(problem)
            return
        self._record(kind, name, json.dumps(kept))

    def _record(self, kind: str, name: str, value: str) -> None:
        _check(name)
        line = '{{"kind": "{}", "name": {}, "value": {}, "step": null, "time": {:.6f}, "rank": {}}}\n'.format(
            kind, self._name(name), value, _now(), _rank()
        )
        self._append(line)
        if not self.in_job and kind != "warning":
            _show("{} = {}".format(name, value))

    def _warn(self, limit: str, sentence: str, *values: object) -> None:
        """Says once on stderr and in the metrics that a limit is reached; the agent counts it."""
        if limit not in self._warned:
            self._warned.add(limit)
            text = sentence.format(*values)
            _complain("footplate: {}\n".format(text))
            self._record("warning", limit, json.dumps(text))

    def _append(self, line: str) -> None:
        if len(line) > _LINE:
            self.dropped += 1
            self._warn("size", "a record of {} bytes is dropped: one has at most {}", len(line), _LINE)
            return
        data = line.encode("ascii")
        try:
            if self._fd is None:
                self._fd = self._open()
            if self._torn:
                data = b"\n" + data
            written = os.write(self._fd, data)
        except OSError as problem:
            self._lose(problem)
            return
        self._torn = written != len(data)
        if self._torn:
            self.lost += 1

    def _open(self) -> int:
        os.makedirs(os.path.dirname(self._path), exist_ok=True)
        return os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)

    def _lose(self, problem: OSError) -> None:
        self.lost += 1
        self._told(problem)

    def _told(self, problem: OSError) -> None:
        if self.lost <= 1:
            _complain("footplate: metrics cannot be kept: {}; the program goes on\n".format(problem))


def _check(name: "Any") -> None:
    if not isinstance(name, str):
        raise TypeError("the name of a metric is a string, not {}".format(type(name).__name__))
    if not name:
        raise ValueError("the name of a metric has at least one character")


def _complain(text: str) -> None:
    try:
        sys.stderr.write(text)
    except (OSError, ValueError, AttributeError):
        pass  # stderr is full, closed, or None


def _show(line: str) -> None:
    """Prints a line outside a job; a reader that is gone is no reason to stop."""
    try:
        print(line)
    except (OSError, ValueError):
        pass


def _rank() -> str:
    rank = os.environ.get("RANK", "")
    return rank if rank.isdigit() else _MPI_RANK


def _mpi_rank() -> str:
    ranks = [os.environ.get(name, "") for name in _MPI_RANKS]
    return next((rank for rank in ranks if rank.isdigit()), "0")


_MPI_RANK = _mpi_rank()

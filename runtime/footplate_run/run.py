"""``Run``: what a training script logs, as one JSON line each in ``metrics/metrics.jsonl``.

    from footplate_run import Run

    run = Run.get_context()
    run.log("loss", 0.31, step=7)

Each call is one write to a file opened for appending, so threads, forked processes and the ranks of a node may log side
by side. Trouble with the file (a full disk) is counted and said once, and never reaches the training; a wrong call
raises. Outside a job the lines go to ``./metrics/metrics.jsonl`` and are printed too. The format is in
docs/architecture.md.
"""

import itertools
import json
import os
import re
import sys
from operator import index as _integer
from time import time as _now

from footplate_run import layout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import TracebackType
    from typing import Any

    Value = int | float | bool | str

_NAME_LENGTH = 255
_KNOWN_NAMES = 10000  # names whose JSON is kept; a script with more is naming its metrics wrongly
_INFINITY = float("inf")
# torchrun and most others; Open MPI; PMIx; PMI of MPICH and Intel MPI.
_RANK_VARIABLES = ("RANK", "OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK")
_IMAGES = "images"  # below outputs


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
        self._launch = None  # type: dict[str, Any] | None
        self._path = os.path.join(self._root, layout.METRICS)
        self._fd = None  # type: int | None
        self._torn = False
        self._heads = {}  # type: dict[str, str]
        self._images = itertools.count()

    @classmethod
    def get_context(cls) -> "Run":
        """The run of this process, always the same one."""
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
        head = self._heads.get(name) or self._head(name)
        text = _scalar(value, "log")
        at = "null" if step is None else _step(step)
        self._append('{}{}, "step": {}, "time": {:.6f}, "rank": {}}}\n'.format(head, text, at, _now(), _rank()))
        if not self.in_job:
            _show("{} = {}{}".format(name, text, "" if step is None else " (step {})".format(at)))

    def log_list(self, name: str, values: "Iterable[Value | Any]") -> None:
        """A list of values at once: a curve, a vector; any iterable of what ``log`` takes."""
        self._record("list", name, "[{}]".format(", ".join(_list(name, values))))

    def log_row(self, name: str, **columns: "Value | Any") -> None:
        """One row of a table: ``log_row("confusion", actual=3, predicted=5, count=7)``."""
        if not columns:
            raise TypeError("log_row({!r}) needs at least one column, such as x=1".format(name))
        self._record("row", name, _object((key, _scalar(value, "log_row")) for key, value in columns.items()))

    def log_table(self, name: str, table: "Mapping[str, Iterable[Value | Any]]") -> None:
        """A whole table: column -> values, all columns of one length."""
        columns = {key: _list(key, values) for key, values in table.items()}
        lengths = {len(values) for values in columns.values()}
        if len(lengths) != 1:
            sizes = ", ".join("{}: {}".format(key, len(values)) for key, values in columns.items())
            raise ValueError("log_table({!r}) needs columns of one length; these have {}".format(name, sizes or "none"))
        self._record("table", name, _object((key, "[{}]".format(", ".join(v))) for key, v in columns.items()))

    def log_image(self, name: str, path: "str | os.PathLike[str] | None" = None, plot: "Any" = None) -> None:
        """An image file, or a matplotlib figure (anything with ``savefig``), kept below ``outputs``."""
        if (path is None) == (plot is None):
            raise TypeError("log_image({!r}) needs either path or plot".format(name))
        self._head(name)
        if path is not None and not os.path.isfile(path):
            raise FileNotFoundError("log_image({!r}): there is no file {}".format(name, path))
        try:
            kept = self._save_plot(name, plot) if path is None else self._keep_image(name, os.fspath(path))
        except OSError as problem:
            self._lose(problem)
            return
        self._record("image", name, json.dumps(kept))

    def tag(self, key: str, value: "Value") -> None:
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
                self._complain(problem)

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

    def _head(self, name: str) -> str:
        """A scalar's line up to its value; raises for what is not a name."""
        if not isinstance(name, str):
            raise TypeError("the name of a metric is a string, not {}".format(type(name).__name__))
        if not 1 <= len(name) <= _NAME_LENGTH:
            raise ValueError("the name of a metric has 1 to {} characters, not {}".format(_NAME_LENGTH, len(name)))
        if len(self._heads) >= _KNOWN_NAMES:
            self._heads.clear()
        head = '{{"kind": "scalar", "name": {}, "value": '.format(json.dumps(name))
        self._heads[name] = head
        return head

    def _record(self, kind: str, name: str, value: str) -> None:
        self._head(name)
        self._append(
            '{{"kind": "{}", "name": {}, "value": {}, "step": null, "time": {:.6f}, "rank": {}}}\n'.format(
                kind, json.dumps(name), value, _now(), _rank()
            )
        )
        if not self.in_job:
            _show("{} = {}".format(name, value))

    def _append(self, line: str) -> None:
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
        self._complain(problem)

    def _complain(self, problem: OSError) -> None:
        if self.lost <= 1:
            text = "footplate: metrics cannot be kept: {}; the program goes on\n".format(problem)
            try:
                sys.stderr.write(text)
            except (OSError, ValueError, AttributeError):
                pass  # stderr is full, closed, or None

    def _save_plot(self, name: str, plot: "Any") -> str:
        relative = self._image_path(name, ".png")
        plot.savefig(os.path.join(self._root, relative))
        return relative

    def _keep_image(self, name: str, path: str) -> str:
        """The image's path as the record has it; a file from elsewhere is copied."""
        real, outputs = os.path.realpath(path), os.path.realpath(self.outputs)
        if real.startswith(outputs + os.sep):
            return os.path.join(layout.OUTPUTS, os.path.relpath(real, outputs))
        import shutil

        relative = self._image_path(name, os.path.splitext(path)[1])
        shutil.copyfile(path, os.path.join(self._root, relative))
        return relative

    def _image_path(self, name: str, suffix: str) -> str:
        """A path below the root for one more image, not taken by this or another rank."""
        safe = re.sub(r"[^A-Za-z0-9._-]+", "_", name)[:100].lstrip(".")
        os.makedirs(os.path.join(self.outputs, _IMAGES), exist_ok=True)
        while True:
            file = "{}-{}-{}{}".format(safe, _rank(), next(self._images), suffix)
            relative = os.path.join(layout.OUTPUTS, _IMAGES, file)
            if not os.path.exists(os.path.join(self._root, relative)):
                return relative


def _show(line: str) -> None:
    """Prints a line outside a job; a reader that is gone is no reason to stop."""
    try:
        print(line)
    except (OSError, ValueError):
        pass


def _rank() -> str:
    for name in _RANK_VARIABLES:
        rank = os.environ.get(name, "")
        if rank.isdigit():
            return rank
    return "0"


def _scalar(value: "Any", method: str) -> str:
    """The JSON of one value; numbers that JSON has not are the strings "NaN", "Infinity" and "-Infinity"."""
    if isinstance(value, float):
        if value != value or value in (_INFINITY, -_INFINITY):
            return '"NaN"' if value != value else '"Infinity"' if value > 0 else '"-Infinity"'
        return float.__repr__(value)  # numpy 2 writes np.float64(0.3)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, str):
        return json.dumps(value)
    item = getattr(value, "item", None)
    if item is not None:
        try:
            plain = item()
        except (ValueError, TypeError, RuntimeError):
            plain = value  # an array or a tensor of more than one element
        if isinstance(plain, (float, int, str)):
            return _scalar(plain, method)
    if method == "log" and hasattr(value, "__iter__"):
        raise TypeError("log takes a single value, not {}: use log_list".format(type(value).__name__))
    raise TypeError("{} takes numbers, bools and strings, not {}".format(method, type(value).__name__))


def _step(step: "Any") -> str:
    try:
        return str(_integer(step))
    except TypeError:
        raise TypeError("step is an integer, not {!r} ({})".format(step, type(step).__name__)) from None


def _list(name: str, values: "Any") -> "list[str]":
    if isinstance(values, str) or not hasattr(values, "__iter__"):
        raise TypeError("{!r} needs a list of values, not {}".format(name, type(values).__name__))
    return [_scalar(value, "log_list") for value in values]


def _object(pairs: "Iterable[tuple[str, str]]") -> str:
    return "{{{}}}".format(", ".join("{}: {}".format(json.dumps(str(key)), value) for key, value in pairs))

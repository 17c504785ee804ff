"""Values that ``Run`` is given, as JSON. What is no number of JSON is "NaN", "Infinity" or "-Infinity"."""

import json
from operator import index as _integer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

_INFINITY = float("inf")


def scalar(value: "Any", method: str) -> str:
    """The JSON of one value; raises ``TypeError``, in the name of the method, for what is none."""
    if isinstance(value, float):
        if value != value or value in (_INFINITY, -_INFINITY):
            return '"{}"'.format(json_number(value))
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
            return scalar(plain, method)
    if method == "log" and hasattr(value, "__iter__"):
        raise TypeError("log takes a single value, not {}: use log_list".format(type(value).__name__))
    raise TypeError("{} takes numbers, bools and strings, not {}".format(method, type(value).__name__))


def step_of(step: "Any") -> str:
    """The JSON of a step; raises ``TypeError`` for what is no whole number."""
    try:
        return str(_integer(step))
    except TypeError:
        raise TypeError("step is an integer, not {!r} ({})".format(step, type(step).__name__)) from None


def scalars(name: str, values: "Any") -> "list[str]":
    """The JSON of each of some values."""
    if isinstance(values, str) or not hasattr(values, "__iter__"):
        raise TypeError("{!r} needs a list of values, not {}".format(name, type(values).__name__))
    return [scalar(value, "log_list") for value in values]


def an_object(pairs: "Iterable[tuple[str, str]]") -> str:
    """The JSON object of keys and of values that are JSON already."""
    return "{{{}}}".format(", ".join("{}: {}".format(json.dumps(str(key)), value) for key, value in pairs))


def document(value: "Any") -> "Any":
    """A value of any depth as plain dicts, lists, numbers and strings: numpy's arrays become lists."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, dict):
        return {str(key): document(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [document(inner) for inner in value]
    if hasattr(value, "tolist"):
        return document(value.tolist())
    if isinstance(value, float):
        return json_number(float(value))
    if isinstance(value, int):
        return int(value)
    raise TypeError("JSON has no {}".format(type(value).__name__))


def json_number(value: float) -> "float | str":
    """The number, or the name of one that JSON has no number for."""
    if value - value == 0:
        return value
    return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"

"""Files that ``Run`` keeps below ``outputs``: images, and charts like those of Azure ML's ``log_confusion_matrix``."""

import itertools
import json
import os
import re

from footplate_run import layout, values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_IMAGES, _CHARTS = "images", "charts"  # below outputs
# What the data of each kind must have (Azure ML: the docstrings of azureml.core.Run).
CHARTS = {
    "confusion_matrix": ("class_labels", "matrix"),
    "accuracy_table": ("probability_tables",),
    "residuals": ("bin_edges", "bin_counts"),
    "predictions": ("bin_averages", "bin_edges"),
}


def chart(kind: str, value: "Any") -> "dict[str, Any]":
    """A chart as JSON: ``value`` as Azure ML takes it, a dict or its JSON text, or what it has under ``data`` alone.

    Raises ``ValueError`` and ``TypeError`` for what no reader would understand.
    """
    given = json.loads(value) if isinstance(value, str) else values.document(value)
    if not isinstance(given, dict):
        raise TypeError("log_{} takes a dict or its JSON, not {}".format(kind, type(value).__name__))
    whole = given if "data" in given else {"data": given}
    if whole.get("schema_type", kind) != kind:
        raise ValueError("log_{} was given a {}: use log_{}".format(kind, whole["schema_type"], whole["schema_type"]))
    missing = [key for key in CHARTS[kind] if not isinstance(whole["data"], dict) or key not in whole["data"]]
    if missing:
        raise ValueError("log_{} needs {} in its data".format(kind, " and ".join(missing)))
    return dict({"schema_type": kind, "schema_version": "1.0.0"}, **whole)


class Artifacts:
    """Names and writes them. Paths are returned as the records have them, relative to the root."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._count = itertools.count()

    def save_plot(self, name: str, rank: str, plot: "Any") -> str:
        """A matplotlib figure, or anything else with ``savefig``."""
        relative = self._free(_IMAGES, name, rank, ".png")
        plot.savefig(os.path.join(self._root, relative))
        return relative

    def keep_image(self, name: str, rank: str, path: str) -> str:
        """An image file; one from elsewhere than ``outputs`` is copied. Raises ``OSError``."""
        real, outputs = os.path.realpath(path), os.path.realpath(os.path.join(self._root, layout.OUTPUTS))
        if real.startswith(outputs + os.sep):
            return os.path.join(layout.OUTPUTS, os.path.relpath(real, outputs))
        import shutil

        relative = self._free(_IMAGES, name, rank, os.path.splitext(path)[1])
        shutil.copyfile(path, os.path.join(self._root, relative))
        return relative

    def save_chart(self, name: str, rank: str, whole: "dict[str, Any]") -> str:
        """A chart that ``chart`` has made. Raises ``OSError``."""
        relative = self._free(_CHARTS, name, rank, ".json")
        path = os.path.join(self._root, relative)
        with open(path + ".tmp", "w", encoding="utf-8") as file:
            json.dump(whole, file)
        os.rename(path + ".tmp", path)
        return relative

    def _free(self, folder: str, name: str, rank: str, suffix: str) -> str:
        """A path for one more file, not taken by this or another rank."""
        safe = re.sub(r"[^A-Za-z0-9._-]+", "_", name)[:100].lstrip(".")
        os.makedirs(os.path.join(self._root, layout.OUTPUTS, folder), exist_ok=True)
        while True:
            file = "{}-{}-{}{}".format(safe, rank, next(self._count), suffix)
            relative = os.path.join(layout.OUTPUTS, folder, file)
            if not os.path.exists(os.path.join(self._root, relative)):
                return relative

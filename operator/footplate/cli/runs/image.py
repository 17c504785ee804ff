"""Charts as a PNG, by matplotlib where that is installed: `pip install 'footplate[png]'`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from footplate.cli.problem import CommandFailed
from footplate.cli.runs.curves import Chart

POINTS = 4000


def write_png(path: Path, title: str, charts: Sequence[Chart]) -> None:
    """One below the other. Raises CommandFailed without matplotlib, OSError when the file cannot be written."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise CommandFailed(
            "--png needs matplotlib, which is not installed: pip install 'footplate[png]'; --html needs nothing"
        ) from None
    figure = Figure(figsize=(9, 0.6 + 3.2 * len(charts)), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title)
    for axes, chart in zip(figure.subplots(len(charts), squeeze=False)[:, 0], charts, strict=True):
        for curve in chart.curves:
            axes.plot(curve.xs, curve.ys, label=curve.label, linewidth=1.2, marker="o" if len(curve.xs) == 1 else None)
        axes.set(title=chart.metric, xlabel=chart.axis)
        axes.grid(alpha=0.3)
        if len(chart.curves) > 1:
            axes.legend()
    figure.savefig(path, format="png")

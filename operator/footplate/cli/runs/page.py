"""Charts as one HTML file that needs no network and no script: drawings in SVG, numbers in a table. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from html import escape

from footplate.cli.runs.curves import Chart, Curve
from footplate.cli.text import number

Scale = Callable[[float], float]
POINTS = 1500  # of a curve: twice what a screen shows
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")  # Okabe and Ito: for all eyes
_WIDTH, _HEIGHT = 760, 280
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 12, 8, 26
_STYLE = """
body { font: 14px/1.5 system-ui, sans-serif; max-width: 800px; margin: 2em auto; padding: 0 1em; color: #222; }
svg { width: 100%; height: auto; } svg text { font-size: 11px; fill: #666; }
h2 { font-size: 1.05em; margin: 2em 0 .3em; }
polyline { fill: none; stroke-width: 1.5; stroke-linejoin: round; } .grid { stroke: #ddd; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
td, th { padding: .1em 1.2em .1em 0; text-align: right; font-weight: normal; }
th { color: #666; } td:first-child, th:first-child { text-align: left; }
i { display: inline-block; width: 1.2em; height: .25em; margin-right: .5em; vertical-align: middle; }
"""


def page(title: str, charts: Sequence[Chart]) -> str:
    """The whole document."""
    body = "\n".join(part for chart in charts for part in _section(chart))
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n"
        f"<body><h1>{escape(title)}</h1>\n{body}\n</body></html>\n"
    )


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers from `low` to `high`: 1, 2 or 5 times a power of ten apart."""
    span = high - low
    if not span > 1e-300 or not math.isfinite(span):
        return [low]
    power = 10 ** math.floor(math.log10(span / about))
    step = next((power * factor for factor in (1, 2, 5) if span / (power * factor) <= about), power * 10)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(i * step, 12) for i in range(first, last + 1)]


def _section(chart: Chart) -> Iterator[str]:
    yield f"<h2>{escape(chart.metric)}</h2>"
    if any(curve.xs for curve in chart.curves):
        yield _svg(chart)
    yield "<table><tr><th></th><th>last</th><th>min</th><th>max</th><th>values</th></tr>"
    for position, curve in enumerate(chart.curves):
        cells = "".join(f"<td>{number(value)}</td>" for value in (curve.last, curve.low, curve.high))
        mark = f'<i style="background:{_COLOURS[position % len(_COLOURS)]}"></i>'
        yield f"<tr><td>{mark}{escape(curve.label)}</td>{cells}<td>{curve.count:,}</td></tr>"
    yield "</table>"


def _svg(chart: Chart) -> str:
    drawn = [curve for curve in chart.curves if curve.xs]
    low, high = min(min(c.ys) for c in drawn), max(max(c.ys) for c in drawn)
    if low == high:
        low, high = low - 1, high + 1
    left, right = min(c.xs[0] for c in drawn), max(c.xs[-1] for c in drawn)

    def x(value: float) -> float:
        return _LEFT + (value - left) / ((right - left) or 1) * (_WIDTH - _LEFT - _RIGHT)

    def y(value: float) -> float:
        return _TOP + (high - value) / (high - low) * (_HEIGHT - _TOP - _BOTTOM)

    parts = [f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(chart.metric)}">']
    for value in ticks(low, high):
        parts.append(f'<path class="grid" d="M{_LEFT} {y(value):.1f}H{_WIDTH - _RIGHT}"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{number(value)}</text>')
    for value in ticks(left, right, 8):
        parts.append(f'<text x="{x(value):.1f}" y="{_HEIGHT - 10}" text-anchor="middle">{number(value)}</text>')
    for position, curve in enumerate(chart.curves):
        if curve.xs:
            parts.append(_line(curve, _COLOURS[position % len(_COLOURS)], x, y))
    parts.append(f'<text x="{_WIDTH - _RIGHT}" y="{_HEIGHT - 1}" text-anchor="end">{chart.axis}</text></svg>')
    return "\n".join(parts)


def _line(curve: Curve, colour: str, x: Scale, y: Scale) -> str:
    points = [(x(px), y(py)) for px, py in zip(curve.xs, curve.ys, strict=True)]
    if len(points) == 1:
        return f'<circle cx="{points[0][0]:.1f}" cy="{points[0][1]:.1f}" r="3" fill="{colour}"/>'
    path = " ".join(f"{px:.1f},{py:.1f}" for px, py in points)
    return f'<polyline stroke="{colour}" points="{path}"><title>{escape(curve.label)}</title></polyline>'

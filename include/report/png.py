"""A chart as PNG for mail, which shows neither SVG nor scripts: light card, readable on a dark background too."""

import io
from datetime import datetime, timedelta
from functools import lru_cache
from types import ModuleType
from typing import Any

import numpy as np

from include.report.axes import frame_of
from include.report.document import Chart
from include.report.figures import say

WIDTH, HEIGHT = 560, 280
_INK, _MUTED, _RULE, _CARD = "#1d2429", "#5a646d", "#e3e6e8", "#ffffff"
_ACCENT, _LIMIT = "#2a6f97", "#b3261e"
_LINE = {"measured": (_INK, "-", 1.5), "expected": (_ACCENT, (0, (4, 2)), 1.6), "pace": (_MUTED, (0, (2, 3)), 1.2)}


@lru_cache(maxsize=1)
def _matplotlib() -> tuple[ModuleType, ModuleType]:
    from matplotlib import figure
    from matplotlib.backends import backend_agg

    return figure, backend_agg


def draw(chart: Chart, zone: str) -> bytes:
    """Return the chart as a PNG of 560 × 280 px at twice the density."""
    figure, agg = _matplotlib()
    frame = frame_of(chart, zone)
    canvas = figure.Figure(figsize=(WIDTH / 100, HEIGHT / 100), dpi=200, facecolor=_CARD)
    agg.FigureCanvasAgg(canvas)
    axes: Any = canvas.add_axes((0.125, 0.12, 0.855, 0.78), facecolor=_CARD)
    if chart.span:
        axes.axvspan(chart.span.start, chart.span.end, color=_LIMIT, alpha=0.07, linewidth=0)
    if chart.band:
        times = _times(chart.band.start, chart.band.step_seconds, len(chart.band.lower))
        axes.fill_between(
            times, _floats(chart.band.lower), _floats(chart.band.upper), color=_ACCENT, alpha=0.2, linewidth=0
        )
    for trace in chart.traces:
        colour, style, width = _LINE[trace.role]
        times = _times(trace.start, trace.step_seconds, len(trace.values))
        axes.plot(times, _floats(trace.values), color=colour, linestyle=style, linewidth=width, solid_joinstyle="round")
    if chart.limit:
        axes.axhline(chart.limit.value, color=_LIMIT, linewidth=1.3)
        axes.annotate(
            chart.limit.label, (0.01, chart.limit.value), xycoords=("axes fraction", "data"),
            textcoords="offset points", xytext=(0, 3), va="bottom", color=_LIMIT, fontsize=10.5, fontweight="bold",
        )  # fmt: skip
    axes.axvline(chart.now, color=_MUTED, linewidth=1, linestyle=(0, (1, 2)))
    late = (chart.now - frame.start) / (frame.end - frame.start) > 0.95
    axes.annotate("now", (chart.now, 1.0), xycoords=("data", "axes fraction"), textcoords="offset points",
                  xytext=(0, 3), ha="right" if late else "center", color=_MUTED, fontsize=10.5)  # fmt: skip
    axes.set(xlim=(frame.start, frame.end), ylim=(frame.low, frame.high))
    axes.set_yticks(frame.values, [say(value, chart.unit).replace("\u202f", " ") for value in frame.values])
    axes.set_xticks([moment for moment, _ in frame.days], [label for _, label in frame.days])
    axes.tick_params(length=0, labelsize=10.5, labelcolor=_MUTED, pad=5)
    axes.grid(axis="y", color=_RULE, linewidth=0.8)
    axes.set_axisbelow(True)
    for side in axes.spines.values():
        side.set_visible(False)
    buffer = io.BytesIO()
    canvas.savefig(buffer, format="png", facecolor=_CARD, metadata={"Software": None})
    return buffer.getvalue()


def _times(start: datetime, step_seconds: int, count: int) -> list[datetime]:
    return [start + timedelta(seconds=step_seconds) * place for place in range(count)]


def _floats(values: list[float | None]) -> "np.ndarray[Any, Any]":
    return np.array([np.nan if value is None else value for value in values], dtype=float)

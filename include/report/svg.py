"""A chart as inline SVG: no colours of its own, only classes, so that light and dark are the page's business."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from html import escape

from include.report.axes import Frame, frame_of
from include.report.document import Band, Chart, Trace
from include.report.figures import say

WIDTH, HEIGHT = 360, 196
_LEFT, _RIGHT, _TOP, _BOTTOM = 50, 10, 18, 24


def draw(chart: Chart, zone: str) -> str:
    """Return the chart as an `<svg>` element that is read to the blind by its alternative text."""
    frame = frame_of(chart, zone)
    parts = [*_grid(chart, frame), *_spans(chart, frame)]
    if chart.band:
        parts.append(f'<path class="band" d="{_area(chart.band, frame)}"/>')
    parts += [f'<path class="{trace.role}" d="{_path(trace, frame)}"/>' for trace in chart.traces]
    parts += [*_limit(chart, frame), *_now(chart, frame)]
    return (
        f'<svg class="chart {chart.level}" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(chart.alternative)}" preserveAspectRatio="xMidYMid meet">{"".join(parts)}</svg>'
    )


def _x(moment: datetime, frame: Frame) -> float:
    share = (moment - frame.start) / (frame.end - frame.start)
    return round(_LEFT + min(1.0, max(0.0, share)) * (WIDTH - _LEFT - _RIGHT), 1)


def _y(value: float, frame: Frame) -> float:
    share = (value - frame.low) / (frame.high - frame.low)
    return round(HEIGHT - _BOTTOM - min(1.0, max(0.0, share)) * (HEIGHT - _TOP - _BOTTOM), 1)


def _grid(chart: Chart, frame: Frame) -> list[str]:
    parts = []
    for value in frame.values:
        y = _y(value, frame)
        parts.append(f'<path class="rule" d="M{_LEFT} {y}H{WIDTH - _RIGHT}"/>')
        label = escape(say(value, chart.unit))
        parts.append(f'<text class="tick" x="{_LEFT - 6}" y="{round(y + 4, 1)}" text-anchor="end">{label}</text>')
    for moment, label in frame.days:
        x = _x(moment, frame)
        anchor = "end" if x > WIDTH - _RIGHT - 18 else "middle"
        parts.append(f'<path class="rule" d="M{x} {HEIGHT - _BOTTOM}v4"/>')
        parts.append(f'<text class="tick" x="{x}" y="{HEIGHT - 6}" text-anchor="{anchor}">{escape(label)}</text>')
    return parts


def _spans(chart: Chart, frame: Frame) -> list[str]:
    if not chart.span:
        return []
    left, right = _x(chart.span.start, frame), _x(chart.span.end, frame)
    width, height = round(max(2.0, right - left), 1), HEIGHT - _TOP - _BOTTOM
    return [f'<rect class="span" x="{left}" y="{_TOP}" width="{width}" height="{height}"/>']


def _limit(chart: Chart, frame: Frame) -> list[str]:
    if not chart.limit:
        return []
    y = _y(chart.limit.value, frame)
    return [
        f'<path class="limit" d="M{_LEFT} {y}H{WIDTH - _RIGHT}"/>',
        f'<text class="limit-label" x="{_LEFT + 4}" y="{round(y - 5, 1)}">{escape(chart.limit.label)}</text>',
    ]


def _now(chart: Chart, frame: Frame) -> list[str]:
    x = _x(chart.now, frame)
    anchor = "end" if x > WIDTH - _RIGHT - 14 else "middle"
    return [
        f'<path class="now" d="M{x} {_TOP}V{HEIGHT - _BOTTOM}"/>',
        f'<text class="now-label" x="{x}" y="{_TOP - 6}" text-anchor="{anchor}">now</text>',
    ]


def _places(line: Trace | Band, values: Sequence[float | None], frame: Frame) -> list[tuple[float, float] | None]:
    step = timedelta(seconds=line.step_seconds)
    return [
        None if value is None else (_x(line.start + step * place, frame), _y(value, frame))
        for place, value in enumerate(values)
    ]


def _path(trace: Trace, frame: Frame) -> str:
    """Return an SVG path; a gap in the values is a gap in the line."""
    words, pen = [], "M"
    for place in _places(trace, trace.values, frame):
        if place is None:
            pen = "M"
        else:
            words.append(f"{pen}{place[0]} {place[1]}")
            pen = "L"
    return "".join(words)


def _area(band: Band, frame: Frame) -> str:
    upper = [place for place in _places(band, band.upper, frame) if place]
    lower = [place for place in _places(band, band.lower, frame) if place]
    return "M" + "L".join(f"{x} {y}" for x, y in [*upper, *reversed(lower)]) + "Z" if upper else ""

"""Ticks of a small chart: round values for its height, round days for its width."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from include.report.document import Chart
from include.report.figures import day

_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_DAYS = (1, 2, 3, 4, 7, 14, 28, 56, 91, 182, 364)


@dataclass(frozen=True)
class Frame:
    """What a chart spans: values bottom to top, times left to right, and where its ticks are."""

    low: float
    high: float
    start: datetime
    end: datetime
    values: list[float]
    days: list[tuple[datetime, str]]


def frame_of(chart: Chart, zone: str) -> Frame:
    """Return the extent and the ticks of a chart; zero is always inside, and the limit has room for its label."""
    held = [value for values in _all_values(chart) for value in values if value is not None]
    top = chart.limit.value if chart.limit else None
    low, high = min([0.0, *held]), max([*held, top or 0.0, 1e-12])
    ticks = round_values(low, high)
    room = (high - low) * 0.14
    high = max(high + (room if top is not None and top > high - room else 0.0), ticks[-1] if top is None else high)
    low = low - (room if low < 0 else 0)
    lines = [trace for trace in chart.traces if trace.values]
    starts = [line.start for line in lines]
    ends = [line.start + timedelta(seconds=line.step_seconds) * (len(line.values) - 1) for line in lines]
    start, end = min([*starts, chart.now]), max([*ends, chart.now])
    end = max(end, start + timedelta(hours=1))
    return Frame(low, high, start, end, [tick for tick in ticks if low <= tick <= high], round_days(start, end, zone))


def round_values(low: float, high: float, most: int = 4) -> list[float]:
    """Return at most `most + 1` round values that span `low` to `high`.

    >>> round_values(0, 470)
    [0.0, 200.0, 400.0]
    """
    raw = (high - low) / most
    size = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * size for factor in _STEPS if factor * size >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [round(place * step, 12) for place in range(first, math.floor(high / step + 1e-9) + 1)]


def round_days(start: datetime, end: datetime, zone: str, most: int = 5) -> list[tuple[datetime, str]]:
    """Return local midnights between two moments, at most `most`, with their labels."""
    span = (end - start) / timedelta(days=1)
    every = next((days for days in _DAYS if span / days <= most), _DAYS[-1])
    first = start.astimezone(ZoneInfo(zone)).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    found = [first + timedelta(days=every * place) for place in range(most + 1)]
    return [(moment, day(moment, zone)) for moment in found if moment < end]


def _all_values(chart: Chart) -> list[list[float | None]]:
    band = [chart.band.lower, chart.band.upper] if chart.band else []
    return [trace.values for trace in chart.traces] + band

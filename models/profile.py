"""What each series is expected to be: level, time-of-day profile, scale. Learned robustly, kept inside a model.

Per series the simplest of these is kept that clearly wins on held-out days (the last quarter of training): a constant,
a profile over the local hour, one for working and one for rest days; each alone or with its level corrected by the
median residual of the last day. A series that the profile never saw is judged by the last hour of its own points.
"""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from numba import njit

from include.features import Calendar, Panel
from include.features.calendar import REST_BIT
from include.features.panel import Floats, Longs, over_slices
from include.features.rolling import LONGEST_SPAN

CONSTANT, DAILY, WORKDAYS = 0, 1, 2
BETTER = 0.95  # a richer shape must bring the held-out error below this share of the simpler one's
MAD = 1.4826  # median absolute deviation → standard deviation of a normal distribution
MIN_POINTS = 50
COLD_STEPS, COLD_MIN = 60, 15
_HOUR, _DAY = 3_600_000_000, 86_400_000_000
_COLD_SPAN = 9 * _HOUR  # with the features' longest window of 15 hours, a day
_PER_CORRECTION = 240


@njit(cache=True, nogil=True)
def _shape(values, packed, first, last, shape, table):  # type: ignore[no-untyped-def]
    """Fill `table[2, 24]` with medians by local hour (and by kind of day), of rows first to last."""
    middle = np.median(values[first:last]) if last > first else 0.0
    table[:] = middle
    if shape == 0:
        return
    hours = (packed[first:last] & 127) // 4
    rest = (packed[first:last] & REST_BIT) != 0
    chosen = values[first:last]
    for hour in range(24):
        at = hours == hour
        every = chosen[at]
        both = np.median(every) if len(every) else middle
        table[:, hour] = both
        if shape == 2:
            for kind in range(2):
                some = chosen[at & (rest == (kind == 1))]
                if len(some):
                    table[kind, hour] = np.median(some)


@njit(cache=True, nogil=True)
def _base(table, packed, ts):  # type: ignore[no-untyped-def]
    """Return the profile at one moment, between the middles of two local hours on a straight line."""
    hours = (packed & 127) / 4.0 + (ts % 900_000_000) / _HOUR - 0.5
    low = int(np.floor(hours))
    share = hours - low
    kind = 1 if packed & REST_BIT else 0
    return table[kind, low % 24] * (1.0 - share) + table[kind, (low + 1) % 24] * share


@njit(cache=True, nogil=True)
def _expect(values, ts, packed, first, last, table, follow, step, out):  # type: ignore[no-untyped-def]
    """Fill `out[first:last]` with the profile, its level moved by the median residual of the day before the hour.

    Features look back over 60 steps of residuals, so the day is shorter by that: all in all it stays within 24 hours.
    """
    for row in range(first, last):
        out[row] = _base(table, packed[row], ts[row])
    if not follow:
        return
    span = 23 * _HOUR - min(60 * step, LONGEST_SPAN)
    residual = values[first:last] - out[first:last]
    low = first
    row = first
    while row < last:
        hour = ts[row] // _HOUR * _HOUR
        while ts[low] < hour - span:
            low += 1
        level = 0.0
        if row - low >= 5:
            every = max(1, (row - low) // _PER_CORRECTION)
            level = np.median(residual[low - first : row - first : every])
        while row < last and ts[row] < hour + _HOUR:
            out[row] += level
            row += 1


@njit(cache=True, nogil=True)
def _learn(values, ts, packed, offsets, step, series, tables, follow, scale, centre):  # type: ignore[no-untyped-def]
    """Choose and fit the expectation of each series; the scale is that of the held-out residuals."""
    for s in series:
        first, last = offsets[s], offsets[s + 1]
        held = first + (last - first) * 3 // 4
        long_enough = ts[last - 1] - ts[first] >= 3 * _DAY
        expected = np.empty(last)
        best = np.inf
        shape_kept = 0
        table = np.empty((2, 24))
        weekly = ts[held] - ts[first] >= 9 * _DAY
        for shape in range(3):
            if (shape > 0 and not long_enough) or (shape == 2 and not weekly):
                continue
            _shape(values, packed, first, held, shape, table)
            for corrected in range(2):
                _expect(values, ts, packed, first, last, table, corrected == 1, step[s], expected)
                error = np.mean(np.abs(values[held:last] - expected[held:last]))
                if error < best * BETTER:
                    best = error
                    shape_kept = shape
                    follow[s] = corrected == 1
                    gap = np.abs(values[held:last] - expected[held:last])
                    scale[s] = MAD * np.median(gap)
                    if scale[s] == 0.0:
                        scale[s] = np.mean(gap)
        _shape(values, packed, first, last, shape_kept, tables[s])
        centre[s] = np.median(values[first:last])


@njit(cache=True, nogil=True)
def _apply(values, ts, packed, offsets, step, series, place, tables, follow, scale, expected, spread):  # type: ignore[no-untyped-def]
    for s in series:
        first, last = offsets[s], offsets[s + 1]
        known = place[s]
        if known >= 0:
            _expect(values, ts, packed, first, last, tables[known], follow[known], step[s], expected)
            spread[first:last] = scale[known]


@njit(cache=True, nogil=True)
def _cold(values, ts, offsets, step, series, place, expected, spread):  # type: ignore[no-untyped-def]
    """Expect the median of the last 60 steps, with their median absolute deviation as scale."""
    for s in series:
        if place[s] >= 0:
            continue
        first, last = offsets[s], offsets[s + 1]
        low = first
        for row in range(first, last):
            while ts[low] < ts[row] - min(COLD_STEPS * step[s], _COLD_SPAN):
                low += 1
            if row - low < COLD_MIN:
                expected[row] = np.median(values[low : row + 1])
                spread[row] = np.inf
                continue
            window = values[low:row]
            expected[row] = np.median(window)
            gap = np.abs(window - expected[row])
            spread[row] = MAD * np.median(gap)
            if spread[row] == 0.0:
                spread[row] = np.mean(gap)


@dataclass(frozen=True)
class Profiles:
    """Expectation and scale of S series, sorted by id."""

    series_ids: Longs
    tables: Floats  # [S, 2 kinds of day, 24 local hours]
    follow: npt.NDArray[np.bool_]  # level corrected by the last day
    scale: Floats
    centre: Floats

    @classmethod
    def fit(cls, panel: Panel, calendar: Calendar, threads: int = 1) -> "Profiles":
        """Learn from training points; series of fewer than 50 points stay unknown."""
        size = len(panel.series_ids)
        tables, scale, centre = np.zeros((size, 2, 24)), np.zeros(size), np.zeros(size)
        follow = np.zeros(size, bool)
        packed = calendar.packed(panel)
        enough = np.diff(panel.offsets) >= MIN_POINTS

        def work(part: slice) -> None:
            chosen = np.arange(part.start, part.stop)[enough[part]]
            _learn(panel.values, panel.ts, packed, panel.offsets, panel.step, chosen, tables, follow, scale, centre)

        over_slices(panel.slices(threads), work)
        scale = np.maximum(scale, 1e-3 * np.abs(centre))
        scale[scale == 0.0] = 1.0
        return cls(panel.series_ids[enough], tables[enough], follow[enough], scale[enough], centre[enough])

    def place(self, ids: Longs) -> Longs:
        """Return where each series is in this profile, or -1."""
        if not len(self.series_ids):
            return np.full(len(ids), -1)
        at = np.minimum(np.searchsorted(self.series_ids, ids), len(self.series_ids) - 1)
        return np.where(self.series_ids[at] == ids, at, -1)

    def expect(self, panel: Panel, calendar: Calendar, threads: int = 1) -> tuple[Floats, Floats]:
        """Return expected value and scale of each row; the scale is infinite where nothing can be said yet."""
        expected, spread = np.zeros(len(panel)), np.ones(len(panel))
        packed = calendar.packed(panel)
        place = self.place(panel.series_ids)

        def work(part: slice) -> None:
            chosen = np.arange(part.start, part.stop)
            known = (packed, panel.offsets, panel.step, chosen, place, self.tables, self.follow, self.scale)
            _apply(panel.values, panel.ts, *known, expected, spread)
            _cold(panel.values, panel.ts, panel.offsets, panel.step, chosen, place, expected, spread)

        over_slices(panel.slices(threads), work)
        floor = np.maximum(1e-3 * np.abs(expected), 1e-12)
        return expected, np.maximum(spread, np.where(place[panel.series_of_row] < 0, floor, 0.0))

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the fields as named arrays."""
        return {f"profile_{item.name}": getattr(self, item.name) for item in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: dict[str, npt.NDArray[Any]]) -> "Profiles":
        """Return the profiles that `arrays` gave."""
        return cls(**{item.name: arrays[f"profile_{item.name}"] for item in fields(cls)})


DIRECTIONS = {"up": 1, "down": -1, "both": 0}


def directions(panel: Panel, series: pd.DataFrame) -> npt.NDArray[np.int8]:
    """Return per series +1 (only high is bad), -1 (only low is bad) or 0 (both, also where nothing is said)."""
    if "bad_direction" not in series:
        return np.zeros(len(panel.series_ids), np.int8)
    said = series.set_index("series_id")["bad_direction"].reindex(panel.series_ids)
    return np.asarray(said.map(DIRECTIONS).fillna(0), np.int8)

"""The sixteen rolling features of every point, over all series at once.

A window of n points holds the last n samples, none older than n steps (or 15 hours): after a gap it is shorter, never
staler. Each
point is computed from its own window without a running sum, which costs a few hundred additions a point (compiled,
they are cheap) and makes the result independent of where the frame starts.

The z-scores compare a point with the n points *before* it: a point within its own window can never exceed
sqrt(n - 1), so no severity above that could ever be reached.
"""

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pandas as pd
from numba import njit

from include.features.calendar import (
    BUSINESS_BIT,
    QUARTER,
    REST_BIT,
    WEEKDAY_SHIFT,
    BusinessHours,
    Calendar,
)
from include.features.panel import Floats, Longs, Panel, over_slices

FEATURES = (
    "value",
    "mean_5",
    "std_5",
    "mean_15",
    "std_15",
    "mean_60",
    "rate_of_change",
    "acceleration",
    "z_5",
    "z_15",
    "hour",
    "weekday",
    "business_hours",
    "weekend",
    "volatility",
    "percentile_rank",
)
LOOKBACK_STEPS = 61
Z_CAP = 50.0
LONGEST_SPAN = 15 * 3_600_000_000  # microseconds: no window is longer, however slow the samples come
_FLOOR = 1e-9  # of the mean: below that a deviation is rounding


@njit(cache=True, nogil=True)
def _since(ts: Longs, begin: int, row: int, points: int, step: int) -> int:
    """Return the first row of the window of `points` that ends at `row`."""
    first = max(begin, row - points + 1)
    oldest = ts[row] - min(points * step, LONGEST_SPAN)
    while ts[first] <= oldest and first < row:
        first += 1
    return first


@njit(cache=True, nogil=True, fastmath={"reassoc"})
def _mean(values: Floats, first: int, last: int) -> float:
    total = 0.0
    for row in range(first, last):
        total += values[row]
    return total / (last - first)


@njit(cache=True, nogil=True, fastmath={"reassoc"})
def _deviation(values: Floats, first: int, last: int, mean: float) -> float:
    total = 0.0
    for row in range(first, last):
        total += (values[row] - mean) * (values[row] - mean)
    return np.sqrt(total / (last - first))


@njit(cache=True, nogil=True)
def _z(values: Floats, first: int, row: int, floor: float) -> float:
    if row - first < 3:
        return 0.0
    mean = _mean(values, first, row)
    gap = values[row] - mean
    spread = max(_deviation(values, first, row, mean), floor, _FLOOR * abs(mean))
    if abs(gap) <= _FLOOR * abs(mean) or gap == 0.0:
        return 0.0
    if spread == 0.0:
        return Z_CAP if gap > 0 else -Z_CAP
    return min(max(gap / spread, -Z_CAP), Z_CAP)


@njit(cache=True, nogil=True)
def _rate(values: Floats, ts: Longs, begin: int, row: int, step: int) -> float:
    """Return the change per step since the sample before, or 0 when that one is over five steps old."""
    if row <= begin or ts[row] - ts[row - 1] > 5 * step:
        return 0.0
    return (values[row] - values[row - 1]) / max(1.0, (ts[row] - ts[row - 1]) / step)


@njit(cache=True, nogil=True, fastmath={"reassoc"})
def _volatility(values: Floats, first: int, row: int) -> float:
    """Return the root mean square of the changes from sample to sample."""
    if row == first:
        return 0.0
    total = 0.0
    for at in range(first + 1, row + 1):
        total += (values[at] - values[at - 1]) * (values[at] - values[at - 1])
    return np.sqrt(total / (row - first))


@njit(cache=True, nogil=True)
def _rank(values: Floats, first: int, row: int) -> float:
    """Return the mid-rank of the newest value in its window: 0.5 when all are equal."""
    here = values[row]
    below = 0
    same = 0
    for at in range(first, row + 1):
        below += values[at] < here
        same += values[at] == here
    return (below + 0.5 * same) / (row - first + 1)


@njit(cache=True, nogil=True)
def _fill(values, ts, offsets, step, floor, table, group, origin, rows, owner, out):  # type: ignore[no-untyped-def]
    for at in range(len(rows)):
        row = rows[at]
        s = owner[at]
        begin = offsets[s]
        pace = step[s]
        five = _since(ts, begin, row, 5, pace)
        fifteen = _since(ts, begin, row, 15, pace)
        hour = _since(ts, begin, row, 60, pace)
        mean_5 = _mean(values, five, row + 1)
        mean_15 = _mean(values, fifteen, row + 1)
        rate = _rate(values, ts, begin, row, pace)
        packed = table[group[s], (ts[row] - origin) // QUARTER]
        out[at, 0] = values[row]
        out[at, 1] = mean_5
        out[at, 2] = _deviation(values, five, row + 1, mean_5)
        out[at, 3] = mean_15
        out[at, 4] = _deviation(values, fifteen, row + 1, mean_15)
        out[at, 5] = _mean(values, hour, row + 1)
        out[at, 6] = rate
        out[at, 7] = rate - _rate(values, ts, begin, row - 1, pace) if row > begin else 0.0
        out[at, 8] = _z(values, _since(ts, begin, row, 6, pace), row, floor[s])
        out[at, 9] = _z(values, _since(ts, begin, row, 16, pace), row, floor[s])
        out[at, 10] = (packed & 127) // 4
        out[at, 11] = (packed >> WEEKDAY_SHIFT) & 7
        out[at, 12] = (packed & BUSINESS_BIT) != 0
        out[at, 13] = (packed & REST_BIT) != 0
        out[at, 14] = _volatility(values, fifteen, row)
        out[at, 15] = _rank(values, hour, row)


def rolling_features(
    panel: Panel,
    calendar: Calendar,
    *,
    rows: Longs | None = None,
    floor: Floats | None = None,
    dtype: npt.DTypeLike = np.float64,
    threads: int = 1,
) -> npt.NDArray[np.floating]:
    """Return the features `[len(rows), 16]` in the order of `FEATURES`, of the given rows of the panel (default: all).

    `floor` is the least deviation, per series and in its unit, by which a z-score divides: below it a change is noise.
    Deviations are of the population; means, deviations, rates and volatility are in the unit of the values.
    """
    wanted = np.arange(len(panel)) if rows is None else rows
    owner = panel.series_of_row if rows is None else panel.series_of_row[rows]
    least = np.zeros(len(panel.series_ids)) if floor is None else floor
    out = np.empty((len(wanted), len(FEATURES)), dtype)
    bounds = np.linspace(0, len(wanted), threads + 1).astype(int)

    def work(part: slice) -> None:
        _fill(
            panel.values, panel.ts, panel.offsets, panel.step, least,
            calendar.table, calendar.group, calendar.origin, wanted[part], owner[part], out[part],
        )  # fmt: skip

    over_slices([slice(a, b) for a, b in pairwise(bounds) if b > a], work)
    return out


def feature_frame(
    points: pd.DataFrame, series: pd.DataFrame, hours: BusinessHours | None = None, threads: int = 1
) -> pd.DataFrame:
    """Return `[series_id, ts]` and the sixteen features of a long frame `[series_id, ts, value]`, row for row."""
    panel = Panel.of(points, series)
    matrix = rolling_features(panel, Calendar.of(panel, series, hours), threads=threads)
    columns = {"series_id": points["series_id"].to_numpy(), "ts": points["ts"].array}
    columns |= {name: matrix[:, at] for at, name in enumerate(FEATURES)}
    return pd.DataFrame(columns, copy=False)

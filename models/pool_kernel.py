"""The recursion of the forecast pool: causal forecasts, their weights, and how far each point lies from them.

Two pools run side by side. The fast one forecasts the next sample; the slow one forecasts the smoothed value from what
was known long before it, so that a shift which the fast pool has already followed is still seen. A forecast weighs by
(its mean absolute error)^-4, as in an online combination of experts.

A recursion never ends, a look-back does. So time is cut on a fixed grid, and the rows of one cell come from a recursion
that starts a fixed time before the cell: the row at t is the same, bit for bit, wherever the panel begins.
"""

import numpy as np
from numba import njit

from models.pool_memory import LARGEST, keep, nearest, rareness, remember

FORECASTS = (
    "the last value", "the last few values", "the last 20 values", "the last 100 values", "the last 500 values",
    "the median of the last values", "yesterday's value", "last week's value", "yesterday's course",
    "last week's course", "the profile of the day", "the profile at today's level",
)  # fmt: skip
EXPECTED, SCALE, NEAR, FAR, NOVEL, HEAT, RARE = range(7)  # columns that `run` fills
COLUMNS = 7
FAST, SLOW = len(FORECASTS), 6
FARTHEST, RAREST = 1000.0, 200.0  # deviations at most: as told, and as told apart by their rareness
CAP = 30.0  # deviations that the smoothed score counts at most
QUIET_ROWS, QUIET_ALARM = 20, 60  # a recursion says nothing about its first rows
AFRESH = 100  # rows: only what is rarer than all of them is an alarm
OTHERS = 0.3  # weight of the pools' rareness beside the value's own
DAY, WEEK = 86_400_000_000, 7 * 86_400_000_000
_SPANS = (4.0, 20.0, 100.0, 500.0)
_MEDIAN = 11
_NEW = 5  # errors seen before a seasonal forecast may weigh
_ERRORS, _SCALES = 100.0, 600.0  # spans of the means of errors and of residuals
_SHORT, _LONG = 6.0, 300.0  # spans of the smoothed value and of the slow level
_OUTLIER = 8.0  # scales at which a residual is cut before it moves the scale


@njit(cache=True, nogil=True)
def _blend(guess, usable, error, seen, floor, seasonal):  # type: ignore[no-untyped-def]
    """Return the mean of the usable forecasts, weighted by (mean absolute error)^-4, and the heaviest of them.

    `seasonal` is the first forecast that has to prove itself on `_NEW` errors before it weighs.
    """
    best = np.inf
    for i in range(len(guess)):
        if usable[i] and seen[i] >= (_NEW if i >= seasonal else 1):
            best = min(best, error[i])
    if best == np.inf:
        return guess[0], 0
    total = 0.0
    mean = 0.0
    heaviest = 0.0
    first = 0
    for i in range(len(guess)):
        if not usable[i] or seen[i] < (_NEW if i >= seasonal else 1):
            continue
        share = (best + floor) / (error[i] + floor)
        weight = share * share * share * share
        total += weight
        mean += weight * guess[i]
        if weight > heaviest:
            heaviest = weight
            first = i
    return mean / total, first


@njit(cache=True, nogil=True)
def _judge(guess, usable, error, seen, truth):  # type: ignore[no-untyped-def]
    """Update the mean absolute errors with what came true."""
    for i in range(len(guess)):
        if usable[i]:
            seen[i] += 1
            error[i] += max(2.0 / (_ERRORS + 1.0), 1.0 / seen[i]) * (abs(truth - guess[i]) - error[i])


@njit(cache=True, nogil=True)
def _deviation(residual, scale, floor, bad):  # type: ignore[no-untyped-def]
    """Return the residual in scales, capped; 0 when it points where nothing is bad."""
    if residual * bad < 0:
        return 0.0
    return min(abs(residual) / (scale + floor + 1e-12), FARTHEST)


@njit(cache=True, nogil=True)
def _recur(values, ts, first, cell, last, step, profile, known, least, bad, span, share, hold, out, by):  # type: ignore[no-untyped-def]  # noqa: C901, PLR0912, PLR0915  one loop, one state
    """Run from row `first`, and write the rows `cell` to `last`; see `run` for what is written."""
    size = last - first
    smooth, middle, slow = np.empty(size), np.empty(size), np.empty(size)
    level = np.full(4, values[first])
    guess, error, seen, usable = np.zeros(FAST), np.zeros(FAST), np.zeros(FAST), np.zeros(FAST, np.bool_)
    far, far_error, far_seen = np.zeros(SLOW), np.zeros(SLOW), np.zeros(SLOW)
    far_usable = np.zeros(SLOW, np.bool_)
    recent = np.empty(_MEDIAN)
    scale, far_scale, spread = 0.0, 0.0, 0.0
    values_seen, gap_scale = np.empty(size), 0.0
    values_seen[0] = values[first]
    largest, held = np.zeros((3, LARGEST)), np.zeros(3, np.int64)
    rare, fresh = np.zeros(size), np.zeros(size)
    rarest = 0
    heat = 0.0
    near_shift, far_shift = 0.0, 0.0  # how far the series lies from its profile: the last 20 rows, the last 300
    day, week = first, first
    smooth[0] = middle[0] = slow[0] = values[first]
    if cell == first:
        out[first, 0], out[first, 1] = values[first], np.inf
    for row in range(first + 1, last):
        at = row - first
        now = values[row]
        base = profile[row]
        usable[:6] = True
        usable[6:] = False
        guess[0] = values[row - 1]
        guess[1:5] = level
        count = min(_MEDIAN, at)
        recent[:count] = values[row - count : row]
        guess[5] = np.median(recent[:count])
        far_usable[:] = False
        far_usable[0] = True
        far[0] = slow[at - 1]
        smooth[at] = smooth[at - 1] + max(2.0 / (_SHORT + 1.0), 1.0 / (at + 1)) * (now - smooth[at - 1])
        while ts[day] < ts[row] - DAY - step // 2:
            day += 1
        while ts[week] < ts[row] - WEEK - step // 2:
            week += 1
        if day > first and ts[day] <= ts[row] - DAY + step + step // 2:
            then = day - first
            guess[6] = values[day]
            guess[8] = values[day] + level[1] - middle[then - 1]
            usable[6] = usable[8] = True
            far[1] = smooth[then]
            far[2] = smooth[then] + slow[at - 1] - slow[then - 1]
            far_usable[1] = far_usable[2] = True
        if week > first and ts[week] <= ts[row] - WEEK + step + step // 2:
            then = week - first
            guess[7] = values[week]
            guess[9] = values[week] + level[1] - middle[then - 1]
            usable[7] = usable[9] = True
            far[3] = smooth[then]
            far[4] = smooth[then] + slow[at - 1] - slow[then - 1]
            far_usable[3] = far_usable[4] = True
        if known:
            guess[10] = base
            guess[11] = base + near_shift
            usable[10] = usable[11] = True
            far[5] = base + far_shift
            far_usable[5] = True
        floor = max(0.1 * spread + 1e-3 * abs(level[3]), least)
        expected, heaviest = _blend(guess, usable, error, seen, 0.01 * scale + 1e-12, 6)
        distant, _ = _blend(far, far_usable, far_error, far_seen, 0.01 * far_scale + 1e-12, 1)
        residual, far_residual = now - expected, smooth[at] - distant
        gap, place = nearest(values_seen, at, now)
        gap_floor = gap_scale + 0.1 * spread + max(1e-3 * abs(level[3]), least)
        near, distance, novel = 0.0, 0.0, 0.0
        if at >= QUIET_ROWS:
            near = _deviation(residual, scale, floor, bad)
            distance = _deviation(far_residual, far_scale, floor, bad)
            novel = min(gap / (gap_floor + 1e-12), FARTHEST) if (now - level[3]) * bad >= 0 else 0.0
        both = min(near, CAP) + min(novel, CAP)
        heat += 2.0 / (span + 1.0) * (both * both + share * min(distance, CAP) ** 2 - heat)
        if at >= QUIET_ALARM:
            rare[at] = (
                rareness(largest[0], held[0], at, min(novel, RAREST))
                + OTHERS * rareness(largest[1], held[1], at, min(near, RAREST))
                + OTHERS * rareness(largest[2], held[2], at, min(distance, RAREST))
            )
        if at >= QUIET_ROWS:
            held[0] = keep(largest[0], held[0], min(novel, RAREST))
            held[1] = keep(largest[1], held[1], min(near, RAREST))
            held[2] = keep(largest[2], held[2], min(distance, RAREST))
        if at - rarest > AFRESH:
            rarest = at - AFRESH
            for back in range(at - AFRESH, at):
                if rare[back] >= rare[rarest]:
                    rarest = back
        if rare[at] > rare[rarest]:
            fresh[at] = rare[at]
        if rare[at] >= rare[rarest]:
            rarest = at
        if row >= cell:
            out[row, EXPECTED] = expected
            out[row, SCALE] = scale + floor if at >= QUIET_ROWS else np.inf
            out[row, NEAR], out[row, FAR], out[row, NOVEL] = near, distance, novel
            out[row, HEAT] = heat
            out[row, RARE] = fresh[max(0, at - hold + 1) : at + 1].max()
            by[row] = heaviest
        remember(values_seen, at, now, place)
        pace = max(2.0 / (_SCALES + 1.0), 1.0 / at)
        cut = _OUTLIER if at >= QUIET_ROWS else np.inf
        scale += pace * (min(abs(residual), cut * (scale + floor)) - scale)
        far_scale += pace * (min(abs(far_residual), cut * (far_scale + floor)) - far_scale)
        spread += pace * (min(abs(now - level[3]), cut * (spread + floor)) - spread)
        gap_scale += pace * (min(gap, cut * gap_floor) - gap_scale)
        _judge(guess, usable, error, seen, now)
        _judge(far, far_usable, far_error, far_seen, smooth[at])
        for i in range(4):
            level[i] += max(2.0 / (_SPANS[i] + 1.0), 1.0 / (at + 1)) * (now - level[i])
        middle[at] = level[1]
        slow[at] = slow[at - 1] + max(2.0 / (_LONG + 1.0), 1.0 / (at + 1)) * (now - slow[at - 1])
        near_shift += max(2.0 / 21.0, 1.0 / at) * (now - base - near_shift)
        far_shift += max(2.0 / (_LONG + 1.0), 1.0 / at) * (now - base - far_shift)


@njit(cache=True, nogil=True)
def run(values, ts, offsets, step, series, profile, known, least, bad, reach, span, share, hold, out, by):  # type: ignore[no-untyped-def]
    """Fill `out[rows, COLUMNS]` and `by[rows]` for these series; `reach` is the look-back of each, in microseconds.

    The columns are: expected value; scale (infinite where nothing can be said yet); deviation from the fast pool, from
    the slow one, and from every value seen; the sum of their squares, smoothed over `span` rows; and how rare the row
    is if it is the rarest of the last `AFRESH`, held for `hold` rows. `by` is the heaviest forecast. A cell of the grid
    is a quarter of the look-back long.
    """
    for s in series:
        last = offsets[s + 1]
        length = reach[s] // 4
        cell = offsets[s]
        first = offsets[s]
        while cell < last:
            begin = ts[cell] // length * length
            end = cell
            while end < last and ts[end] < begin + length:
                end += 1
            while ts[first] <= begin + length - reach[s]:
                first += 1
            _recur(
                values, ts, first, cell, end, step[s], profile, known[s], least[s], bad[s], span[s], share, hold[s],
                out, by,
            )  # fmt: skip
            cell = end

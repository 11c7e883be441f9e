"""The forecasts of the pool, their weights, and how far each point lies from what they expect together.

Two pools run side by side. The fast one forecasts the next sample; the slow one forecasts the smoothed value from what
was known long before it, so that a shift which the fast pool has already followed is still seen. A forecast weighs by
(its mean absolute error)^-4, as in an online combination of experts.
"""

import numpy as np
from numba import njit

FORECASTS = (
    "the last value", "the last few values", "the last 20 values", "the last 100 values", "the last 500 values",
    "the median of the last values", "yesterday's value", "last week's value", "yesterday's course",
    "last week's course", "the profile of the day", "the profile at today's level",
)  # fmt: skip
FAST, SLOW = len(FORECASTS), 6
EXPECTED, SCALE, NEAR, FAR, NOVEL, STRANGE, HEAT, RARE, LEVEL, SPREAD, HEAVIEST = range(11)
"""Columns of what is told of a row; see `pool_kernel.run`."""
COLUMNS = 11
FARTHEST = 1_000.0  # deviations at most
QUIET_ROWS = 20  # rows of a recursion about which nothing is said
SCALE_SPAN = 600.0  # of the means of residuals
OUTLIER = 8.0  # scales at which a residual is cut before it moves its scale
DAY, WEEK = 86_400_000_000, 7 * 86_400_000_000
_SPANS = (4.0, 20.0, 100.0, 500.0)
_MEDIAN = 11
_NEW = 5  # errors seen before a seasonal forecast may weigh
_ERRORS = 100.0  # span of the means of errors
_SHORT, _LONG = 6.0, 300.0  # spans of the smoothed value and of the slow level


@njit(cache=True, nogil=True)
def pace(span, count):  # type: ignore[no-untyped-def]
    """Return the weight of the newest value in a running mean of `count` values that forgets over `span`."""
    return max(2.0 / (span + 1.0), 1.0 / count)


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
            error[i] += pace(_ERRORS, seen[i]) * (abs(truth - guess[i]) - error[i])


@njit(cache=True, nogil=True)
def deviation(residual, scale, bad):  # type: ignore[no-untyped-def]
    """Return the residual in scales, capped; 0 when it points where nothing is bad."""
    if residual * bad < 0:
        return 0.0
    return min(abs(residual) / (scale + 1e-12), FARTHEST)


@njit(cache=True, nogil=True)
def _seasonal(values, ts, row, first, lag, then, step, history, guess, usable, fast, far, far_usable, slow):  # type: ignore[no-untyped-def]
    """Set the forecasts from one season ago, as it was and at today's level; return the row they come from."""
    smooth, middle, level = history
    while ts[then] < ts[row] - lag - step // 2:
        then += 1
    if then > first and ts[then] <= ts[row] - lag + step + step // 2:
        at, before = row - first, then - first
        guess[fast] = values[then]
        guess[fast + 2] = values[then] + middle[at - 1] - middle[before - 1]
        usable[fast] = usable[fast + 2] = True
        far[slow] = smooth[before]
        far[slow + 1] = smooth[before] + level[at - 1] - level[before - 1]
        far_usable[slow] = far_usable[slow + 1] = True
    return then


@njit(cache=True, nogil=True)
def forecast(values, ts, first, last, step, profile, known, least, bad, told):  # type: ignore[no-untyped-def]
    """Fill expected, scale, near, far, level, spread, heaviest of the rows from `first` to `last`, onwards."""
    size = last - first
    smooth, middle, slow = np.empty(size), np.empty(size), np.empty(size)
    history = (smooth, middle, slow)
    level = np.full(4, values[first])
    guess, error, seen, usable = np.zeros(FAST), np.zeros(FAST), np.zeros(FAST), np.zeros(FAST, np.bool_)
    far, far_error, far_seen = np.zeros(SLOW), np.zeros(SLOW), np.zeros(SLOW)
    far_usable = np.zeros(SLOW, np.bool_)
    scale, far_scale, spread = 0.0, 0.0, 0.0
    near_shift, far_shift = 0.0, 0.0  # how far the series lies from its profile: the last 20 rows, the last 300
    day, week = first, first
    smooth[0] = middle[0] = slow[0] = values[first]
    told[0, EXPECTED], told[0, SCALE], told[0, LEVEL] = values[first], np.inf, values[first]
    for row in range(first + 1, last):
        at = row - first
        now, base = values[row], profile[row]
        smooth[at] = smooth[at - 1] + pace(_SHORT, at + 1) * (now - smooth[at - 1])
        usable[:6], usable[6:], far_usable[:] = True, False, False
        guess[0], guess[1:5] = values[row - 1], level
        guess[5] = np.median(values[max(first, row - _MEDIAN) : row])
        far[0], far_usable[0] = slow[at - 1], True
        day = _seasonal(values, ts, row, first, DAY, day, step, history, guess, usable, 6, far, far_usable, 1)
        week = _seasonal(values, ts, row, first, WEEK, week, step, history, guess, usable, 7, far, far_usable, 3)
        if known:
            guess[10], guess[11], far[5] = base, base + near_shift, base + far_shift
            usable[10] = usable[11] = far_usable[5] = True
        floor = max(0.1 * spread + 1e-3 * abs(level[3]), least)
        expected, heaviest = _blend(guess, usable, error, seen, 0.01 * scale + 1e-12, 6)
        distant, _ = _blend(far, far_usable, far_error, far_seen, 0.01 * far_scale + 1e-12, 1)
        residual, far_residual = now - expected, smooth[at] - distant
        told[at, EXPECTED], told[at, SCALE], told[at, HEAVIEST] = expected, np.inf, heaviest
        told[at, LEVEL], told[at, SPREAD] = level[3], spread
        cut = np.inf
        if at >= QUIET_ROWS:
            cut = OUTLIER
            told[at, SCALE] = scale + floor
            told[at, NEAR] = deviation(residual, scale + floor, bad)
            told[at, FAR] = deviation(far_residual, far_scale + floor, bad)
        share = pace(SCALE_SPAN, at)
        scale += share * (min(abs(residual), cut * (scale + floor)) - scale)
        far_scale += share * (min(abs(far_residual), cut * (far_scale + floor)) - far_scale)
        spread += share * (min(abs(now - level[3]), cut * (spread + floor)) - spread)
        _judge(guess, usable, error, seen, now)
        _judge(far, far_usable, far_error, far_seen, smooth[at])
        for i in range(4):
            level[i] += pace(_SPANS[i], at + 1) * (now - level[i])
        middle[at] = level[1]
        slow[at] = slow[at - 1] + pace(_LONG, at + 1) * (now - slow[at - 1])
        near_shift += pace(20.0, at) * (now - base - near_shift)
        far_shift += pace(_LONG, at) * (now - base - far_shift)

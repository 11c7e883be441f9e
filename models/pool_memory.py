"""What a series remembers of itself: which values it has had, and how large its largest deviations were.

Novelty is the distance to the nearest value ever seen within the look-back, which asks less of a series than a forecast
and finds what a forecast has already followed. Rareness turns a deviation into the negative logarithm of its chance
under a Pareto tail fitted to the largest ones remembered (Hill's estimator; the idea of an extreme-value threshold is
from Siffer and others, "Anomaly Detection in Streams with Extreme Value Theory", KDD 2017): in a series of frequent
spikes a spike is ordinary.
"""

import numpy as np
from numba import njit

from models.pool_forecasts import (
    EXPECTED,
    LEVEL,
    NOVEL,
    OUTLIER,
    QUIET_ROWS,
    SCALE_SPAN,
    SPREAD,
    STRANGE,
    deviation,
    pace,
)  # fmt: skip

LARGEST = 10  # deviations that are remembered
ALIKE, EVERY = 3, 4  # windows that one is compared with; rows between two comparisons that nobody asked for
QUIET_WINDOWS = 60  # rows of a recursion whose windows are not judged
_USUAL, _WEIGHT = 6.0, 10.0  # the tail's exponent before anything is seen, and for how many deviations that counts
_LEAST = 1.0  # deviation below which nothing is rare


@njit(cache=True, nogil=True)
def nearest(known, count, value):  # type: ignore[no-untyped-def]
    """Return the distance of a value to the nearest of `count` sorted ones, and the place where it belongs."""
    place = np.searchsorted(known[:count], value)
    gap = np.inf
    if place < count:
        gap = known[place] - value
    if place > 0:
        gap = min(gap, value - known[place - 1])
    return gap, place


@njit(cache=True, nogil=True)
def remember(known, count, value, place):  # type: ignore[no-untyped-def]
    """Insert a value at its place among `count` sorted ones."""
    for at in range(count, place, -1):
        known[at] = known[at - 1]
    known[place] = value


@njit(cache=True, nogil=True)
def rareness(largest, held, seen, deviation):  # type: ignore[no-untyped-def]
    """Return -log of the chance of so large a deviation, given the `held` largest (ascending, at the end) of `seen`."""
    if held == 0:
        return 0.0
    base = max(largest[LARGEST - held], _LEAST)
    if deviation <= base:
        return 0.0
    stretch = 0.0
    for at in range(LARGEST - held, LARGEST):
        if largest[at] > base:
            stretch += np.log(largest[at] / base)
    exponent = (held + _WEIGHT) / (stretch + _WEIGHT / _USUAL)
    return np.log(seen / held) + exponent * np.log(deviation / base)


@njit(cache=True, nogil=True)
def keep(largest, held, deviation):  # type: ignore[no-untyped-def]
    """Keep a deviation if it is among the largest, and return how many are held."""
    if held == LARGEST and deviation <= largest[0]:
        return held
    at = 0
    while at < LARGEST - 1 and largest[at + 1] < deviation:
        largest[at] = largest[at + 1]
        at += 1
    largest[at] = deviation
    return min(held + 1, LARGEST)


@njit(cache=True, nogil=True)
def strangeness(values, first, row, depth, stride, best):  # type: ignore[no-untyped-def]
    """Return how far the window that ends at `row` lies from those most like it since `first`, per sample.

    A window is `depth` samples, `stride` rows apart; the windows that overlap with it do not count. The result is the
    mean distance to the `len(best)` nearest (Euclid, in the unit of the values), 0 while there are too few.
    """
    best[:] = np.inf
    count = len(best)
    for start in range(first + (depth - 1) * stride, row - depth * stride):
        total = 0.0
        for back in range(0, depth * stride, stride):
            gap = values[row - back] - values[start - back]
            total += gap * gap
            if total >= best[count - 1]:
                break
        if total < best[count - 1]:
            place = count - 1
            while place > 0 and best[place - 1] > total:
                best[place] = best[place - 1]
                place -= 1
            best[place] = total
    if best[count - 1] == np.inf:
        return 0.0
    return np.sqrt(best).mean() / np.sqrt(depth)


@njit(cache=True, nogil=True)
def recall(values, first, cell, last, depth, stride, least, bad, told):  # type: ignore[no-untyped-def]
    """Fill `told[row - first]` of the rows from `first` to `last`: novelty of the value, strangeness of the window.

    Windows before row `cell` only tell what is usual, so only some of them are compared.
    """
    known = np.empty(last - first)
    known[0] = values[first]
    best = np.empty(ALIKE)
    apart, usual_gap, usual_apart = 0.0, 0.0, 0.0
    for row in range(first + 1, last):
        at = row - first
        now = values[row]
        gap, place = nearest(known, at, now)
        if row >= cell or at % EVERY == 0:
            apart = strangeness(values, first, row, depth, stride, best)
        floor = max(1e-3 * abs(told[at, LEVEL]), least)
        gap_scale = usual_gap + 0.1 * told[at, SPREAD] + floor
        apart_scale = usual_apart + 0.05 * told[at, SPREAD] + floor
        if at >= QUIET_ROWS and (now - told[at, LEVEL]) * bad >= 0:
            told[at, NOVEL] = deviation(gap, gap_scale, 0.0)
        if at >= QUIET_WINDOWS and (now - told[at, EXPECTED]) * bad >= 0:
            told[at, STRANGE] = deviation(apart, apart_scale, 0.0)
        if at >= QUIET_ROWS:
            gap = min(gap, OUTLIER * gap_scale)
        usual_gap += pace(SCALE_SPAN, at) * (gap - usual_gap)
        usual_apart += pace(SCALE_SPAN, at) * (apart - usual_apart)
        remember(known, at, now, place)

"""What a series remembers of itself: which values it has had, and how large its largest deviations were.

Novelty is the distance to the nearest value ever seen within the look-back, which asks less of a series than a forecast
and finds what a forecast has already followed. Rareness turns a deviation into the negative logarithm of its chance
under a Pareto tail fitted to the largest ones remembered (Hill's estimator; the idea of an extreme-value threshold is
from Siffer and others, "Anomaly Detection in Streams with Extreme Value Theory", KDD 2017): in a series of frequent
spikes a spike is ordinary.
"""

import numpy as np
from numba import njit

LARGEST = 10  # deviations that are remembered
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

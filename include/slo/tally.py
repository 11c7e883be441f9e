"""Counts by minute → good and total by a budgeting method, exactly.

Sums are correctly rounded (`math.fsum`) and so do not depend on the order of the rows; a slice near its target is
judged in exact fractions, never by a rounded ratio.
"""

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from include.slo.objective import Method, Objective

Floats = npt.NDArray[np.float64]
Minutes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Units:
    """What is budgeted, sorted by time: minutes of events, or slices. `good` and `total` add up; `minute` is the start.

    Of a slice, `total` is 1 and `good` is 0 or 1 (timeslices) or its share of good events (ratio-timeslices).
    """

    minute: Minutes
    good: Floats
    total: Floats

    def between(self, start: int, end: int) -> "Units":
        """Return the units that start in `[start, end)`, in minutes since the epoch."""
        low, high = np.searchsorted(self.minute, [start, end])
        return Units(self.minute[low:high], self.good[low:high], self.total[low:high])

    def tally(self) -> "Tally":
        """Return the sums."""
        return Tally(Fraction(math.fsum(self.good)), Fraction(math.fsum(self.total)))


@dataclass(frozen=True)
class Tally:
    """Good and total, in events or slices. Tallies of two halves of a window add up to that of the whole."""

    good: Fraction
    total: Fraction

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(self.good + other.good, self.total + other.total)

    @property
    def bad_ratio(self) -> Fraction | None:
        """Share of bad 0..1, exactly; None without events, for that is neither good nor bad."""
        return (self.total - self.good) / self.total if self.total else None


def units(objective: Objective, minute: Minutes, good: Floats, total: Floats) -> Units:
    """Return what the objective budgets from valid counts by minute (sorted, `0 <= good <= total`).

    A slice without events is no slice. Methods as in the OpenSLO specification, `budgetingMethod`.
    """
    if objective.method is Method.OCCURRENCES or not len(minute):
        return Units(minute, good, total)
    width = int(objective.slice_width.total_seconds()) // 60
    index, which = np.unique(minute // width, return_inverse=True)
    events, fine = (np.bincount(which, counts).astype(np.float64) for counts in (total, good))
    seen = events > 0
    starts, events, fine = index[seen] * width, events[seen], fine[seen]
    if objective.method is Method.TIMESLICES:
        return Units(starts, _met(fine, events, objective.slice_target).astype(np.float64), np.ones(len(starts)))
    return Units(starts, fine / events, np.ones(len(starts)))


def _met(good: Floats, total: Floats, target: Fraction) -> npt.NDArray[np.bool_]:
    ratio = good / total
    met = ratio >= float(target)
    for i in np.flatnonzero(np.abs(ratio - float(target)) < 1e-9):
        met[i] = Fraction(good[i]) >= target * Fraction(total[i])
    return met

"""Histograms of many values at once, by class and part of the day, and how far two of them lie apart."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from include.features.panel import Floats, Longs

BINS, PARTS = 40, 8
MOST_DAYS = 28
USUAL = 0.9  # of the days of training differ from their whole by less
DAY = 86_400_000_000


@dataclass(frozen=True)
class Tally:
    """Counts of one feature: `counts[class, part of the day, bin]`, rows and their effective number per class."""

    counts: npt.NDArray[np.int64]
    effective: Floats  # rows, less what neighbours in time repeat
    middle: Floats  # median per class


@dataclass(frozen=True)
class Column:
    """Values of one feature: for each row its value, the class and series it is of, part of the day, and time."""

    values: Floats
    group: Longs
    series: Longs
    part: Longs
    ts: Longs

    def tally(self, edges: Floats) -> Tally:
        """Count the values between `edges[class, BINS - 1]`."""
        classes = len(edges)
        place = self.bins(edges)
        flat = (self.group * PARTS + self.part) * BINS + place
        counts = np.bincount(flat, minlength=classes * PARTS * BINS).reshape(classes, PARTS, BINS)
        medians = pd.Series(self.values).groupby(self.group).median().reindex(range(classes))
        middle = np.asarray(medians, np.float64)
        return Tally(counts, effective_rows(place.astype(np.float64), self.group, self.series, classes), middle)

    def bins(self, edges: Floats) -> Longs:
        """Return the bin of each value among its class's edges."""
        place = np.zeros(len(self.values), np.int64)
        for at, own in enumerate(edges):  # a loop over classes: tens
            mine = self.group == at
            place[mine] = np.searchsorted(own, self.values[mine], side="right")
        return place


def effective_rows(values: Floats, group: Longs, series: Longs, classes: int) -> Floats:
    """Return per class how many independent rows its rows are worth: n (1 - r) / (1 + r).

    r is the correlation of neighbouring rows of one series (Bayley and Hammersley, "The effective number of independent
    observations in an autocorrelated time series", 1946, for an autoregression of first order).
    """
    rows = np.bincount(group, minlength=classes).astype(np.float64)
    if not len(values):
        return rows
    count = np.bincount(series)
    off = values - (np.bincount(series, weights=values) / np.maximum(count, 1))[series]
    pairs = series[1:] == series[:-1]
    num = np.bincount(group[1:][pairs], weights=(off[1:] * off[:-1])[pairs], minlength=classes)
    den = np.bincount(group, weights=off * off, minlength=classes)
    r = np.clip(np.divide(num, den, out=np.zeros(classes), where=den > 0), 0.0, 0.999)
    return rows * (1 - r) / (1 + r)


def population_stability(expected: Floats, current: Floats) -> Floats:
    """Return the population stability index of shares `[..., BINS]`, over ten groups of bins.

    The sum of (current - expected) ln(current / expected): 0 is the same, above 0.25 is by convention another world.
    """
    coarse = [
        np.maximum(one.reshape(*one.shape[:-1], BINS // 4, 4).sum(axis=-1), 1e-4) for one in (expected, current)
    ]  # fmt: skip
    return np.sum((coarse[1] - coarse[0]) * np.log(coarse[1] / coarse[0]), axis=-1)


def expected_shares(counts: npt.NDArray[np.int64], parts: npt.NDArray[np.int64]) -> Floats:
    """Return the shares by bin `[class, BINS]` that a reference `[class, PARTS, BINS]` leads to expect of a day.

    `parts` says how many rows the day has in each part. A part that the reference never saw is expected to look like
    its whole.
    """
    whole = counts.sum(axis=1, keepdims=True)
    seen = counts.sum(axis=2, keepdims=True) > 0
    shares = np.where(seen, counts, whole).astype(np.float64)
    shares /= np.maximum(shares.sum(axis=2, keepdims=True), 1.0)
    mix = parts / np.maximum(parts.sum(axis=1, keepdims=True), 1)
    return np.einsum("cp,cpb->cb", mix, shares)


def quantile_edges(column: Column, classes: int) -> Floats:
    """Return the inner quantiles of each class, `[class, BINS - 1]`."""
    edges = np.zeros((classes, BINS - 1))
    for at in range(classes):
        own = column.values[column.group == at]
        if len(own):
            edges[at] = np.quantile(own, np.arange(1, BINS) / BINS)
    return edges


def usual_stability(column: Column, edges: Floats) -> Floats:
    """Return per class the PSI against the whole that nine of ten days stay under."""
    classes = len(edges)
    if not len(column.ts):
        return np.full(classes, np.nan)
    day = column.ts // DAY
    newest = day - (day.max() - MOST_DAYS + 1)
    recent = newest >= 0
    flat = ((newest * classes + column.group) * PARTS + column.part) * BINS + column.bins(edges)
    counts = np.bincount(flat[recent], minlength=MOST_DAYS * classes * PARTS * BINS)
    counts = counts.reshape(MOST_DAYS, classes, PARTS, BINS)
    whole = counts.sum(axis=0)
    psi = np.full((MOST_DAYS, classes), np.nan)
    for at, one in enumerate(counts):
        there = one.sum(axis=(1, 2))
        shares = one.sum(axis=1) / np.maximum(there, 1)[:, None]
        found = population_stability(expected_shares(whole, one.sum(axis=2)), shares)
        psi[at] = np.where(there >= BINS, found, np.nan)
    enough = np.isfinite(psi).sum(axis=0) >= 3
    usual = np.full(classes, np.nan)
    usual[enough] = np.nanquantile(psi[:, enough], USUAL, axis=0)
    return usual

"""The scoring rules of the Numenta Anomaly Benchmark: a window counts by how early it is found, a false point by place.

Lavin and Ahmad, "Evaluating Real-time Anomaly Detection Algorithms – the Numenta Anomaly Benchmark", ICMLA 2015, in the
form of NAB 1.1. Every row has a place relative to the windows: -1 where a window begins, towards 0 at its end, above 0
behind it. A window counts its earliest flagged row by a sigmoid of that place, every flagged row outside counts against
by another, and the first 15% of a series (at most 750 rows) count nothing. 0 is a detector that says nothing, 100 one
that flags the first row of every window and nothing else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Longs = npt.NDArray[np.int64]

PROBATION, LONGEST_PROBATION = 0.15, 750.0
FAR_BEHIND = 3.0  # windows' widths behind a window from which a false point counts in full


@dataclass(frozen=True)
class Profile:
    """What a found window is worth, and what a false point and a missed window cost."""

    tp: float
    fp: float
    fn: float

    @classmethod
    def read(cls, document: Mapping[str, Mapping[str, Mapping[str, float]]]) -> dict[str, "Profile"]:
        """Return the profiles of NAB's `config/profiles.json` by name."""
        costs = {name: entry["CostMatrix"] for name, entry in document.items()}
        return {name: cls(cost["tpWeight"], cost["fpWeight"], cost["fnWeight"]) for name, cost in costs.items()}


@dataclass(frozen=True)
class Marked:
    """One series as NAB sees it: per row its weight before the profile's, and its window (-1 outside)."""

    weight: Floats
    window: Longs
    windows: int
    probation: int

    @classmethod
    def of(cls, rows: int, windows: Sequence[tuple[int, int]]) -> "Marked":
        """Mark a series of so many rows; windows are first and last row, in order."""
        weight, window = np.full(rows, -1.0), np.full(rows, -1)
        for number, (first, last) in enumerate(windows):
            width = last - first + 1
            behind = windows[number + 1][0] if number + 1 < len(windows) else rows
            inside = np.arange(first, last + 1)
            weight[inside] = sigmoid((inside - last - 1) / width) / sigmoid(np.array(-1.0))
            window[inside] = number
            after = np.arange(last + 1, behind)
            weight[after] = sigmoid((after - last) / max(width - 1, 1))
        probation = int(min(np.floor(PROBATION * rows), LONGEST_PROBATION))
        return cls(weight, window, len(windows), probation)

    @property
    def open_windows(self) -> Longs:
        """The windows that have a row after the probation."""
        found = np.unique(self.window[self.probation :])
        return found[found >= 0]

    def score(self, flagged: Flags, profile: Profile) -> float:
        """Return NAB's raw score of the flagged rows."""
        counted = flagged.copy()
        counted[: self.probation] = False
        total = profile.fp * float(self.weight[counted & (self.window < 0)].sum())
        for number in self.open_windows:
            hit = counted & (self.window == number)
            total += profile.tp * float(self.weight[hit].max()) if hit.any() else -profile.fn
        return total


def sigmoid(place: Floats) -> Floats:
    """Return NAB's scaled sigmoid: 0.987 at -1, 0 at 0, -0.987 at 1, and -1 from 3 on."""
    return np.where(place >= FAR_BEHIND, -1.0, 2.0 / (1.0 + np.exp(5.0 * np.minimum(place, FAR_BEHIND))) - 1.0)


def normalised(raw: float, corpus: Sequence[Marked], profile: Profile) -> float:
    """Return a raw score over the whole corpus on the scale of 0 (says nothing) to 100 (perfect)."""
    nothing = -profile.fn * sum(len(series.open_windows) for series in corpus)
    perfect = profile.tp * sum(series.windows for series in corpus)
    return 100.0 * (raw - nothing) / (perfect - nothing)


def corpus_score(flagged: Sequence[Flags], corpus: Sequence[Marked], profile: Profile) -> float:
    """Return the normalised score of flagged rows, one array per series."""
    raw = sum(series.score(rows, profile) for rows, series in zip(flagged, corpus, strict=True))
    return normalised(raw, corpus, profile)


def best_score(scores: Sequence[Floats], corpus: Sequence[Marked], profile: Profile) -> tuple[float, float]:
    """Return the normalised score at the one threshold that suits the whole corpus best, and that threshold.

    NAB's leaderboard is made this way: the threshold is chosen on the very data that it is scored on.
    """
    change, level = [], []
    for score, series in zip(scores, corpus, strict=True):
        for value, by in zip(*_changes(score, series, profile), strict=True):
            level.append(value)
            change.append(by)
    values, gains = np.concatenate(level), np.concatenate(change)
    order = np.argsort(-values, kind="stable")
    values, total = values[order], np.cumsum(gains[order])
    ends = np.flatnonzero(np.append(values[1:] != values[:-1], True))
    nothing = -profile.fn * sum(len(series.open_windows) for series in corpus)
    best = int(ends[np.argmax(total[ends])])
    if total[best] <= 0:
        return 0.0, float("inf")
    return normalised(nothing + float(total[best]), corpus, profile), float(values[best])


def _changes(score: Floats, series: Marked, profile: Profile) -> tuple[list[Floats], list[Floats]]:
    """Return scores, and by how much the raw score changes when the threshold falls to each of them."""
    levels, changes = [], []
    scored = np.arange(len(score)) >= series.probation
    outside = scored & (series.window < 0)
    levels.append(score[outside])
    changes.append(profile.fp * series.weight[outside])
    for number in series.open_windows:
        rows = np.flatnonzero(scored & (series.window == number))
        rows = rows[np.argsort(-score[rows], kind="stable")]
        worth = profile.tp * np.maximum.accumulate(series.weight[rows])
        levels.append(score[rows])
        changes.append(np.diff(worth, prepend=-profile.fn))
    return levels, changes

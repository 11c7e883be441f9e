"""How detection is judged, for one series or several: events, false episodes, delay, bootstrap, and plain baselines.

Point-adjusted F1 appears nowhere: with it a random score looks good. What is counted instead is what a person on call
would count. An event is found when a point inside it is flagged. Flagged points over 30 minutes away from any event are
false; runs of them, joined over 30 quiet minutes, are false episodes. One that lasts counts again every four hours, so
that an alarm that never ends is not a cheap way to find everything.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Longs = npt.NDArray[np.int64]

DAY = 86_400
QUIET = 1_800  # seconds: without a flagged point they end an episode; this close to an event no point is false
LASTS = 14_400  # seconds after which a false episode counts again
DRAWS = 2_000
MAD = 1.4826  # median absolute deviation → standard deviation of a normal distribution
ROLLING = 60  # samples


@dataclass(frozen=True)
class OperatingPoint:
    """What a fixed threshold gives on one series or service."""

    events: int
    found: int
    false_episodes: int
    days: float
    delays: Longs  # samples from the first point of a found event to its first flagged one

    @property
    def recall(self) -> float:
        """Share of events with a flagged point, 0 to 1; NaN without events."""
        return self.found / self.events if self.events else float("nan")

    @property
    def false_per_day(self) -> float:
        """False episodes per day."""
        return self.false_episodes / self.days

    @property
    def event_f1(self) -> float:
        """Harmonic mean of the recall of events and of found / (found + false episodes); NaN without events."""
        wrong = self.false_episodes + self.events - self.found
        return 2 * self.found / (2 * self.found + wrong) if self.events else float("nan")


def events(labels: Flags) -> Longs:
    """Return `[events, 2]`: first row of each run of labels, and the row after its last.

    >>> events(np.array([False, True, True, False, True])).tolist()
    [[1, 3], [4, 5]]
    """
    edge = np.diff(np.concatenate(([0], np.asarray(labels, np.int8), [0])))
    return np.stack([np.flatnonzero(edge == 1), np.flatnonzero(edge == -1)], axis=1).astype(np.int64)


def operating_point(labels: Flags, flagged: Flags, step: int) -> OperatingPoint:
    """Return recall, false episodes and delays of flagged points against labels; `step` in seconds."""
    found = events(labels)
    hits = [np.flatnonzero(flagged[first:last]) for first, last in found]
    delays = np.array([hit[0] for hit in hits if len(hit)], np.int64)
    margin = QUIET // step
    near = np.zeros(len(labels), bool)
    for first, last in found:
        near[max(first - margin, 0) : last + margin] = True
    false = np.flatnonzero(flagged & ~near) * step
    return OperatingPoint(len(found), len(delays), _episodes(false), len(labels) * step / DAY, delays)


def _episodes(seconds: Longs) -> int:
    if not len(seconds):
        return 0
    runs = np.split(seconds, np.flatnonzero(np.diff(seconds) > QUIET) + 1)
    return sum(1 + int(run[-1] - run[0]) // LASTS for run in runs)


def bootstrap(values: Floats, seed: int = 7) -> tuple[float, float]:
    """Return the 95% interval of the mean over series or machines; values that are NaN do not count."""
    known = np.asarray(values, np.float64)
    known = known[np.isfinite(known)]
    if not len(known):
        return float("nan"), float("nan")
    drawn = np.random.default_rng(seed).integers(0, len(known), (DRAWS, len(known)))
    low, high = np.quantile(known[drawn].mean(axis=1), [0.025, 0.975])
    return float(low), float(high)


def spread(values: Floats) -> str:
    """Return least, median and most of the values as text; those that are NaN do not count."""
    known = np.asarray(values, np.float64)
    known = known[np.isfinite(known)]
    if not len(known):
        return "none"
    return f"min {known.min():.2f}, median {np.median(known):.2f}, max {known.max():.2f}"


def baselines(train: Floats, test: Floats, seed: int = 7) -> Mapping[str, Floats]:
    """Return the causal score of every plain baseline over the rows of `test`; both are `[time, metrics]`."""
    return {name: score(train, test, seed) for name, score in BASELINES.items()}


def random_score(train: Floats, test: Floats, seed: int) -> Floats:  # noqa: ARG001  one form for all baselines
    """Return uniform noise: what any method must beat."""
    return np.random.default_rng(seed).random(len(test))


def smoothed_random(train: Floats, test: Floats, seed: int) -> Floats:
    """Return the mean of the last 60 values of uniform noise: smoothing alone lifts VUS-PR."""
    return rolling_mean(random_score(train, test, seed), ROLLING)


def mean_z(train: Floats, test: Floats, seed: int) -> Floats:  # noqa: ARG001
    """Return the mean over metrics of |robust z| against training."""
    return np.asarray(np.abs(_standardised(train, test)).mean(axis=1))


def rolling_mad(train: Floats, test: Floats, seed: int) -> Floats:  # noqa: ARG001
    """Return the mean over metrics of the distance to the last 60 samples' median, in their median deviations."""
    whole = pd.DataFrame(np.concatenate([train[-2 * ROLLING :], test]))
    gap = (whole - whole.rolling(ROLLING, min_periods=1).median().shift(1, fill_value=0.0)).abs()
    usual = gap.rolling(ROLLING, min_periods=1).median().shift(1, fill_value=0.0)
    floor = _scale(train) / 10
    ratio = np.minimum(gap.to_numpy() / np.maximum(MAD * usual.to_numpy(), floor), 50.0)
    return np.asarray(ratio[-len(test) :].mean(axis=1))


def raw_forest(train: Floats, test: Floats, seed: int) -> Floats:
    """Return the score of an isolation forest on the raw values."""
    from sklearn.ensemble import IsolationForest

    forest = IsolationForest(random_state=seed, n_jobs=1).fit(train)
    return np.asarray(-forest.score_samples(test))


def pca_residual(train: Floats, test: Floats, seed: int) -> Floats:  # noqa: ARG001
    """Return the distance to the components that hold 90% of the training's variance; |z| for a single metric."""
    known, later = _standardised(train, train), _standardised(train, test)
    if train.shape[1] == 1:
        return np.asarray(np.abs(later[:, 0]))
    centre = known.mean(axis=0)
    variance, axes = np.linalg.eigh(np.cov((known - centre).T))
    kept = int(np.searchsorted(np.cumsum(variance[::-1]) / max(variance.sum(), 1e-12), 0.9)) + 1
    main = axes[:, ::-1][:, :kept]
    rest = (later - centre) - (later - centre) @ main @ main.T
    return np.asarray(np.sqrt((rest**2).mean(axis=1)))


BASELINES: Mapping[str, Callable[[Floats, Floats, int], Floats]] = {
    "random": random_score,
    "smoothed random": smoothed_random,
    "mean |z|": mean_z,
    "rolling MAD": rolling_mad,
    "raw IsolationForest": raw_forest,
    "PCA residual": pca_residual,
}


def rolling_mean(values: Floats, size: int) -> Floats:
    """Return the mean of the last `size` values at each row, of fewer at the start."""
    return np.asarray(pd.Series(values).rolling(size, min_periods=1).mean())


def _standardised(train: Floats, values: Floats) -> Floats:
    return np.clip((values - np.median(train, axis=0)) / _scale(train), -50.0, 50.0)


def _scale(train: Floats) -> Floats:
    """Return each metric's scale: the larger of the robust one and the standard deviation.

    The robust one alone is next to nothing for a metric that mostly rests, whose every stir would then count most.
    """
    median = np.median(train, axis=0)
    robust = MAD * np.median(np.abs(train - median), axis=0)
    return np.asarray(np.maximum(np.maximum(robust, train.std(axis=0)), 1e-3 * np.maximum(np.abs(median), 1.0)))

"""Five views of one service's metrics, each a number per time; what is ordinary for them is learned per service.

Every metric's deviation is measured in the 99% quantile of its own deviations in training, 1 is there.

- `level`: how far the fifth of the metrics that deviates most is from its profile.
- `jump`: how far that fifth is from where the last hours left it. It stops soon when a level stays shifted.
- `pattern`: what the main components of ordinary times leave unexplained (PCA with half of the variance).
- `novelty`: the distance to the third nearest of 500 ordinary times, whatever modes those form (as DBSCAN's core
  distance, without the one radius that no two services share).
- `agitation`: how much more, or less, than usual the metrics have moved from sample to sample within the hour.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from include.features.panel import Floats, Longs
from models.joint_grid import Grid
from models.joint_kernels import highest_mean, nearest, unexplained, window_mean

PARTS = ("level", "jump", "pattern", "novelty", "agitation")
Directions = npt.NDArray[np.int8]
SHARE = 0.2  # of the metrics, the most deviant ones
CAP, STILL = 50.0, 10.0  # quantiles of 99%: above it all is the same; where a metric never moved in training, sooner
ROUNDING = 1e-6  # of a metric's size: a deviation below it is none
USUAL = 0.99
VARIANCE = 0.5  # share that the main components explain
INLIER = 3.0  # components are learned from deviations cut here, so that a fault in training is no main component
TIMES, RANK, NEAR = 500, 3, 10.0  # ordinary times kept, which neighbour counts, and how far a deviation is told
HOUR = 3_600_000_000  # microseconds
FADES, LONGEST = 4, 10 * HOUR  # a fading window is cut at so many of its times, and never longer


@dataclass(frozen=True)
class Seen:
    """What one grid looks like: `[cells, metrics]` in the metrics' own unit, NaN where nothing is known."""

    grid: Grid
    residual: Floats  # value less what the profile expects
    jump: Floats  # residual less its fading mean over the last hours
    moved: Floats  # square root of the mean distance from sample to sample, over the hour

    @classmethod
    def of(cls, grid: Grid, residual: Floats) -> "Seen":
        """Gather the panel's residuals."""
        here = grid.take(residual)
        before, moved = np.empty_like(here), np.empty_like(here)
        tau = max(HOUR / grid.step, 3.0)
        window_mean(here, grid.first, cells(FADES * tau * grid.step, grid.step), tau, False, before)
        change = np.abs(np.diff(here, axis=0, prepend=here[:1]))
        window_mean(change, grid.first, cells(HOUR, grid.step), np.inf, True, moved)
        return cls(grid, here, here - before, np.sqrt(moved))

    def where(self, keep: npt.NDArray[np.bool_]) -> "Seen":
        """Return these cells alone."""
        return Seen(self.grid, self.residual[keep], self.jump[keep], self.moved[keep])


def cells(microseconds: float, step: int) -> int:
    """Return how many cells a window is, at least one."""
    return max(int(min(microseconds, LONGEST)) // step, 1)


@dataclass(frozen=True)
class Yardstick:
    """What is ordinary for one service, per metric in order of `series_ids`."""

    series_ids: Longs
    centre: Floats  # of the residuals
    cap: Floats  # most that a deviation counts, in its scales
    level: Floats  # 99% quantile of their distance from it
    jump: Floats
    usual_move: Floats
    move: Floats
    middle: Floats  # mean of the measured residuals
    axes: Floats  # [metrics, components]
    times: Floats  # [metrics, ordinary times]: measured residuals

    @classmethod
    def fit(cls, seen: Seen, series_ids: Longs, size: Floats, seed: int) -> "Yardstick":
        """Learn from ordinary times. `size` is how large each metric's values are, to tell a move from rounding."""
        told = seen.where(seen.grid.told)
        centre, usual_move = _median(told.residual), _median(told.moved)
        floor = np.maximum(ROUNDING * np.abs(size), 1e-12)
        level = _scale(told.residual - centre)
        cap = np.where(level > floor, CAP, STILL)
        level = np.maximum(level, floor)
        measured = np.nan_to_num(np.clip((told.residual - centre) / level, -cap, cap))
        inlying = np.clip(measured, -INLIER, INLIER)
        variance, axes = np.linalg.eigh(np.cov(inlying.T))
        share = np.cumsum(variance[::-1]) / max(float(variance.sum()), 1e-12)
        kept = min(int(np.searchsorted(share, VARIANCE)) + 1, len(centre))
        drawn = np.random.default_rng(seed).choice(len(measured), min(TIMES, len(measured)), replace=False)
        return cls(
            series_ids, centre, cap, level, np.maximum(_scale(told.jump), floor),
            usual_move, np.maximum(_scale(told.moved - usual_move), np.sqrt(floor)), inlying.mean(axis=0),
            axes[:, ::-1][:, :kept], np.clip(measured[np.sort(drawn)], -NEAR, NEAR).T,
        )  # fmt: skip

    def of(self, series_ids: Longs) -> "Yardstick":
        """Return the yardstick of these of its metrics, in this order."""
        at = np.searchsorted(self.series_ids, series_ids)
        return Yardstick(**{name: value[at] for name, value in self.arrays().items()})

    def levels(self, seen: Seen) -> Floats:
        """Return `[cells, metrics]` signed deviations from the profile, 1 at the 99% quantile."""
        return np.clip((seen.residual - self.centre) / self.level, -self.cap, self.cap)

    def parts(self, seen: Seen, direction: Directions) -> Floats:
        """Return `[cells, parts]`; `direction` per metric is +1 where only high is bad, -1 only low, 0 both."""
        found = np.empty((len(seen.residual), len(PARTS)))
        level = _bad(self.levels(seen), direction)
        highest_mean(np.abs(level), SHARE, found[:, 0])
        highest_mean(np.abs(_bad(np.clip(seen.jump / self.jump, -self.cap, self.cap), direction)), SHARE, found[:, 1])
        left = np.empty_like(level)
        unexplained(level, self.middle, np.ascontiguousarray(self.axes), left)
        known = np.maximum(np.isfinite(left).sum(axis=1), 1)
        found[:, 2] = np.sqrt(np.nansum(left**2, axis=1) / known)
        near = np.nan_to_num(np.clip(level, -NEAR, NEAR))
        nearest(near, np.ascontiguousarray(self.times.T), min(RANK, self.times.shape[1]), found[:, 3])
        moved = (seen.moved - self.usual_move) / self.move
        highest_mean(np.abs(np.clip(moved, -self.cap, self.cap)), SHARE, found[:, 4])
        return np.nan_to_num(found)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the fields as named arrays; the first axis of each is the metrics."""
        return dict(self.__dict__)


def _bad(signed: Floats, direction: Directions) -> Floats:
    return np.where(signed * direction < 0, 0.0, signed)


def _median(values: Floats) -> Floats:
    return np.array([np.median(one[np.isfinite(one)]) if np.isfinite(one).any() else 0.0 for one in values.T])


def _scale(deviation: Floats) -> Floats:
    """Return the 99% quantile of |deviation| per metric; the most that was seen where that is 0."""
    scale = np.empty(deviation.shape[1])
    for at, one in enumerate(np.abs(deviation).T):
        known = one[np.isfinite(one)]
        scale[at] = (np.quantile(known, USUAL) or known.max()) if len(known) else np.inf
    return scale

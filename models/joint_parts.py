"""Three views of one service's metrics, each a number per time: how far, how suddenly, and how unlike each other.

`level` is how far the fifth of the metrics that deviate most is from its profile; `jump` is how far from where the
last hours of the same deviations left it; `pattern` is what the main components of ordinary times do not explain (PCA
with half of the variance). Every deviation is measured by the 99% quantile of the metric's own, in training.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from include.features.panel import Floats, Longs
from models.joint_grid import Grid
from models.joint_kernels import fading_mean, highest_mean

PARTS = ("level", "jump", "pattern")
SHARE = 0.2  # of the metrics, the most deviant ones
CAP = 50.0  # quantiles of 99%: above it all is the same
USUAL = 0.99
VARIANCE = 0.5  # share that the main components explain
INLIER = 3.0  # components are learned from deviations cut here, so that a fault in training is no main component
HOUR, FADES = 3_600_000_000, 4
LONGEST = 12 * HOUR  # of the window that a jump is measured against


@dataclass(frozen=True)
class Deviations:
    """What one grid looks like: `[cells, metrics]` values and residuals in the metrics' own unit, NaN where missing."""

    grid: Grid
    raw: Floats
    residual: Floats
    before: Floats  # residual of the last hours, fading

    @classmethod
    def of(cls, grid: Grid, values: Floats, expected: Floats) -> "Deviations":
        """Gather the panel's values and what was expected of them."""
        residual = grid.take(values - expected)
        size, tau = fading(grid.step)
        before = np.empty_like(residual)
        fading_mean(residual, _first_cell(grid), size, tau, before)
        return cls(grid, grid.take(values), residual, before)


def fading(step: int) -> tuple[int, float]:
    """Return how many cells the last hours are, and in how many their weight falls by e; `step` in microseconds."""
    tau = max(HOUR / step, 3.0)
    return max(min(int(np.ceil(FADES * tau)), LONGEST // step), 1), tau


@dataclass(frozen=True)
class Yardstick:
    """What is ordinary for one service, per metric in order of `series_ids`."""

    series_ids: Longs
    centre: Floats  # of the residuals
    level: Floats  # 99% quantile of their distance from it
    jump: Floats
    raw_centre: Floats
    raw_scale: Floats
    middle: Floats  # mean of the standardised values
    axes: Floats  # [metrics, components]

    @classmethod
    def fit(cls, seen: Deviations, series_ids: Longs) -> "Yardstick":
        """Learn from ordinary times; a metric without any point among them gets a scale at which nothing counts."""
        told = seen.grid.told
        raw, residual = seen.raw[told], seen.residual[told]
        jump = (residual - seen.before[told])[1:]
        centre, raw_centre = _median(residual), _median(raw)
        raw_scale = _scale(raw - raw_centre, raw_centre)
        standard = np.nan_to_num(np.clip((raw - raw_centre) / raw_scale, -INLIER, INLIER))
        middle = standard.mean(axis=0)
        variance, axes = np.linalg.eigh(np.cov(standard.T))
        share = np.cumsum(variance[::-1]) / max(float(variance.sum()), 1e-12)
        kept = min(int(np.searchsorted(share, VARIANCE)) + 1, len(centre))
        return cls(
            series_ids, centre, _scale(residual - centre, raw_centre), _scale(jump, raw_centre),
            raw_centre, raw_scale, middle, np.ascontiguousarray(axes[:, ::-1][:, :kept]),
        )  # fmt: skip

    def of(self, series_ids: Longs) -> "Yardstick":
        """Return the yardstick of these of its metrics, in this order; components keep what is left of them."""
        at = np.searchsorted(self.series_ids, series_ids)
        return Yardstick(**{name: value[at] for name, value in self.arrays().items()})

    def levels(self, seen: Deviations) -> Floats:
        """Return `[cells, metrics]` signed deviations from the profile, 1 at the 99% quantile."""
        return np.clip((seen.residual - self.centre) / self.level, -CAP, CAP)

    def jumps(self, seen: Deviations) -> Floats:
        """Return `[cells, metrics]` signed deviations from the last hours, 1 at the 99% quantile."""
        return np.clip((seen.residual - seen.before) / self.jump, -CAP, CAP)

    def patterns(self, seen: Deviations) -> Floats:
        """Return `[cells, metrics]` of the standardised values that the main components leave unexplained."""
        standard = np.clip((seen.raw - self.raw_centre) / self.raw_scale, -CAP, CAP) - self.middle
        filled = np.nan_to_num(standard)
        return np.asarray(standard - filled @ self.axes @ self.axes.T)

    def parts(self, seen: Deviations, direction: npt.NDArray[np.int8]) -> dict[str, Floats]:
        """Return the parts per cell; `direction` per metric is +1 where only high is bad, -1 only low, 0 both."""
        found = {name: np.empty(len(seen.grid.ts)) for name in PARTS}
        for name, signed in (("level", self.levels(seen)), ("jump", self.jumps(seen))):
            highest_mean(np.abs(_bad(signed, direction)), SHARE, found[name])
        unlike = _bad(self.patterns(seen), direction)
        known = np.maximum(np.isfinite(unlike).sum(axis=1), 1)
        found["pattern"] = np.sqrt(np.nansum(unlike**2, axis=1) / known)
        return {name: np.nan_to_num(values) for name, values in found.items()}

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the fields as named arrays."""
        return {name: np.asarray(value) for name, value in self.__dict__.items()}


def _bad(signed: Floats, direction: npt.NDArray[np.int8]) -> Floats:
    return np.where(signed * direction < 0, 0.0, signed)


def _first_cell(grid: Grid) -> int:
    told = np.flatnonzero(grid.ts >= 0)
    return int(grid.ts[told[0]] // grid.step - told[0]) if len(told) else 0


def _median(values: Floats) -> Floats:
    return np.asarray(np.nan_to_num([np.nanmedian(one) if np.isfinite(one).any() else 0.0 for one in values.T]))


def _scale(deviation: Floats, size: Floats) -> Floats:
    """Return the 99% quantile of |deviation| per metric; the most seen, or a thousandth of its size, where it is 0."""
    scale = np.empty(deviation.shape[1])
    for at, one in enumerate(np.abs(deviation).T):
        known = one[np.isfinite(one)]
        scale[at] = (np.quantile(known, USUAL) or known.max()) if len(known) else np.inf
    floor = np.maximum(1e-3 * np.abs(size), 1e-12)
    return np.where(scale > 1e-9 * np.abs(size), np.maximum(scale, 1e-9), np.where(size == 0.0, 1.0, floor))

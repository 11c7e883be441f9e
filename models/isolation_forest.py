"""Isolation forest over the sixteen rolling features of every series' residuals: one global forest.

A forest cannot tell far outside from just outside what it has seen, so its score is averaged with the smoothed
residual's, each on the common scale of `calibration.py`.
"""

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from include.features import FEATURES, BusinessHours, Calendar, Panel, rolling_features
from include.features.panel import Floats, Longs
from models.forest import Forest
from models.profiled import BUDGET, Profiled, Residuals

TREES, SAMPLES, TRAINING_ROWS = 200, 256, 100_000
FLOOR = 0.1  # least deviation, in scales, by which the z-scores divide
VALUE, HOUR_MEAN, DEVIATION = (FEATURES.index(name) for name in ("value", "mean_60", "std_15"))
WORDS = {
    "value": "the value itself",
    "mean_5": "mean over 5 points",
    "std_5": "deviation over 5 points",
    "mean_15": "mean over 15 points",
    "std_15": "deviation over 15 points",
    "mean_60": "mean over 60 points",
    "rate_of_change": "rate of change",
    "acceleration": "acceleration",
    "z_5": "z-score over 5 points",
    "z_15": "z-score over 15 points",
    "hour": "hour of the day",
    "weekday": "day of the week",
    "business_hours": "business hours",
    "weekend": "weekend or holiday",
    "volatility": "volatility",
    "percentile_rank": "rank within the hour",
}


class IsolationForestDetector(Profiled):
    """One forest for all series; see `Profiled` for profile, calibration and threshold."""

    name: ClassVar[str] = "isolation_forest"
    parts = ("forest", "residual")

    def __init__(
        self,
        episode_budget: float = BUDGET,
        threads: int = 1,
        seed: int = 7,
        hours: BusinessHours | None = None,
        trees: int = TREES,
    ) -> None:
        super().__init__(episode_budget, threads, seed, hours)
        self.trees = trees
        self.forest: Forest
        self.ordinary: npt.NDArray[np.float32]

    def _grow(self, residuals: Residuals) -> None:
        size = len(residuals.panel)
        drawn = np.random.default_rng(self.seed).choice(size, min(TRAINING_ROWS, size), replace=False)
        sample = self._features(residuals, np.sort(drawn))
        self.forest = Forest.grow(sample, self.trees, SAMPLES, self.seed, self.threads)
        self.ordinary = np.median(sample, axis=0)

    def _features(self, residuals: Residuals, rows: Longs) -> npt.NDArray[np.float32]:
        floor = np.full(len(residuals.panel.series_ids), FLOOR)
        return rolling_features(
            residuals.panel, residuals.calendar, rows=rows, floor=floor, dtype=np.float32, threads=self.threads
        ).astype(np.float32, copy=False)

    def _evidence(self, residuals: Residuals, rows: Longs) -> dict[str, Floats]:
        x = self._features(residuals, rows)
        still = (x[:, VALUE] == 0.0) & (x[:, HOUR_MEAN] == 0.0) & (x[:, DEVIATION] == 0.0)
        return {
            # A series that has not moved from what is expected is ordinary, however odd the forest finds the hour.
            "forest": np.where(still, 0.0, self.forest.score(x, self.threads)),
            "residual": np.abs(x[:, FEATURES.index("mean_5")]).astype(np.float64),
        }

    def explain(self, points: pd.DataFrame, series: pd.DataFrame, rows: npt.NDArray[np.int64]) -> list[list[str]]:
        """Return the three features whose ordinary value would lower each row's forest score most."""
        panel = Panel.of(points, series)
        residuals = Residuals.of(panel, Calendar.of(panel, series, self.hours), self.profiles, self.threads)
        x = self._features(residuals, rows)
        whole = self.forest.score(x, self.threads)
        drop = np.empty((len(rows), len(FEATURES)))
        for at in range(len(FEATURES)):
            without = x.copy()
            without[:, at] = self.ordinary[at]
            drop[:, at] = whole - self.forest.score(without, self.threads)
        best = np.argsort(-drop, axis=1)[:, :3]
        return [[WORDS[FEATURES[at]] for at in row if gain[at] > 0] for row, gain in zip(best, drop, strict=True)]

    def _grown(self) -> dict[str, npt.NDArray[Any]]:
        return {**self.forest.arrays(), "ordinary": self.ordinary}

    def _regrow(self, arrays: dict[str, npt.NDArray[Any]]) -> None:
        self.forest = Forest.from_arrays(arrays)
        self.ordinary = arrays["ordinary"]

    @property
    def parameters(self) -> dict[str, Any]:
        """The settings with which it was made."""
        return {**super().parameters, "trees": self.trees}

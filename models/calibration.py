"""One scale for the scores of all series: 0 is a series' ordinary point, 1 is where points are flagged.

Each series' raw score is mapped by its own median and 99.5% quantile; both come from a slice that the model was not
fitted on, since scores on training points are too small. A series' quantile may hold a real fault, so it is kept
within a factor of the fleet's median quantile. The threshold is the lowest that keeps the held-out slice within the
episode budget.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from include.features import Panel
from include.features.panel import Floats, Longs
from models.flags import episodes_per_day

HIGH = 0.995
SHRINK = 3.0  # how far a series' spread of scores may lie from the fleet's
CAP = 50.0
THRESHOLDS = np.geomspace(0.5, 30.0, 36)


@dataclass(frozen=True)
class Calibration:
    """Median and spread of the raw score per known series; the last entry is the fleet's, for a series never seen."""

    median: Floats
    spread: Floats

    @classmethod
    def fit(cls, panel: Panel, raw: Floats, place: Longs, size: int) -> "Calibration":
        """Learn from out-of-fold raw scores; `place` is each panel series' position among `size` known series."""
        median, spread = np.full(size + 1, np.nan), np.full(size + 1, np.nan)
        for s, at in enumerate(place):  # a loop over series: one selection each, measured at 0.1 ms
            if at < 0:
                continue
            own = raw[panel.offsets[s] : panel.offsets[s + 1]]
            middle, high = np.quantile(own, [0.5, HIGH])
            median[at], spread[at] = middle, high - middle
        usable = spread[np.isfinite(spread) & (spread > 0)]
        typical = float(np.median(usable)) if len(usable) else 1.0
        middle = float(np.nanmedian(median)) if np.isfinite(median).any() else 0.0
        spread = np.clip(np.where(np.isfinite(spread), spread, typical), typical / SHRINK, typical * SHRINK)
        return cls(np.where(np.isfinite(median), median, middle), spread)

    def apply(self, raw: Floats, place: Longs) -> Floats:
        """Return raw scores on the common scale; `place` is per row, -1 for a series never seen."""
        return np.clip((raw - self.median[place]) / self.spread[place], 0.0, CAP)

    def arrays(self, prefix: str) -> dict[str, npt.NDArray[Any]]:
        """Return the calibration as named arrays."""
        return {f"{prefix}_median": self.median, f"{prefix}_spread": self.spread}

    @classmethod
    def from_arrays(cls, arrays: dict[str, npt.NDArray[Any]], prefix: str) -> "Calibration":
        """Return the calibration that `arrays` gave."""
        return cls(arrays[f"{prefix}_median"], arrays[f"{prefix}_spread"])


def threshold_for(panel: Panel, score: Floats, group: Longs, budget: float) -> float:
    """Return the lowest threshold at which a group has at most `budget` episodes per day on this slice."""
    low, high = 0, len(THRESHOLDS) - 1
    while low < high:
        middle = (low + high) // 2
        if episodes_per_day(panel, score, float(THRESHOLDS[middle]), group) <= budget:
            high = middle
        else:
            low = middle + 1
    return float(THRESHOLDS[low])

"""How bad a flagged point is, and how its series is moving, in the words of the platform."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from include.features.panel import Floats

SEVERITIES = ("LOW", "MEDIUM", "HIGH", "CRITICAL")
TRENDS = ("falling fast", "falling", "steady", "rising", "rising fast")


@dataclass(frozen=True)
class Ladder:
    """Steps from LOW upwards: a point is on a step when |z15| or its percentile is above that step's limit.

    The percentile alone never makes more than HIGH: a day always has a highest hour, so a rank cannot tell a
    catastrophe from a busy evening. CRITICAL takes a z-score, or beside the rank a score of `critical_score` times the
    threshold.
    """

    z: tuple[float, float, float] = (2.0, 3.0, 5.0)
    percentile: tuple[float, float, float] = (0.90, 0.95, 0.99)
    critical_score: float = 2.0

    def codes(self, z15: Floats, extreme: Floats, score: Floats) -> npt.NDArray[np.int64]:
        """Return positions in `SEVERITIES`; `extreme` is the percentile on the side of the deviation, 0 to 1."""
        by_z = np.searchsorted(self.z, np.abs(z15))
        by_rank = np.searchsorted(self.percentile, extreme)
        by_rank = np.where(score >= self.critical_score, by_rank, np.minimum(by_rank, 2))
        return np.maximum(by_z, by_rank).astype(np.int64)


def by_error_ratio(ratio: float) -> int:
    """Return the position in `SEVERITIES` of a reconstruction error `ratio` times its threshold."""
    return int(np.searchsorted([1.5, 2.0, 3.0], ratio))


def trend_codes(mean_5: Floats, mean_15: Floats, scale: Floats) -> npt.NDArray[np.int64]:
    """Return positions in `TRENDS`: the newest five points against the newest fifteen, in the series' own scale."""
    lean = (mean_5 - mean_15) / np.where(scale > 0, scale, 1.0)
    return np.searchsorted([-1.0, -0.25, 0.25, 1.0], lean, side="right")

"""The baseline and the cold start: how many scales a point, smoothed over five, lies from what is expected."""

from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from include.features import Calendar, Panel
from include.features.panel import Floats, Longs
from models.profiled import Profiled, Residuals


class RobustZ(Profiled):
    """Median and MAD, or a time-of-day profile where that helps; nothing is learned beyond the profile."""

    name: ClassVar[str] = "robust_z"
    parts = ("residual",)

    def _grow(self, residuals: Residuals) -> None:
        pass

    def _evidence(self, residuals: Residuals, rows: Longs) -> dict[str, Floats]:
        return {"residual": np.abs(residuals.panel.values[rows])}

    def explain(self, points: pd.DataFrame, series: pd.DataFrame, rows: npt.NDArray[np.int64]) -> list[list[str]]:
        """Return how far each row lies from what is expected."""
        panel = Panel.of(points, series)
        residuals = Residuals.of(panel, Calendar.of(panel, series, self.hours), self.profiles, self.threads)
        far = residuals.panel.values[rows]
        return [[f"{abs(z):.1f} deviations {'above' if z > 0 else 'below'} the expected value"] for z in far]

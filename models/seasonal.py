"""A season, a level that shifts, and a band: what Prophet's change points are for, at the speed of a running mean.

The season is the profile of the day (and of the kind of day) learned in training. The level follows slowly, and jumps
to where the series is once it has stayed there: a shift is confirmed when every residual for hours lies on one side and
far from the level. Until then the shift is an anomaly; afterwards it is the new normal. Like the forecast pool it runs
on a fixed grid, so that no row depends on where the panel begins.
"""

from dataclasses import replace
from datetime import timedelta
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd
from numba import njit

from include.features import Calendar, Panel
from include.features.panel import Floats, Longs, over_slices
from models.profiled import RESIDUAL_CAP, Profiled, Residuals

SAMPLES, FASTEST = 2_016, 300  # the look-back: so many samples, of faster steps a day at most
SPAN = 500.0  # samples over which the level follows
FAR = 3.0  # scales from the level beyond which a residual speaks for a shift, and moves the level no further
CONFIRM, CONFIRM_ROWS = 7_200, (12, 120)  # seconds for which a shift has to last, within so many samples
_SECOND = 1_000_000


@njit(cache=True, nogil=True)
def _levels(residual, ts, offsets, series, reach, confirm, out):  # type: ignore[no-untyped-def]
    """Fill `out` with the level of each row, in scales, as it was known before the row."""
    for s in series:
        last = offsets[s + 1]
        length = reach[s] // 4
        cell = first = offsets[s]
        while cell < last:
            begin = ts[cell] // length * length
            while ts[first] <= begin + length - reach[s]:
                first += 1
            level = 0.0
            side, stay = 0, 0  # on which side of the level, and for how many rows in a row
            row = first
            while row < last and ts[row] < begin + length:
                if row >= cell:
                    out[row] = level
                gap = residual[row] - level
                here = 1 if gap > FAR else -1 if gap < -FAR else 0
                stay = stay + 1 if here != 0 and here == side else abs(here)
                side = here
                if stay >= confirm[s]:
                    level = np.median(residual[row - confirm[s] + 1 : row + 1])
                    side, stay = 0, 0
                else:
                    level += 2.0 / (SPAN + 1.0) * min(max(gap, -FAR), FAR)
                row += 1
            cell = row


class Seasonal(Profiled):
    """Profile of the day, level with confirmed shifts, calibrated band."""

    name: ClassVar[str] = "seasonal"
    parts = ("residual",)

    def lookback(self, step: timedelta) -> timedelta:
        """Return 2,016 samples, but no more than a day where samples come faster than every five minutes."""
        return step * SAMPLES if step >= timedelta(seconds=FASTEST) else min(step * SAMPLES, timedelta(days=1))

    def _measure(self, panel: Panel, calendar: Calendar) -> Residuals:
        fixed = replace(self.profiles, follow=np.zeros_like(self.profiles.follow))
        expected, spread = fixed.expect(panel, calendar, self.threads)
        place = fixed.place(panel.series_ids)
        residual, level = (panel.values - expected) / spread, np.zeros(len(panel))
        seconds = panel.step / _SECOND
        reach = SAMPLES * panel.step
        reach = np.where(seconds >= FASTEST, reach, np.minimum(reach, 86_400 * _SECOND))
        confirm = np.clip(CONFIRM / seconds, *CONFIRM_ROWS).astype(np.int64)

        def work(part: slice) -> None:
            known = np.arange(part.start, part.stop)[place[part] >= 0]
            _levels(residual, panel.ts, panel.offsets, known, reach, confirm, level)

        over_slices(panel.slices(self.threads), work)
        expected += np.where(np.isfinite(spread), level * np.where(np.isfinite(spread), spread, 0.0), 0.0)
        left = np.clip(residual - level, -RESIDUAL_CAP, RESIDUAL_CAP)
        return Residuals(panel.with_values(left), calendar, expected, spread, place[panel.series_of_row])

    def _grow(self, residuals: Residuals) -> None:
        pass

    def _evidence(self, residuals: Residuals, rows: Longs) -> dict[str, Floats]:
        return {"residual": np.abs(residuals.panel.values[rows])}

    def explain(self, points: pd.DataFrame, series: pd.DataFrame, rows: npt.NDArray[np.int64]) -> list[list[str]]:
        """Return how far each row lies from the season at the present level."""
        panel = Panel.of(points, series)
        far = self._measure(panel, Calendar.of(panel, series, self.hours)).panel.values[rows]
        return [[f"{abs(z):.1f} deviations {'above' if z > 0 else 'below'} season and level"] for z in far]

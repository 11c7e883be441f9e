"""Hourly points as dense series: how long each history is, how whole, and its gaps filled."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt
import pandas as pd

from include.capacity.candidates import DAY, Array

MOST_DAYS = 56
"""Days of history that are used."""


@dataclass(frozen=True)
class Hours:
    """Series × hours, right-aligned at `end`; NaN where there is no point. Row i is `series_id[i]`."""

    series_id: npt.NDArray[np.int64]
    value: Array
    end: pd.Timestamp

    @classmethod
    def of(cls, points: pd.DataFrame, series_id: npt.NDArray[np.int64], as_of: datetime) -> "Hours":
        """Build from `[series_id, ts (start of the hour), value]`, for these series, up to the hour of `as_of`."""
        end = pd.Timestamp(as_of).floor("h")
        width = MOST_DAYS * DAY
        value = np.full((len(series_id), width), np.nan)
        row = pd.Index(series_id).get_indexer(pd.Index(points["series_id"]))
        column = width - ((end - points["ts"]).dt.total_seconds() // 3600).to_numpy(np.int64)
        inside = (row >= 0) & (column >= 0) & (column < width)
        value[row[inside], column[inside]] = points["value"].to_numpy()[inside]
        return cls(np.asarray(series_id, np.int64), value, end)

    @property
    def seen(self) -> npt.NDArray[np.int64]:
        """Number of hours with a point."""
        return np.isfinite(self.value).sum(axis=1)

    @property
    def length(self) -> npt.NDArray[np.int64]:
        """Hours from the first point to the end; 0 without any."""
        has = np.isfinite(self.value)
        return np.where(has.any(axis=1), self.value.shape[1] - np.argmax(has, axis=1), 0)

    @property
    def stale(self) -> npt.NDArray[np.int64]:
        """Hours since the last point."""
        return np.argmax(np.isfinite(self.value)[:, ::-1], axis=1)

    @property
    def coverage(self) -> Array:
        """Share of the hours since the first point that have one, 0..1."""
        return self.seen / np.maximum(self.length, 1)

    def whole_days(self, rows: npt.NDArray[np.int64], days: int) -> Array:
        """Return the last days of some series, gaps filled: by a line between neighbours, flat at the ends."""
        part = pd.DataFrame(self.value[rows, self.value.shape[1] - days * DAY :].T)
        return part.interpolate(limit_direction="both").to_numpy().T.copy()

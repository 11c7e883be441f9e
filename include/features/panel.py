"""A panel: the points of many ragged series as flat arrays, with the offset at which each series starts."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pandas as pd

from include.errors import AlmanacError

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]

_US = 1_000_000


class PanelError(AlmanacError):
    """Points that are not one clean, sorted panel."""


@dataclass(frozen=True)
class Panel:
    """Points of S series: row `offset[s]` to `offset[s + 1]` belong to `series_ids[s]`, in order of time.

    `ts` is in microseconds since 1970 (UTC), `step` in microseconds, one per series.
    """

    series_ids: Longs
    offsets: Longs
    ts: Longs
    values: Floats
    step: Longs

    @classmethod
    def of(cls, points: pd.DataFrame, series: pd.DataFrame) -> "Panel":
        """Return the panel of a long frame `[series_id, ts, value]` sorted by series and time.

        `series` holds one row per series with `step_seconds`. Raises `PanelError` when the points are unsorted, doubled
        or not finite, or when a series has no row in the dimension.
        """
        ids = points["series_id"].to_numpy(np.int64)
        ts = points["ts"].dt.as_unit("us").to_numpy(dtype="datetime64[us]").astype(np.int64)
        values = np.ascontiguousarray(points["value"].to_numpy(np.float64))
        if not np.isfinite(values).all():
            row = int(np.flatnonzero(~np.isfinite(values))[0])
            raise PanelError(
                f"Series {ids[row]} has a value that is not finite at {points['ts'].iloc[row]}. Quarantine it first."
            )
        change = ids[1:] != ids[:-1]
        if not ((ids[1:] > ids[:-1]) | (~change & (ts[1:] > ts[:-1]))).all():
            raise PanelError("Points must be sorted by series_id and ts, each once. Sort them and drop duplicates.")
        starts = np.concatenate(([0], np.flatnonzero(change) + 1)) if len(ids) else np.zeros(0, np.int64)
        found = ids[starts]
        steps = series.set_index("series_id")["step_seconds"]
        missing = found[~np.isin(found, steps.index.to_numpy())]
        if len(missing):
            raise PanelError(f"Series {missing[0]} has points but no row in the series dimension. Add the row.")
        step = steps.loc[found].to_numpy(np.float64) * _US
        offsets = np.append(starts, len(ids)).astype(np.int64)
        return cls(found, offsets, ts, values, step.astype(np.int64))

    def __len__(self) -> int:
        return len(self.values)

    @property
    def series_of_row(self) -> Longs:
        """Position of each row's series in `series_ids`."""
        return np.repeat(np.arange(len(self.series_ids)), np.diff(self.offsets))

    @property
    def row_ids(self) -> Longs:
        """The series_id of each row."""
        return np.repeat(self.series_ids, np.diff(self.offsets))

    @property
    def times(self) -> pd.DatetimeIndex:
        """The times of the rows, aware, in UTC."""
        return pd.DatetimeIndex(self.ts.view("datetime64[us]")).tz_localize("UTC")

    def with_values(self, values: Floats) -> "Panel":
        """Return the same rows with other values."""
        return replace(self, values=values)

    def where(self, keep: npt.NDArray[np.bool_]) -> "Panel":
        """Return the panel of the rows to keep; a series that keeps none is gone."""
        left = np.bincount(self.series_of_row[keep], minlength=len(self.series_ids))
        alive = left > 0
        offsets = np.concatenate(([0], np.cumsum(left[alive])))
        return Panel(self.series_ids[alive], offsets, self.ts[keep], self.values[keep], self.step[alive])

    def slices(self, parts: int) -> list[slice]:
        """Return at most `parts` runs of consecutive series with about equally many rows."""
        bounds = np.searchsorted(self.offsets, np.linspace(0, len(self), parts + 1))
        return [slice(int(a), int(b)) for a, b in pairwise(bounds) if b > a]


def over_slices(slices: list[slice], work: Callable[[slice], None]) -> None:
    """Run `work` on each slice, in threads that end with the call (the kernels release the interpreter's lock)."""
    if len(slices) < 2:
        for part in slices:
            work(part)
        return
    with ThreadPoolExecutor(len(slices)) as pool:
        list(pool.map(work, slices))

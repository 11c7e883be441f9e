"""The metrics of one service side by side: which row of the panel stands at which time for which metric.

The grid's step is the one most of the service's series have (the finest of those). A finer series gives its newest
value of each cell, a coarser one holds its value for as long as its own step. A row stands at the time of the newest
point in its cell, so no value in it is of later.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from include.features import Panel
from include.features.panel import Floats, Longs

LEAST = 3  # metrics that must be present at a time


@dataclass(frozen=True)
class Grid:
    """Rows of the panel by time and metric, -1 where a metric has no value; cells follow each other without a hole."""

    service: str
    series: Longs  # [metrics] positions in the panel's `series_ids`
    row: Longs  # [cells, metrics]
    ts: Longs  # [cells] microseconds since 1970; only where `told`
    told: npt.NDArray[np.bool_]  # [cells] at least three metrics have a value
    step: int  # microseconds
    first: int  # number of the first cell since 1970

    def take(self, values: Floats) -> Floats:
        """Return `[cells, metrics]` of the panel's rows; NaN where a metric has no value."""
        if not len(values):
            return np.full(self.row.shape, np.nan)
        return np.where(self.row >= 0, values[self.row], np.nan)


def grids(panel: Panel, series: pd.DataFrame, wanted: npt.NDArray[np.bool_]) -> Iterator[Grid]:
    """Yield the grid of every service with at least three wanted series, in order of the services' names."""
    service = series.set_index("series_id")["service"].reindex(panel.series_ids)[wanted]
    for name, places in pd.Series(np.flatnonzero(wanted)).groupby(service.to_numpy()):
        if len(places) >= LEAST:
            yield grid(panel, str(name), np.asarray(places, np.int64))


def grid(panel: Panel, service: str, places: Longs) -> Grid:
    """Return the grid of the series at these places of the panel."""
    steps, often = np.unique(panel.step[places], return_counts=True)
    step = int(steps[np.argmax(often)])
    rows = [np.arange(panel.offsets[place], panel.offsets[place + 1]) for place in places]
    first = min(int(panel.ts[own[0]]) for own in rows) // step
    size = max(int(panel.ts[own[-1]]) for own in rows) // step - first + 1
    usual = [own for own, place in zip(rows, places, strict=True) if panel.step[place] == step]
    ts = np.full(size, -1, np.int64)
    for own in usual:
        np.maximum.at(ts, panel.ts[own] // step - first, panel.ts[own])
    row = np.full((size, len(places)), -1, np.int64)
    for at, (own, place) in enumerate(zip(rows, places, strict=True)):
        cell = panel.ts[own] // step - first
        seen = panel.ts[own] <= ts[cell]
        row[cell[seen], at] = own[seen]  # of several in a cell the last one stays
        _hold(row[:, at], int(panel.step[place]) // step - 1)
    told = (ts >= 0) & ((row >= 0).sum(axis=1) >= LEAST)
    return Grid(service, places, row, ts, told, step, first)


def _hold(row: Longs, cells: int) -> None:
    """Let each row of the panel stand for the empty cells behind it, at most so many."""
    for _ in range(cells):
        empty = np.flatnonzero((row[1:] < 0) & (row[:-1] >= 0)) + 1
        row[empty] = row[empty - 1]
        if not len(empty):
            return

"""Which windows of which query are not in the warehouse as they should be, told from the ledger of loads."""

from collections.abc import Iterable, Sequence
from datetime import timedelta

import numpy as np
import pandas as pd
import sqlalchemy as sa

from include.warehouse.engine import Warehouse
from include.warehouse.load import SMALLEST_SHARE, LoadStatus
from include.warehouse.schema import load_log
from include.window import Grid, Window

Task = tuple[str, str, str]
"""Source, query and dataset of something that should be loaded."""

_NOT_THERE = (LoadStatus.FAILED, LoadStatus.REFUSED_SHRINK, LoadStatus.PROVISIONAL)
_TASK = ["source", "query", "dataset"]
_COLUMNS = [*_TASK, "window_start", "window_end", "reason", "message"]


def gaps(warehouse: Warehouse, window: Window, tasks: Iterable[Task], grid: Grid) -> pd.DataFrame:
    """Return the gaps of a window; see `find_gaps`."""
    statement = sa.select(load_log).where(load_log.c.window_start < window.end, load_log.c.window_end > window.start)
    return find_gaps(warehouse.frame(statement), window, list(tasks), grid)


def find_gaps(loads: pd.DataFrame, window: Window, tasks: Sequence[Task], grid: Grid) -> pd.DataFrame:
    """Return [source, query, dataset, window_start, window_end, reason, message], one row per gap of the grid.

    The last load that covers a window of the grid decides. Reasons: `missing` (no load), `failed`, `refused_shrink`,
    `provisional` (its own load never came), `short` (under 90% of the rows expected). `loads` has the columns of
    `load_log`.
    """
    starts = pd.DatetimeIndex([piece.start for piece in window.split(grid)])
    due = pd.DataFrame(tasks, columns=_TASK).merge(pd.DataFrame({"window_start": starts}), how="cross")
    found = due.merge(_last_per_window(loads, starts, grid), on=[*_TASK, "window_start"], how="left")
    short = found["rows_loaded"] < SMALLEST_SHARE * found["expected_rows"]
    bad = found["status"].isin([status.value for status in _NOT_THERE])
    found["reason"] = np.select([found["status"].isna(), bad, short], ["missing", found["status"], "short"], "")
    found["window_end"] = found["window_start"] + grid.step
    return found.loc[found["reason"] != "", _COLUMNS].reset_index(drop=True)


def joined_gaps(found: pd.DataFrame, longest: timedelta) -> pd.DataFrame:
    """Return [source, query, dataset, reason, window], gaps side by side joined to windows of at most `longest`.

    `longest` is a multiple of the grid's step. A joined window has the reason of its first gap. Columns of `found` as
    `find_gaps` gives them.
    """
    ordered = found.sort_values([*_TASK, "window_start"]).reset_index(drop=True)
    goes_on = (ordered[_TASK] == ordered[_TASK].shift()).all(axis=1) & (
        ordered["window_start"] == ordered["window_end"].shift()
    )
    run = (~goes_on).cumsum()
    into = ordered["window_start"] - ordered.groupby(run)["window_start"].transform("first")
    joined = ordered.groupby([run, into.to_numpy() // np.timedelta64(longest)], sort=False).agg(
        **{name: (name, "first") for name in [*_TASK, "reason"]},
        start=("window_start", "first"),
        end=("window_end", "last"),
    )
    starts, ends = (joined[name].dt.to_pydatetime() for name in ("start", "end"))
    windows = [Window(start, end) for start, end in zip(starts, ends, strict=True)]
    whole = joined[[*_TASK, "reason"]].reset_index(drop=True)
    return whole.assign(window=pd.Series(windows, dtype=object))


def _last_per_window(loads: pd.DataFrame, starts: pd.DatetimeIndex, grid: Grid) -> pd.DataFrame:
    """Return the deciding load of each task and grid window, expanding wide loads over the windows that they cover."""
    ordered = loads.sort_values(["finished_at", "load_id"])
    first = starts.searchsorted(ordered["window_start"], side="left")
    last = starts.searchsorted(ordered["window_end"] - grid.step, side="right")
    covered = np.maximum(last - first, 0)
    wide = ordered.loc[ordered.index.repeat(covered)].drop(columns=["window_start", "window_end"])
    offset = np.arange(covered.sum()) - np.repeat(covered.cumsum() - covered, covered)
    wide["window_start"] = starts[np.repeat(first, covered) + offset]
    kept = [*_TASK, "window_start", "status", "rows_loaded", "expected_rows", "message"]
    return wide.drop_duplicates([*_TASK, "window_start"], keep="last")[kept]

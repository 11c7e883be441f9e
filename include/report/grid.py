"""Points of a frame as lines on a regular grid, short enough for a small chart."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd

MOST_POINTS = 360


@dataclass(frozen=True)
class Gridded:
    """Columns of values on one grid; null where a step has no point."""

    start: datetime
    step_seconds: int
    values: dict[str, list[float | None]]


def gridded(frame: pd.DataFrame, columns: dict[str, str], most: int = MOST_POINTS) -> Gridded | None:
    """Return columns of `frame` (which has `ts`) on a regular grid of at most `most` steps, or None without points.

    `columns` maps each to how several points of a step become one: `mean`, `min` or `max`. The step is the frame's own
    (its median), or the least multiple of it that is coarse enough. Gaps stay gaps.
    """
    frame = frame.dropna(subset=list(columns), how="all")
    if frame.empty:
        return None
    seconds = frame["ts"].to_numpy(dtype="datetime64[s]").astype(np.int64)
    steps = np.diff(np.unique(seconds))
    own = int(np.median(steps)) if len(steps) else 3600
    whole = (int(seconds.max()) - int(seconds.min())) // own + 1
    step = own * -(-whole // most)
    first = int(seconds.min()) // step * step
    reduced = frame.groupby((seconds - first) // step)[list(columns)].agg(columns)
    reduced = reduced.reindex(range(int(reduced.index.max()) + 1))
    values = {name: _rounded(reduced[name].to_numpy(dtype=float)) for name in columns}
    return Gridded(pd.Timestamp(first, unit="s", tz="UTC").to_pydatetime(), step, values)


def _rounded(values: np.ndarray) -> list[float | None]:
    """Five significant digits draw the same line in half the bytes."""
    return [None if value != value else float(f"{value:.5g}") for value in values.tolist()]  # noqa: PLR0124  NaN

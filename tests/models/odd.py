"""Series as real systems send them when something is wrong with them, beside ordinary ones."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pandas as pd

from tests.models.fleet import START, fleet

Floats = npt.NDArray[np.float64]
STRANGE = 4  # the id of the series that is odd

ODD: dict[str, Callable[[Floats], Floats]] = {
    "constant": lambda values: np.full_like(values, 5.0),
    "zero": np.zeros_like,
    "counter that is reset": lambda values: np.arange(len(values), dtype=float) % (len(values) // 3) * 1e6,
    "integers that overflow": lambda values: np.where(np.arange(len(values)) % 97 < 48, 1e19, -1e19),
    "level shift at the split": lambda values: values + 1_000.0 * (np.arange(len(values)) >= len(values) * 3 // 4),
    "one point": lambda values: values,
    "gap of days": lambda values: values,
    "ended before the split": lambda values: values,
    "born after the split": lambda values: values,
}


def odd_fleet(name: str, *, step: int, days: int) -> tuple[pd.DataFrame, pd.DataFrame, pd.Timestamp]:
    """Return points, series, and the time at which training ends; series `STRANGE` is of that kind."""
    points, series = fleet(3, days=days, step=step)
    since = START + pd.Timedelta(days=days) * 3 / 4
    mine = points["series_id"] == STRANGE
    points.loc[mine, "value"] = ODD[name](points.loc[mine, "value"].to_numpy())
    age = (points["ts"] - START) / pd.Timedelta(days=days)
    dropped = {
        "one point": age > 0,
        "gap of days": (age > 0.3) & (age < 0.7),
        "ended before the split": age > 0.6,
        "born after the split": age < 0.8,
    }.get(name, pd.Series(False, index=points.index))
    return points[~(mine & dropped)].reset_index(drop=True), series, since

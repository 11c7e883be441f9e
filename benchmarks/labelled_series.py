"""Single series with labels, found by form: NAB's files, and families of `TimeStamp,Value,Label`.

A row whose time is not after every time before it, or whose value is missing, does not reach a detector, as it would
not in the platform; the rest keeps its place, so that NAB's rules can be applied to all rows.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Longs = npt.NDArray[np.int64]

NAB, CLOUD = "nab", "cloud-monitoring"
US, WEEK_US = 1_000_000, 604_800_000_000
NAB_SHARE, NAB_ROWS, CLOUD_SHARE = 0.15, 750, 0.10  # of a series' rows are for training
EPOCH = 1_790_000_000_000_000  # the moment, in microseconds, near which all training parts end


@dataclass(frozen=True)
class Labelled:
    """One series: clean rows for a detector, and where they lie among all rows of the file."""

    name: str
    family: str
    step: int  # seconds
    ts: Longs  # microseconds
    values: Floats
    labels: Flags
    place: Longs  # row of the file
    rows: int  # of the file
    windows: tuple[tuple[int, int], ...]  # first and last row of the file of each labelled window; NAB alone
    train: int  # clean rows before the test part

    @property
    def tested(self) -> Flags:
        """The labels of the test part."""
        return self.labels[self.train :]

    @property
    def pace(self) -> str:
        """`minute`, `five minutes` or `hourly`, after the nearest step."""
        return "minute" if self.step < 180 else "five minutes" if self.step < 1_200 else "hourly"

    def in_file(self, values: Floats) -> Floats:
        """Return values of the clean rows at their places in the file, 0 elsewhere."""
        whole = np.zeros(self.rows)
        whole[self.place] = values
        return whole


def nab(folder: Path) -> Iterator[Labelled]:
    """Yield every CSV under `data` that has an entry in `labels/combined_windows.json`."""
    labels = folder / "labels" / "combined_windows.json"
    known = json.loads(labels.read_text()) if labels.exists() else {}
    for path in sorted((folder / "data").glob("*/*.csv")):
        key = f"{path.parent.name}/{path.name}"
        if key not in known:
            continue
        table = pd.read_csv(path)
        ts = _microseconds(table["timestamp"])
        windows = []
        for first, last in known[key]:
            ends = _microseconds(pd.Series([first, last]))
            windows.append((int(np.argmax(ts == ends[0])), int(np.argmax(ts == ends[1]))))
        marked = np.zeros(len(ts), bool)
        for first_row, last_row in windows:
            marked[first_row : last_row + 1] = True
        values = table["value"].to_numpy(np.float64)
        yield _clean(path, ts, values, marked, tuple(windows), min(int(NAB_SHARE * len(ts)), NAB_ROWS))


def cloud(folder: Path) -> Iterator[Labelled]:
    """Yield every CSV of every family folder under `data`."""
    for path in sorted((folder / "data").glob("*/*.csv")):
        table = pd.read_csv(path)
        ts, values = _microseconds(table["TimeStamp"]), table["Value"].to_numpy(np.float64)
        yield _clean(path, ts, values, table["Label"].to_numpy() > 0, (), int(CLOUD_SHARE * len(ts)))


def _microseconds(times: pd.Series) -> Longs:
    return np.asarray(pd.to_datetime(times).to_numpy("datetime64[us]"), dtype=np.int64)


def _clean(
    path: Path, ts: Longs, values: Floats, labels: Flags, windows: tuple[tuple[int, int], ...], train: int
) -> Labelled:
    newest = np.maximum.accumulate(ts)
    place = np.flatnonzero(np.append(True, ts[1:] > newest[:-1]) & np.isfinite(values))
    ts = ts[place]
    known = int(np.searchsorted(place, train))
    step = max(int(np.median(np.diff(ts))) // US, 1)
    shift = (EPOCH - int(ts[known])) // WEEK_US * WEEK_US  # whole weeks, so that hours and weekdays stay
    rows = len(values)
    return Labelled(
        path.stem, path.parent.name, step, ts + shift, values[place], labels[place], place, rows, windows, known
    )


def frames(found: list[Labelled]) -> tuple[pd.DataFrame, pd.DataFrame, Flags]:
    """Return points and series as the platform holds them, and which points are for training."""
    ids = np.repeat(np.arange(len(found)), [len(one.ts) for one in found])
    ts = pd.to_datetime(np.concatenate([one.ts for one in found]), unit="us", utc=True)
    values = np.concatenate([one.values for one in found])
    points = pd.DataFrame({"series_id": ids, "ts": ts, "value": values})
    series = pd.DataFrame(
        {
            "series_id": range(len(found)),
            "kind": [one.family for one in found],
            "query": [one.family for one in found],
            "service": [f"{one.family}/{one.name}" for one in found],
            "step_seconds": [one.step for one in found],
            "time_zone": "UTC",
            "holidays": None,
        }
    )
    return points, series, np.concatenate([np.arange(len(one.ts)) < one.train for one in found])

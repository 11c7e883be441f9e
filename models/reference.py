"""What a model's world looked like when it was trained: kept with each registered version, compared with every day.

Per class of series and feature a histogram, split by six-hour part of the day and by rest day, so that a Sunday is
compared with Sundays. Features are those of `include.features.rolling` less the four of the calendar, which say nothing
of a system; their values are taken in each series' own spread (median and MAD of training), so that series of one class
add up. Beside them: the champion's scores, how often it told a service, and which series it knew.
"""

import hashlib
import json
import tempfile
import zipfile
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from include.features import FEATURES, BusinessHours, Calendar, Panel, rolling_features
from include.features.panel import Floats, Longs
from models.base import SERIES, Detector, ModelError, service_id
from models.ensemble import class_of
from models.flags import flag, runs
from models.histogram import DAY, Column, quantile_edges, usual_stability
from models.tracking import connect

CALENDAR = ("hour", "weekday", "business_hours", "weekend")
MEASURED = tuple(name for name in FEATURES if name not in CALENDAR)
SCORE = "score"
SERVICES = "services"  # the class of the scores of a detector that judges services
MOST_ROWS = 400_000
FORMAT = 1
ARRAYS, DATA = "reference.npz", "reference.json"
_HOUR = 3_600_000_000


@dataclass(frozen=True)
class Known:
    """The series of training: their ids in order, and per series its class, centre and spread."""

    classes: tuple[str, ...]
    series_ids: Longs
    series_class: Longs
    centre: Floats
    spread: Floats

    @classmethod
    def of(cls, points: pd.DataFrame, series: pd.DataFrame) -> "Known":
        """Measure every series among the points."""
        named = class_of(series)
        panel = Panel.of(points, series)
        classes = (*sorted(set(named.reindex(panel.series_ids))), SERVICES)
        code = {name: at for at, name in enumerate(classes)}
        owner = panel.series_of_row
        centre: Floats = np.asarray(pd.Series(panel.values).groupby(owner).median(), np.float64)
        off = np.asarray(pd.Series(np.abs(panel.values - centre[owner])).groupby(owner).median(), np.float64)
        spread: Floats = np.maximum(1.4826 * off, np.maximum(1e-3 * np.abs(centre), 1e-9))
        own = named.reindex(panel.series_ids).map(code).to_numpy(np.int64)
        return cls(classes, panel.series_ids, own, centre, spread)

    def features(
        self, points: pd.DataFrame, series: pd.DataFrame, *, since: datetime | None = None,
        hours: BusinessHours | None = None,
    ) -> list[Column]:  # fmt: skip
        """Return a column per feature in `MEASURED`, of the known series among the points, from `since` on."""
        mine = points[points["series_id"].isin(self.series_ids)]
        panel = Panel.of(mine, series)
        place = np.searchsorted(self.series_ids, panel.series_ids)
        owner = panel.series_of_row
        panel = panel.with_values((panel.values - self.centre[place][owner]) / self.spread[place][owner])
        rows = np.arange(len(panel)) if since is None else np.flatnonzero(panel.ts >= _us(since))
        rows = rows[:: _stride(len(rows))]
        matrix = rolling_features(panel, Calendar.of(panel, series, hours), rows=rows)
        local = matrix[:, FEATURES.index("hour")].astype(np.int64) // 6
        part = local + 4 * (matrix[:, FEATURES.index("weekend")] > 0)
        of = place[owner[rows]]
        shared = (self.series_class[of], of, part, panel.ts[rows])
        return [Column(np.clip(matrix[:, FEATURES.index(name)], -1e6, 1e6), *shared) for name in MEASURED]

    def scores(self, scores: pd.DataFrame) -> Column:
        """Return the column of the scores of known series, or of services."""
        kept = scores
        of_services = len(scores) and scores["subject_kind"].iloc[0] != SERIES
        if not of_services:
            kept = scores[scores["subject_id"].isin(self.series_ids)]
        kept = kept.iloc[:: _stride(len(kept))]
        ts = pd.DatetimeIndex(kept["ts"]).as_unit("us").asi8
        part = ts % DAY // (6 * _HOUR) + 4 * ((ts // DAY + 3) % 7 >= 5)  # 1 January 1970 was a Thursday
        if of_services:
            of, group = pd.factorize(kept["subject_id"])[0], np.full(len(kept), self.classes.index(SERVICES))
        else:
            of = np.searchsorted(self.series_ids, kept["subject_id"].to_numpy(np.int64))
            group = self.series_class[of]
        return Column(kept["score"].to_numpy(np.float64), group, of.astype(np.int64), part, ts)


@dataclass(frozen=True)
class Reference:
    """The world of training; arrays are by feature (`MEASURED`, then `score`) and class."""

    known: Known
    edges: Floats  # [feature, class, BINS - 1]
    counts: npt.NDArray[np.int64]  # [feature, class, PARTS, BINS]
    effective: Floats  # [feature, class]
    middle: Floats  # [feature, class]
    usual: Floats  # [feature, class]: the PSI that nine of ten days stay under; NaN where there are too few days
    episodes: int
    service_days: float

    @classmethod
    def of(
        cls,
        detector: Detector,
        points: pd.DataFrame,
        series: pd.DataFrame,
        *,
        since: datetime,
        hours: BusinessHours | None = None,
    ) -> "Reference":
        """Take the world down: features of all points, scores and alarms of those from `since` on.

        `since` begins the slice that the detector was not fitted on: scores of training points are too small.
        """
        known = Known.of(points, series)
        reach = max(detector.lookback(timedelta(seconds=float(step))) for step in series["step_seconds"].unique())
        scores = detector.score(points[points["ts"] >= since - reach].reset_index(drop=True), series, since)
        columns = [*known.features(points, series, hours=hours), known.scores(scores)]
        edges = [quantile_edges(column, len(known.classes)) for column in columns]
        both = list(zip(columns, edges, strict=True))
        tallies = [column.tally(own) for column, own in both]
        return cls(
            known,
            np.stack(edges),
            np.stack([one.counts for one in tallies]),
            np.stack([one.effective for one in tallies]),
            np.stack([one.middle for one in tallies]),
            np.stack([usual_stability(column, own) for column, own in both]),
            *told(scores, series),
        )

    def state(self) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]]:
        """Return the arrays, and the rest as plain data."""
        arrays = {name: getattr(self.known, name) for name in _KNOWN} | {name: getattr(self, name) for name in _MADE}
        data = {"classes": list(self.known.classes), "episodes": self.episodes, "service_days": self.service_days}
        return arrays, data

    @classmethod
    def from_state(cls, arrays: dict[str, npt.NDArray[Any]], data: dict[str, Any]) -> "Reference":
        """Return the reference that `state` described."""
        known = Known(tuple(data["classes"]), **{name: arrays[name] for name in _KNOWN})
        made = {name: arrays[name] for name in _MADE}
        return cls(known, **made, episodes=int(data["episodes"]), service_days=float(data["service_days"]))


_KNOWN = ("series_ids", "series_class", "centre", "spread")
_MADE = ("edges", "counts", "effective", "middle", "usual")


def save_reference(reference: Reference, folder: Path) -> None:
    """Write a reference into an existing folder, as numbers and text: never a pickle."""
    arrays, data = reference.state()
    np.savez_compressed(folder / ARRAYS, allow_pickle=False, **arrays)
    digest = hashlib.sha256((folder / ARRAYS).read_bytes()).hexdigest()
    content = {"format": FORMAT, "features": [*MEASURED, SCORE], "data": data, "arrays_sha256": digest}
    (folder / DATA).write_text(json.dumps(content, indent=2, sort_keys=True))


def load_reference(folder: Path) -> Reference:
    """Read a reference; raises `ModelError` where there is none, or one that was changed or is of another version."""
    try:
        content = json.loads((folder / DATA).read_text())
        digest = hashlib.sha256((folder / ARRAYS).read_bytes()).hexdigest()
        if content["format"] != FORMAT or content["features"] != [*MEASURED, SCORE]:
            raise ModelError(f"{folder} holds a reference of another version of Almanac. Train the model again.")
        if digest != content["arrays_sha256"]:
            raise ModelError(f"{folder / ARRAYS} is not what was saved: its checksum differs. Train the model again.")
        with np.load(folder / ARRAYS, allow_pickle=False) as arrays:
            return Reference.from_state(dict(arrays), content["data"])
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as problem:
        raise ModelError(
            f"{folder} holds no reference that can be read ({problem!r}). Train the model again."
        ) from None


def told(scores: pd.DataFrame, series: pd.DataFrame) -> tuple[int, float]:
    """Return how many episodes people of the services would have been told of, and over how many service-days.

    Flagged points of all series of one service make one episode until 30 quiet minutes.
    """
    if scores.empty:
        return 0, 0.0
    if scores["subject_kind"].iloc[0] == SERIES:
        known, service = series[["series_id", "step_seconds"]], series.set_index("series_id")["service"]
    else:
        steps = series.groupby("service")["step_seconds"].max()
        known = pd.DataFrame(
            {"series_id": [service_id(name) for name in steps.index], "step_seconds": steps.to_numpy()}
        )
        service = pd.Series(steps.index, index=known["series_id"])
    rows = scores[["subject_id", "ts", "alarm"]].rename(columns={"subject_id": "series_id", "alarm": "value"})
    panel = Panel.of(rows.sort_values(["series_id", "ts"], ignore_index=True), known)
    of = pd.factorize(service.reindex(panel.series_ids))[0]
    hit = flag(panel, panel.values >= 1.0)
    found = pd.DataFrame({"service": of[panel.series_of_row[hit]], "ts": panel.ts[hit]}).sort_values(["service", "ts"])
    number = runs(found["service"].to_numpy(np.int64), found["ts"].to_numpy(np.int64))
    days = (panel.ts.max() - panel.ts.min() + int(panel.step.min())) / DAY
    return (int(number[-1]) + 1 if len(number) else 0), float(days * len(np.unique(of)))


def _stride(rows: int) -> int:
    """Return an odd step, which falls on every hour and minute, that leaves at most `MOST_ROWS`."""
    step = -(-rows // MOST_ROWS)
    return max(1, step + 1 - step % 2)


def _us(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000)


def fetch_reference(url: str, run_id: str) -> Reference:
    """Return the reference that a training run left in MLflow, from its artifact folder `reference`.

    Raises `ModelError` where it left none, or MLflow does not answer.
    """
    from mlflow.exceptions import MlflowException

    mlflow, _ = connect(url)
    with tempfile.TemporaryDirectory() as folder:
        try:
            path = mlflow.artifacts.download_artifacts(
                run_id=run_id, artifact_path="reference", dst_path=folder, tracking_uri=url
            )
        except (MlflowException, OSError) as error:
            first = str(error).partition("\n")[0]
            raise ModelError(f"Run {run_id} has no reference to measure drift against ({first}).") from error
        return load_reference(Path(path))

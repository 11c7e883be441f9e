"""The baseline for several series of one service: the mean of their robust z, what `joint` must beat."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from include.features import BusinessHours, Calendar, Panel
from include.features.panel import Floats, Longs
from models.base import SERVICE, Detector, State, score_frame, service_id
from models.calibration import threshold_for
from models.joint_evidence import Metric, told
from models.profile import directions
from models.profiled import BUDGET, Residuals
from models.robust import RobustZ

HOUR = pd.Timedelta(hours=1)


class MeanZ(Detector):
    """At each time the mean score of the robust z over the series of a service that have a point then."""

    name: ClassVar[str] = "mean_z"
    subject: ClassVar[str] = SERVICE

    def __init__(
        self, episode_budget: float = BUDGET, threads: int = 1, seed: int = 7, hours: BusinessHours | None = None
    ) -> None:
        self.robust = RobustZ(episode_budget, threads, seed, hours)
        self.episode_budget = episode_budget
        self.threshold = 1.0

    def lookback(self, step: timedelta) -> timedelta:
        """Return how far the robust z looks back."""
        return self.robust.lookback(step)

    def fit(self, points: pd.DataFrame, series: pd.DataFrame) -> Self:
        """Learn the robust z, and the threshold that keeps the last quarter within the episode budget."""
        self.robust.fit(points, series)
        first, last = points["ts"].min(), points["ts"].max()
        cut = (first + (last - first) * 3 / 4).to_pydatetime()
        self.threshold = 1.0
        held = self._means(points, series, cut)
        services = np.arange(len(held.series_ids))
        self.threshold = threshold_for(held, held.values, services, self.episode_budget) if len(held) else 1.0
        return self

    def score(self, points: pd.DataFrame, series: pd.DataFrame, since: datetime | None = None) -> pd.DataFrame:
        """Return one row per service and time."""
        panel = self._means(points, series, since)
        flat = np.zeros(len(panel))
        return score_frame(panel, panel.values, flat, flat, flat + 1.0, subject=SERVICE)

    def explain(self, points: pd.DataFrame, series: pd.DataFrame, rows: npt.NDArray[np.int64]) -> list[list[str]]:
        """Return the abnormal metrics of each row, strongest first, and the known pairs that moved together."""
        return [one["features"] for one in self.evidence(points, series, rows)]

    def evidence(self, points: pd.DataFrame, series: pd.DataFrame, rows: npt.NDArray[np.int64]) -> list[dict[str, Any]]:
        """Return `features`, `metrics`, `pairs`, `hypotheses` and `severity` of each row, as `joint` does."""
        scores, order, cell = self._cells(points, series, None)
        first = order[np.searchsorted(cell, np.asarray(rows, np.int64))]
        panel = Panel.of(points, series)
        calendar = Calendar.of(panel, series, self.robust.hours)
        residuals = Residuals.of(panel, calendar, self.robust.profiles, self.robust.threads)
        frame = points.assign(z=residuals.panel.values, expected=residuals.expected)
        services = series.set_index("series_id")["service"].reindex(scores["subject_id"]).to_numpy(object)[first]
        times = scores["ts"].iloc[first].reset_index(drop=True)
        found: list[dict[str, Any]] = [{} for _ in rows]
        for service in pd.unique(services):  # one table a service, however many of its rows are told
            own = series[series["service"] == service]
            table = _Table.of(frame[frame["series_id"].isin(own["series_id"])], own, directions(panel, series), panel)
            for at in np.flatnonzero(services == service):
                found[at] = told(table.metrics(times.iloc[at]))
        return found

    def _cells(
        self, points: pd.DataFrame, series: pd.DataFrame, since: datetime | None
    ) -> tuple[pd.DataFrame, Longs, Longs]:
        """Return the series' scores, their order by service and time, and in that order each one's cell number."""
        scores = self.robust.score(points, series, since)
        owner = series.set_index("series_id")["service"].map(service_id)
        ids = owner.reindex(scores["subject_id"]).to_numpy(np.int64)
        ts = scores["ts"].dt.as_unit("us").astype("int64").to_numpy()
        order = np.lexsort((ts, ids))
        new = (np.diff(ids[order]) != 0) | (np.diff(ts[order]) != 0)
        cell = np.concatenate(([0], np.cumsum(new))) if len(order) else np.zeros(0, np.int64)
        scores["service_id"], scores["us"] = ids, ts
        return scores, order, cell.astype(np.int64)

    def _means(self, points: pd.DataFrame, series: pd.DataFrame, since: datetime | None) -> Panel:
        scores, order, cell = self._cells(points, series, since)
        mean: Floats = np.bincount(cell, scores["score"].to_numpy()[order]) / np.maximum(np.bincount(cell), 1)
        first = np.searchsorted(cell, np.arange(len(mean)))
        ids, ts = (scores[name].to_numpy(np.int64)[order][first] for name in ("service_id", "us"))
        starts = np.flatnonzero(np.concatenate(([True], ids[1:] != ids[:-1]))) if len(ids) else np.zeros(0, np.int64)
        steps = series.groupby("service")["step_seconds"].max()
        pace = pd.Series(steps.to_numpy(np.float64), index=[service_id(name) for name in steps.index])
        step = (pace.reindex(ids[starts]).to_numpy() * 1e6).astype(np.int64)
        offsets = np.append(starts, len(ids)).astype(np.int64)
        return Panel(ids[starts], offsets, ts, mean / self.threshold, step)

    def state(self) -> State:
        """Return the robust z and the threshold."""
        inner = self.robust.state()
        return State(self.name, inner.arrays, {"robust_z": inner.data, "threshold": self.threshold})

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Return the detector that `state` describes."""
        robust = RobustZ.from_state(State(RobustZ.name, state.arrays, state.data["robust_z"]))
        made = cls(robust.episode_budget)
        made.robust, made.threshold = robust, float(state.data["threshold"])
        return made

    @property
    def parameters(self) -> dict[str, Any]:
        """The settings with which it was made."""
        return self.robust.parameters


@dataclass(frozen=True)
class _Table:
    """What the metrics of one service measured: times × metrics, NaN where there is no point."""

    ts: pd.DatetimeIndex
    series_ids: Longs
    queries: list[str]
    kinds: list[str]
    bad: npt.NDArray[np.int8]
    value: Floats
    z: Floats
    expected: Floats

    @classmethod
    def of(cls, frame: pd.DataFrame, own: pd.DataFrame, bad: npt.NDArray[np.int8], panel: Panel) -> "_Table":
        wide = frame.pivot_table(index="ts", columns="series_id", values=["value", "z", "expected"], aggfunc="last")
        ids = wide["value"].columns.to_numpy(np.int64)
        about = own.set_index("series_id").loc[ids]
        parts = (
            pd.DataFrame(wide[name]).reindex(columns=ids).to_numpy(np.float64) for name in ("value", "z", "expected")
        )
        place = np.searchsorted(panel.series_ids, ids)
        queries, kinds = about["query"].astype(str).tolist(), about["kind"].astype(str).tolist()
        return cls(pd.DatetimeIndex(wide.index), ids, queries, kinds, bad[place], *parts)

    def metrics(self, ts: pd.Timestamp) -> list[Metric]:
        """Return the metrics that have a point at a time, with what they measured in the hour before."""
        last = int(self.ts.searchsorted(ts))
        recent = self.value[int(self.ts.searchsorted(ts - HOUR, side="right")) : last + 1]
        return [
            Metric(
                int(self.series_ids[at]), self.queries[at], self.kinds[at], float(self.z[last, at]),
                bool(self.z[last, at] * self.bad[at] >= 0), float(self.value[last, at]),
                float(self.expected[last, at]), recent[:, at],
            )
            for at in np.flatnonzero(np.isfinite(self.value[last]))
        ]  # fmt: skip

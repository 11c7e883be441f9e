"""Several metrics of one service judged together: `joint` sees what no single metric shows, and says what it may mean.

Per service, five views (`joint_parts.py`) of the residuals of its metrics are brought to one scale by their quantiles
in training, and added. The alarm is the sum over a threshold that keeps a slice which the model was not fitted on
within the episode budget: the geometric mean of the service's own threshold and the fleet's, since a week of one
service says little, and the fleet's says nothing of it alone. Half of a point's alarm is held for one point more, so
that a strong point is confirmed by itself. The ranking score adds two fading means of the sum, so that a long fault
outranks a blip.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from include.features import BusinessHours, Calendar, Panel
from include.features.panel import Floats, Longs
from models.base import LOOKBACK, SERVICE, Detector, ModelError, State, score_frame, service_id
from models.calibration import threshold_for
from models.joint_evidence import Metric, pairs, told, words
from models.joint_grid import LEAST, Grid, grids
from models.joint_kernels import window_mean
from models.joint_parts import FADES, HOUR, Seen, Yardstick, cells
from models.profile import MIN_POINTS, Profiles, directions

BUDGET = 1.1  # episodes per service and day on the held-out slice, real ones included
WEIGHTS = np.array([1.0, 2.0, 1.0, 1.0, 1.5])  # of the parts, in their order
HIGH = 0.98  # quantile of a part in training that counts 1
CAP = 100.0  # of a part, and of a z-score in words
SMOOTH = (480_000_000, 1_800_000_000)  # microseconds: times of the two fading means in the ranking score
NORMAL = 2.576  # standard deviations to the 99% quantile of |x| in a normal distribution
RECENT = 6  # points at least that a correlation looks at, where an hour has fewer
HELD = 0.5  # of a point's alarm is still there at the next
_LOOKBACK_US = int(LOOKBACK.total_seconds()) * 1_000_000
_DAY_US = 86_400_000_000
_LEAVE = 420_000_000  # a profile leaves 60 steps of the day to what looks back over its residuals: here seven hours


@dataclass(frozen=True)
class Told:
    """What is said of one service, per cell of its grid that has something to tell."""

    service: str
    step: int  # microseconds
    ts: Longs
    alarm: Floats  # the sum of the parts, in calibrated units
    score: Floats

    def since(self, since: int) -> "Told":
        """Return what is said at or after `since` (microseconds)."""
        kept = self.ts >= since
        return Told(self.service, self.step, self.ts[kept], self.alarm[kept], self.score[kept])


class Joint(Detector):
    """One yardstick per service; see the module."""

    name: ClassVar[str] = "joint"
    subject: ClassVar[str] = SERVICE

    def __init__(
        self, episode_budget: float = BUDGET, threads: int = 1, seed: int = 7, hours: BusinessHours | None = None
    ) -> None:
        self.episode_budget = episode_budget
        self.threads = threads
        self.seed = seed
        self.hours = hours or BusinessHours()
        self.threshold = 1.0  # of the fleet
        self.thresholds: dict[str, float] = {}  # of the services that have one of their own
        self.ordinary = 0.0
        self.profiles: Profiles
        self.yardsticks: dict[str, Yardstick]
        self.scales: dict[str, Floats]  # per service [parts, 2]: the value that counts 0, and how much more counts 1

    def lookback(self, step: timedelta) -> timedelta:
        """Return a day, or three steps where they are longer."""
        return max(LOOKBACK, 3 * step)

    def fit(self, points: pd.DataFrame, series: pd.DataFrame) -> Self:
        """Learn every service with three metrics of 100 points. Raises `ModelError` when there is none."""
        enough = points.groupby("series_id")["value"].transform("size") >= 2 * MIN_POINTS
        points = points[enough].reset_index(drop=True)
        found = series[series["series_id"].isin(points["series_id"])].groupby("service").size()
        if not (found >= LEAST).any():
            most = f"{found.idxmax()} has {found.max()}" if len(found) else "none has any"
            raise ModelError(
                f"The joint detector needs a service with at least {LEAST} metrics of {2 * MIN_POINTS} points; {most}. "
                "Load more history, or map more queries to one service."
            )
        panel = Panel.of(points, series)
        cut = int(panel.ts.min() + (panel.ts.max() - panel.ts.min()) * 3 // 4)
        self._learn(panel.where(panel.ts < cut), series)
        told = self._told(panel.where(panel.ts >= cut - _LOOKBACK_US), series)
        held = [one for one in (one.since(cut) for one in told) if len(one.ts)]
        if held:
            self.threshold = self._threshold(held)
            self.thresholds = {one.service: (self.threshold * self._threshold([one])) ** 0.5 for one in held}
            self.ordinary = float(np.median(np.concatenate([one.alarm for one in held])))
        self._learn(panel, series)
        if not self.yardsticks:
            raise ModelError(
                f"No service has {MIN_POINTS} times at which {LEAST} of its metrics have a value. "
                "Load the same days of all its metrics."
            )
        return self

    def score(self, points: pd.DataFrame, series: pd.DataFrame, since: datetime | None = None) -> pd.DataFrame:
        """Return `SCORE_COLUMNS`, one row per service and time at which three of its known metrics have a value."""
        start = 0 if since is None else int(since.timestamp() * 1_000_000)
        told = [one.since(start) for one in self._told(Panel.of(points, series), series)]
        told = sorted((one for one in told if len(one.ts)), key=lambda one: service_id(one.service))
        alarm = np.concatenate([np.zeros(0), *(one.alarm for one in told)])
        score = np.concatenate([np.zeros(0), *(one.score for one in told)])
        rows = _panel(told, alarm)
        own = np.array([self.thresholds.get(one.service, self.threshold) for one in told])
        limit = np.repeat(own, [len(one.ts) for one in told])
        none, ordinary = np.zeros(len(rows)), np.full(len(rows), self.ordinary)
        return score_frame(rows, score / limit, none, np.minimum(ordinary, limit), limit, alarm / limit, SERVICE)

    def explain(self, points: pd.DataFrame, series: pd.DataFrame, rows: npt.NDArray[np.int64]) -> list[list[str]]:
        """Return the abnormal metrics of each row, strongest first, and the known pairs that moved together."""
        return [words(metrics, pairs(metrics)) for metrics in self._metrics(points, series, rows)]

    def evidence(self, points: pd.DataFrame, series: pd.DataFrame, rows: npt.NDArray[np.int64]) -> list[dict[str, Any]]:
        """Return `features`, `metrics`, `pairs`, `hypotheses` and `severity` of each row (`joint_evidence.told`)."""
        return [told(metrics) for metrics in self._metrics(points, series, rows)]

    def _metrics(
        self, points: pd.DataFrame, series: pd.DataFrame, rows: npt.NDArray[np.int64]
    ) -> Iterator[list[Metric]]:
        """Yield the metrics that have a value at each of these rows of `score(points, series)`."""
        panel = Panel.of(points, series)
        seen = sorted(self._known(panel, series), key=lambda one: service_id(one[0].service))
        ends = np.cumsum([found.told.sum() for found, _ in seen])
        direction = directions(panel, series)
        for row in rows:
            at = int(np.searchsorted(ends, row, side="right"))
            found, own = seen[at]
            cell = int(np.flatnonzero(found.told)[row - (ends[at - 1] if at else 0)])
            values = found.take(panel.values)
            ids = panel.series_ids[found.series]
            yardstick = self.yardsticks[found.service].of(ids)
            sigma = np.maximum(self.profiles.scale[self.profiles.place(ids)], yardstick.level / NORMAL)
            about = series.set_index("series_id").loc[ids]
            z = np.clip((own.residual[cell] - yardstick.centre) / sigma, -CAP, CAP)
            recent = values[max(cell + 1 - max(cells(HOUR, found.step), RECENT), 0) : cell + 1]
            yield [
                Metric(
                    int(ids[one]), str(about["query"].iloc[one]), str(about["kind"].iloc[one]), float(z[one]),
                    bool(z[one] * direction[found.series[one]] >= 0), float(values[cell, one]),
                    float(values[cell, one] - own.residual[cell, one]), recent[:, one],
                )
                for one in np.flatnonzero(np.isfinite(z))
            ]  # fmt: skip

    def _threshold(self, held: list[Told]) -> float:
        """Return the threshold that keeps the slice within the budget, had it held one episode more than it has."""
        tail = _panel(held, np.concatenate([one.alarm for one in held]))
        days = max(float(np.ptp(tail.ts)) / _DAY_US, 1e-9)
        budget = max(self.episode_budget - 1 / days / len(held), 0.0)
        return threshold_for(tail, tail.values, np.arange(len(held)), budget)

    def _learn(self, panel: Panel, series: pd.DataFrame) -> None:
        wide = _leaving(panel)
        self.profiles = Profiles.fit(wide, Calendar.of(panel, series, self.hours), self.threads)
        known = self.profiles.place(panel.series_ids)
        self.yardsticks, self.scales = {}, {}
        for found, seen in self._seen(panel, series, known >= 0):
            if found.told.sum() < MIN_POINTS:
                continue
            ids = panel.series_ids[found.series]
            yardstick = Yardstick.fit(seen, ids, self.profiles.centre[known[found.series]], self.seed)
            parts = yardstick.parts(seen, directions(panel, series)[found.series])[found.told]
            middle, high = np.quantile(parts, [0.5, HIGH], axis=0)
            self.yardsticks[found.service] = yardstick
            self.scales[found.service] = np.stack([middle, np.maximum(high - middle, 1e-9)], axis=1)

    def _seen(self, panel: Panel, series: pd.DataFrame, wanted: npt.NDArray[np.bool_]) -> Iterator[tuple[Grid, Seen]]:
        expected, _ = self.profiles.expect(_leaving(panel), Calendar.of(panel, series, self.hours), self.threads)
        for found in grids(panel, series, wanted):
            yield found, Seen.of(found, panel.values - expected)

    def _known(self, panel: Panel, series: pd.DataFrame) -> Iterator[tuple[Grid, Seen]]:
        """Yield the services that were trained on, with three metrics or more of those they had then."""
        learned = pd.Series(
            {one: service for service, yardstick in self.yardsticks.items() for one in yardstick.series_ids}
        )
        now = series.set_index("series_id")["service"].reindex(panel.series_ids)
        yield from self._seen(panel, series, (learned.reindex(panel.series_ids) == now).to_numpy())

    def _told(self, panel: Panel, series: pd.DataFrame) -> Iterator[Told]:
        direction = directions(panel, series)
        for found, seen in self._known(panel, series):
            yardstick = self.yardsticks[found.service].of(panel.series_ids[found.series])
            middle, spread = self.scales[found.service].T
            parts = np.clip((yardstick.parts(seen, direction[found.series]) - middle) / spread, 0.0, CAP)
            summed = np.where(found.told, (parts * WEIGHTS).sum(axis=1) / WEIGHTS.sum(), np.nan)
            at, alarm, score = found.told, _held(summed), _ranking(summed, found)
            yield Told(found.service, found.step, found.ts[at], alarm[at], score[at])

    def state(self) -> State:
        """Return the fitted detector as arrays and plain data; the metrics of services stand one behind the other."""
        arrays: dict[str, npt.NDArray[Any]] = dict(self.profiles.arrays())
        own = [one.arrays() for one in self.yardsticks.values()]
        for name in own[0]:
            arrays[f"yardstick_{name}"] = np.concatenate([one[name].ravel() for one in own])
        for name in ("series_ids", "axes", "times"):  # how many rows and columns each service has
            arrays[f"sizes_{name}"] = np.array([one[name].size for one in own], np.int64)
        arrays["scales"] = np.stack(list(self.scales.values()))
        data = {"services": list(self.yardsticks), "threshold": self.threshold, "ordinary": self.ordinary}
        data["thresholds"] = self.thresholds
        return State(self.name, arrays, {**data, "parameters": self.parameters})

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Return the detector that `state` describes."""
        known = dict(state.data["parameters"])
        hours = BusinessHours.parse(known.pop("business_hours"))
        made = cls(**known, hours=hours)
        made.threshold, made.ordinary = float(state.data["threshold"]), float(state.data["ordinary"])
        made.thresholds = dict(state.data["thresholds"])
        made.profiles = Profiles.from_arrays(state.arrays)
        services, sizes = state.data["services"], state.arrays["sizes_series_ids"]
        split: dict[str, list[npt.NDArray[Any]]] = {}
        for item in fields(Yardstick):
            ends = np.cumsum(state.arrays.get(f"sizes_{item.name}", sizes))[:-1]
            split[item.name] = np.split(state.arrays[f"yardstick_{item.name}"], ends)
        for name in ("axes", "times"):
            split[name] = [part.reshape(size, -1) for part, size in zip(split[name], sizes, strict=True)]
        made.yardsticks = {
            service: Yardstick(**{name: parts[at] for name, parts in split.items()})
            for at, service in enumerate(services)
        }
        made.scales = dict(zip(services, state.arrays["scales"], strict=True))
        return made

    @property
    def parameters(self) -> dict[str, Any]:
        """The settings with which it was made."""
        return {"episode_budget": self.episode_budget, "seed": self.seed, "business_hours": str(self.hours)}


def _held(summed: Floats) -> Floats:
    return np.fmax(summed, np.concatenate(([np.nan], summed[:-1])) * HELD)


def _ranking(summed: Floats, grid: Grid) -> Floats:
    column, faded = summed[:, None], np.empty((len(summed), 1))
    score = summed.copy()
    for time in SMOOTH:
        window_mean(column, grid.first, cells(FADES * time, grid.step), max(time / grid.step, 0.3), True, faded)
        score += faded[:, 0]
    return score / (1 + len(SMOOTH))


def _panel(told: list[Told], values: Floats) -> Panel:
    """Return services as the subjects of a panel, in the order given."""
    offsets = np.cumsum([0, *(len(one.ts) for one in told)]).astype(np.int64)
    ids = np.array([service_id(one.service) for one in told], np.int64)
    ts = np.concatenate([np.zeros(0, np.int64), *(one.ts for one in told)])
    return Panel(ids, offsets, ts, values, np.array([one.step for one in told], np.int64))


def _leaving(panel: Panel) -> Panel:
    return replace(panel, step=np.maximum(panel.step, _LEAVE))

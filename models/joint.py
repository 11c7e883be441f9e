"""Several metrics of one service judged together: `joint` sees what no single metric shows, and says what it may mean.

Per service, three views (`joint_parts.py`) of the residuals of its metrics are brought to one scale by scores out of
fold, as `profiled.py` does for single series, and added. The ranking score is the sum smoothed over a quarter of an
hour; the alarm is the sum as it is, over the threshold that keeps the held-out slice within the episode budget.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from include.features import BusinessHours, Calendar, Panel
from include.features.panel import Floats, Longs
from models.base import LOOKBACK, SERVICE, Detector, ModelError, State, score_frame, service_id
from models.calibration import threshold_for
from models.joint_grid import LEAST, grids
from models.joint_kernels import rolling_mean
from models.joint_parts import PARTS, Deviations, Yardstick
from models.profile import MIN_POINTS, Profiles, directions

BUDGET = 0.5  # episodes per service and day on the held-out slice, real ones included
WEIGHTS = {"level": 1.0, "jump": 2.0, "pattern": 1.0}
SMOOTH = 900_000_000  # microseconds
HIGH = 0.995
CAP = 50.0
SHRINK = 3.0
_LOOKBACK_US = int(LOOKBACK.total_seconds()) * 1_000_000
_LEAVE = 300_000_000  # a profile leaves 60 steps of the day to what looks back over its residuals: five hours at least


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
        self.threshold = 1.0
        self.profiles: Profiles
        self.yardsticks: dict[str, Yardstick]
        self.scales: dict[str, Floats]  # per service [parts, 2]: median and spread of each part out of fold
        self.ordinary = 0.0

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
        held = [view.since(cut) for view in self._views(panel.where(panel.ts >= cut - _LOOKBACK_US), series)]
        self._learn(panel, series)
        self.scales = _scales(held, list(self.yardsticks))
        judged = [view for view in held if len(view.ts)]
        mixed = [self._mix(view) for view in judged]
        tail = _panel(judged, np.concatenate(mixed) if mixed else np.zeros(0))
        self.threshold = threshold_for(tail, tail.values, np.arange(len(judged)), self.episode_budget) if mixed else 1.0
        self.ordinary = float(np.median(tail.values)) if mixed else 0.0
        return self

    def score(self, points: pd.DataFrame, series: pd.DataFrame, since: datetime | None = None) -> pd.DataFrame:
        """Return `SCORE_COLUMNS`, one row per service and time at which three of its known metrics have a value."""
        start = 0 if since is None else int(since.timestamp() * 1_000_000)
        found = []
        for view in self._views(Panel.of(points, series), series):
            mixed = self._mix(view)
            smooth = np.empty_like(mixed)
            rolling_mean(mixed, max(round(SMOOTH / view.step), 3), smooth)
            found.append((view.since(start), mixed[view.rows(start)], smooth[view.rows(start)]))
        found = sorted((one for one in found if len(one[0].ts)), key=lambda one: service_id(one[0].service))
        alarm, score = (np.concatenate([np.zeros(0), *(one[at] for one in found)]) for at in (1, 2))
        rows = _panel([one[0] for one in found], alarm)
        ordinary, limit = np.full(len(rows), self.ordinary), np.full(len(rows), self.threshold)
        return score_frame(
            rows, score / self.threshold, np.zeros(len(rows)), ordinary, limit, alarm / self.threshold, SERVICE
        )

    def explain(self, points: pd.DataFrame, series: pd.DataFrame, rows: npt.NDArray[np.int64]) -> list[list[str]]:
        """Return which metrics deviate most at each row, by how much, strongest first."""
        return [["not yet"] for _ in rows]

    def _learn(self, panel: Panel, series: pd.DataFrame) -> None:
        calendar = Calendar.of(panel, series, self.hours)
        wide = _leaving(panel)
        self.profiles = Profiles.fit(wide, calendar, self.threads)
        expected, _ = self.profiles.expect(wide, calendar, self.threads)
        known = self.profiles.place(panel.series_ids) >= 0
        self.yardsticks = {}
        for found in grids(panel, series, known):
            seen = Deviations.of(found, panel.values, expected)
            self.yardsticks[found.service] = Yardstick.fit(seen, panel.series_ids[found.series])

    def _views(self, panel: Panel, series: pd.DataFrame) -> Iterator["View"]:
        expected, _ = self.profiles.expect(_leaving(panel), Calendar.of(panel, series, self.hours), self.threads)
        direction = directions(panel, series)
        known = np.concatenate([np.zeros(0, np.int64), *(one.series_ids for one in self.yardsticks.values())])
        for found in grids(panel, series, np.isin(panel.series_ids, known)):
            yardstick = self.yardsticks[found.service].of(panel.series_ids[found.series])
            parts = yardstick.parts(Deviations.of(found, panel.values, expected), direction[found.series])
            yield View(found.service, found.step, found.ts, found.told, np.stack([parts[name] for name in PARTS], 1))

    def _mix(self, view: "View") -> Floats:
        middle, spread = self.scales[view.service].T
        parts = np.clip((view.parts - middle) / spread, 0.0, CAP)
        mixed = parts @ np.array([WEIGHTS[name] for name in PARTS]) / sum(WEIGHTS.values())
        return np.where(view.told, mixed, np.nan)

    def state(self) -> State:
        """Return the fitted detector as arrays and plain data; services stand one behind the other."""
        arrays: dict[str, npt.NDArray[Any]] = dict(self.profiles.arrays())
        own = [self.yardsticks[name].arrays() for name in self.yardsticks]
        for name in own[0]:
            arrays[f"yardstick_{name}"] = np.concatenate([one[name].ravel() for one in own])
        arrays["metrics"] = np.array([len(one["series_ids"]) for one in own], np.int64)
        arrays["components"] = np.array([one["axes"].shape[1] for one in own], np.int64)
        arrays["scales"] = np.stack([self.scales[name] for name in self.yardsticks])
        data = {"services": list(self.yardsticks), "threshold": self.threshold, "ordinary": self.ordinary}
        return State(self.name, arrays, {**data, "parameters": self.parameters})

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Return the detector that `state` describes."""
        known = dict(state.data["parameters"])
        made = cls(**known | {"hours": BusinessHours.parse(known.pop("business_hours"))})
        made.threshold, made.ordinary = float(state.data["threshold"]), float(state.data["ordinary"])
        made.profiles = Profiles.from_arrays(state.arrays)
        services, metrics, components = state.data["services"], state.arrays["metrics"], state.arrays["components"]
        made.scales = dict(zip(services, state.arrays["scales"], strict=True))
        made.yardsticks = {}
        for at, service in enumerate(services):
            whole = slice(int(metrics[:at].sum()), int(metrics[: at + 1].sum()))
            sizes = metrics * components
            flat = slice(int(sizes[:at].sum()), int(sizes[: at + 1].sum()))
            own = {item.name: state.arrays[f"yardstick_{item.name}"] for item in fields(Yardstick)}
            axes = own.pop("axes")[flat].reshape(metrics[at], components[at])
            made.yardsticks[service] = Yardstick(**{name: value[whole] for name, value in own.items()}, axes=axes)
        return made

    @property
    def parameters(self) -> dict[str, Any]:
        """The settings with which it was made."""
        return {"episode_budget": self.episode_budget, "seed": self.seed, "business_hours": str(self.hours)}


@dataclass(frozen=True)
class View:
    """The raw parts of one service, per cell of its grid."""

    service: str
    step: int  # microseconds
    ts: Longs
    told: npt.NDArray[np.bool_]
    parts: Floats  # [cells, parts]

    def rows(self, since: int) -> npt.NDArray[np.bool_]:
        """Return which cells have something to tell at or after `since` (microseconds)."""
        return self.told & (self.ts >= since)

    def since(self, since: int) -> "View":
        """Return the view of these cells alone."""
        kept = self.rows(since)
        return View(self.service, self.step, self.ts[kept], self.told[kept], self.parts[kept])


def _panel(views: list[View], values: Floats) -> Panel:
    """Return services as the subjects of a panel, in the order given."""
    offsets = np.cumsum([0, *(len(view.ts) for view in views)]).astype(np.int64)
    ids = np.array([service_id(view.service) for view in views], np.int64)
    ts = np.concatenate([np.zeros(0, np.int64), *(view.ts for view in views)])
    return Panel(ids, offsets, ts, values, np.array([view.step for view in views], np.int64))


def _leaving(panel: Panel) -> Panel:
    return replace(panel, step=np.maximum(panel.step, _LEAVE))


def _scales(held: list[View], services: list[str]) -> dict[str, Floats]:
    """Return median and spread of each part per service; the spread within a factor of the fleet's median spread."""
    found = {view.service: np.quantile(view.parts, [0.5, HIGH], axis=0).T for view in held if len(view.ts)}
    for own in found.values():
        own[:, 1] -= own[:, 0]
    fleet = np.median(np.stack(list(found.values())), axis=0) if found else np.tile([0.0, 1.0], (len(PARTS), 1))
    usual = np.where(fleet[:, 1] > 0, fleet[:, 1], 1.0)
    out = {}
    for service in services:
        own = found.get(service, fleet).copy()
        own[:, 1] = np.clip(own[:, 1], usual / SHRINK, usual * SHRINK)
        out[service] = own
    return out

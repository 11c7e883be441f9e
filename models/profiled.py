"""What the robust detector and the isolation forest share: profile → residual → raw scores → one scale → threshold.

Fitting goes twice over the training points: once on the first three quarters, to score the last quarter out of fold
(from that come the calibration and the threshold), and once on all of them, for the model that is kept.
"""

from abc import abstractmethod
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from include.features import BusinessHours, Calendar, Panel
from include.features.panel import Floats, Longs
from models.base import LOOKBACK, Detector, ModelError, State, score_frame
from models.calibration import Calibration, threshold_for
from models.profile import MIN_POINTS, Profiles, directions

RESIDUAL_CAP = 50.0
BUDGET = 0.2  # episodes per service and day on the held-out slice, real ones included
_LOOKBACK_US = int(LOOKBACK.total_seconds()) * 1_000_000


@dataclass(frozen=True)
class Residuals:
    """A panel of residuals in units of each series' scale, and what they were measured against."""

    panel: Panel
    calendar: Calendar
    expected: Floats
    spread: Floats
    place: Longs  # per row: position of its series in the profiles, or -1

    @classmethod
    def of(cls, panel: Panel, calendar: Calendar, profiles: Profiles, threads: int) -> "Residuals":
        """Measure the panel against the profiles."""
        expected, spread = profiles.expect(panel, calendar, threads)
        residual = np.clip((panel.values - expected) / spread, -RESIDUAL_CAP, RESIDUAL_CAP)
        place = profiles.place(panel.series_ids)[panel.series_of_row]
        return cls(panel.with_values(residual), calendar, expected, spread, place)


class Profiled(Detector):
    """A detector that judges residuals; a subclass says how, by `_grow` and `_evidence`."""

    parts: tuple[str, ...]  # names of the raw scores that are calibrated one by one and then averaged

    def __init__(
        self, episode_budget: float = BUDGET, threads: int = 1, seed: int = 7, hours: BusinessHours | None = None
    ) -> None:
        self.episode_budget = episode_budget
        self.threads = threads
        self.seed = seed
        self.hours = hours or BusinessHours()
        self.threshold = 1.0
        self.profiles: Profiles
        self.calibrations: dict[str, Calibration]
        self.band: Floats

    @abstractmethod
    def _grow(self, residuals: Residuals) -> None:
        """Learn whatever the raw scores need beyond the profile."""

    @abstractmethod
    def _evidence(self, residuals: Residuals, rows: Longs) -> dict[str, Floats]:
        """Return the raw scores of these rows, by the names in `parts`; higher is stranger."""

    def fit(self, points: pd.DataFrame, series: pd.DataFrame) -> Self:
        """Learn profiles, calibration and threshold. Raises `ModelError` when no series has 50 points."""
        if len(points) == 0 or np.bincount(pd.factorize(points["series_id"])[0]).max() < 2 * MIN_POINTS:
            raise ModelError(
                f"No series has {2 * MIN_POINTS} points to train on. Load more history, or a shorter step."
            )
        panel = Panel.of(points, series)
        calendar = Calendar.of(panel, series, self.hours)
        cut = int(panel.ts.min() + (panel.ts.max() - panel.ts.min()) * 3 // 4)
        self._learn(*_part(panel, calendar, panel.ts < cut))
        held, held_calendar = _part(panel, calendar, panel.ts >= cut - _LOOKBACK_US)
        residuals = self._measure(held, held_calendar)
        later = held.ts >= cut
        raw = self._raw(residuals, np.flatnonzero(later))
        fitted = self.profiles
        self._learn(panel, calendar)
        tail = held.where(later)
        place, size = self.profiles.place(tail.series_ids), len(self.profiles.series_ids)
        self.calibrations = {name: Calibration.fit(tail, raw[name], place, size) for name in self.parts}
        self.band = Calibration.fit(tail, np.abs(residuals.panel.values[later]), place, size).spread
        known = (fitted.place(tail.series_ids) >= 0)[tail.series_of_row]
        score = self._combine(raw, place[tail.series_of_row])
        score *= _in_bad_direction(residuals, series)[later]
        service = pd.factorize(series.set_index("series_id")["service"].reindex(tail.series_ids))[0]
        self.threshold = threshold_for(tail, np.where(known, score, 0.0), service, self.episode_budget)
        return self

    def score(self, points: pd.DataFrame, series: pd.DataFrame, since: datetime | None = None) -> pd.DataFrame:
        """Return `SCORE_COLUMNS`, one row per point from `since` on; a score of 1 or more is over the threshold."""
        panel = Panel.of(points, series)
        residuals = self._measure(panel, Calendar.of(panel, series, self.hours))
        wanted = np.ones(len(panel), bool) if since is None else panel.ts >= int(since.timestamp() * 1_000_000)
        rows = np.flatnonzero(wanted)
        place, spread, expected = residuals.place[rows], residuals.spread[rows], residuals.expected[rows]
        score = self._combine(self._raw(residuals, rows), place) / self.threshold
        score *= _in_bad_direction(residuals, series)[rows]
        told = np.isfinite(spread)
        width = np.where(told, spread, 0.0) * self.band[place]
        return score_frame(
            panel.where(wanted), np.where(told, score, 0.0), expected - width, expected, expected + width
        )

    def _learn(self, panel: Panel, calendar: Calendar) -> None:
        self.profiles = Profiles.fit(panel, calendar, self.threads)
        self._grow(self._measure(panel, calendar))

    def _measure(self, panel: Panel, calendar: Calendar) -> Residuals:
        return Residuals.of(panel, calendar, self.profiles, self.threads)

    def _raw(self, residuals: Residuals, rows: Longs) -> dict[str, Floats]:
        raw = {name: np.empty(len(rows)) for name in self.parts}
        block = 400_000  # rows at once: the features of a block stay below 30 MB
        for start in range(0, len(rows), block):
            here = slice(start, start + block)
            for name, values in self._evidence(residuals, rows[here]).items():
                raw[name][here] = values
        return raw

    def _combine(self, raw: dict[str, Floats], place: Longs) -> Floats:
        total = np.zeros(len(place))
        for name in self.parts:
            total += self.calibrations[name].apply(raw[name], place)
        return total / len(self.parts)

    def state(self) -> State:
        """Return the fitted detector as arrays and plain data."""
        arrays: dict[str, npt.NDArray[Any]] = {**self.profiles.arrays(), "band": self.band, **self._grown()}
        for name, calibration in self.calibrations.items():
            arrays |= calibration.arrays(name)
        return State(self.name, arrays, {"threshold": self.threshold, "parameters": self.parameters})

    def _grown(self) -> dict[str, npt.NDArray[Any]]:
        """Return what `_grow` learned, as named arrays."""
        return {}

    def _regrow(self, arrays: dict[str, npt.NDArray[Any]]) -> None:
        """Take back what `_grown` gave."""

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Return the detector that `state` describes."""
        known = dict(state.data["parameters"])
        hours = known.pop("business_hours")
        made = cls(**known, hours=BusinessHours.parse(hours))
        made.threshold = float(state.data["threshold"])
        made.profiles = Profiles.from_arrays(state.arrays)
        made.calibrations = {name: Calibration.from_arrays(state.arrays, name) for name in cls.parts}
        made.band = state.arrays["band"]
        made._regrow(state.arrays)
        return made

    @property
    def parameters(self) -> dict[str, Any]:
        """The settings with which it was made."""
        return {"episode_budget": self.episode_budget, "seed": self.seed, "business_hours": str(self.hours)}


def _part(panel: Panel, calendar: Calendar, keep: npt.NDArray[np.bool_]) -> tuple[Panel, Calendar]:
    some = panel.where(keep)
    alive = np.isin(panel.series_ids, some.series_ids)
    return some, Calendar(calendar.table, calendar.group[alive], calendar.origin)


def _in_bad_direction(residuals: Residuals, series: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Return which rows deviate in a direction that is bad for their series."""
    panel = residuals.panel
    direction = directions(panel, series)[panel.series_of_row]
    return panel.values * direction >= 0

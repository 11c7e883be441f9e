"""LSTM autoencoder over the residuals of every series: what it cannot give back, it has not seen before.

A window of 60 residuals goes through the network of its kind of metric; the error over its newest samples is the raw
score of its last row. Beside it stands the row's residual: a network that has seen shifts can give one back, however
large. Each is put on the common scale of `calibration.py`, and the two are averaged.

Profiles and networks are fitted on the first three quarters of the points, and the last quarter, which neither has
seen, gives calibration and threshold.
"""

from datetime import datetime, timedelta
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from include.features import BusinessHours, Calendar, Panel
from include.features.panel import Floats, Longs
from models.base import LOOKBACK, Detector, ModelError, State, score_frame
from models.calibration import Calibration, threshold_for
from models.lstm_kinds import ANY, RECENT, Judgement, Networks
from models.lstm_windows import SEQUENCE
from models.profile import MIN_POINTS, Profiles, directions
from models.profiled import BUDGET, Residuals
from models.severity import SEVERITIES, by_error_ratio

MINUTES = 5.0
MOST_HELD = 400_000  # rows of the held-out quarter judged: beyond that, some series whole and of others a few rows
_PROFILE_SPAN = timedelta(hours=9)  # how far the profile looks back where 60 steps are 15 hours or more
PARTS = ("error", "residual")


class LstmAutoencoder(Detector):
    """One network per kind of metric; see `lstm_kinds.py`. PyTorch is imported when it is fitted or asked."""

    name: ClassVar[str] = "lstm_autoencoder"

    def __init__(
        self,
        episode_budget: float = BUDGET,
        threads: int = 1,
        seed: int = 7,
        hours: BusinessHours | None = None,
        minutes: float = MINUTES,
    ) -> None:
        """Make one that trains for about `minutes` on one core, all kinds together."""
        self.episode_budget = episode_budget
        self.threads = threads
        self.seed = seed
        self.hours = hours or BusinessHours()
        self.minutes = minutes
        self.threshold = 1.0
        self.profiles: Profiles
        self.networks: Networks
        self.calibrations: dict[str, Calibration]
        self.band: Floats

    def lookback(self, step: timedelta) -> timedelta:
        """Return a day, or for steps over a quarter of an hour 60 samples and what their profile looks back at."""
        return max(LOOKBACK, SEQUENCE * step + _PROFILE_SPAN)

    def fit(self, points: pd.DataFrame, series: pd.DataFrame) -> Self:
        """Learn profiles, networks, calibration and threshold. Raises `ModelError` when no series has 100 points."""
        if len(points) == 0 or np.bincount(pd.factorize(points["series_id"])[0]).max() < 2 * MIN_POINTS:
            raise ModelError(
                f"No series has {2 * MIN_POINTS} points to train on. Load more history, or a shorter step."
            )
        panel = Panel.of(points, series)
        calendar = Calendar.of(panel, series, self.hours)
        begin, end = (int(moment) for moment in np.quantile(np.unique(panel.ts), [0.6, 0.75]))
        early = panel.where(panel.ts < end)
        fitted = Profiles.fit(early, _only(calendar, panel, early), self.threads)
        residuals = Residuals.of(panel, calendar, fitted, self.threads)
        kinds = _kinds(panel, series)
        self.networks = Networks.train(
            residuals.panel, kinds, begin, end, minutes=self.minutes, seed=self.seed, threads=self.threads
        )
        self.profiles = Profiles.fit(panel, calendar, self.threads)
        self._calibrate(residuals, series, fitted, end)
        return self

    def _calibrate(self, residuals: Residuals, series: pd.DataFrame, fitted: Profiles, since: int) -> None:
        """Learn the common scale and the threshold from the rows from `since` on."""
        panel = residuals.panel
        late = panel.ts >= since
        whole = self._sampled(panel, late)[panel.series_of_row]
        every = max(1, -(-int(late.sum()) // MOST_HELD))
        judged = late & (whole | (np.arange(len(panel)) % every == 0))
        rows = np.flatnonzero(judged)
        found = self.networks.judge(panel, _kinds(panel, series), rows, self.threads)
        tail = panel.where(judged)
        place, size = self.profiles.place(tail.series_ids), len(self.profiles.series_ids)
        self.calibrations = {part: Calibration.fit(tail, getattr(found, part), place, size) for part in PARTS}
        self.band = Calibration.fit(tail, np.abs(panel.values[rows]), place, size).spread
        known = (fitted.place(panel.series_ids) >= 0)[panel.series_of_row[rows]]
        score = self._combine(found, place[tail.series_of_row]) * _bad(panel, series, rows) * known
        kept = whole[rows]
        some = tail.where(kept)
        service = pd.factorize(series.set_index("series_id")["service"].reindex(some.series_ids))[0]
        self.threshold = threshold_for(some, score[kept], service, self.episode_budget)

    def _sampled(self, panel: Panel, late: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """Return which series are judged whole: in an order drawn by seed, as many as `MOST_HELD` rows hold."""
        count = np.bincount(panel.series_of_row[late], minlength=len(panel.series_ids))
        order = np.random.default_rng(self.seed).permutation(len(count))
        total = np.cumsum(count[order])
        chosen = np.zeros(len(count), bool)
        chosen[order[: max(1, int(np.searchsorted(total, MOST_HELD, side="right")))]] = True
        return chosen

    def score(self, points: pd.DataFrame, series: pd.DataFrame, since: datetime | None = None) -> pd.DataFrame:
        """Return `SCORE_COLUMNS`, one row per point from `since` on; a score of 1 or more is over the threshold."""
        panel = Panel.of(points, series)
        residuals = Residuals.of(panel, Calendar.of(panel, series, self.hours), self.profiles, self.threads)
        wanted = np.ones(len(panel), bool) if since is None else panel.ts >= int(since.timestamp() * 1_000_000)
        rows = np.flatnonzero(wanted)
        place, spread, expected = residuals.place[rows], residuals.spread[rows], residuals.expected[rows]
        found = self.networks.judge(residuals.panel, _kinds(panel, series), rows, self.threads)
        score = self._combine(found, place) / self.threshold * _bad(residuals.panel, series, rows)
        told = np.isfinite(spread)
        width = np.where(told, spread, 0.0) * self.band[place]
        return score_frame(
            panel.where(wanted), np.where(told, score, 0.0), expected - width, expected, expected + width
        )

    def explain(self, points: pd.DataFrame, series: pd.DataFrame, rows: npt.NDArray[np.int64]) -> list[list[str]]:
        """Return how badly the network gives each row's window back, and how far the row lies from what is expected."""
        return [item["features"] for item in self.evidence(points, series, rows)]

    def evidence(self, points: pd.DataFrame, series: pd.DataFrame, rows: npt.NDArray[np.int64]) -> list[dict[str, Any]]:
        """Return reconstruction error, threshold (95th percentile of the validation error), their ratio and severity.

        Errors are means of absolute errors over the newest samples, in deviations squashed by arcsinh.
        """
        panel = Panel.of(points, series)
        residuals = Residuals.of(panel, Calendar.of(panel, series, self.hours), self.profiles, self.threads)
        found = self.networks.judge(residuals.panel, _kinds(panel, series), rows, self.threads)
        limits = self.networks.limits[found.network]
        far = residuals.panel.values[rows]
        return [
            {
                "features": [
                    f"reconstruction error {error / limit:.1f} times its limit",
                    f"{abs(z):.1f} deviations {'above' if z > 0 else 'below'} the expected value",
                ],
                "reconstruction_error": float(error),
                "threshold": float(limit),
                "ratio": float(error / limit),
                "severity": SEVERITIES[by_error_ratio(error / limit)],
            }
            for error, limit, z in zip(found.error, limits, far, strict=True)
        ]

    def _combine(self, found: Judgement, place: Longs) -> Floats:
        scaled = [self.calibrations[part].apply(getattr(found, part), place) for part in PARTS]
        return np.mean(scaled, axis=0)

    def state(self) -> State:
        """Return the fitted detector as arrays and plain data."""
        arrays: dict[str, npt.NDArray[Any]] = {**self.profiles.arrays(), **self.networks.arrays(), "band": self.band}
        for part, calibration in self.calibrations.items():
            arrays |= calibration.arrays(part)
        data = {"threshold": self.threshold, "parameters": self.parameters, "kinds": list(self.networks.kinds)}
        return State(self.name, arrays, data)

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Return the detector that `state` describes."""
        known = {name: state.data["parameters"][name] for name in ("episode_budget", "seed", "minutes")}
        made = cls(**known, hours=BusinessHours.parse(state.data["parameters"]["business_hours"]))
        made.threshold = float(state.data["threshold"])
        made.profiles = Profiles.from_arrays(state.arrays)
        made.networks = Networks.from_arrays(state.data["kinds"], state.arrays)
        made.calibrations = {part: Calibration.from_arrays(state.arrays, part) for part in PARTS}
        made.band = state.arrays["band"]
        return made

    @property
    def parameters(self) -> dict[str, Any]:
        """The settings with which it was made."""
        return {
            "episode_budget": self.episode_budget,
            "seed": self.seed,
            "business_hours": str(self.hours),
            "minutes": self.minutes,
            "sequence": SEQUENCE,
            "recent": RECENT,
        }


def _kinds(panel: Panel, series: pd.DataFrame) -> npt.NDArray[Any]:
    """Return the kind of metric of each series of the panel."""
    if "kind" not in series:
        return np.full(len(panel.series_ids), ANY, object)
    said = series.set_index("series_id")["kind"].reindex(panel.series_ids)
    return said.fillna(ANY).astype(str).to_numpy(object)


def _bad(panel: Panel, series: pd.DataFrame, rows: Longs) -> npt.NDArray[np.bool_]:
    """Return which of these rows deviate in a direction that is bad for their series."""
    return panel.values[rows] * directions(panel, series)[panel.series_of_row[rows]] >= 0


def _only(calendar: Calendar, panel: Panel, some: Panel) -> Calendar:
    """Return the calendar of the series that are left in `some`."""
    return Calendar(calendar.table, calendar.group[np.isin(panel.series_ids, some.series_ids)], calendar.origin)

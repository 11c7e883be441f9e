"""Prophet's band for series with a season: how far a point lies outside what trend and seasons say.

Only the series with the strongest seasons are fitted, and a curve is kept only where it beats the profile of
`profile.py` on the last quarter of training, which it was not fitted on; all others are judged by their profile. The
same quarter gives scale and band: the band's half width is the conformal quantile of its residuals (Lei et al.,
"Distribution-Free Predictive Inference for Regression", 2018), so 99 of 100 later points like these lie inside.
"""

from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from include.features import BusinessHours, Calendar, Panel
from include.features.panel import Floats, Longs
from models.profile import BETTER, MAD, Profiles
from models.profiled import BUDGET, Profiled, Residuals
from models.prophet_curves import DAY, HOUR, MIN_POINTS, Curves, fit_curve, hourly_means, local_time

SERIES = 40
COVERAGE = 0.99
LEAST_STRENGTH = 0.2  # share of the variance that the hour of the day, or of the week, explains
_SLOWEST_DAILY = 4 * HOUR  # step beyond which a day has too few samples for a season


@dataclass(frozen=True)
class Seasons(Profiles):
    """Profiles, of which F series are expected to follow a curve instead."""

    curves: Curves
    half: Floats  # [F], half width of the band in scales

    @classmethod
    def learn(cls, panel: Panel, calendar: Calendar, *, most: int, seed: int, threads: int) -> "Seasons":
        """Fit a profile for every series, and curves for at most `most`, the strongest seasons first."""
        plain = Profiles.fit(panel, calendar, threads)
        tried = _strongest(panel, local_time(panel, calendar)[0], plain, most)
        some = panel.where(np.isin(panel.series_ids, tried)[panel.series_of_row])
        some_calendar = _of(calendar, panel, some)
        held = _last_quarter(some)
        early = _curves(some, some_calendar, ~held, seed)
        judged = _judge(early, some, some_calendar, held, threads)
        late = _curves(some, some_calendar, np.ones(len(some), bool), seed, set(judged))
        curves = Curves.of(late)
        at = plain.place(curves.ids)
        tables, follow, scale = plain.tables.copy(), plain.follow.copy(), plain.scale.copy()
        tables[at] = 0.0
        follow[at] = [judged[int(series_id)].follow for series_id in curves.ids]
        found = np.array([judged[int(series_id)].scale for series_id in curves.ids])
        scale[at] = np.maximum(found, 1e-3 * np.abs(plain.centre[at]))
        half = np.array([judged[int(series_id)].half for series_id in curves.ids]) / scale[at]
        return cls(plain.series_ids, tables, follow, scale, plain.centre, curves, half)

    def expect(self, panel: Panel, calendar: Calendar, threads: int = 1) -> tuple[Floats, Floats]:
        """Return expected value and scale of each row: the curve, and what the profile says of the remainder."""
        curve = self.curves.evaluate(panel, calendar)
        expected, spread = super().expect(panel.with_values(panel.values - curve), calendar, threads)
        return curve + expected, spread

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the fields as named arrays."""
        plain = {f"profile_{item.name}": getattr(self, item.name) for item in fields(Profiles)}
        return {**plain, **self.curves.arrays(), "curve_half": self.half}

    @classmethod
    def from_arrays(cls, arrays: dict[str, npt.NDArray[Any]]) -> "Seasons":
        """Return the seasons that `arrays` gave."""
        plain = {item.name: arrays[f"profile_{item.name}"] for item in fields(Profiles)}
        return cls(**plain, curves=Curves.from_arrays(arrays), half=arrays["curve_half"])


@dataclass(frozen=True)
class _Judged:
    """What the held-out quarter says of one curve."""

    follow: bool  # better with its level corrected by the last day
    scale: float
    half: float


class ProphetBand(Profiled):
    """Prophet where it earns its place, the profile elsewhere; the score is the distance from what is expected."""

    name: ClassVar[str] = "prophet_band"
    parts = ("residual",)

    def __init__(
        self,
        episode_budget: float = BUDGET,
        threads: int = 1,
        seed: int = 7,
        hours: BusinessHours | None = None,
        series: int = SERIES,
    ) -> None:
        """Make one that fits at most `series` curves."""
        super().__init__(episode_budget, threads, seed, hours)
        self.series = series

    def fit(self, points: pd.DataFrame, series: pd.DataFrame) -> Self:
        """Learn curves, profiles, calibration and threshold. Raises `ModelError` when no series has 100 points."""
        super().fit(points, series)
        seasons = self.seasons
        self.band[seasons.place(seasons.curves.ids)] = seasons.half
        return self

    @property
    def seasons(self) -> Seasons:
        """The profiles, as what they are here."""
        assert isinstance(self.profiles, Seasons)  # noqa: S101  `_learn` and `_regrow` make no others
        return self.profiles

    def _learn(self, panel: Panel, calendar: Calendar) -> None:
        self.profiles = Seasons.learn(panel, calendar, most=self.series, seed=self.seed, threads=self.threads)

    def _grow(self, residuals: Residuals) -> None:
        pass

    def _evidence(self, residuals: Residuals, rows: Longs) -> dict[str, Floats]:
        return {"residual": np.abs(residuals.panel.values[rows])}

    def explain(self, points: pd.DataFrame, series: pd.DataFrame, rows: npt.NDArray[np.int64]) -> list[list[str]]:
        """Return how far each row lies from what is expected, and from what that comes."""
        panel = Panel.of(points, series)
        residuals = Residuals.of(panel, Calendar.of(panel, series, self.hours), self.profiles, self.threads)
        far = residuals.panel.values[rows]
        curved = np.isin(panel.row_ids[rows], self.seasons.curves.ids)
        return [
            [
                f"{abs(z):.1f} deviations {'above' if z > 0 else 'below'} the expected value",
                "expected by trend and season" if by_curve else "expected by the profile of its days",
            ]
            for z, by_curve in zip(far, curved, strict=True)
        ]

    def _regrow(self, arrays: dict[str, npt.NDArray[Any]]) -> None:
        self.profiles = Seasons.from_arrays(arrays)

    @property
    def parameters(self) -> dict[str, Any]:
        """The settings with which it was made."""
        return {**super().parameters, "series": self.series}


def _of(calendar: Calendar, panel: Panel, some: Panel) -> Calendar:
    return Calendar(calendar.table, calendar.group[np.isin(panel.series_ids, some.series_ids)], calendar.origin)


def _last_quarter(panel: Panel) -> npt.NDArray[np.bool_]:
    """Return which rows are in the last quarter of their series' rows."""
    size = np.diff(panel.offsets)
    begin = panel.offsets[:-1] + size * 3 // 4
    return np.arange(len(panel)) >= begin[panel.series_of_row]


def _strongest(panel: Panel, local: Longs, plain: Profiles, most: int) -> Longs:
    """Return the ids of at most `most` series with 100 points and a whole season, by the strength of the season."""
    strength = np.zeros(len(panel.series_ids))
    for s in np.flatnonzero(plain.place(panel.series_ids) >= 0):  # a loop over series: some sums each, 0.2 ms
        here = slice(int(panel.offsets[s]), int(panel.offsets[s + 1]))
        weekly, daily = _seasons_of(panel.ts[here], int(panel.step[s]))
        if here.stop - here.start >= MIN_POINTS and (weekly or daily):
            strength[s] = _strength(local[here], panel.values[here], 7 * DAY if weekly else DAY)
    order = np.argsort(-strength, kind="stable")[:most]
    return np.sort(panel.series_ids[order[strength[order] >= LEAST_STRENGTH]])


def _seasons_of(ts: Longs, step: int) -> tuple[bool, bool]:
    """Return whether these points can tell a weekly and a daily season: two weeks, two days, samples often enough."""
    length = int(ts[-1] - ts[0]) if len(ts) else 0
    return length >= 14 * DAY, length >= 2 * DAY and step <= _SLOWEST_DAILY


def _strength(local: Longs, values: Floats, period: int) -> float:
    """Return the share of the variance, 0 to 1, that the hour within the period explains."""
    size = np.abs(values).max()
    scaled = values / size if size > 0 else values
    gap = scaled - scaled.mean()
    total = float(gap @ gap)
    hour = local % period // HOUR
    count = np.bincount(hour)
    sums = np.bincount(hour, gap)
    explained = float(np.sum(sums[count > 0] ** 2 / count[count > 0]))
    return explained / total if total > 1e-12 * len(values) else 0.0


def _curves(
    panel: Panel, calendar: Calendar, use: npt.NDArray[np.bool_], seed: int, only: set[int] | None = None
) -> dict[int, dict[str, Any]]:
    """Return the curve of each series, or of `only` these, fitted on the rows to use."""
    found = {}
    local, rest = local_time(panel, calendar)
    for s, series_id in enumerate(panel.series_ids.tolist()):  # Prophet fits one series at a time
        rows = np.arange(panel.offsets[s], panel.offsets[s + 1])
        rows = rows[use[rows]]
        weekly, daily = _seasons_of(panel.ts[rows], int(panel.step[s]))
        if (only is not None and series_id not in only) or not (weekly or daily):
            continue
        curve = fit_curve(
            hourly_means(local[rows], panel.values[rows], rest[rows]), weekly=weekly, daily=daily, seed=seed
        )
        if curve is not None:
            found[series_id] = curve
    return found


def _judge(
    fitted: dict[int, dict[str, Any]], panel: Panel, calendar: Calendar, held: npt.NDArray[np.bool_], threads: int
) -> dict[int, _Judged]:
    """Return the curves that beat the profile on the held-out rows; both were fitted on the others alone."""
    if not len(panel):
        return {}
    early = panel.where(~held)
    gaps = {"plain": np.abs(panel.values - _plain(early, panel, calendar, threads))}
    base = Curves.of(fitted).evaluate(panel, calendar)
    remainder = panel.with_values(panel.values - base)
    size = len(panel.series_ids)
    for follow in (False, True):
        level = Profiles(
            panel.series_ids, np.zeros((size, 2, 24)), np.full(size, follow), np.ones(size), np.zeros(size)
        )
        gaps[str(follow)] = np.abs(remainder.values - level.expect(remainder, calendar, threads)[0])
    found = {}
    for s, series_id in enumerate(panel.series_ids.tolist()):
        rows = np.arange(panel.offsets[s], panel.offsets[s + 1])
        rows = rows[held[rows]]
        error = {name: float(np.mean(gap[rows])) for name, gap in gaps.items()}
        best = "True" if error["True"] < BETTER * error["False"] else "False"
        if series_id in fitted and error[best] < BETTER * error["plain"]:
            gap = np.sort(gaps[best][rows])
            scale = MAD * float(np.median(gap)) or float(np.mean(gap))
            at = min(len(gap), int(np.ceil((len(gap) + 1) * COVERAGE))) - 1
            found[series_id] = _Judged(best == "True", scale, float(gap[at]))
    return found


def _plain(early: Panel, panel: Panel, calendar: Calendar, threads: int) -> Floats:
    """Return what profiles that were fitted on the early rows expect of all rows."""
    return Profiles.fit(early, _of(calendar, panel, early), threads).expect(panel, calendar, threads)[0]

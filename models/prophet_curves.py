"""Prophet's trend and seasons as plain numbers: fitted by Prophet, evaluated by NumPy, equal to Prophet within 1e-6.

A curve is a line that bends at change points, and sums of sines and cosines over the week and over the day, one day for
working and one for rest days (Taylor and Letham, "Forecasting at Scale", 2018). Time is the local time of the series'
service, so that a day's season follows the clocks when they change. Fitted on hourly means.
"""

import logging
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from include.features import Calendar, Panel
from include.features.calendar import QUARTER, REST_BIT
from include.features.panel import Floats, Longs

HOUR, DAY = 3_600_000_000, 86_400_000_000
WEEKLY_ORDER, DAILY_ORDER = 3, 8
WEEKLY, WORKING, REST, DAILY = "weekly", "working", "rest", "daily"  # the seasons by their names in Prophet
MIN_POINTS = 100
STIFF = 0.01  # prior of the bends; with Prophet's 0.05 a few weeks of data extrapolate twice as badly
_QUARTERS = 96  # of a day
_OFFERED = 25  # change points that Prophet offers


@dataclass(frozen=True)
class Curves:
    """F curves, sorted by id of their series; times are local microseconds since 1970."""

    ids: Longs
    start: Longs
    span: Longs  # microseconds that count as 1 in the trend
    scale: Floats  # unit of the values that counts as 1
    growth: Floats  # [F, 2]: rate and offset at the start
    bend: Floats  # [F, 25]: where the rate changes, in spans; infinite where there are fewer
    change: Floats  # [F, 25]: of the rate
    weekly: Floats  # [F, 6]: sine, cosine, of one to three waves a week
    daily: Floats  # [F, 2, 16]: likewise of one to eight waves a day, on working and on rest days

    @classmethod
    def of(cls, fitted: dict[int, "dict[str, Any]"]) -> "Curves":
        """Return the curves that `fit_curve` gave, by series id."""
        ids = np.array(sorted(fitted), np.int64)
        shapes: dict[str, tuple[int, ...]] = {
            "growth": (2,), "bend": (_OFFERED,), "change": (_OFFERED,),
            "weekly": (2 * WEEKLY_ORDER,), "daily": (2, 2 * DAILY_ORDER),
        }  # fmt: skip
        columns: dict[str, npt.NDArray[Any]] = {}
        for item in fields(cls)[1:]:
            kind = np.int64 if item.name in ("start", "span") else np.float64
            rows = [fitted[int(series_id)][item.name] for series_id in ids]
            columns[item.name] = np.array(rows, kind).reshape(len(ids), *shapes.get(item.name, ()))
        return cls(ids, **columns)

    def trend(self, at: int, local: Longs) -> Floats:
        """Return the trend of curve `at` at these times, in the unit of the values."""
        time = (local - self.start[at]) / self.span[at]
        passed = time[:, None] >= self.bend[at]
        rate, offset = self.growth[at]
        moved = np.where(np.isfinite(self.bend[at]), -self.bend[at], 0.0) * self.change[at]
        line: Floats = (rate + passed @ self.change[at]) * time + (offset + passed @ moved)
        return line * self.scale[at]

    def season(self, at: int, local: Longs, rest: npt.NDArray[np.bool_]) -> Floats:
        """Return the seasons of curve `at` at these times, in the unit of the values; `rest` says which rest."""
        days = local / DAY
        day = _waves(days, 1.0, DAILY_ORDER) @ self.daily[at].T
        waves: Floats = _waves(days, 7.0, WEEKLY_ORDER) @ self.weekly[at] + np.where(rest, day[:, 1], day[:, 0])
        return waves * self.scale[at]

    def evaluate(self, panel: Panel, calendar: Calendar) -> Floats:
        """Return what each row of the panel is expected to be; 0 for a series without a curve."""
        out = np.zeros(len(panel))
        local, rest = local_time(panel, calendar)
        for s in np.flatnonzero(np.isin(panel.series_ids, self.ids)):  # some tens of series, each at once
            at = int(np.searchsorted(self.ids, panel.series_ids[s]))
            here = slice(int(panel.offsets[s]), int(panel.offsets[s + 1]))
            out[here] = self.trend(at, local[here]) + self.season(at, local[here], rest[here])
        return out

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the fields as named arrays."""
        return {f"curve_{item.name}": getattr(self, item.name) for item in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: dict[str, npt.NDArray[Any]]) -> "Curves":
        """Return the curves that `arrays` gave."""
        return cls(**{item.name: arrays[f"curve_{item.name}"] for item in fields(cls)})


def local_time(panel: Panel, calendar: Calendar) -> tuple[Longs, npt.NDArray[np.bool_]]:
    """Return the local time of each row in microseconds, by its service's time zone, and whether that is a rest day."""
    packed = calendar.packed(panel).astype(np.int64)
    behind = ((packed & 127) - panel.ts // QUARTER % _QUARTERS + _QUARTERS // 2) % _QUARTERS - _QUARTERS // 2
    return panel.ts + behind * QUARTER, (packed & REST_BIT) != 0


def hourly_means(local: Longs, values: Floats, rest: npt.NDArray[np.bool_]) -> pd.DataFrame:
    """Return `[ds, y, working, rest]` of each local hour that has a point: mean time, mean value, kind of day."""
    hour, first, place = np.unique(local // HOUR, return_index=True, return_inverse=True)
    count = np.bincount(place)
    ds = pd.to_datetime(hour * HOUR + (np.bincount(place, local % HOUR) / count).astype(np.int64), unit="us")
    mean = np.bincount(place, values / count[place])
    return pd.DataFrame({"ds": ds, "y": mean, WORKING: ~rest[first], REST: rest[first]})


def fit_curve(hours: pd.DataFrame, *, weekly: bool, daily: bool, seed: int) -> dict[str, Any] | None:
    """Fit Prophet on hourly means and return the parts of one curve, or None where its optimiser finds no fit.

    With a weekly and a daily season, working and rest days have a day of their own.
    """
    model = fitted_prophet(hours, weekly=weekly, daily=daily, seed=seed)
    if model is None:
        return None
    found = {name: np.asarray(model.params[name], float).ravel() for name in ("k", "m", "delta", "beta")}
    if not all(np.isfinite(part).all() for part in found.values()):
        return None
    bends = np.asarray(model.changepoints_t, float)
    seasons, first = {}, 0
    for name, season in model.seasonalities.items():
        seasons[name] = found["beta"][first : first + 2 * season["fourier_order"]]
        first += 2 * season["fourier_order"]
    every = seasons.get(DAILY, np.zeros(2 * DAILY_ORDER))
    return {
        "start": int((model.start - pd.Timestamp(0)) / pd.Timedelta(1, "us")),
        "span": int(model.t_scale / pd.Timedelta(1, "us")),
        "scale": float(model.y_scale),
        "growth": [found["k"][0], found["m"][0]],
        "bend": _padded(bends, np.inf),
        "change": _padded(found["delta"][: len(bends)], 0.0),
        "weekly": seasons.get(WEEKLY, np.zeros(2 * WEEKLY_ORDER)),
        "daily": [seasons.get(WORKING, every), seasons.get(REST, every)],
    }


def fitted_prophet(hours: pd.DataFrame, *, weekly: bool, daily: bool, seed: int) -> Any:
    """Return Prophet itself, fitted on what `hourly_means` gave, or None where its optimiser finds no fit."""
    logging.getLogger("prophet.plot").setLevel(logging.CRITICAL)  # it tells that plotly is absent
    from prophet import Prophet

    logging.getLogger("cmdstanpy").setLevel(logging.CRITICAL)  # it tells of every fit; importing it sets another level
    model = Prophet(
        yearly_seasonality=False,
        weekly_seasonality=False,
        daily_seasonality=False,
        n_changepoints=_OFFERED,
        uncertainty_samples=0,
        changepoint_prior_scale=STIFF,
    )
    if weekly:
        model.add_seasonality(WEEKLY, period=7, fourier_order=WEEKLY_ORDER)
    if daily and weekly and 0 < hours[REST].sum() < len(hours):
        for name in (WORKING, REST):
            model.add_seasonality(name, period=1, fourier_order=DAILY_ORDER, condition_name=name)
    elif daily:
        model.add_seasonality(DAILY, period=1, fourier_order=DAILY_ORDER)
    try:
        return model.fit(hours, seed=seed)
    except RuntimeError:  # cmdstanpy's, of a line search that failed: values that no curve describes
        return None


def _padded(values: Floats, by: float) -> Floats:
    return np.concatenate((values, np.full(_OFFERED - len(values), by)))


def _waves(days: Floats, period: float, order: int) -> Floats:
    """Return Prophet's Fourier terms `[rows, 2 * order]`: sine and cosine of each wave in turn."""
    angle = 2.0 * np.pi * np.arange(1, order + 1) * days[:, None] / period
    return np.stack((np.sin(angle), np.cos(angle)), axis=2).reshape(len(days), 2 * order)

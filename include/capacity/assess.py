"""Hourly points of resources → their state, their forecast, and when they run out."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from include.capacity.candidates import DAY, Array, theil_sen
from include.capacity.exhaustion import Exhaustion, exhaustion, touched
from include.capacity.hours import MOST_DAYS, Hours
from include.capacity.incidents import set_aside
from include.capacity.model import CapacityForecast
from include.capacity.pool import Forecast
from include.capacity.recommend import Outlook, insufficient, recommend

STATUS_COLUMNS = (
    "series_id", "service", "query", "resource", "owner", "unit", "current", "p95", "limit_value", "limit_source",
    "headroom", "trend_per_day", "growth_percent", "predicted_peak", "predicted_average", "exhausted_p10",
    "exhausted_p50", "exhausted_p90", "status", "recommendation", "reason", "confidence", "coverage", "model",
)  # fmt: skip
FORECAST_COLUMNS = ("series_id", "ts", "lower", "expected", "upper", "model")
PROBABILITY_COLUMNS = ("series_id", "days", "probability")
FORECAST_HOURS = 30 * DAY
LEAST_DAYS, LEAST_POINTS, LEAST_COVERAGE, MOST_STALE_HOURS = 14, 30, 0.5, 24
WITHIN_DAYS = (7, 14, 30, 60, 90)


@dataclass(frozen=True)
class Assessment:
    """`status` and `forecast` as in the warehouse; `probability` that the limit is reached within so many days."""

    status: pd.DataFrame
    forecast: pd.DataFrame
    probability: pd.DataFrame


def assess(
    points: pd.DataFrame, resources: pd.DataFrame, as_of: datetime, model: CapacityForecast | None = None
) -> Assessment:
    """Return the state of each resource as of a moment.

    `points` is `[series_id, ts, value]`, one per hour: its 95th percentile, in the resource's unit. `resources` is one
    row per series, as `resource.resources` makes it; a limit that is not known is NaN. Everything but `current` is of
    the usual hours: incidents are set aside (`incidents`), and the reason says how many hours. Series with equally
    long histories are computed together. Without a trained `model` every class of series is pooled by default settings.
    """
    hours = Hours.of(points, resources["series_id"].to_numpy(np.int64), as_of)
    refused = _refusals(hours)
    usable = np.array([not reason for reason in refused], dtype=bool)
    days = np.minimum(hours.length // DAY, MOST_DAYS)
    rows: dict[int, dict[str, Any]] = {}
    forecasts, chances = [], []
    for length in np.unique(days[usable]):
        members = np.flatnonzero(usable & (days == length))
        computed = _Group(hours, resources.iloc[members], members, int(length), model or CapacityForecast())
        rows |= dict(zip(members.tolist(), computed.status(), strict=True))
        forecasts.append(computed.forecast_frame())
        chances.append(computed.probability_frame())
    for place in np.flatnonzero(~usable).tolist():
        rows[place] = _refused_row(hours, resources.iloc[place], place, refused[place])
    status = pd.DataFrame([rows[place] for place in sorted(rows)], columns=list(STATUS_COLUMNS))
    times = ["exhausted_p10", "exhausted_p50", "exhausted_p90"]
    status[times] = status[times].apply(lambda column: pd.to_datetime(column, utc=True))
    return Assessment(status, _stack(forecasts, FORECAST_COLUMNS), _stack(chances, PROBABILITY_COLUMNS))


def _refusals(hours: Hours) -> list[str]:
    """Return, per series, why no forecast can stand on it; empty where one can."""
    found = []
    for length, seen, stale, coverage in zip(hours.length, hours.seen, hours.stale, hours.coverage, strict=True):
        if not seen:
            found.append(f"No data in the last {MOST_DAYS} days.")
        elif length < LEAST_DAYS * DAY:
            found.append(f"{_span(int(length))} of history; a forecast needs {LEAST_DAYS} days.")
        elif seen < LEAST_POINTS:
            found.append(f"Only {seen} hours have data; a forecast needs {LEAST_POINTS}.")
        elif stale > MOST_STALE_HOURS:
            found.append(f"No data for the last {stale} hours; a forecast needs the last day.")
        elif coverage < LEAST_COVERAGE:
            found.append(f"Only {coverage:.0%} of the hours have data; a forecast needs {LEAST_COVERAGE:.0%}.")
        else:
            found.append("")
    return found


def _span(hours: int) -> str:
    """Say how long a history is: in hours up to two days, then in days."""
    return f"{hours} hours" if hours < 2 * DAY else f"{hours / DAY:.3g} days"


def _refused_row(hours: Hours, resource: pd.Series, place: int, reason: str) -> dict[str, Any]:
    advice = insufficient(reason)
    seen = hours.value[place][np.isfinite(hours.value[place])]
    current = float(seen[-1]) if len(seen) else None
    p95 = float(np.quantile(seen, 0.95)) if len(seen) else None
    return {
        **_identity(resource),
        "current": current,
        "p95": p95,
        "headroom": _headroom(resource, current, p95),
        "status": advice.state.value,
        "recommendation": advice.recommendation,
        "reason": advice.reason,
        "coverage": float(hours.coverage[place]),
    }


def _identity(resource: pd.Series) -> dict[str, Any]:
    names = ("series_id", "service", "query", "resource", "owner", "unit", "limit_source")
    limit = resource["limit_value"]
    return {name: resource[name] for name in names} | {"limit_value": None if pd.isna(limit) else float(limit)}


def _headroom(resource: pd.Series, current: float | None, p95: float | None) -> float | None:
    """Return what is left below the limit: of a saturation above its p95, of a usage above its last value."""
    used = p95 if resource["by_peak"] else current
    return None if used is None or pd.isna(resource["limit_value"]) else float(resource["limit_value"]) - used


def _stack(frames: list[pd.DataFrame], columns: tuple[str, ...]) -> pd.DataFrame:
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=list(columns))


class _Group:
    """Resources with equally long histories, computed together."""

    def __init__(
        self,
        hours: Hours,
        resources: pd.DataFrame,
        members: npt.NDArray[np.int64],
        days: int,
        model: CapacityForecast,
    ) -> None:
        self.resources = resources
        self.coverage = hours.coverage[members]
        self.end = hours.end
        measured = hours.whole_days(members, days)
        self.current = measured[:, -1]
        self.limit = resources["limit_value"].to_numpy(np.float64)
        usual = set_aside(measured)
        self.y, self.aside = usual.value, usual.hours
        self.forecast: Forecast = model.forecast(self.y, resources["query"].to_numpy(object), FORECAST_HOURS)
        recovers = resources["by_peak"].to_numpy(bool)
        self.reached = ~recovers & (self.current >= self.limit)
        self.touched = np.where(recovers, touched(self.y, self.limit).sum(axis=1), 0)
        found = exhaustion(self.y, self.limit, recovers)
        self.exhaustion = Exhaustion(np.where(self.reached[:, None], 0.0, found.hours))

    def status(self) -> list[dict[str, Any]]:
        """Return a row of `STATUS_COLUMNS` per resource."""
        by_day = self.y.reshape(len(self.y), -1, DAY)
        trend = theil_sen(by_day.max(axis=2)[:, -28:])
        p95 = np.quantile(self.y, 0.95, axis=1)
        week = self.y[:, -7 * DAY :].mean(axis=1)
        growth = _percent(self.forecast.expected[:, -7 * DAY :].mean(axis=1) - week, week)
        size = np.abs(self.y).mean(axis=1)
        confidence = 1 - np.minimum(self.forecast.error / np.maximum(size, 1e-300), 1)
        quantiles = [self.exhaustion.quantile(share) for share in (0.1, 0.5, 0.9)]
        within = [self.exhaustion.probability_within(days * DAY) for days in (14, 30, 90)]
        peak = self.forecast.expected.max(axis=1)
        models = self.forecast.main
        rows = []
        # One pass per resource, not per point: it writes sentences, and a fleet has hundreds of resources.
        for place, (_, resource) in enumerate(self.resources.iterrows()):
            times = [self._time(hours[place]) for hours in quantiles]
            current, limit = float(self.current[place]), float(self.limit[place])
            outlook = Outlook(
                as_of=self.end,
                growth_percent=float(growth[place]),
                peak=float(peak[place]),
                limit=limit if np.isfinite(limit) else None,
                reached=bool(self.reached[place]),
                touched=int(self.touched[place]),
                times=(times[0], times[1], times[2]),
                within=(float(within[0][place]), float(within[1][place]), float(within[2][place])),
                set_aside=int(self.aside[place]),
            )
            advice = recommend(outlook)
            rows.append(
                {
                    **_identity(resource),
                    "current": current,
                    "p95": float(p95[place]),
                    "headroom": _headroom(resource, current, float(p95[place])),
                    "trend_per_day": float(trend[place]),
                    "growth_percent": float(growth[place]),
                    "predicted_peak": float(peak[place]),
                    "predicted_average": float(self.forecast.expected[place].mean()),
                    **dict(zip(("exhausted_p10", "exhausted_p50", "exhausted_p90"), times, strict=True)),
                    "status": advice.state.value,
                    "recommendation": advice.recommendation,
                    "reason": advice.reason,
                    "confidence": float(confidence[place]),
                    "coverage": float(self.coverage[place]),
                    "model": f"pool, mostly {models[place]}",
                }
            )
        return rows

    def forecast_frame(self) -> pd.DataFrame:
        """Return `FORECAST_COLUMNS`: every resource, every hour ahead."""
        count, horizon = self.forecast.expected.shape
        ts = pd.date_range(self.end, periods=horizon, freq="h")
        columns = {name: getattr(self.forecast, name).ravel() for name in ("lower", "expected", "upper")}
        return pd.DataFrame(
            {
                "series_id": np.repeat(self.resources["series_id"].to_numpy(np.int64), horizon),
                "ts": np.tile(ts, count),
                **columns,
                "model": np.repeat([f"pool, mostly {name}" for name in self.forecast.main], horizon),
            }
        ).astype({"ts": "datetime64[us, UTC]"})

    def probability_frame(self) -> pd.DataFrame:
        """Return `PROBABILITY_COLUMNS` of the resources that have a limit."""
        limited = np.isfinite(self.limit)
        identity = self.resources["series_id"].to_numpy(np.int64)[limited]
        frames = [
            pd.DataFrame(
                {
                    "series_id": identity,
                    "days": days,
                    "probability": self.exhaustion.probability_within(days * DAY)[limited],
                }
            )
            for days in WITHIN_DAYS
        ]
        return pd.concat(frames, ignore_index=True)

    def _time(self, hours: float) -> pd.Timestamp | None:
        return self.end + pd.Timedelta(hours=float(hours)) if np.isfinite(hours) else None


def _percent(change: Array, base: Array) -> Array:
    return np.where(np.abs(base) > 1e-12, 100 * change / np.maximum(np.abs(base), 1e-12), 0.0)

"""Counts by minute → one row of `slo_status` per objective, what was set aside, and what maintenance took out."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd

from include.config.calendar import Occurrence, PlannedTime
from include.slo.budget import BURN_WINDOWS, Burn, Status, budget_of, burn_rate, status_of
from include.slo.objective import Objective
from include.slo.tally import Minutes, Units, units
from include.window import Window

STATUS_COLUMNS = (
    "slo", "objective", "service", "owner", "target", "actual", "compliant", "good", "total", "budgeting_method",
    "period_start", "period_end", "budget_minutes", "used_minutes", "remaining_minutes", "used_ratio", "burn_rates",
    "worst_hours", "status", "coverage", "calculated_for",
)  # fmt: skip
SET_ASIDE_COLUMNS = ("slo", "objective", "ts", "good", "total", "reason")
EXCLUDED_COLUMNS = ("slo", "objective", "maintenance", "reason", "start", "end", "minutes_with_data")
WORST_HOURS = 5
LONGEST_BURN = max(window.long for window in BURN_WINDOWS)


@dataclass(frozen=True)
class Assessment:
    """Frames of `STATUS_COLUMNS` (one row per objective), `SET_ASIDE_COLUMNS` and `EXCLUDED_COLUMNS`."""

    status: pd.DataFrame
    set_aside: pd.DataFrame
    excluded: pd.DataFrame


def span_of(objective: Objective, as_of: datetime) -> Window:
    """Return the time of which counts are needed: the period so far, and the longest burn window."""
    start = min(objective.period.at(as_of).start, as_of - LONGEST_BURN)
    return Window(start, as_of)


def assess(
    counts: Iterable[tuple[Objective, pd.DataFrame]], as_of: datetime, maintenance: Iterable[PlannedTime] = ()
) -> Assessment:
    """Return the state of each objective as of a moment, from its counts `[ts, good, total]`, one row a minute.

    Rows may come in any order and reach beyond the period. A row whose counts are not finite, negative, or have more
    good than total is set aside and reported; it counts as not seen. Minutes within a maintenance window of the service
    are left out and reported, and do not lower the coverage.
    """
    planned = tuple(maintenance)
    rows: list[dict[str, Any]] = []
    aside: list[pd.DataFrame] = []
    excluded: list[dict[str, Any]] = []
    for objective, frame in counts:
        span = span_of(objective, as_of)
        minutes, bad_rows = _sort_out(objective, frame, span)
        out = np.zeros(_minute(span.end) - _minute(span.start), dtype=bool)
        for window in (item for item in planned if item.covers(objective.service)):
            for stretch in window.within(span.start, span.end):
                record = _exclude(objective, stretch, window.reason, minutes, span, out)
                excluded += [record] if record else []
        kept = minutes[~out[minutes["minute"].to_numpy() - _minute(span.start)]]
        rows.append(_row(objective, kept, out, span, as_of))
        aside.append(bad_rows)
    return Assessment(
        status=pd.DataFrame(rows, columns=list(STATUS_COLUMNS)).astype({"compliant": "boolean"}),
        set_aside=pd.concat(aside, ignore_index=True) if aside else pd.DataFrame(columns=list(SET_ASIDE_COLUMNS)),
        excluded=pd.DataFrame(excluded, columns=list(EXCLUDED_COLUMNS)),
    )


def _sort_out(objective: Objective, frame: pd.DataFrame, span: Window) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the valid rows of the span as [minute, good, total], sorted, and the others with the reason."""
    within = frame[(frame["ts"] >= span.start) & (frame["ts"] < span.end)].sort_values("ts", kind="stable")
    good, total = within["good"].to_numpy(np.float64), within["total"].to_numpy(np.float64)
    reason = np.select(
        [~np.isfinite(good) | ~np.isfinite(total), (good < 0) | (total < 0), good > total],
        ["not a finite count", "negative count", "more good than total"],
        "",
    )
    valid = reason == ""
    minute = within["ts"].to_numpy("datetime64[m]").astype(np.int64)
    bad = within.loc[~valid, ["ts", "good", "total"]].assign(
        slo=objective.slo, objective=objective.name, reason=reason[~valid]
    )
    counted = pd.DataFrame({"minute": minute[valid], "good": good[valid], "total": total[valid]})
    return counted, bad[list(SET_ASIDE_COLUMNS)]


def _exclude(
    objective: Objective,
    planned: Occurrence,
    reason: str | None,
    minutes: pd.DataFrame,
    span: Window,
    out: "np.ndarray[Any, Any]",
) -> dict[str, Any] | None:
    """Mark a maintenance window's minutes in `out`, and return its record; None where it lies outside."""
    first, end = max(_minute(planned.start), _minute(span.start)), min(_minute_up(planned.end), _minute(span.end))
    if first >= end:
        return None
    out[first - _minute(span.start) : end - _minute(span.start)] = True
    values = [objective.slo, objective.name, planned.name, reason, _time(first), _time(end)]
    return dict(zip(EXCLUDED_COLUMNS, [*values, int(minutes["minute"].between(first, end - 1).sum())], strict=True))


def _row(
    objective: Objective, kept: pd.DataFrame, out: "np.ndarray[Any, Any]", span: Window, as_of: datetime
) -> dict[str, Any]:
    period = objective.period.at(as_of)
    end = _minute(as_of)
    minute = kept["minute"].to_numpy()
    budgeted = units(objective, minute, kept["good"].to_numpy(), kept["total"].to_numpy())
    counted = budgeted.between(_minute(period.start), end)
    tally = counted.tally()
    budget = budget_of(tally, objective.allowed, period.duration, as_of - period.start)
    burns = _burns(objective, budgeted, end, period.duration)
    status = status_of(budget, burns)
    actual = tally.good / tally.total if tally.total else None
    return {
        "slo": objective.slo,
        "objective": objective.name,
        "service": objective.service,
        "owner": objective.owner,
        "target": float(objective.target),
        "actual": _float(actual),
        "compliant": None if actual is None else actual >= objective.target,
        "good": float(tally.good),
        "total": float(tally.total),
        "budgeting_method": objective.method.value,
        "period_start": period.start,
        "period_end": period.end,
        "budget_minutes": float(budget.minutes),
        "used_minutes": _float(budget.used),
        "remaining_minutes": _float(budget.remaining),
        "used_ratio": _float(budget.used_ratio),
        "burn_rates": [_burn_json(burn) for burn in burns],
        "worst_hours": [] if status is Status.NO_DATA else _worst_hours(counted),
        "status": status.value,
        "coverage": _coverage(objective, minute, out, _minute(period.start), span),
        "calculated_for": as_of,
    }


def _burns(objective: Objective, budgeted: Units, end: int, period: timedelta) -> list[Burn]:
    def rate(width: timedelta) -> Fraction | None:
        return burn_rate(budgeted.between(end - int(width.total_seconds()) // 60, end).tally(), objective.allowed)

    return [Burn(pair, rate(pair.long), rate(pair.short), pair.threshold(period)) for pair in BURN_WINDOWS]


def _burn_json(burn: Burn) -> dict[str, Any]:
    return {
        "long": _duration(burn.window.long),
        "short": _duration(burn.window.short),
        "long_rate": _float(burn.long_rate),
        "short_rate": _float(burn.short_rate),
        "threshold": float(burn.threshold),
        "severity": burn.window.severity,
        "firing": burn.firing,
    }


def _worst_hours(counted: Units) -> list[dict[str, Any]]:
    """Return the hours that burnt most of the budget: start, bad, total, and the share of all that was burnt."""
    hours, which = np.unique(counted.minute // 60, return_inverse=True)
    bad = np.bincount(which, counted.total - counted.good)
    total = np.bincount(which, counted.total)
    burnt = math.fsum(bad)
    worst = [int(i) for i in np.argsort(-bad, kind="stable")[:WORST_HOURS] if bad[i] > 0]
    return [
        {"start": _time(int(hours[i]) * 60).isoformat(), "bad": float(bad[i]), "total": float(total[i]),
         "share": float(bad[i]) / burnt}
        for i in worst
    ]  # fmt: skip


def _coverage(
    objective: Objective, minute: Minutes, out: "np.ndarray[Any, Any]", period_start: int, span: Window
) -> float:
    """Return which share of the period so far, less maintenance, has counts: 0..1, in steps of the indicator."""
    step = max(int(objective.step.total_seconds()) // 60, 1)
    expected = np.flatnonzero(~out) + _minute(span.start)
    expected = np.unique(expected[expected >= period_start] // step)
    seen = np.unique(minute[minute >= period_start] // step)
    return min(len(seen) / len(expected), 1.0) if len(expected) else 0.0


def _duration(width: timedelta) -> str:
    minutes = int(width.total_seconds()) // 60
    return f"{minutes // 1440}d" if minutes % 1440 == 0 else f"{minutes // 60}h" if minutes % 60 == 0 else f"{minutes}m"


def _float(value: Fraction | None) -> float | None:
    return None if value is None else float(value)


def _minute(moment: datetime) -> int:
    return int(moment.timestamp() // 60)


def _minute_up(moment: datetime) -> int:
    return -int(-moment.timestamp() // 60)


def _time(minute: int) -> datetime:
    return datetime.fromtimestamp(minute * 60, tz=UTC)

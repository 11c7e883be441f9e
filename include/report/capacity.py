"""The capacity report: when each resource runs out, how sure that is, and what to do first.

A pure function of `capacity_status`, `forecast_point`, recent points and the window.
"""

from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from include.report import changes
from include.report.cells import levels, models, moment, moments, number, numbers, text, texts
from include.report.document import (
    MOST_ACTIONS,
    Action,
    Band,
    Chart,
    Document,
    Edition,
    FinePrint,
    LeftOut,
    Level,
    LevelColumn,
    Limit,
    NumberColumn,
    Span,
    Standing,
    Table,
    TextColumn,
    TimeColumn,
    Trace,
    Verdict,
)
from include.report.figures import chance, day, duration, plural, say
from include.report.grid import gridded
from include.window import Window

Row = dict[Any, Any]

NAME = "capacity"
TITLE = "Capacity"
LEVELS = {
    "exhausted": Level.CRITICAL,
    "act_now": Level.CRITICAL,
    "act_this_week": Level.WARNING,
    "plan": Level.WARNING,
    "insufficient_history": Level.UNKNOWN,
    "keep_buffer": Level.OK,
    "adequate": Level.OK,
}
"""Urgency of each state of `include.capacity`; a state that is not here is not known."""
_WORDS = {
    "exhausted": "Has run out",
    "act_now": "Act now",
    "act_this_week": "This week",
    "plan": "Plan",
    "insufficient_history": "Not known",
    "keep_buffer": "Keep a buffer",
    "adequate": "Adequate",
}
_HORIZONS = (7, 14, 30, 45, 60, 90, 180, 365)
_DAY = timedelta(days=1)
_FAR = 10_000.0
_NAMED = 3


def build(
    status: pd.DataFrame,
    forecast: pd.DataFrame,
    points: pd.DataFrame,
    window: Window,
    edition: Edition,
    previous: Document | None = None,
) -> Document:
    """Return the capacity report of one audience.

    `status` has the columns of `capacity_status`, `forecast` those of `forecast_point`, `points` [series_id, ts, value]
    hourly. A team's edition holds only resources of services that it owns.
    """
    rows = status if edition.for_everyone else status[status["owner"] == edition.audience]
    rows = _worst_first(rows)
    trouble = rows[rows["level"].isin([Level.CRITICAL, Level.WARNING])]
    shown = trouble.head(MOST_ACTIONS)
    standings = [_standing(row, window.end, edition.time_zone) for row in rows.to_dict("records")]
    charts = [_chart(row, forecast, points, window.end, edition.time_zone) for row in shown.to_dict("records")]
    return Document(
        name=NAME,
        title=TITLE,
        audience=edition.audience,
        time_zone=edition.time_zone,
        window_start=window.start,
        window_end=window.end,
        verdict=_verdict(rows, window.end, edition.time_zone),
        actions=[_action(row, edition.time_zone, window.end) for row in shown.to_dict("records")],
        actions_beyond=len(trouble) - len(shown),
        nothing_to_do=_nothing_to_do(rows),
        compared=True,
        previous_end=previous.window_end if previous else None,
        changes=changes.compare(previous.standings, standings) if previous else [],
        charts=charts,
        tables=[_table(rows)],
        standings=changes.in_trouble(standings),
        fine_print=_fine_print(rows, edition),
    )


def _worst_first(rows: pd.DataFrame) -> pd.DataFrame:
    known = [LEVELS.get(status, Level.UNKNOWN) for status in rows["status"]]
    rows = rows.assign(
        level=pd.Series(known, dtype=object, index=rows.index),
        rank=[level.rank for level in known],
        subject=[
            _subject(service, resource) for service, resource in zip(rows["service"], rows["resource"], strict=True)
        ],
        out=rows["exhausted_p50"].fillna(pd.Timestamp("2200-01-01", tz="UTC")),
    )
    return rows.sort_values(["rank", "out", "headroom", "subject"], kind="stable").reset_index(drop=True)


def _subject(service: str, resource: str) -> str:
    words = resource.replace("_", " ")
    return words if words.startswith(service) else f"{service} {words}"


def _when(row: Row, zone: str) -> tuple[str, str]:
    """Return when a resource runs out, and between which days at 80%."""
    if row["status"] == "exhausted":
        return "has run out", ""
    middle, early, late = moment(row["exhausted_p50"]), moment(row["exhausted_p10"]), moment(row["exhausted_p90"])
    if number(row["limit_value"]) is None:
        return "has no limit to run into", ""
    if early is None:
        return "does not run out within the forecast", ""
    if middle is None:
        return f"may run out from {day(early, zone)} on", ""
    if middle <= row["window_end"]:
        return "is at its limit at its peaks", ""
    between = f"80%: {day(early, zone)} to {day(late, zone)}" if late else f"90%: not before {day(early, zone)}"
    return f"runs out {day(middle, zone)}", between


def _verdict(rows: pd.DataFrame, now: datetime, zone: str) -> Verdict:
    total, counts = len(rows), rows["level"].value_counts().to_dict()
    if total == 0:
        return Verdict(
            level=Level.UNKNOWN,
            text="No resource is watched yet: a resource needs a metric and a limit in limits.yaml.",
            subject="Capacity: no resource is watched yet",
        )
    critical, warning = counts.get(Level.CRITICAL, 0), counts.get(Level.WARNING, 0)
    if critical or warning:
        level = Level.CRITICAL if critical else Level.WARNING
        return _running_out(rows[rows["level"] == level], total, level, now, zone)
    unknown = counts.get(Level.UNKNOWN, 0)
    if unknown == total:
        return Verdict(
            level=Level.UNKNOWN,
            text=f"Nothing can be said yet: {plural(total, 'resource')} lack the history that a forecast needs.",
            subject=f"Capacity: too little history for {plural(total, 'resource')}",
        )
    rest = f"; {unknown} more cannot be judged yet" if unknown else ""
    return Verdict(
        level=Level.OK,
        text=f"Nothing to do: {plural(total - unknown, 'resource')} last beyond the forecast{rest}.",
        subject=f"Nothing runs out: {plural(total - unknown, 'resource')} have room",
    )


def _running_out(rows: pd.DataFrame, total: int, level: Level, now: datetime, zone: str) -> Verdict:
    records = rows.to_dict("records")
    said = [_phrase(row, zone) for row in records]
    first = f"{said[0][0]} ({said[0][1]})" if said[0][1] else said[0][0]
    more = f" and {len(records) - 2} more" if len(records) > 2 else ""
    named = ", ".join([first, *(phrase for phrase, _ in said[1:2])]) + more
    lead = f"{len(records)} of {plural(total, 'resource')} {_lead(records, now)}"
    urgent = "" if level is Level.CRITICAL else "Nothing is urgent; "
    short = f"{records[0]['subject']} {_when(records[0], zone)[0]}"
    short += f", {len(records) - 1} more soon" if len(records) > 1 else ""
    return Verdict(level=level, text=f"{urgent}{lead}: {named}.", subject=short if len(short) < 70 else f"{lead}"[:69])


def _phrase(row: Row, zone: str) -> tuple[str, str]:
    when, between = _when(row, zone)
    if when.startswith("runs out "):
        return f"{row['subject']} on {when.removeprefix('runs out ')}", between
    return (f"{row['subject']} {when}", "") if when.startswith(("may ", "is ")) else (row["subject"], "")


def _lead(records: list[Row], now: datetime) -> str:
    """Say what the worst have in common: run out already, within so many days, or only that they need action."""
    one = len(records) == 1
    if all(row["status"] == "exhausted" for row in records):
        return "has run out" if one else "have run out"
    ends = [now if row["status"] == "exhausted" else moment(row["exhausted_p50"]) for row in records]
    known = [end for end in ends if end is not None]
    if len(known) < len(ends):
        return "needs action" if one else "need action"
    days = (max(known) - now) / _DAY
    within = next((horizon for horizon in _HORIZONS if days <= horizon), _HORIZONS[-1])
    return f"{'runs' if one else 'run'} out within {within} days"


def _nothing_to_do(rows: pd.DataFrame) -> str:
    if rows.empty:
        return "There is nothing to judge. Add limits to limits.yaml; resources appear here after the next run."
    if (rows["level"] == Level.UNKNOWN).all():
        return "Nothing can be judged yet. Resources appear here once their history is long enough."
    return "No resource runs out within the forecast. Nobody needs to do anything."


def _action(row: Row, zone: str, now: datetime) -> Action:
    when, _ = _when(row, zone)
    out = moment(row["exhausted_p50"])
    left = f", in {duration(out - now)}" if out and row["status"] != "exhausted" and out > now else ""
    limit = number(row["limit_value"])
    of = "used" if limit is None else f"of {say(limit, row['unit'])} used"
    peak = " at its usual peak (p95)" if _by_peak(row) else ""
    used = f"{say(_used(row), row['unit'])} {of}{peak}"
    return Action(
        subject=row["subject"],
        what=used,
        when=f"{when}{left}",
        at=out,
        sure=_sure(row, zone),
        owner=text(row["owner"]),
        level=row["level"],
        recommendation=row["recommendation"],
        reason=row["reason"],
        chart=_chart_id(row),
    )


def _used(row: Row) -> float | None:
    """Return what the headroom is counted from: the p95 of what saturates, the last value of what fills up."""
    limit, headroom = number(row["limit_value"]), number(row["headroom"])
    return number(row["current"]) if limit is None or headroom is None else limit - headroom


def _by_peak(row: Row) -> bool:
    used, current, p95 = _used(row), number(row["current"]), number(row["p95"])
    if used is None or current is None or p95 is None:
        return False
    return abs(used - p95) < abs(used - current)


def _sure(row: Row, zone: str) -> str:
    """Say how sure the day is: by the forecast's own distribution, or by how well it did on its back-test."""
    early, middle, late = (moment(row[f"exhausted_{share}"]) for share in ("p10", "p50", "p90"))
    if row["status"] == "exhausted":
        return "measured"
    if middle is not None and middle <= row["window_end"]:
        return "measured on days of the last week"
    if early is None:
        hit = number(row["confidence"])
        return "not known" if hit is None else f"off by {say(1 - hit, 'ratio')} on average in its back-test"
    if middle is None:
        return "less likely than not, 10% to 50%"
    if late is None:
        return f"{chance(0.9)}: not before {day(early, zone)}"
    return f"{chance(0.8)}: {day(early, zone)} to {day(late, zone)}"


def _standing(row: Row, now: datetime, zone: str) -> Standing:
    """Severity is the negative number of days that are left; two days, or a fifth of them, are worth a word."""
    out = moment(row["exhausted_p50"]) or moment(row["exhausted_p10"])
    left = 0.0 if row["status"] == "exhausted" else max(0.0, (out - now) / _DAY) if out else _FAR
    when = _when(row, zone)[0]
    return Standing(subject=row["subject"], level=row["level"], text=when, severity=-left, material=max(2.0, left / 5))


def _chart_id(row: Row) -> str:
    return f"chart-{int(row['series_id']) & (2**64 - 1):016x}"


def _chart(row: Row, forecast: pd.DataFrame, points: pd.DataFrame, now: datetime, zone: str) -> Chart:
    ahead = forecast[(forecast["series_id"] == row["series_id"]) & (forecast["ts"] >= now)]
    past = gridded(points[(points["series_id"] == row["series_id"]) & (points["ts"] <= now)], {"value": "mean"}, 240)
    early, late = moment(row["exhausted_p10"]), moment(row["exhausted_p90"])
    if late is not None:  # what comes long after it has run out says nothing
        ahead = ahead[ahead["ts"] <= late + max((late - now) / 5, _DAY)]
    next_ = gridded(ahead, {"lower": "min", "expected": "mean", "upper": "max"}, 160)
    traces, band = [], None
    if past:
        traces.append(
            Trace(
                label="measured",
                role="measured",
                start=past.start,
                step_seconds=past.step_seconds,
                values=past.values["value"],
            )
        )
    if next_:
        grid = {"start": next_.start, "step_seconds": next_.step_seconds}
        traces.append(Trace(label="forecast", role="expected", values=next_.values["expected"], **grid))
        band = Band(label="80% band", lower=next_.values["lower"], upper=next_.values["upper"], **grid)
    limit = number(row["limit_value"])
    when, between = _when(row, zone)
    return Chart(
        id=_chart_id(row),
        title=row["subject"],
        alternative=(
            f"{row['subject']}: now {say(number(row['current']), row['unit'])}, limit {say(limit, row['unit'])}, "
            f"{when}{' (' + between + ')' if between else ''}."
        ),
        unit=row["unit"],
        level=row["level"],
        now=now,
        traces=traces,
        band=band,
        limit=Limit(label=f"limit {say(limit, row['unit'])}", value=limit) if limit is not None else None,
        span=Span(label="runs out", start=early, end=late) if early and late and late > early else None,
    )


def _table(rows: pd.DataFrame) -> Table:
    units = texts(rows, "unit", missing="")
    per_day = [f"{unit}/day" for unit in units]
    return Table(
        id="resources",
        title="All resources",
        note="Headroom is what the limit leaves above the p95 of what saturates (CPU, connections), or above the last "
        "value of what fills up (disk, memory); growth is over 30 days; accuracy is from the back-test.",
        empty="No resource is watched. Name its metric and its limit in limits.yaml; it appears after the next run.",
        columns=[
            TextColumn(key="resource", label="Resource", values=texts(rows, "subject")),
            LevelColumn(key="status", label="Status", values=levels(rows), words=_words(rows)),
            TimeColumn(key="runs_out", label="Runs out", resolution="day", values=moments(rows, "exhausted_p50")),
            TimeColumn(
                key="runs_out_p10", label="Earliest (p10)", resolution="day", values=moments(rows, "exhausted_p10")
            ),
            TimeColumn(
                key="runs_out_p90", label="Latest (p90)", resolution="day", values=moments(rows, "exhausted_p90")
            ),
            NumberColumn(key="current", label="Now", unit=None, units=units, values=numbers(rows, "current")),
            NumberColumn(key="p95", label="p95", unit=None, units=units, values=numbers(rows, "p95")),
            NumberColumn(key="limit", label="Limit", unit=None, units=units, values=numbers(rows, "limit_value")),
            NumberColumn(key="headroom", label="Headroom", unit=None, units=units, values=numbers(rows, "headroom")),
            NumberColumn(key="trend", label="Trend", unit=None, units=per_day, values=numbers(rows, "trend_per_day")),
            NumberColumn(key="growth", label="Growth", unit="percent", values=numbers(rows, "growth_percent")),
            NumberColumn(
                key="predicted_peak",
                label="Forecast peak",
                unit=None,
                units=units,
                values=numbers(rows, "predicted_peak"),
            ),
            NumberColumn(
                key="predicted_average",
                label="Forecast mean",
                unit=None,
                units=units,
                values=numbers(rows, "predicted_average"),
            ),
            NumberColumn(key="confidence", label="Accuracy", unit="ratio", values=numbers(rows, "confidence")),
            TextColumn(key="owner", label="Owner", values=texts(rows, "owner")),
            TextColumn(key="recommendation", label="Recommendation", values=texts(rows, "recommendation")),
            TextColumn(key="reason", label="Why", values=texts(rows, "reason")),
            TextColumn(key="limit_source", label="Limit from", values=texts(rows, "limit_source")),
            NumberColumn(key="coverage", label="Data", unit="ratio", values=numbers(rows, "coverage")),
            TextColumn(key="model", label="Model", values=texts(rows, "model")),
        ],
    )


def _left_out(reason: str, rows: pd.DataFrame) -> LeftOut:
    """Name the resources that one reason keeps out; of many, the first and how many more."""
    first = list(rows["subject"].head(_NAMED))
    more = len(rows) - len(first)
    return LeftOut(subject=", ".join(first) + (f" and {more} more" if more else ""), reason=reason)


def _words(rows: pd.DataFrame) -> list[str]:
    return [_WORDS.get(status, status.replace("_", " ").capitalize()) for status in rows["status"]]


def _fine_print(rows: pd.DataFrame, edition: Edition) -> FinePrint:
    unknown = rows[rows["level"] == Level.UNKNOWN].groupby("reason", sort=False, dropna=False)
    coverage = rows["coverage"].mean() if len(rows) else None
    return FinePrint(
        coverage=number(coverage),
        models=models(rows),
        left_out=[_left_out(str(reason), alike) for reason, alike in unknown],
        notes=[
            "“80%” is the forecast's p10 to p90 band, calibrated on its own back-test.",
            "Set aside before the forecast: hours unlike the same hours of other days that neither last nor recur.",
        ],
        next_at=edition.next_at,
        unsubscribe=edition.unsubscribe,
        run_id=edition.run_id,
    )

"""The Anomalies page: episodes of late, worst first, with a chart each; and what people said of them."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pandas as pd

from include.report.cells import moments, number, numbers, texts
from include.report.changes import compare, in_trouble
from include.report.document import (
    Action,
    Band,
    Chart,
    Document,
    Edition,
    FeedbackColumn,
    FinePrint,
    Level,
    LevelColumn,
    NumberColumn,
    Span,
    Standing,
    Table,
    TextColumn,
    TimeColumn,
    Trace,
    Verdict,
)
from include.report.figures import clock, digits, plural
from include.report.grid import gridded
from include.window import Window

NAME, TITLE = "anomalies", "Anomalies"
MOST_CHARTS = 7
AROUND = timedelta(hours=3)
"""So much before and after an episode its chart shows."""
_SEVERITIES = ("CRITICAL", "HIGH", "MEDIUM", "LOW")
_LEVELS = {"CRITICAL": Level.CRITICAL, "HIGH": Level.WARNING, "MEDIUM": Level.UNKNOWN, "LOW": Level.OK}
_STATES = {"open": "goes on", "closed": "over", "learning": "still learning", "silenced": "planned work"}
_QUIET = ("learning", "silenced")
_NOTE = (
    "Real and noise teach the next training: a class of series with much noise is told less, one whose real episodes "
    "were missed is told more. Episodes of planned work, and of series still learning, are listed; nobody is told."
)
NAMED_FROM = 0.5
"""From this confidence on a cause is named where people look first."""
Row = dict[Any, Any]
Points = Mapping[str, pd.DataFrame]


def build(
    episodes: pd.DataFrame,
    said: Mapping[str, Mapping[Any, Any]],
    points: Points,
    owners: Mapping[str, str],
    units: Mapping[str, str],
    window: Window,
    edition: Edition,
    previous: Document | None = None,
) -> Document:
    """Return the page.

    `episodes` are the newest versions of those that touch the window; `said` is the newest feedback by episode id;
    `points` holds `[ts, value, lower, upper]` around some episodes, by episode id (the range is null where it was
    kept); `owners` by service, `units` by query.
    """
    noise = episodes["episode_id"].map(lambda one: _word(said, one) == "noise").astype(bool)
    worst = episodes.assign(
        rank=episodes["severity"].map(_SEVERITIES.index),
        calm=episodes["state"].isin(_QUIET) | noise,
        over=episodes["state"] != "open",
    ).sort_values(["calm", "rank", "over", "peak_score"], ascending=[True, True, True, False])
    rows: list[Row] = worst.to_dict("records")
    urgent = [row for row in rows if not row["calm"] and row["rank"] < 2]
    charts = {}
    for row in urgent[:MOST_CHARTS]:
        if (chart := _chart(row, points.get(row["episode_id"]), units, window, edition.time_zone)) is not None:
            charts[row["episode_id"]] = chart
    standings = [_standing(row) for row in urgent]
    before = previous.standings if previous else []
    return Document(
        name=NAME,
        title=TITLE,
        audience=edition.audience,
        time_zone=edition.time_zone,
        window_start=window.start,
        window_end=window.end,
        verdict=_verdict(rows, urgent),
        actions=[_action(row, owners, charts.get(row["episode_id"]), edition.time_zone) for row in urgent[:7]],
        actions_beyond=max(0, len(urgent) - 7),
        nothing_to_do="No high or critical episode waits for anybody. Lower ones stand in the table.",
        compared=True,
        previous_end=previous.window_end if previous else None,
        changes=compare(before, standings) if previous else [],
        charts=list(charts.values()),
        tables=[_table(rows, said, owners)],
        standings=in_trouble(standings),
        fine_print=FinePrint(
            notes=[_NOTE],
            next_at=edition.next_at,
            run_id=edition.run_id,
        ),
    )


def _word(said: Mapping[str, Mapping[Any, Any]], episode_id: str) -> str:
    return str(said[episode_id]["verdict"]) if episode_id in said else ""


def _advice(row: Row) -> str:
    """Return what to do: the remedy of the likeliest cause where the evidence has one, and to say what it was."""
    told = row.get("evidence")
    evidence = json.loads(told) if isinstance(told, str) else told
    causes = evidence.get("hypotheses", []) if isinstance(evidence, dict) else []
    named = [cause for cause in causes if cause["name"] != "unknown" and cause["confidence"] >= NAMED_FROM]
    if not named:
        return "Look at the service, then say whether it was real: the models learn from it."
    best = named[0]
    return f"It may be {best['name']} ({best['confidence']:.0%}). {best['remediation']} Then say whether it was real."


def _what(row: Row) -> str:
    return f"{row['service']} {row['query']}".strip() if row["query"] else str(row["service"])


def _minutes(row: Row) -> float:
    return float((row["last_ts"] - row["first_ts"]).total_seconds() / 60)


def _verdict(rows: list[Row], urgent: list[Row]) -> Verdict:
    if not rows:
        text = "No episode: every series stayed within what is expected of it."
        return Verdict(level=Level.OK, text=text, subject="Anomalies: none")
    going = [row for row in rows if row["state"] == "open" and not row["calm"]]
    found = plural(len(rows), "episode", "episodes")
    if not urgent:
        text = f"{found}, none high or critical; {len(going)} still going on."
        return Verdict(level=Level.OK, text=text, subject=f"Anomalies: {found}, none urgent")
    worst = urgent[0]
    now = f"{len(going)} still going on" if going else "all over"
    said = f"{len(urgent)} of {found} {'is' if len(urgent) == 1 else 'are'} high or critical"
    level = Level.CRITICAL if any(row["rank"] == 0 and row["state"] == "open" for row in urgent) else Level.WARNING
    text = f"{said}, {now}: look at {_what(worst)} first."
    return Verdict(level=level, text=text, subject=f"Anomalies: {len(urgent)} urgent, {now}")


def _action(row: Row, owners: Mapping[str, str], chart: Chart | None, zone: str) -> Action:
    start = row["first_ts"].to_pydatetime()
    lasting = "going on" if row["state"] == "open" else f"for {digits(_minutes(row))} min"
    return Action(
        subject=_what(row),
        what=f"{str(row['severity']).lower()}, {plural(int(row['points']), 'unusual point', 'unusual points')}",
        when=f"since {clock(start, zone)}" if row["state"] == "open" else f"{clock(start, zone)}, {lasting}",
        sure=f"{digits(row['peak_score'])} times the threshold at the peak",
        owner=owners.get(row["service"]),
        level=_LEVELS[row["severity"]],
        recommendation=_advice(row),
        reason=str(row["description"]),
        chart=chart.id if chart else None,
        judged=row["episode_id"],
    )


def _standing(row: Row) -> Standing:
    return Standing(
        subject=f"{_what(row)} {row['episode_id'][:6]}",
        level=_LEVELS[row["severity"]],
        text=f"{str(row['severity']).lower()}, {_STATES[row['state']]}",
        severity=number(row["peak_score"]) or 0.0,
        material=0.5,
    )


def _chart(row: Row, around: pd.DataFrame | None, units: Mapping[str, str], window: Window, zone: str) -> Chart | None:
    """Return value and expected range around an episode, which is marked."""
    grid = gridded(around, {"value": "mean", "lower": "mean", "upper": "mean"}) if around is not None else None
    if grid is None:
        return None
    first, last = row["first_ts"].to_pydatetime(), row["last_ts"].to_pydatetime()
    held = {"start": grid.start, "step_seconds": grid.step_seconds}
    return Chart(
        id=f"episode-{row['episode_id']}",
        title=_what(row),
        alternative=f"{_what(row)} was unusual from {clock(first, zone)} to {clock(last, zone)}.",
        unit=units.get(row["query"], ""),
        level=_LEVELS[row["severity"]],
        now=min(window.end, grid.start + timedelta(seconds=grid.step_seconds) * len(grid.values["value"])),
        traces=[Trace(label="measured", role="measured", values=grid.values["value"], **held)],
        band=Band(label="expected", lower=grid.values["lower"], upper=grid.values["upper"], **held),
        span=Span(label="episode", start=first, end=max(last, first + timedelta(seconds=grid.step_seconds))),
    )


def _table(rows: list[Row], said: Mapping[str, Mapping[Any, Any]], owners: Mapping[str, str]) -> Table:
    frame = pd.DataFrame(rows, columns=None if rows else _COLUMNS)
    ids = [str(one) for one in frame["episode_id"]]
    words = [
        f"{said[one]['verdict']}, says {said[one]['person'] or said[one]['source']}" if one in said else None
        for one in ids
    ]
    return Table(
        id="episodes",
        title="Episodes",
        note="Worst first; planned work, learning and noise last.",
        empty="There was no episode. When detect_anomalies finds one, it is listed here within minutes.",
        columns=[
            TextColumn(key="what", label="What", values=[_what(row) for row in rows]),
            LevelColumn(
                key="severity",
                label="Severity",
                values=[_LEVELS[one] for one in frame["severity"]],
                words=[str(one).capitalize() for one in frame["severity"]],
            ),
            TimeColumn(key="first_ts", label="Began", values=moments(frame, "first_ts")),
            NumberColumn(key="minutes", label="Lasted", unit="minutes", values=[_minutes(row) for row in rows]),
            TextColumn(key="state", label="State", values=[_STATES[one] for one in frame["state"]]),
            FeedbackColumn(
                key="said",
                label="Was it real",
                values=words,
                subjects=ids,
                services=[str(one) for one in frame["service"]],
                whats=[_what(row) for row in rows],
            ),
            TextColumn(key="description", label="In words", values=texts(frame, "description")),
            TextColumn(key="owner", label="Owner", values=[owners.get(one, "not set") for one in frame["service"]]),
            NumberColumn(key="points", label="Points", unit="", values=numbers(frame, "points")),
            NumberColumn(key="peak", label="Peak", unit="times", values=numbers(frame, "peak_score")),
            TextColumn(key="episode_id", label="Episode", values=list(ids)),
        ],
    )


_COLUMNS = [
    "episode_id", "service", "query", "severity", "first_ts", "last_ts", "state", "points", "peak_score", "description"
]  # fmt: skip

"""The drift report: is the data still what the models were trained on, what moved, and what follows."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from include.report.cells import number, numbers, texts
from include.report.changes import compare, in_trouble
from include.report.document import (
    Action,
    Chart,
    Document,
    Edition,
    FinePrint,
    Level,
    LevelColumn,
    Limit,
    NumberColumn,
    Standing,
    Table,
    TextColumn,
    Trace,
    Verdict,
)
from include.report.figures import digits, plural, say
from include.report.grid import gridded
from include.window import Window
from models.drift import DRIFT_COLUMNS

NAME, TITLE = "drift", "Drift"
MOST_CHARTS = 7
_LEVELS = {"drifted": Level.WARNING, "watch": Level.OK, "unknown": Level.UNKNOWN, "ok": Level.OK}
_WORDS = {"drifted": "Drifted", "watch": "Watch", "unknown": "Not known", "ok": "As trained"}
_ORDER = ("drifted", "watch", "unknown", "ok")
_UNITS = {"alarm_rate": "episodes a day", "coverage": "ratio", "score": ""}
_NAMES = {"alarm_rate": "rate of episodes", "coverage": "series not known"}
_NOTE = (
    "Values are medians in the spread that each series had in training; the four calendar features are left out, "
    "as a day always moves on. PSI says how much a distribution changed; it counts as drift only where the "
    "Kolmogorov-Smirnov test on effective points rules out chance, and beyond twice what days of training differed by."
)
Row = dict[Any, Any]


def build(
    kept: pd.DataFrame,
    window: Window,
    edition: Edition,
    notes: Sequence[str] = (),
    *,
    retrains: bool = True,
    previous: Document | None = None,
) -> Document:
    """Return the drift report of a window; `kept` holds the rows of `drift` of this window and of those before it."""
    kept = kept.assign(subject=[_subject(row) for row in kept.to_dict("records")])
    now = kept[kept["window_end"] == pd.Timestamp(window.end)]
    now = now.sort_values(
        ["status", "psi"], key=lambda c: c.map(_ORDER.index) if c.name == "status" else -c.fillna(0.0).astype(float)
    )
    rows: list[Row] = now.to_dict("records")
    moved = [row for row in rows if row["status"] == "drifted"]
    charts = {row["subject"]: chart for row in moved[:MOST_CHARTS] if (chart := _chart(row, kept, window)) is not None}
    standings = [_standing(row) for row in rows]
    before = previous.standings if previous else []
    return Document(
        name=NAME,
        title=TITLE,
        audience=edition.audience,
        time_zone=edition.time_zone,
        window_start=window.start,
        window_end=window.end,
        verdict=_verdict(rows, moved, notes, retrains),
        actions=[_action(row, retrains, charts.get(row["subject"])) for row in moved[:7]],
        actions_beyond=max(0, len(moved) - 7),
        nothing_to_do="Nothing has drifted: the models see what they were trained on.",
        compared=True,
        previous_end=previous.window_end if previous else None,
        changes=compare(before, standings) if previous else [],
        charts=list(charts.values()),
        tables=[_table(rows)],
        standings=in_trouble(standings),
        fine_print=FinePrint(
            notes=[_NOTE, *notes],
            next_at=edition.next_at,
            run_id=edition.run_id,
        ),
    )


def _subject(row: Row) -> str:
    name = _NAMES.get(row["feature"], str(row["feature"]).replace("_", " "))
    of = "" if row["series_class"] == "all" else f" of {_class(row['series_class'])}"
    return f"{row['model']}: {name}{of}"


def _class(name: str) -> str:
    """Return a class as people say it.

    >>> _class("latency/60")
    'latency every 60 s'
    """
    kind, slash, seconds = name.partition("/")
    return f"{kind} every {seconds} s" if slash else kind


def _verdict(rows: list[Row], moved: list[Row], notes: Sequence[str], retrains: bool) -> Verdict:
    if not rows:
        why = "no champion has a reference yet" if notes else "no champion was measured"
        text = f"Nothing can be said about drift: {why}. Train the models once with train_anomaly_models."
        return Verdict(level=Level.UNKNOWN, text=text, subject="Drift: not known yet")
    models = len({row["model"] for row in rows})
    if moved:
        drifted = list(dict.fromkeys(row["model"] for row in moved))
        then = (
            "training follows, at most once a day"
            if retrains
            else "retraining on drift is off: start train_anomaly_models"
        )
        said = f"{len(moved)} of {len(rows)} measures have drifted from training ({', '.join(drifted)})"
        return Verdict(
            level=Level.WARNING, text=f"{said}; {then}.", subject=f"Drift: {len(moved)} of {len(rows)} measures moved"
        )
    watched = sum(row["status"] == "watch" for row in rows)
    also = f"; {plural(watched, 'measure is', 'measures are')} on watch" if watched else ""
    said = f"{plural(models, 'model sees', 'models see')} the data they were trained on{also}"
    return Verdict(level=Level.OK, text=f"{said}.", subject=f"Drift: none{also}"[:69])


def _action(row: Row, retrains: bool, chart: Chart | None) -> Action:
    unit = _UNITS.get(row["feature"], "")
    current, trained = (_said(row, name, unit) for name in ("current", "trained"))
    return Action(
        subject=row["subject"],
        what=f"{current}, {trained} in training",
        when="since the last check",
        sure="by two measures" if number(row["psi"]) is not None else "beyond chance",
        owner=None,
        level=Level.WARNING,
        recommendation=_advice(row, retrains),
        reason=row["reason"],
        chart=chart.id if chart else None,
    )


def _advice(row: Row, retrains: bool) -> str:
    then = "Training starts by itself." if retrains else "Start train_anomaly_models."
    if row["feature"] == "coverage":
        return f"New series are judged by the cold-start rules until training has seen them. {then}"
    if row["feature"] == "alarm_rate":
        return f"See on the Anomalies page whether these episodes are real; mark noise as such. {then}"
    return f"See whether the change is meant to stay: a release, a new unit, other traffic. {then}"


def _said(row: Row, name: str, unit: str) -> str:
    value = number(row[name])
    return say(value, unit) if value is not None else "not known"


def _standing(row: Row) -> Standing:
    return Standing(
        subject=row["subject"],
        level=_LEVELS[row["status"]],
        text=str(row["reason"]),
        severity=number(row["psi"]) or number(row["current"]) or 0.0,
        material=0.1,
    )


def _chart(row: Row, kept: pd.DataFrame, window: Window) -> Chart | None:
    """Return how the measure stood at each check of late, with the line beyond which it counts as drift."""
    column = "psi" if number(row["psi"]) is not None else "current"
    mine = kept[(kept["subject"] == row["subject"])].sort_values("window_end")
    days = mine.assign(ts=mine["window_start"], value=mine[column].astype(float))
    grid = gridded(days, {"value": "max"})
    if grid is None or len(grid.values["value"]) < 2:
        return None
    limit = number(row["drifted_at"])
    unit = "" if column == "psi" else _UNITS.get(row["feature"], "")
    what = "PSI" if column == "psi" else _NAMES[row["feature"]]
    slug = "".join(letter if letter.isalnum() else "-" for letter in row["subject"].lower())
    return Chart(
        id=f"drift-{slug}",
        title=f"{row['subject']}, {what}" if column == "psi" else row["subject"],
        alternative=f"{what} is {digits(float(row[column]))} at the last check, drift is at {digits(limit or 0.0)}.",
        unit=unit,
        level=Level.WARNING,
        now=window.end,
        traces=[
            Trace(
                label="measured", role="measured", start=grid.start, step_seconds=grid.step_seconds,
                values=grid.values["value"],
            )
        ],
        limit=Limit(label="drift", value=limit) if limit is not None else None,
    )  # fmt: skip


def _chance(p: float | None) -> str | None:
    return None if p is None else "under 0.1%" if p < 0.001 else f"{digits(100 * p)}%"


def _table(rows: list[Row]) -> Table:
    frame = pd.DataFrame(rows, columns=None if rows else ["model", *DRIFT_COLUMNS])
    names = [_NAMES.get(name, str(name).replace("_", " ")) for name in frame["feature"]]
    status = frame["status"].tolist()
    plain = {"trained": "Trained", "current": "Now", "psi": "PSI", "psi_usual": "PSI of nine days in ten",
             "ks": "KS distance", "points": "Points", "effective_points": "Worth"}  # fmt: skip
    return Table(
        id="measures",
        title="Every measure",
        note="Worst first. Worth says how many independent points the points are.",
        empty="No champion was measured. check_drift runs daily, once a model was trained with its reference.",
        columns=[
            TextColumn(key="feature", label="Measure", values=list(names)),
            LevelColumn(
                key="status",
                label="State",
                values=[_LEVELS[one] for one in status],
                words=[_WORDS[one] for one in status],
            ),
            TextColumn(key="series_class", label="Series", values=[_class(name) for name in frame["series_class"]]),
            *(NumberColumn(key=key, label=label, unit="", values=numbers(frame, key)) for key, label in plain.items()),
            TextColumn(key="ks_p", label="By chance", values=[_chance(number(p)) for p in frame["ks_p"]]),
            TextColumn(key="reason", label="Why", values=texts(frame, "reason")),
            TextColumn(key="model", label="Model", values=texts(frame, "model")),
        ],
    )

"""The SLO report: which error budgets are spent or burning, how fast, and where the worst hours were.

A pure function of `slo_status`, hourly counts and the window.
"""

import json
from datetime import datetime
from typing import Any

import pandas as pd

from include.report import changes
from include.report.cells import levels, moment, number, numbers, text, texts
from include.report.document import (
    MOST_ACTIONS,
    Action,
    Chart,
    Document,
    Edition,
    FinePrint,
    LeftOut,
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
from include.report.figures import digits, duration, plural, say
from include.report.grid import gridded
from include.window import Window

Row = dict[Any, Any]

NAME = "slo"
TITLE = "Error budgets"
_WORDS = {
    "exhausted": "Spent",
    "burning": "Burning",
    "at_risk": "At risk",
    "healthy": "Within budget",
    "no_data": "No data",
}
_ORDER = {status: place for place, status in enumerate(("exhausted", "burning", "at_risk", "no_data", "healthy"))}


def build(
    status: pd.DataFrame,
    hourly: pd.DataFrame,
    window: Window,
    edition: Edition,
    previous: Document | None = None,
) -> Document:
    """Return the report on error budgets of one audience.

    `status` has the columns of `slo_status`, `hourly` [slo, objective, ts, good, total] over the periods. A team's
    edition holds only objectives of services that it owns.
    """
    rows = status if edition.for_everyone else status[status["owner"] == edition.audience]
    rows = _worst_first(rows)
    trouble = rows[rows["level"].isin([Level.CRITICAL, Level.WARNING])]
    shown = trouble.head(MOST_ACTIONS).to_dict("records")
    standings = [_standing(row) for row in rows.to_dict("records")]
    return Document(
        name=NAME,
        title=TITLE,
        audience=edition.audience,
        time_zone=edition.time_zone,
        window_start=window.start,
        window_end=window.end,
        verdict=_verdict(rows),
        actions=[_action(row) for row in shown],
        actions_beyond=len(trouble) - len(shown),
        nothing_to_do=_nothing_to_do(rows),
        compared=True,
        previous_end=previous.window_end if previous else None,
        changes=changes.compare(previous.standings, standings) if previous else [],
        charts=[chart for row in shown if (chart := _chart(row, hourly)) is not None],
        tables=[_table(rows), _hours(rows)],
        standings=changes.in_trouble(standings),
        fine_print=_fine_print(rows, edition),
    )


def _worst_first(rows: pd.DataFrame) -> pd.DataFrame:
    burns = [_json(value) for value in rows["burn_rates"]]
    known = [_level(state, burn) for state, burn in zip(rows["status"], burns, strict=True)]
    rows = rows.assign(
        burns=pd.Series(burns, dtype=object, index=rows.index),
        level=pd.Series(known, dtype=object, index=rows.index),
        rank=[level.rank for level in known],
        subject=[_subject(slo, objective) for slo, objective in zip(rows["slo"], rows["objective"], strict=True)],
        order=rows["status"].map(_ORDER),
    )
    rows = rows.sort_values(
        ["rank", "order", "used_ratio", "subject"], ascending=[True, True, False, True], kind="stable"
    )
    return rows.reset_index(drop=True)


def _level(status: str, burns: list[dict[str, Any]]) -> Level:
    """Spent is critical; burning is critical where the policy pages, else a warning."""
    if status == "burning":
        pages = any(burn["firing"] and burn["severity"] == "page" for burn in burns)
        return Level.CRITICAL if pages else Level.WARNING
    return {"exhausted": Level.CRITICAL, "at_risk": Level.WARNING, "healthy": Level.OK}.get(status, Level.UNKNOWN)


def _json(value: object) -> list[dict[str, Any]]:
    """Read a JSON column, which an engine may give as text, as a list or as nothing."""
    if isinstance(value, str):
        value = json.loads(value)
    return list(value) if value is not None and not isinstance(value, float) else []  # type: ignore[call-overload]


def _subject(slo: str, objective: str) -> str:
    return slo if objective in slo else f"{slo} {objective}"


def _verdict(rows: pd.DataFrame) -> Verdict:
    total, by_status = len(rows), rows["status"].value_counts().to_dict()
    if total == 0:
        return Verdict(
            level=Level.UNKNOWN,
            text="No objective is set yet: put an OpenSLO file into the folder slos of the configuration.",
            subject="SLO: no objective is set yet",
        )
    of = f"of {plural(total, 'error budget')}"
    for status, verb, level in (
        ("exhausted", ("is spent", "are spent"), Level.CRITICAL),
        ("burning", ("burns too fast", "burn too fast"), Level.CRITICAL),
        ("at_risk", ("is at risk", "are at risk"), Level.WARNING),
    ):
        count = by_status.get(status, 0)
        if not count:
            continue
        worst = rows[rows["status"] == status].to_dict("records")
        said = ", ".join(f"{row['subject']} ({_used(row)})" for row in worst[:2])
        more = f" and {count - 2} more" if count > 2 else ""
        also = (
            f"; {plural(by_status['burning'], 'more burns', 'more burn')} too fast"
            if status == "exhausted" and by_status.get("burning")
            else ""
        )
        used = _used(worst[0]).removesuffix(" used")
        short = f"{worst[0]['subject']} has used {used} of its error budget"
        short += f", {count - 1} more {verb[count > 2]}" if count > 1 else ""
        lead = f"{count} {of} {verb[count != 1]}"
        return Verdict(
            level=worst[0]["level"] if status == "burning" else level,
            text=f"{lead}: {said}{more}{also}.",
            subject=short if len(short) < 70 else f"SLO: {lead}"[:69],
        )
    unknown = by_status.get("no_data", 0)
    if unknown == total:
        return Verdict(
            level=Level.UNKNOWN,
            text=f"Nothing can be said: no data for {plural(total, 'objective')}.",
            subject=f"SLO: no data for {plural(total, 'objective')}",
        )
    rest = f"; {unknown} more without data" if unknown else ""
    return Verdict(
        level=Level.OK,
        text=f"Nothing to do: {plural(total - unknown, 'objective')} within budget{rest}.",
        subject=f"All within budget: {plural(total - unknown, 'objective')}",
    )


def _used(row: Row) -> str:
    used = number(row["used_ratio"])
    return "no data" if used is None else f"{digits(used * 100)}% used"


def _nothing_to_do(rows: pd.DataFrame) -> str:
    if rows.empty:
        return "There is nothing to judge. Objectives appear here after the first run that finds an OpenSLO file."
    return "Every objective is within its budget and none burns too fast. Nobody needs to do anything."


def _fastest(row: Row) -> dict[str, Any] | None:
    """Return the burn window that is furthest over its threshold, or nearest to it."""
    known = [burn for burn in row["burns"] if burn["long_rate"] is not None]
    return max(known, key=lambda burn: (burn["firing"], burn["long_rate"] / burn["threshold"])) if known else None


def _action(row: Row) -> Action:
    when, at = _runs_out(row)
    used, burn = number(row["used_minutes"]), _fastest(row)
    rate = (
        f"burning {say(burn['long_rate'], 'times')} over {burn['long']} (policy {say(burn['threshold'], 'times')})"
        if burn
        else "no burn rate"
    )
    return Action(
        subject=row["subject"],
        what=f"{_used(row)}: {say(used, 'minutes')} of {say(number(row['budget_minutes']), 'minutes')}",
        when=when,
        at=at,
        to_the_minute=True,
        sure=f"measured, {digits(100 * row['coverage'])}% of the data",
        owner=text(row["owner"]),
        level=row["level"],
        recommendation=_recommendation(row),
        reason=f"target {_target(row['target'])}, actual {_target(row['actual'])}; {rate}",
        chart=_chart_id(row),
    )


def _runs_out(row: Row) -> tuple[str, datetime | None]:
    """Say when the budget is spent at the pace of the fastest window: remaining ÷ (burn rate × budget per minute).

    A rolling period forgets as fast as a burn rate of 1 spends, so below that it does not run out.
    """
    if row["status"] == "exhausted":
        return "is spent", None
    left, burn = number(row["remaining_minutes"]), _fastest(row)
    end, start, now = moment(row["period_end"]), moment(row["period_start"]), moment(row["calculated_for"])
    if left is None or burn is None or start is None or end is None or now is None:
        return "has no burn rate yet", None
    if burn["long_rate"] <= (1 if end <= now else 0):
        return "does not run out at this pace", None
    at = now + left / row["budget_minutes"] / burn["long_rate"] * (end - start)
    if end > now and at > end:
        return "lasts to the end of its period at this pace", None
    return f"spent in {duration(at - now)} at this pace", at


def _recommendation(row: Row) -> str:
    if row["level"] is Level.CRITICAL and row["status"] == "burning":
        return "Find what is failing now; roll back the last change if it began with it."
    if row["status"] == "exhausted":
        return "Stop risky changes to this service; spend the time on what the worst hours show."
    if row["status"] == "burning":
        return "Look at the worst hours today, before the budget is gone."
    return "Hold risky changes until the budget recovers."


def _target(value: float | None) -> str:
    """Say a target in percent with the digits that tell it apart: 99.95%, not 100%."""
    value = number(value)
    return "–" if value is None else f"{value * 100:.4f}".rstrip("0").rstrip(".") + "%"


def _standing(row: Row) -> Standing:
    """Severity is the share of the budget that is used; ten points are worth a word."""
    return Standing(
        subject=row["subject"],
        level=row["level"],
        text=f"{_WORDS[row['status']].lower()}, {_used(row)}",
        severity=number(row["used_ratio"]) or 0.0,
        material=0.1,
    )


def _chart_id(row: Row) -> str:
    plain = "".join(letter if letter.isalnum() else "-" for letter in f"{row['slo']}-{row['objective']}".lower())
    return f"budget-{plain.encode('ascii', 'ignore').decode()}"


def _chart(row: Row, hourly: pd.DataFrame) -> Chart | None:
    """Return the share of the budget that was left, hour by hour; its last value is the status's own."""
    start, end, now = moment(row["period_start"]), moment(row["period_end"]), moment(row["calculated_for"])
    used = number(row["used_ratio"])
    if start is None or end is None or now is None or used is None:
        return None
    own = hourly[
        (hourly["slo"] == row["slo"])
        & (hourly["objective"] == row["objective"])
        & (hourly["ts"] >= start)
        & (hourly["ts"] < now)
    ].sort_values("ts")
    bad = (own["total"] - own["good"]).cumsum()
    if own.empty or not bad.iloc[-1]:
        return None
    left = pd.DataFrame({"ts": own["ts"], "left": 1 - used * bad / bad.iloc[-1]})
    line = gridded(left, {"left": "min"}, 240)
    if line is None:
        return None
    days = (end - start).days
    return Chart(
        id=_chart_id(row),
        title=row["subject"],
        alternative=f"{row['subject']}: {_used(row)} of {days} days' error budget; target {_target(row['target'])}.",
        unit="ratio",
        level=row["level"],
        now=now,
        traces=[
            Trace(
                label="budget left",
                role="measured",
                start=line.start,
                step_seconds=line.step_seconds,
                values=line.values["left"],
            ),
            Trace(
                label="even pace",
                role="pace",
                start=start,
                step_seconds=int((end - start).total_seconds()),
                values=[1.0, 0.0],
            ),
        ],
        limit=Limit(label="budget spent", value=0.0),
    )


def _burn_column(rows: pd.DataFrame, place: int, side: str) -> list[float | None]:
    return [number(burns[place][f"{side}_rate"]) if place < len(burns) else None for burns in rows["burns"]]


def _table(rows: pd.DataFrame) -> Table:
    pairs = [(burn["long"], burn["short"]) for burn in next((burns for burns in rows["burns"] if burns), [])]
    burning = [
        NumberColumn(key=f"burn_{width}", label=f"Burn {width}", unit="times", values=_burn_column(rows, place, side))
        for place, pair in enumerate(pairs)
        for side, width in zip(("long", "short"), pair, strict=True)
    ]
    return Table(
        id="objectives",
        title="All objectives",
        note="A burn rate of 1× uses exactly the budget by the end of the period.",
        empty="No objective is set. Put an OpenSLO file into the folder slos of the configuration.",
        columns=[
            TextColumn(key="objective", label="Objective", values=texts(rows, "subject")),
            LevelColumn(
                key="status", label="Status", values=levels(rows), words=[_WORDS[status] for status in rows["status"]]
            ),
            TextColumn(key="service", label="Service", values=texts(rows, "service")),
            TextColumn(key="target", label="Target", values=[_target(value) for value in rows["target"]]),
            TextColumn(key="actual", label="Actual", values=[_target(value) for value in rows["actual"]]),
            NumberColumn(key="used_ratio", label="Budget used", unit="ratio", values=numbers(rows, "used_ratio")),
            NumberColumn(key="budget", label="Budget", unit="minutes", values=numbers(rows, "budget_minutes")),
            NumberColumn(key="used", label="Used", unit="minutes", values=numbers(rows, "used_minutes")),
            NumberColumn(key="remaining", label="Left", unit="minutes", values=numbers(rows, "remaining_minutes")),
            *burning,
            NumberColumn(key="good", label="Good", unit="", values=numbers(rows, "good")),
            NumberColumn(key="total", label="Total", unit="", values=numbers(rows, "total")),
            TextColumn(key="owner", label="Owner", values=texts(rows, "owner")),
            TextColumn(key="method", label="Method", values=texts(rows, "budgeting_method")),
            NumberColumn(key="coverage", label="Data", unit="ratio", values=numbers(rows, "coverage")),
        ],
    )


def _hours(rows: pd.DataFrame) -> Table:
    found = [
        (row["subject"], hour)
        for row in rows[rows["level"].isin([Level.CRITICAL, Level.WARNING])].to_dict("records")
        for hour in _json(row["worst_hours"])[:3]
    ]
    hours = [hour for _, hour in found]
    return Table(
        id="hours",
        title="Worst hours",
        note="The hours that burnt most, of each objective that needs action.",
        empty="No objective needs action, so there are no worst hours to look at.",
        columns=[
            {"kind": "text", "key": "objective", "label": "Objective", "values": [subject for subject, _ in found]},
            {"kind": "time", "key": "start", "label": "Hour from", "values": [hour["start"] for hour in hours]},
            NumberColumn(key="bad", label="Bad", unit="", values=[hour["bad"] for hour in hours]),
            NumberColumn(key="total", label="Total", unit="", values=[hour["total"] for hour in hours]),
            NumberColumn(
                key="share", label="Share of what was burnt", unit="ratio", values=[hour["share"] for hour in hours]
            ),
        ],
    )


def _fine_print(rows: pd.DataFrame, edition: Edition) -> FinePrint:
    unknown = rows[rows["status"] == "no_data"].to_dict("records")
    return FinePrint(
        coverage=number(rows["coverage"].mean()) if len(rows) else None,
        left_out=[LeftOut(subject=row["subject"], reason="no valid counts in its period") for row in unknown],
        notes=["Budgets are counted from good and total events; no average of averages is taken."],
        next_at=edition.next_at,
        unsubscribe=edition.unsubscribe,
        run_id=edition.run_id,
    )

"""The log volume report: how much the sources wrote, how much of it is stored, what that saves, and who writes most.

A pure function of sums over `log_summary`, which counts every line, stored or not.
"""

from datetime import timedelta
from typing import Any

import pandas as pd

from include.report.cells import text
from include.report.document import (
    MOST_ACTIONS,
    Action,
    Chart,
    Document,
    Edition,
    FinePrint,
    Level,
    NumberColumn,
    Table,
    TextColumn,
    Trace,
    Verdict,
)
from include.report.figures import digits, plural, say
from include.window import Window

NAME = "log_volume"
TITLE = "Log volume"
CLASSES = {
    "CRITICAL": "errors, and failures of security, authentication and payments",
    "INTERESTING": "warnings, and templates that are rare in their window",
    "ROUTINE": "everything else: a sample, whole traces of it, and exact counts",
}
GREW = 2.0
"""A service that writes this many times what it wrote the day before is worth a look."""
MATTERS = 0.05
"""Share of the whole volume below which growth is not worth a word."""
GIBIBYTE = 2**30
MONTH_DAYS = 30

Row = dict[Any, Any]


def build(
    hours: pd.DataFrame,
    services: pd.DataFrame,
    templates: pd.DataFrame,
    window: Window,
    edition: Edition,
    price_per_gib: float | None = None,
    currency: str = "EUR",
) -> Document:
    """Return the report of one day (`window`).

    hours: [ts, log_class, lines, kept, bytes, kept_bytes], bytes of message text; services: [service, owner, lines,
    bytes, kept_bytes, before_bytes], the last of the day before; templates: [template, log_class, services, lines,
    kept, bytes].
    """
    total = services[["lines", "bytes", "kept_bytes"]].sum()
    grown = _grown(services, float(total["bytes"]))
    return Document(
        name=NAME,
        title=TITLE,
        audience=edition.audience,
        time_zone=edition.time_zone,
        window_start=window.start,
        window_end=window.end,
        verdict=_verdict(total, window, price_per_gib, currency),
        actions=[_action(row, float(total["bytes"])) for row in grown[:MOST_ACTIONS]],
        actions_beyond=max(0, len(grown) - MOST_ACTIONS),
        nothing_to_do="No service writes much more than the day before. Nobody needs to do anything.",
        charts=[chart for chart in [_chart(hours, window)] if chart],
        tables=[_classes(hours, window), _services(services), _templates(templates, float(total["bytes"]))],
        fine_print=FinePrint(
            notes=[
                "Volume is the UTF-8 text of messages as the sources wrote them, redacted, before compression.",
                "Critical and interesting lines are kept whole. logs.yaml holds the rules, the sample and the price.",
            ],
            next_at=edition.next_at,
            run_id=edition.run_id,
        ),
    )


def _verdict(total: pd.Series, window: Window, price: float | None, currency: str) -> Verdict:
    if not total["lines"]:
        text = "No log line was read in this day: name a feed of dataset log_event in sources.yaml."
        return Verdict(level=Level.UNKNOWN, text=text, subject="Logs: no line was read")
    saved = float(total["bytes"] - total["kept_bytes"])
    share = saved / float(total["bytes"]) if total["bytes"] else 0.0
    text = (
        f"{say(float(total['bytes']), 'bytes')} in {int(total['lines']):,} lines came in, {say(saved, 'bytes')} of "
        f"them ({share:.0%}) need not be stored; every critical and interesting line is kept whole."
    )
    if price is not None:
        monthly = saved / GIBIBYTE * price * MONTH_DAYS * timedelta(days=1) / window.duration
        text += (
            f" At {digits(price)} {currency} per GiB that saves {digits(monthly)} {currency} in {MONTH_DAYS} such days."
        )
    return Verdict(level=Level.OK, text=text, subject=f"Logs: {share:.0%} of the volume need not be stored")


def _grown(services: pd.DataFrame, total: float) -> list[Row]:
    before = services["before_bytes"].astype(float)
    grew = (before > 0) & (services["bytes"] >= GREW * before) & (services["bytes"] - before >= MATTERS * total)
    return services[grew].sort_values("bytes", ascending=False, kind="stable").to_dict("records")


def _action(row: Row, total: float) -> Action:
    times = row["bytes"] / row["before_bytes"]
    return Action(
        subject=str(row["service"]),
        what=f"{say(float(row['bytes']), 'bytes')} in a day, {row['bytes'] / total:.0%} of everything",
        when=f"{digits(times)} times the day before",
        sure="measured",
        owner=text(row["owner"]),
        level=Level.WARNING,
        recommendation="Look at its largest templates below; something repeats, or a level was lowered.",
        reason=f"{say(float(row['before_bytes']), 'bytes')} the day before",
    )


def _chart(hours: pd.DataFrame, window: Window) -> Chart | None:
    """Return what came in and what was stored, hour by hour."""
    if hours.empty:
        return None
    sums = hours.groupby("ts")[["bytes", "kept_bytes"]].sum()
    grid = pd.date_range(sums.index.min(), window.end - timedelta(hours=1), freq="h")
    sums = sums.reindex(grid, fill_value=0)
    start = grid[0].to_pydatetime()
    lines = [("came in", "measured", "bytes"), ("stored", "expected", "kept_bytes")]
    came, stored = (say(float(sums[name].sum()), "bytes") for name in ("bytes", "kept_bytes"))
    return Chart(
        id="volume",
        title="Bytes of log text an hour",
        alternative=f"Of {came} of log text, {stored} were stored.",
        unit="bytes",
        level=Level.OK,
        now=window.end,
        traces=[
            Trace(label=label, role=role, start=start, step_seconds=3600, values=sums[name].astype(float).tolist())
            for label, role, name in lines
        ],
    )


def _classes(hours: pd.DataFrame, window: Window) -> Table:
    own = hours[hours["ts"] >= window.start].groupby("log_class")[["lines", "kept", "bytes", "kept_bytes"]].sum()
    own = own.reindex(list(CLASSES), fill_value=0).astype(float)
    return Table(
        id="classes",
        title="What is kept, by class",
        empty="No line was read.",
        columns=[
            TextColumn(key="class", label="Class", values=[name.capitalize() for name in own.index]),
            TextColumn(key="holds", label="What it holds", values=list(CLASSES.values())),
            NumberColumn(key="lines", label="Lines", unit="", values=own["lines"].tolist()),
            NumberColumn(key="kept", label="Kept", unit="", values=own["kept"].tolist()),
            NumberColumn(key="bytes", label="Volume", unit="bytes", values=own["bytes"].tolist()),
            NumberColumn(key="stored", label="Stored", unit="bytes", values=own["kept_bytes"].tolist()),
        ],
    )


def _services(rows: pd.DataFrame) -> Table:
    rows = rows.sort_values("bytes", ascending=False, kind="stable")
    return Table(
        id="services",
        title="By service",
        empty="No line was read.",
        columns=[
            TextColumn(key="service", label="Service", values=rows["service"].tolist()),
            NumberColumn(key="lines", label="Lines", unit="", values=rows["lines"].astype(float).tolist()),
            NumberColumn(key="bytes", label="Volume", unit="bytes", values=rows["bytes"].astype(float).tolist()),
            NumberColumn(
                key="before", label="Day before", unit="bytes", values=rows["before_bytes"].astype(float).tolist()
            ),
            NumberColumn(key="stored", label="Stored", unit="bytes", values=rows["kept_bytes"].astype(float).tolist()),
        ],
    )


def _templates(rows: pd.DataFrame, total: float) -> Table:
    rows = rows.sort_values("bytes", ascending=False, kind="stable")
    share = (rows["bytes"].astype(float) / total).tolist() if total else [0.0] * len(rows)
    return Table(
        id="templates",
        title="Largest templates",
        note="<*> stands for what differs from line to line. To store less, log the largest ones less often.",
        empty="No line was read.",
        columns=[
            TextColumn(key="template", label="Template", values=rows["template"].tolist()),
            TextColumn(key="class", label="Class", values=[name.capitalize() for name in rows["log_class"]]),
            TextColumn(key="services", label="Services", values=[plural(int(n), "service") for n in rows["services"]]),
            NumberColumn(key="lines", label="Lines", unit="", values=rows["lines"].astype(float).tolist()),
            NumberColumn(key="kept", label="Kept", unit="", values=rows["kept"].astype(float).tolist()),
            NumberColumn(key="bytes", label="Volume", unit="bytes", values=rows["bytes"].astype(float).tolist()),
            NumberColumn(key="share", label="Of all", unit="ratio", values=share),
        ],
    )

"""The Data page: how fresh each source is, which windows are missing, what was quarantined and why, and how to mend it.

A pure function of the ledgers `load_log`, `quality_result`, `quarantine_row` and the gaps that were found in them.
"""

from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from include.report import changes
from include.report.cells import moments, texts
from include.report.document import (
    MOST_ACTIONS,
    Action,
    Document,
    Edition,
    FinePrint,
    Level,
    LevelColumn,
    NumberColumn,
    Standing,
    Table,
    TextColumn,
    TimeColumn,
    Verdict,
)
from include.report.figures import both, duration, plural
from include.window import Window

Row = dict[Any, Any]

NAME = "data"
TITLE = "Data"
EXAMPLES = 3
LONGEST_EXAMPLE = 160
_TASK = ["source", "query", "dataset"]
_FILL = {
    "missing": "Trigger fill_gaps (or run make fill): it reads these windows.",
    "failed": "Read the message, mend the cause, then trigger fill_gaps (or run make fill).",
    "refused_shrink": "The new answer was poorer. If it is right, run ingest again with allow_shrink.",
    "provisional": "Trigger fill_gaps (or run make fill): only what a webhook brought is there.",
    "short": "Trigger fill_gaps (or run make fill); if the source has no more, nothing is wrong here.",
}
_REASONS = {
    "missing": "never loaded",
    "failed": "load failed",
    "refused_shrink": "a poorer answer was refused",
    "provisional": "only triages have seen it",
    "short": "under 90% of the rows",
}


def build(
    loads: pd.DataFrame,
    gaps: pd.DataFrame,
    quality: pd.DataFrame,
    quarantine: pd.DataFrame,
    window: Window,
    edition: Edition,
    now: datetime,
    previous: Document | None = None,
    stale_after: timedelta = timedelta(hours=3),
) -> Document:
    """Return the Data page as of `now`, for everyone.

    `loads`, `quality` and `quarantine` have the columns of their tables, over the days that the page looks back;
    `gaps` [source, query, dataset, window_start, window_end, reason, message].
    """
    sources = _sources(loads, now, stale_after)
    holes = _holes(gaps)
    trouble = sources[sources["level"] != Level.OK]
    actions = [_stale_action(row, now) for row in trouble.to_dict("records")]
    actions += [_gap_action(row, edition.time_zone) for row in holes.to_dict("records")]
    standings = [_standing(row, now) for row in sources.to_dict("records")]
    return Document(
        name=NAME,
        title=TITLE,
        audience=edition.audience,
        time_zone=edition.time_zone,
        window_start=window.start,
        window_end=window.end,
        verdict=_verdict(sources, gaps, quarantine),
        actions=actions[:MOST_ACTIONS],
        actions_beyond=max(0, len(actions) - MOST_ACTIONS),
        nothing_to_do="Every source is fresh and no window is missing. Nobody needs to do anything.",
        compared=True,
        previous_end=previous.window_end if previous else None,
        changes=changes.compare(previous.standings, standings) if previous else [],
        tables=[_source_table(sources), _gap_table(gaps), _quarantine_table(quarantine), _quality_table(quality)],
        standings=changes.in_trouble(standings),
        fine_print=FinePrint(
            notes=[f"A source is late when nothing was loaded for windows of the last {duration(stale_after)}."],
            next_at=edition.next_at,
            run_id=edition.run_id,
        ),
    )


def _sources(loads: pd.DataFrame, now: datetime, stale_after: timedelta) -> pd.DataFrame:
    """Return one row per source and dataset: how far it is loaded, rows, quarantined share, last message."""
    loads = loads.sort_values("finished_at", kind="stable")
    good = loads[loads["status"].isin(["loaded", "unchanged"])]
    keys = ["source", "dataset"]
    sums = loads.groupby(keys)[["rows_read", "rows_loaded", "rows_quarantined"]].sum()
    found = sums.join(good.groupby(keys)["window_end"].max().rename("fresh_to"))
    last = loads.groupby(keys)[["status", "message", "finished_at"]].last()
    found = found.join(last).reset_index()
    behind = now - pd.to_datetime(found["fresh_to"], utc=True)
    known = [Level.CRITICAL if pd.isna(late) else Level.WARNING if late > stale_after else Level.OK for late in behind]
    found["level"] = pd.Series(known, dtype=object, index=found.index)
    found["rank"] = [level.rank for level in known]
    return found.sort_values(["rank", "source", "dataset"], kind="stable").reset_index(drop=True)


def _holes(gaps: pd.DataFrame) -> pd.DataFrame:
    """Return gaps joined by task and reason: how many windows, from when to when, the last message."""
    if gaps.empty:
        return pd.DataFrame(columns=[*_TASK, "reason", "windows", "first", "last", "message"])
    grouped = gaps.groupby([*_TASK, "reason"], as_index=False).agg(
        windows=("window_start", "size"),
        first=("window_start", "min"),
        last=("window_end", "max"),
        message=("message", "last"),
    )
    return grouped.sort_values(["windows", *_TASK], ascending=[False, True, True, True], kind="stable")


def _verdict(sources: pd.DataFrame, gaps: pd.DataFrame, quarantine: pd.DataFrame) -> Verdict:
    if sources.empty:
        return Verdict(
            level=Level.UNKNOWN,
            text="Nothing has been loaded yet: name a source in sources.yaml and start ingest_metrics.",
            subject="Data: nothing has been loaded yet",
        )
    late = int((sources["level"] != Level.OK).sum())
    aside = plural(len(quarantine), "row is", "rows are") + " in quarantine"
    if late or len(gaps):
        parts = [f"{late} of {plural(len(sources), 'feed')} {'is' if late == 1 else 'are'} late"] if late else []
        parts += [plural(len(gaps), "window is missing", "windows are missing")] if len(gaps) else []
        said = " and ".join(parts)
        level = Level.CRITICAL if (sources["level"] == Level.CRITICAL).any() else Level.WARNING
        return Verdict(level=level, text=f"{said}; {aside}.", subject=f"Data: {said}"[:69])
    return Verdict(
        level=Level.OK,
        text=f"All {plural(len(sources), 'feed')} are fresh and no window is missing; {aside}.",
        subject=f"Data: all {plural(len(sources), 'feed')} are fresh",
    )


def _subject(row: Row) -> str:
    return f"{row['source']} {row['dataset'].replace('_', ' ')}s"


def _stale_action(row: Row, now: datetime) -> Action:
    never = bool(pd.isna(row["fresh_to"]))
    behind: str = "nothing loaded yet" if never else f"{duration(now - row['fresh_to'])} behind"
    said = row["message"] if isinstance(row["message"], str) else "no message"
    return Action(
        subject=_subject(row),
        what=f"last load {row['status'].replace('_', ' ')}",
        when=behind,
        at=None if never else row["fresh_to"],
        to_the_minute=True,
        sure="measured",
        owner=None,
        level=row["level"],
        recommendation="See whether the source answers and whether its ingest DAG runs.",
        reason=said,
    )


def _gap_action(row: Row, zone: str) -> Action:
    said = row["message"] if isinstance(row["message"], str) and row["message"] else "the ledger of loads says so"
    return Action(
        subject=f"{row['source']} {row['query']}",
        what=f"{plural(row['windows'], 'window')} from {both(row['first'], zone)} to {both(row['last'], zone)}",
        when=_REASONS.get(row["reason"], row["reason"]),
        sure="measured",
        owner=None,
        level=Level.WARNING,
        recommendation=_FILL.get(row["reason"], "Run ingest again for these windows."),
        reason=said,
    )


def _standing(row: Row, now: datetime) -> Standing:
    never = bool(pd.isna(row["fresh_to"]))
    hours: float = 10_000.0 if never else max(0.0, (now - row["fresh_to"]) / timedelta(hours=1))
    text: str = (
        "nothing loaded yet"
        if never
        else "fresh"
        if row["level"] is Level.OK
        else f"{duration(now - row['fresh_to'])} behind"
    )
    return Standing(subject=_subject(row), level=row["level"], text=text, severity=hours, material=max(1.0, hours / 4))


def _source_table(rows: pd.DataFrame) -> Table:
    words = {Level.OK: "Fresh", Level.WARNING: "Late", Level.CRITICAL: "Nothing", Level.UNKNOWN: "Not known"}
    found = [Level(level) for level in rows["level"].tolist()]
    return Table(
        id="sources",
        title="Sources",
        empty="No source has been read yet. Name one in sources.yaml; ingest runs every hour.",
        columns=[
            TextColumn(key="source", label="Source", values=texts(rows, "source")),
            LevelColumn(key="state", label="State", values=found, words=[words[level] for level in found]),
            TextColumn(key="dataset", label="Dataset", values=texts(rows, "dataset")),
            TimeColumn(key="fresh_to", label="Loaded up to", values=moments(rows, "fresh_to")),
            NumberColumn(key="rows_read", label="Rows read", unit="", values=rows["rows_read"].astype(float).tolist()),
            NumberColumn(key="rows_loaded", label="Loaded", unit="", values=rows["rows_loaded"].astype(float).tolist()),
            NumberColumn(
                key="quarantined", label="Quarantined", unit="", values=rows["rows_quarantined"].astype(float).tolist()
            ),
            TextColumn(key="status", label="Last load", values=texts(rows, "status")),
            TimeColumn(key="finished_at", label="Finished", values=moments(rows, "finished_at")),
            TextColumn(key="message", label="Message", values=texts(rows, "message")),
        ],
    )


def _gap_table(gaps: pd.DataFrame) -> Table:
    return Table(
        id="gaps",
        title="Gaps",
        note="Trigger fill_gaps to read what is missing, failed or short, and nothing else; on one machine make fill "
        "does that. It reads through the pool of all sources and recomputes what hangs on the windows.",
        empty="No window is missing: every hour of every query is loaded.",
        columns=[
            TextColumn(key="source", label="Source", values=texts(gaps, "source")),
            TextColumn(key="query", label="Query", values=texts(gaps, "query")),
            TimeColumn(key="from", label="From", values=moments(gaps, "window_start")),
            TimeColumn(key="to", label="To", values=moments(gaps, "window_end")),
            TextColumn(key="reason", label="Why", values=[_REASONS.get(reason, reason) for reason in gaps["reason"]]),
            TextColumn(key="how", label="How to fill it", values=[_FILL.get(reason, "") for reason in gaps["reason"]]),
            TextColumn(key="message", label="Message", values=texts(gaps, "message")),
        ],
    )


def _quarantine_table(rows: pd.DataFrame) -> Table:
    """Count by rule, with a few raw rows of each: the newest are the likeliest to be asked about."""
    keys = ["source", "query", "rule"]
    rows = rows.sort_values("recorded_at", ascending=False, kind="stable")
    grouped = rows.groupby(keys, as_index=False).agg(
        count=("raw", "size"),
        last=("recorded_at", "max"),
        examples=("raw", lambda raw: " · ".join(map(_short, raw.head(EXAMPLES)))),
    )
    grouped = grouped.sort_values(["count", *keys], ascending=[False, True, True, True], kind="stable")
    return Table(
        id="quarantine",
        title="Quarantine",
        note="Rows that broke a rule: kept, not loaded. They go when their window is loaded again without them.",
        empty="No row is in quarantine.",
        columns=[
            TextColumn(key="rule", label="Rule", values=texts(grouped, "rule")),
            NumberColumn(key="rows", label="Rows", unit="", values=grouped["count"].astype(float).tolist()),
            TextColumn(key="source", label="Source", values=texts(grouped, "source")),
            TextColumn(key="query", label="Query", values=texts(grouped, "query")),
            TimeColumn(key="last", label="Last seen", values=moments(grouped, "last")),
            TextColumn(key="examples", label="Examples, as the source wrote them", values=texts(grouped, "examples")),
        ],
    )


def _quality_table(rows: pd.DataFrame) -> Table:
    """Return the rules that failed on the batches looked at, and how often."""
    grouped = rows.groupby(["dataset", "rule", "level"], as_index=False).agg(
        checks=("success", "size"),
        failures=("success", lambda success: int((~success.astype(bool)).sum())),
        failed_rows=("failed_rows", "sum"),
        message=("message", "last"),
    )
    grouped = grouped.sort_values(["failures", "dataset", "rule"], ascending=[False, True, True], kind="stable")
    levels = [Level.OK if not failures else Level.CRITICAL if level == "stop" else Level.WARNING
              for failures, level in zip(grouped["failures"], grouped["level"], strict=True)]  # fmt: skip
    return Table(
        id="quality",
        title="Quality rules",
        empty="No batch has been judged yet.",
        columns=[
            TextColumn(key="rule", label="Rule", values=[text.replace("_", " ") for text in grouped["rule"]]),
            LevelColumn(
                key="state",
                label="State",
                values=levels,
                words=["Passed" if level is Level.OK else "Failed" for level in levels],
            ),
            TextColumn(key="dataset", label="Dataset", values=texts(grouped, "dataset")),
            NumberColumn(key="checks", label="Batches", unit="", values=grouped["checks"].astype(float).tolist()),
            NumberColumn(key="failures", label="Failed", unit="", values=grouped["failures"].astype(float).tolist()),
            NumberColumn(
                key="failed_rows", label="Rows", unit="", values=grouped["failed_rows"].astype(float).tolist()
            ),
            TextColumn(key="message", label="Last message", values=texts(grouped, "message")),
        ],
    )


def _short(raw: str) -> str:
    return raw if len(raw) <= LONGEST_EXAMPLE else raw[: LONGEST_EXAMPLE - 1] + "…"

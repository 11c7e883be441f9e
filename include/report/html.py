"""A document as one self-contained HTML page: inline style, inline SVG, readable without scripts, light and dark."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from include.report import figures, svg
from include.report.document import (
    EVERYONE,
    Column,
    Document,
    FeedbackColumn,
    Level,
    LevelColumn,
    NumberColumn,
    Table,
    TimeColumn,
)

TEMPLATES = Path(__file__).parent / "templates"
MOST_LEFT_OUT = 20
LEVEL_WORDS = {Level.CRITICAL: "Act now", Level.WARNING: "Act soon", Level.UNKNOWN: "Not known", Level.OK: "Fine"}
_MARKS = {Level.CRITICAL: "◆", Level.WARNING: "▲", Level.UNKNOWN: "○", Level.OK: "●"}
_KINDS = {"new": "New", "worse": "Worse", "better": "Better", "gone": "Gone"}


@dataclass(frozen=True)
class Cell:
    """One cell of a table: what it says, what it sorts by, how it is set."""

    text: str
    sort: str
    css: str = ""
    level: str = ""
    utc: str = ""
    subject: str = ""  # of which a person may say whether it was real


@dataclass(frozen=True)
class Head:
    """One heading of a table."""

    label: str
    numeric: bool


@dataclass(frozen=True)
class Sheet:
    """A table, ready to be set."""

    id: str
    title: str
    note: str
    empty: str
    height: int
    heads: list[Head]
    rows: list[tuple[Cell, ...]]

    @property
    def beyond(self) -> bool:
        """Whether there are more rows than are shown."""
        return self.height > len(self.rows)


@lru_cache(maxsize=1)
def environment() -> Environment:
    """Return the Jinja environment of all templates: everything is escaped, a missing name is an error."""
    env = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters.update(say=figures.say, clock=figures.clock, both=figures.both, day=figures.day, chance=figures.chance)
    env.filters.update(unbroken=unbroken, sentence=sentence, capitalized=capitalized)
    env.globals.update(
        badge=badge,
        level_words=LEVEL_WORDS,
        style=(TEMPLATES / "style.css").read_text(),
        script=(TEMPLATES / "sort.js").read_text(),
        nonce="",
        nav=None,
        tools=None,
        judge=None,
    )
    return env


def render(document: Document, **surroundings: Any) -> str:
    """Return a document as a page; `surroundings` (nonce, nav, tools) are what a site puts around it."""
    return environment().get_template("report.html.j2").render(**view(document), **surroundings)


def view(document: Document) -> dict[str, Any]:
    """Return what the templates of page and mail need to know of a document."""
    document = document.short()
    zone, left_out = document.time_zone, document.fine_print.left_out
    charts = [(chart, Markup(svg.draw(chart, zone))) for chart in document.charts]  # noqa: S704  drawn and escaped by us
    return {
        "doc": document,
        "zone": zone,
        "audience": "all teams" if document.audience == EVERYONE else f"team {document.audience}",
        "period": figures.period(document.window_start, document.window_end, zone),
        "period_utc": _in_utc(document.window_start, document.window_end),
        "changes": grouped_changes(document),
        "charts": charts,
        "chart_ids": {chart.id for chart in document.charts},
        "legend": legend(document),
        "tables": [sheet(table, zone) for table in document.tables],
        "left_out": left_out[:MOST_LEFT_OUT],
        "left_out_beyond": max(0, len(left_out) - MOST_LEFT_OUT),
    }


def badge(level: str, word: str) -> Markup:
    """Return a level as shape, word and colour: the colour is never the only signal."""
    known = Level(level)
    return Markup('<span class="badge {}"><span aria-hidden="true">{}</span> {}</span>').format(
        known.value, _MARKS[known], word
    )


def unbroken(text: str) -> str:
    """Return text in which a number stays on one line with the word that belongs to it: `9 Dec`, `13 days`."""
    return re.sub(r"(?<=\d) (?=[A-Za-z])", "\u00a0", text)


def capitalized(text: str) -> str:
    """Return text with its first letter in upper case and the rest as it is; an address stays an address."""
    return text if "://" in text.partition(" ")[0] else text[:1].upper() + text[1:]


def sentence(text: str) -> str:
    """Return a reason as a sentence."""
    return capitalized(text.strip().rstrip(".")) + "." if text.strip() else ""


def grouped_changes(document: Document) -> list[tuple[str, list[Any]]]:
    """Return the changes by kind, in the order new, worse, better, gone."""
    groups = [(_KINDS[kind], [change for change in document.changes if change.kind == kind]) for kind in _KINDS]
    return [group for group in groups if group[1]]


def legend(document: Document) -> list[tuple[str, str]]:
    """Return the marks that the charts use, each once, with their names."""
    found: dict[str, str] = {}
    for chart in document.charts:
        found.update({trace.role: trace.label for trace in chart.traces})
        if chart.band:
            found["band"] = chart.band.label
        if chart.span:
            found["span"] = chart.span.label
        if chart.limit:
            found["limit"] = chart.limit.label if chart.limit.value == 0 else "limit"
    return list(found.items())


def sheet(table: Table, zone: str) -> Sheet:
    """Return a table as cells."""
    columns = [cells(column, zone) for column in table.columns]
    return Sheet(
        id=table.id,
        title=table.title,
        note=table.note,
        empty=table.empty,
        height=table.height + table.rows_cut,
        heads=[Head(column.label, isinstance(column, NumberColumn)) for column in table.columns],
        rows=list(zip(*columns, strict=True)),
    )


def cells(column: Column, zone: str) -> list[Cell]:
    """Return a column as cells."""
    if isinstance(column, NumberColumn):
        units = column.units or [column.unit or ""] * len(column.values)
        return [
            Cell(figures.say(value, unit), "" if value is None else repr(value), "number")
            for value, unit in zip(column.values, units, strict=False)
        ]
    if isinstance(column, TimeColumn):
        return [_time_cell(value, column.resolution, zone) for value in column.values]
    if isinstance(column, LevelColumn):
        return [
            Cell(word, str(level.rank), level=level.value)
            for level, word in zip(column.values, column.words, strict=False)
        ]
    if isinstance(column, FeedbackColumn):
        return [
            Cell(value or "–", value or "", subject=subject)
            for value, subject in zip(column.values, column.subjects, strict=True)
        ]
    wide = "wide" if any(len(value or "") > 30 for value in column.values) else ""
    return [Cell(value if value is not None else "–", value or "", wide) for value in column.values]


def _time_cell(value: datetime | None, resolution: str, zone: str) -> Cell:
    if value is None:
        return Cell("–", "")
    if resolution == "day":
        return Cell(figures.day(value, zone, year=True), str(value.timestamp()), utc=f"{figures.utc(value)}")
    return Cell(figures.clock(value, zone), str(value.timestamp()), utc="" if zone == "UTC" else figures.utc(value))


def _in_utc(start: datetime, end: datetime) -> str:
    first, last = start.astimezone(UTC), end.astimezone(UTC)
    if first.date() == last.date():
        return f"{first:%H:%M} to {last:%H:%M} UTC"
    return f"{first.day} {first:%b %H:%M} to {last.day} {last:%b %H:%M} UTC"

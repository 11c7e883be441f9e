"""Lines of text files as `log_event`, by the layout: which form, zone and year, and what is known beside it."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime

import pyarrow as pa
import pyarrow.compute as pc

from include.config.source import FileLayout
from include.datasets import LOG_EVENT, UTC_TIME
from include.parse.attributes import with_constants
from include.parse.log_text import LogText, Rows
from include.parse.moments import Clues
from include.sources.files.columns import moved
from include.sources.files.documents import form_of
from include.sources.files.facts import ids
from include.sources.files.gunzip import UnreadableFileError
from include.window import Window

_TABLES = frozenset({"csv", "parquet", "json"})
_TEXT = (".txt", ".json")


def is_text(name: str, layout: FileLayout) -> bool:
    """Return whether a file of log lines is text rather than a table, by its layout and its name.

    JSON lines are text, whose usual keys are known, unless the layout maps its keys to columns; so is a file that is
    called .json, unless the layout says where its records stand.
    """
    form: str | None = layout.format
    if form is None:
        try:
            form = form_of(name)
        except UnreadableFileError:
            form = "text"
        if name.lower().removesuffix(".gz").endswith(_TEXT) and not layout.records:
            form = "text"
    return form not in _TABLES and not layout.columns


def log_lines(
    blocks: Iterable[bytes], layout: FileLayout, path: Mapping[str, str], changed: datetime | None, window: Window
) -> Iterator[pa.Table]:
    """Yield the rows of each block that lie in the window, in the order of the file.

    `path` is what the file's path says and `changed` when it was last written to, null where nobody knows.
    """
    latest = changed or window.end - layout.shift
    day = _day(path.get("date", ""))
    year = layout.year or (day.year if day else _year(path.get("year", "")))
    clues = Clues(layout.time_zone, latest, year, day=day)
    text = LogText("json" if layout.format == "jsonl" else layout.lines, clues)
    for block in blocks:
        yield _in_window(text.read(block), layout, path, window)
    yield _in_window(text.end(), layout, path, window)


def _in_window(rows: Rows, layout: FileLayout, path: Mapping[str, str], window: Window) -> pa.Table:
    # A file without any readable time tells so in every window: it cannot be placed, and must not stay silent.
    place = pc.fill_null(moved(rows.place, layout.shift, layout.time_align), pa.scalar(window.start, UTC_TIME))
    inside = pc.and_(
        pc.greater_equal(place, pa.scalar(window.start, UTC_TIME)), pc.less(place, pa.scalar(window.end, UTC_TIME))
    )
    table = rows.table.filter(inside).combine_chunks()
    if not table.num_rows:
        return table
    columns = {name: table[name].combine_chunks() for name in table.column_names}
    columns["ts"] = moved(columns["ts"], layout.shift, layout.time_align)
    good = columns["raw"].is_null()
    fixed = {**layout.constants, **path}
    for name in LOG_EVENT.schema.names:
        if name in fixed:
            columns[name] = pc.if_else(good, fixed[name], None)
        elif name in layout.defaults:
            columns[name] = pc.if_else(good, pc.fill_null(columns[name].cast(pa.string()), layout.defaults[name]), None)
        elif name in {"trace_id", "span_id"}:
            columns[name] = ids(columns[name])
    others = {name: text for name, text in fixed.items() if name not in columns}
    if others:
        columns["attributes"] = pc.if_else(good, with_constants(columns["attributes"], others), None)
    cast = [columns[field.name].cast(field.type) for field in LOG_EVENT.schema]
    return pa.table(cast, schema=LOG_EVENT.schema)


def _year(text: str) -> int | None:
    day = _day(f"{text}-01-01")
    return day.year if day else None


def _day(text: str) -> date | None:
    """Return the day that a path names, as 2026-10-01 or 20261001; null for anything else."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None

"""Rows of a file as records (alerts, incidents, changes), by the layout's mapping of the contract's columns."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from include.config.source import Feed, FileLayout
from include.datasets import UTC_TIME, dataset
from include.sources.files.columns import columns_of, filled, label_sets, times
from include.sources.files.documents import as_text
from include.sources.files.rows import RowSlice
from include.window import stable_hash

_STARTS = ("starts_at", "opened_at", "started_at")
_TRUE = r"^(?i:true|t|yes|y|1)$"


def records(rows: RowSlice, layout: FileLayout, query: Feed) -> pa.Table:
    """Return the rows as records of the query's dataset.

    `updated_at` is the layout's time, and so is the start, where no column gives it. A record without an id gets the
    hash of its row, so the same row always is the same record. A cell that should be a time and is none makes the row
    go out with `raw`.
    """
    contract = dataset(query.dataset)
    key = contract.key[-1]
    rows.must_have([name for spec in layout.columns.values() for name in columns_of(spec, rows.table)])
    rows.must_have(layout.labels.values())
    wrong = rows.ts.is_null().to_numpy(zero_copy_only=False)
    columns: dict[str, pa.Array] = {}
    for field in contract.schema:
        text = _text(rows, layout, field.name)
        if field.name == contract.time:
            columns[field.name] = rows.ts
        elif field.type == UTC_TIME:
            columns[field.name], unreadable = _times(text, rows, layout, field.name)
            wrong = wrong | unreadable
        elif field.name == "deleted":
            columns[field.name] = pc.fill_null(pc.match_substring_regex(text, _TRUE), False)
        elif field.name == "labels":
            constants = {**layout.constants, **rows.path}
            columns[field.name] = (
                label_sets(rows.table, layout.labels, constants).cast(pa.string())
                if "labels" not in layout.columns
                else text
            )
        else:
            columns[field.name] = pc.if_else(pc.equal(text, ""), None, text)
    columns[key] = _with_ids(columns[key], rows)
    if "fingerprint" in columns:
        what = zip(*(columns[name].to_pylist() for name in ("name", "service", "labels")), strict=True)
        same = pa.array([_hex(*(part or "" for part in one)) for one in what], pa.string())
        columns["fingerprint"] = pc.coalesce(columns["fingerprint"], same)
    columns["raw"] = rows.raw(wrong)
    table = pa.table([columns[name] for name in contract.schema.names], schema=contract.schema)
    lines = pa.array(rows.broken, pa.string())
    nothing = [lines if field.name == "raw" else pa.nulls(len(lines), field.type) for field in contract.schema]
    return pa.concat_tables([table, pa.table(nothing, schema=contract.schema)])


def _text(rows: RowSlice, layout: FileLayout, field: str) -> pa.Array:
    """Return the text of a contract column: from its file column or pattern, else its default, else null."""
    default = layout.defaults.get(field)
    found = (
        filled(layout.columns[field], rows.table)
        if field in layout.columns and rows.table.num_rows
        else pa.nulls(rows.table.num_rows, pa.string())
    )
    return found if default is None else pc.fill_null(pc.if_else(pc.equal(found, ""), None, found), default)


def _times(text: pa.Array, rows: RowSlice, layout: FileLayout, field: str) -> tuple[pa.Array, np.ndarray]:
    """Return a time column, and which cells hold something that is no time."""
    if field not in layout.columns:
        missing = rows.ts if field in _STARTS else pa.nulls(len(rows.ts), UTC_TIME)
        return missing, np.zeros(len(rows.ts), dtype=bool)
    column = layout.columns[field]
    typed = rows.table[column].combine_chunks() if column in rows.table.column_names else text
    found = times(typed, layout)
    said = pc.fill_null(pc.not_equal(pc.utf8_trim_whitespace(as_text(typed)), ""), False)
    return found, pc.and_(said, found.is_null()).to_numpy(zero_copy_only=False)


def _with_ids(ids: pa.Array, rows: RowSlice) -> pa.Array:
    missing = ids.is_null().to_numpy(zero_copy_only=False)
    if not missing.any():
        return ids
    made = [None if text is None else _hex(text) for text in rows.raw(missing).to_pylist()]
    return pc.coalesce(ids, pa.array(made, pa.string()))


def _hex(*parts: str) -> str:
    return f"{stable_hash(*parts) & (2**64 - 1):016x}"

"""Rows of a file as `metric_point`: one value column, one column per metric, or names and values in two columns."""

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from include.config.query import MetricQuery
from include.config.source import FileLayout
from include.datasets import LABELS, METRIC_POINT, Dataset, Kind
from include.sources.files.columns import label_sets, numbers
from include.sources.files.documents import as_text
from include.sources.files.rows import MissingColumnError, RowSlice
from include.sources.prometheus.labels import narrowed


def points(rows: RowSlice, layout: FileLayout, query: MetricQuery) -> pa.Table:
    """Return the points of `query` in these rows.

    The value stands in the layout's `value` column, or in the column that `expr` names; `/pattern/` takes all columns
    whose whole name fits, with the column's name as the label `metric`. An empty cell of such a column is no point.
    """
    rows.must_have([*layout.labels.values(), *([layout.metric] if layout.metric else [])])
    if layout.metric and rows.table.num_rows:
        wanted = pc.fill_null(pc.equal(as_text(rows.table[layout.metric].combine_chunks()), query.expr), False)
        rows = rows.filter(wanted)
    tables = [
        narrowed(_column(rows, layout, column, named), query.identity_labels)
        for column, named in _value_columns(rows, layout, query.expr)
    ]
    lines = pa.array(rows.broken, pa.string())
    nothing = [pa.nulls(len(lines), field.type) for field in METRIC_POINT.schema if field.name != "raw"]
    return pa.concat_tables([*tables, pa.table([*nothing, lines], schema=METRIC_POINT.schema)])


def without_repeats(table: pa.Table, contract: Dataset) -> pa.Table:
    """Return the table in order, with rows that are equal in every column once."""
    table = table.unify_dictionaries().combine_chunks()
    if contract.kind is Kind.RECORD:
        frame = table.to_pandas().drop_duplicates()
        return table.take(pa.array(frame.index)).sort_by(contract.time)
    labels = table["labels"].combine_chunks()
    rank = pc.fill_null(pc.rank(labels.dictionary, tiebreaker="dense").take(labels.indices), 0).to_numpy()
    ts = pc.fill_null(table["ts"].combine_chunks().cast(pa.int64()), np.iinfo(np.int64).max).to_numpy()
    value = table["value"].combine_chunks().to_numpy(zero_copy_only=False).view(np.int64)
    order = np.lexsort((value, ts, rank))
    same = np.ones(len(order), dtype=bool)
    same[:1] = False
    for key in (rank, ts, value):
        same[1:] &= np.diff(key[order]) == 0
    # Two unreadable rows are the same only if their texts are, which a look at the numbers cannot tell.
    same &= table["raw"].combine_chunks().is_null().to_numpy(zero_copy_only=False)[order]
    return table.take(pa.array(order[~same]))


def _value_columns(rows: RowSlice, layout: FileLayout, expr: str) -> list[tuple[str, bool]]:
    """Return the columns that hold values, and whether a column's name is a label."""
    if not rows.table.num_rows:
        return []
    if layout.value:
        rows.must_have([layout.value])
        return [(layout.value, False)]
    if len(expr) > 2 and expr.startswith("/") and expr.endswith("/"):
        taken = {layout.time, *layout.labels.values()}
        fit = [name for name in rows.table.column_names if name not in taken and re.fullmatch(expr[1:-1], name)]
        if not fit:
            raise MissingColumnError(expr, rows.table.column_names)
        return [(name, True) for name in fit]
    rows.must_have([expr])
    return [(expr, False)]


def _column(rows: RowSlice, layout: FileLayout, column: str, named: bool) -> pa.Table:
    if layout.value is None:
        cells = as_text(rows.table[column].combine_chunks())
        there = pc.fill_null(pc.not_equal(pc.utf8_trim_whitespace(cells), ""), False)
        if not pc.all(there).as_py():
            rows = rows.filter(there)
    values = numbers(rows.table[column].combine_chunks())
    wrong = pc.or_(values.is_null(), rows.ts.is_null()).to_numpy(zero_copy_only=False)
    constants = {**layout.constants, **rows.path, **({"metric": column} if named else {})}
    labels = label_sets(rows.table, layout.labels, constants)
    values = pc.if_else(pa.array(wrong), None, values)
    return pa.table([rows.ts, labels.cast(LABELS), values, rows.raw(wrong)], schema=METRIC_POINT.schema)

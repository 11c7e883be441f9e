"""A quarantined row as JSON text, so that a person sees what came and a machine can read it back."""

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from include.quality.points import LABELS_JSON, Points

_ROWS_AT_ONCE = 10_000
"""So many rows become Python objects together: all lines of a window may be bad."""


def raw_points(points: Points, rows: np.ndarray) -> pa.Array:
    """Return `{"ts": …, "labels": …, "value": …}` of each row (positions), or the row's own `raw` where it has one.

    Labels that are no flat JSON object stand as text; NaN and infinite values stand as text, for JSON has none.
    """
    at = pa.array(rows)
    taken = points.table.select(["ts", "value", "raw"]).take(at)
    ts = _quoted(pc.strftime(taken["ts"].combine_chunks(), format="%Y-%m-%dT%H:%M:%SZ"))
    number = taken["value"].combine_chunks()
    text = number.cast(pa.string())
    value = pc.if_else(pc.is_finite(number), text, _quoted(text))
    said = pc.binary_join_element_wise(
        '{"ts": ',
        pc.fill_null(ts, "null"),
        ', "labels": ',
        _labels(points, rows),
        ', "value": ',
        pc.fill_null(value, "null"),
        "}",
        "",
    )
    return pc.coalesce(taken["raw"].combine_chunks(), said)


def raw_records(table: pa.Table) -> pa.Array:
    """Return each record as a JSON object without its empty columns, or its own `raw` where it has one."""
    texts = [_raw(row) for batch in table.to_batches(_ROWS_AT_ONCE) for row in batch.to_pylist()]
    return pa.array(texts, pa.string())


def _raw(row: dict[str, Any]) -> str:
    if row.get("raw") is not None:
        return str(row["raw"])
    filled = {name: value for name, value in row.items() if value is not None}
    return json.dumps(filled, default=str, ensure_ascii=False)


def _labels(points: Points, rows: np.ndarray) -> pa.Array:
    codes = points.codes[rows]
    used, back = np.unique(codes, return_inverse=True)
    labels = points.labels.take(pa.array(used, mask=used < 0))
    valid = pc.fill_null(pc.match_substring_regex(labels, LABELS_JSON), True)
    if not pc.all(valid, min_count=0).as_py():
        labels = pa.array(
            [
                text if fine else json.dumps(text, ensure_ascii=False)
                for text, fine in zip(labels.to_pylist(), valid.to_pylist(), strict=True)
            ],
            pa.string(),
        )
    return pc.fill_null(labels, "null").take(pa.array(back))


def _quoted(text: pa.Array) -> pa.Array:
    return pc.binary_join_element_wise('"', text, '"', "")

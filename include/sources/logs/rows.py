"""JSON records as rows of the `log_event` contract: for every source whose lines are documents.

A record is what `json.loads` gives. `LogFields` says by dotted paths which of its members fill which column; all that
is left becomes `attributes`, as canonical JSON with its nesting. A record that is no object, or whose time cannot be
read, goes out with `raw` and nothing else.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from include.config.source import FileLayout
from include.datasets import LABELS, LOG_EVENT, UTC_TIME
from include.sources.files.columns import times
from include.sources.files.facts import ids
from include.sources.logs.records import canonical, left_out, storable, taken
from include.window import Window

Paths = tuple[str, ...]
_PLAIN_ID = r"^[A-Za-z0-9_.~:/=+-]{1,300}$"


@dataclass(frozen=True)
class LogFields:
    """Where records say each column: dotted paths, the first that holds something counts and is used up.

    `a.b` is the member `b` of the member `a`, or a member that is called `a.b`. What `dropped` names is neither a
    column nor an attribute.
    """

    message: Paths
    service: Paths = ()
    host: Paths = ()
    level: Paths = ()
    logger: Paths = ()
    trace_id: Paths = ()
    span_id: Paths = ()
    event_id: Paths = ()
    dropped: Paths = ()


_COLUMNS = tuple(field.name for field in fields(LogFields) if field.name != "dropped")


def log_batch(records: Sequence[Any], ts: pa.Array, where: LogFields) -> pa.RecordBatch:
    """Return records as rows, in their order; `ts` holds their times, null where one could not be read.

    The records are used up: what became a column is no longer in them. A text among them is a line that was no JSON.
    """
    known = ts.is_valid().to_pylist()
    columns: dict[str, list[str | None]] = {name: [] for name in (*_COLUMNS, "attributes", "raw")}
    for record, timed in zip(records, known, strict=True):
        if not timed or not isinstance(record, dict):
            for name, column in columns.items():
                column.append(_raw(record) if name == "raw" else None)
            continue
        for name in _COLUMNS:
            columns[name].append(taken(record, getattr(where, name)))
        for path in where.dropped:
            left_out(record, path)
        columns["attributes"].append(canonical(record) if record else None)
        columns["raw"].append(None)
    lines = {name: pa.array(column, pa.string()) for name, column in columns.items()}
    return rows_of({**lines, "ts": pc.if_else(lines["raw"].is_null(), ts, None)})


def rows_of(columns: dict[str, pa.Array]) -> pa.RecordBatch:
    """Return columns of text (and `ts`) as a batch of the contract; a column that is not given is null."""
    size = len(columns["ts"])
    made = []
    for field in LOG_EVENT.schema:
        column = columns.get(field.name)
        if column is None:
            column = pa.nulls(size, field.type)
        elif field.name in {"trace_id", "span_id"}:
            column = ids(column)
        elif field.name == "event_id":
            column = line_ids(column)
        elif field.type == LABELS and not pa.types.is_dictionary(column.type):
            column = column.dictionary_encode()
        made.append(column.cast(field.type))
    return pa.RecordBatch.from_arrays(made, schema=LOG_EVENT.schema)


def times_of(values: Sequence[Any], unit: str = "iso", zone: str = "UTC") -> pa.Array:
    """Return times as UTC, null where a value is none.

    `unit` is iso, s, ms, us or ns, as of a file's layout. A text without a zone is of `zone`. With iso, a number is no
    time: nobody can tell its unit.
    """
    layout = FileLayout(time_unit=unit, time_zone=zone)
    if unit == "iso":
        texts = [value if isinstance(value, str) else None for value in values]
    else:
        texts = [_number(value) for value in values]
    return times(pa.array([None if text is None else storable(text) for text in texts], pa.string()), layout)


def ns_text(ns: int) -> str:
    """Return nanoseconds since 1970 as ISO 8601 text.

    >>> ns_text(1_790_848_800_000_000_005)
    '2026-10-01T10:00:00.000000005Z'
    """
    seconds, rest = divmod(ns, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09}Z"


def ns_of(moment: datetime) -> int:
    """Return a moment as nanoseconds since 1970."""
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1_000


def of_window(batch: pa.RecordBatch, window: Window) -> pa.RecordBatch:
    """Return the rows whose time lies in the window, and those that have none."""
    ts = batch["ts"]
    inside = pc.and_(
        pc.greater_equal(ts, pa.scalar(window.start, UTC_TIME)), pc.less(ts, pa.scalar(window.end, UTC_TIME))
    )
    return batch.filter(pc.fill_null(inside, True))


def in_order(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return rows in order of time, equal times as they came, rows without a time last."""
    micro = pc.fill_null(batch["ts"].cast(pa.int64()), np.iinfo(np.int64).max).to_numpy()
    if (micro[1:] >= micro[:-1]).all():
        return batch
    return batch.take(pa.array(np.argsort(micro, kind="stable")))


def line_ids(column: pa.Array) -> pa.Array:
    """Return the ids of lines; one that may hold an address or other odd text becomes its digest.

    Redaction would hide the address, and lines whose ids differ by nothing else would pass for one line.
    """
    odd = pc.invert(pc.fill_null(pc.match_substring_regex(column, _PLAIN_ID), True))
    if not pc.any(odd, min_count=0).as_py():
        return column
    digests = [hashlib.sha256(text.encode()).hexdigest()[:32] for text in column.filter(odd).to_pylist()]
    return pc.replace_with_mask(column, odd, pa.array(digests, pa.string()))


def _raw(record: Any) -> str:
    return storable(record) if isinstance(record, str) else canonical(record)


def _number(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    return value if isinstance(value, str) else json.dumps(value)

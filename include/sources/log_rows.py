"""JSON records as rows of the `log_event` contract: for every source whose lines are documents.

A record is what `json.loads` gives. `LogFields` says by dotted paths which of its members fill which column; all that
is left becomes `attributes`, as canonical JSON with its nesting. A record that is no object, or whose time cannot be
read, goes out with `raw` and nothing else.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from include.config.source import FileLayout
from include.datasets import LABELS, LOG_EVENT, UTC_TIME
from include.http.answer import read_json
from include.sources.columns import times
from include.window import Window

Paths = tuple[str, ...]
_NO_ID = r"^(?i:0*|-|null|none|nil)$"


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
            _pop(record, path)
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
            column = span_ids(column)
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


def record_in(line: bytes | str) -> Any:
    """Return the JSON object of one line; a line that is none is returned as text.

    A byte that is no UTF-8 costs neither the line nor itself: it becomes half a surrogate pair, see `storable`.
    """
    text = line if isinstance(line, str) else line.decode("utf-8", "surrogateescape")
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        return storable(text)
    return record if isinstance(record, dict) else storable(text)


def read_log_json(body: bytes, where: str) -> Any:
    """Return a whole JSON answer, as `read_json` does; a byte that is no UTF-8 is kept as in `record_in`."""
    try:
        body.decode()
    except UnicodeDecodeError:
        body = body.decode("utf-8", "surrogateescape").encode("utf-8", "backslashreplace")
    return read_json(body, where)


def taken(record: dict[str, Any], paths: Iterable[str]) -> str | None:
    """Remove and return, as text, the first member that holds a text, a number, a truth value or a list of such.

    >>> record = {"log": {"level": "warn", "line": 7}}
    >>> taken(record, ("level", "log.level")), record
    ('warn', {'log': {'line': 7}})
    """
    for path in paths:
        text = _text(_at(record, path))
        if text:
            _pop(record, path)
            return text
    return None


def canonical(value: Any) -> str:
    """Return any JSON value as text with sorted keys and no spaces."""
    return storable(json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False))


def storable(text: str) -> str:
    r"""Return text as it is, but for half a surrogate pair, which UTF-8 cannot say: that stays as its escape \udXXX.

    A byte 0xE9 that was no UTF-8 reads \udce9 so.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode()
    return text


def span_ids(column: pa.Array) -> pa.Array:
    """Return ids of traces or spans in lower case; a word or zeros for "none" are null."""
    plain = pc.utf8_trim_whitespace(column)
    return pc.utf8_lower(pc.if_else(pc.match_substring_regex(plain, _NO_ID), None, plain))


def _raw(record: Any) -> str:
    return storable(record) if isinstance(record, str) else canonical(record)


def _text(value: Any) -> str | None:
    if isinstance(value, str):
        return storable(value)
    if value is None or isinstance(value, dict):
        return None
    if isinstance(value, list):
        parts = [_text(one) for one in value]
        return None if None in parts else ",".join(str(part) for part in parts)
    return json.dumps(value)


def _number(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    return value if isinstance(value, str) else json.dumps(value)


def _at(record: Any, path: str) -> Any:
    """Return what stands at a dotted path, None where nothing does."""
    if not isinstance(record, dict):
        return None
    if path in record:
        return record[path]
    head, dot, rest = path.partition(".")
    while dot:
        if head in record and (found := _at(record[head], rest)) is not None:
            return found
        more, dot, rest = rest.partition(".")
        head = f"{head}.{more}"
    return None


def _pop(record: dict[str, Any], path: str) -> None:
    """Remove what stands at a dotted path, and the objects that are empty without it."""
    if path in record:
        del record[path]
        return
    head, dot, rest = path.partition(".")
    while dot:
        inner = record.get(head)
        if isinstance(inner, dict) and _at(inner, rest) is not None:
            _pop(inner, rest)
            if not inner:
                del record[head]
            return
        more, dot, rest = rest.partition(".")
        head = f"{head}.{more}"

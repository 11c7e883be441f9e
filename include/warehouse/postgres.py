"""PostgreSQL's fast ways in and out: COPY, binary for points and CSV for all else, and the daily partitions.

A point is 38 bytes in COPY's binary form, the same for every row, so NumPy builds and reads whole blocks of them
(PostgreSQL's manual, "COPY", section "Binary Format"). Points go straight into the partition of their day.
"""

import io
import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import sqlalchemy as sa

from include.datasets import UTC_TIME
from include.window import stable_hash

_ROWS_PER_BLOCK = 262_144
_BYTES_PER_BLOCK = 32 * 2**20
_SMALLEST_READ = 2**20
_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"
_POSTGRES_EPOCH_US = int(datetime(2000, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
_DAY_US = 86_400_000_000
_NO_POINTS = pa.schema([("series_id", pa.int64()), ("ts", UTC_TIME), ("value", pa.float64())]).empty_table()
_POINT = np.dtype(
    [
        ("fields", ">i2"),
        ("series_id_size", ">i4"),
        ("series_id", ">i8"),
        ("ts_size", ">i4"),
        ("ts", ">i8"),
        ("value_size", ">i4"),
        ("value", ">f8"),
    ]
)


def copy_rows(connection: sa.Connection, target: str, rows: pa.Table) -> None:
    """Append rows, whose columns are the target's, by COPY in CSV form."""
    names = ", ".join(f'"{name}"' for name in rows.column_names)
    options = pa.csv.WriteOptions(include_header=False)
    with _cursor(connection).copy(f'copy "{target}" ({names}) from stdin (format csv)') as copy:
        for batch in blocks_of(rows):
            block = io.BytesIO()
            pa.csv.write_csv(pa.Table.from_batches([batch]), block, options)
            copy.write(block.getbuffer())


def blocks_of(rows: pa.Table) -> Iterator[pa.RecordBatch]:
    """Yield rows in blocks of so many rows and bytes, but of one row at least: a message may be long."""
    waiting = rows.to_batches(_ROWS_PER_BLOCK)[::-1]
    while waiting:
        batch = waiting.pop()
        if batch.num_rows > 1 and batch.nbytes > _BYTES_PER_BLOCK:
            half = batch.num_rows // 2
            waiting += [batch.slice(half), batch.slice(0, half)]
        else:
            yield batch


def copy_points(connection: sa.Connection, points: pa.Table) -> None:
    """Append points [series_id, ts, value], in order of days, by binary COPY into the day's partition, which exists."""
    ts = _int64(points["ts"])
    series_id = _int64(points["series_id"])
    value = points["value"].to_numpy()
    day = ts // _DAY_US
    ends = [*(np.flatnonzero(np.diff(day)) + 1), len(day)]
    for first, end in itertools.pairwise([0, *ends]):
        target = partition_name("metric_point", int(day[first]))
        with _cursor(connection).copy(f'copy "{target}" from stdin (format binary)') as copy:
            copy.write(_HEADER)
            for start in range(first, end, _ROWS_PER_BLOCK):
                some = slice(start, min(start + _ROWS_PER_BLOCK, end))
                copy.write(encode_points(series_id[some], ts[some], value[some]))
            copy.write(_TRAILER)


def encode_points(series_id: np.ndarray, ts_us: np.ndarray, value: np.ndarray) -> bytes:
    """Return points as rows of COPY's binary form; times are microseconds since 1970."""
    block = np.empty(len(series_id), _POINT)
    block["fields"] = 3
    block["series_id_size"] = block["ts_size"] = block["value_size"] = 8
    block["series_id"] = series_id
    block["ts"] = ts_us - _POSTGRES_EPOCH_US
    block["value"] = value
    return block.tobytes()


def read_points(connection: sa.Connection, statement: sa.Select[Any]) -> pa.Table:
    """Return the rows of a select of [series_id, ts, value], none null, in its order.

    They come as arrays of many rows: five times faster than COPY, which sends each row as a message of its own.
    Grouping may shuffle the rows of an array, so each brings its place along.
    """
    rows = statement.subquery()
    place = sa.select(*rows.c, sa.func.row_number().over().label("place")).subquery()
    block = (place.c.place - 1) // _ROWS_PER_BLOCK
    arrays = sa.select(*(sa.func.array_agg(place.c[name]) for name in ("series_id", "ts", "value", "place")))
    compiled = arrays.group_by(block).order_by(block).compile(connection, compile_kwargs={"render_postcompile": True})
    with _cursor(connection, binary=True) as cursor:
        cursor.execute(str(compiled), compiled.params)
        sent = cursor.pgresult
        blocks = [decode_points(*(sent.get_value(row, field) for field in range(4))) for row in range(sent.ntuples)]
    return pa.concat_tables([_NO_POINTS, *blocks])


def decode_points(series_id: bytes, ts: bytes, value: bytes, place: bytes) -> pa.Table:
    """Return points from arrays in PostgreSQL's binary form, ordered by their place."""
    ts_us = _decode_array(ts, ">i8") + _POSTGRES_EPOCH_US
    places = _decode_array(place, ">i8")
    points = pa.table(
        {
            "series_id": _decode_array(series_id, ">i8"),
            "ts": pa.array(ts_us).cast(UTC_TIME),
            "value": _decode_array(value, ">f8"),
        }
    )
    return points if (np.diff(places) > 0).all() else points.take(pa.array(np.argsort(places)))


def read_rows(connection: sa.Connection, statement: sa.Select[Any], schema: dict[str, pa.DataType]) -> pa.Table:
    """Return the rows of any select by COPY in CSV form; `schema` holds the types that are known."""
    data, longest = _copy_out(connection, statement, "format csv, force_quote *")
    names = list(statement.selected_columns.keys())
    if not data:
        return pa.table({name: pa.array([], schema.get(name, pa.string())) for name in names})
    return pa.csv.read_csv(
        io.BytesIO(data),
        # A row must not lie in more than two blocks: messages of megabytes do in those of the usual size.
        read_options=pa.csv.ReadOptions(column_names=names, block_size=max(_SMALLEST_READ, longest)),
        parse_options=pa.csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
        convert_options=pa.csv.ConvertOptions(
            column_types=schema,
            true_values=["t"],
            false_values=["f"],
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )


def partition_name(table: str, day: int) -> str:
    """Return the name of the partition of a day, counted from 1970-01-01.

    >>> partition_name("metric_point", 20762)
    'metric_point_20261105'
    """
    return f"{table}_{datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day):%Y%m%d}"


def create_partitions(engine: sa.Engine, table: str, rows: pa.Table) -> None:
    """Create the daily partitions of a table that these rows need, in a short transaction of its own.

    A table is made first and attached then: unlike `create table … partition of`, that does not wait for running loads.
    """
    days = np.unique(_int64(rows["ts"]) // _DAY_US)
    with engine.begin() as connection:
        missing = _missing(connection, table, days)
        if not missing:
            return
        lock_until_commit(connection, "partitions")
        for day in _missing(connection, table, np.array(missing)):
            name = partition_name(table, day)
            start = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day)
            bounds = f"from ('{start.isoformat()}') to ('{(start + timedelta(days=1)).isoformat()}')"
            connection.exec_driver_sql(f'create table "{name}" (like "{table}" including defaults)')
            connection.exec_driver_sql(f'alter table "{table}" attach partition "{name}" for values {bounds}')


def lock_until_commit(connection: sa.Connection, *parts: str) -> None:
    """Wait until no other transaction holds the lock of this name, and hold it until the end of this one."""
    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(stable_hash("almanac", *parts))))


def _missing(connection: sa.Connection, table: str, days: np.ndarray) -> list[int]:
    present = set(
        connection.scalars(
            sa.text("select inhrelid::regclass::text from pg_inherits where inhparent = cast(:name as regclass)"),
            {"name": table},
        )
    )
    return [int(day) for day in days if partition_name(table, int(day)) not in present]


def _copy_out(connection: sa.Connection, statement: sa.Select[Any], options: str) -> tuple[bytes, int]:
    """Return what a select gives, and the length of its longest row in bytes: the server sends row by row."""
    compiled = statement.compile(connection, compile_kwargs={"render_postcompile": True})
    data, longest = io.BytesIO(), 0
    with _cursor(connection).copy(f"copy ({compiled}) to stdout ({options})", compiled.params) as copy:
        for row in copy:
            data.write(row)
            longest = max(longest, len(row))
    return data.getvalue(), longest


def _decode_array(data: bytes, kind: str) -> np.ndarray:
    """Return a one-dimensional array of 8-byte values, none null: a head of 20 bytes, then size and value of each."""
    item = np.dtype([("size", ">i4"), ("value", kind)])
    return np.frombuffer(data, item, offset=20)["value"].astype(item["value"].newbyteorder("="))


def _cursor(connection: sa.Connection, binary: bool = False) -> Any:
    return connection.connection.driver_connection.cursor(binary=binary)  # type: ignore[union-attr]


def _int64(column: pa.ChunkedArray) -> np.ndarray:
    return column.cast(pa.int64()).to_numpy()

"""What a table looks like in Arrow, and how rows of any form become exactly that.

JSON columns travel as their text. Integers are 64 bit, times are microseconds in UTC, on both engines.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from include.datasets import UTC_TIME
from include.errors import AlmanacError

Rows: TypeAlias = "pa.Table | pd.DataFrame | Sequence[Mapping[str, Any]]"

_ARROW: tuple[tuple[type[sa.types.TypeEngine[Any]], pa.DataType], ...] = (
    (sa.Boolean, pa.bool_()),
    (sa.Integer, pa.int64()),
    (sa.Float, pa.float64()),
    (sa.Numeric, pa.float64()),
    (sa.DateTime, UTC_TIME),
    (sa.JSON, pa.string()),
    (sa.String, pa.string()),
)


class ColumnsError(AlmanacError):
    """Rows whose columns are not the table's."""


def arrow_type(kind: sa.types.TypeEngine[Any]) -> pa.DataType | None:
    """Return the Arrow type of a SQL type, or None for one that only the database knows."""
    return next((arrow for sql, arrow in _ARROW if isinstance(kind, sql)), None)


def arrow_schema(table: sa.Table) -> pa.Schema:
    """Return the Arrow schema of a table: its columns in order, nullable as in the table."""
    return pa.schema([pa.field(column.name, arrow_type(column.type), bool(column.nullable)) for column in table.c])


def conform(table: sa.Table, rows: Rows) -> pa.Table:
    """Return rows as an Arrow table of exactly the table's columns, in its order and types.

    A nullable column that is absent becomes null. Raises `ColumnsError` when a column is unknown, a required one is
    absent or has nulls, or a value does not fit its type. NUL characters, which no database text holds, become U+FFFD.
    """
    given = _by_column(rows)
    known = set(table.c.keys())
    if unknown := sorted(set(given) - known):
        raise ColumnsError(
            f"{table.name} has no column {', '.join(unknown)}. Its columns are {', '.join(table.c.keys())}."
        )
    height = rows.num_rows if isinstance(rows, pa.Table) else len(rows)
    arrays = [_array(table, column, given.get(column.name), height) for column in table.c]
    return pa.table(arrays, schema=arrow_schema(table))


def _by_column(rows: Rows) -> dict[str, Any]:
    if isinstance(rows, pa.Table):
        return dict(zip(rows.column_names, rows.columns, strict=True))
    if isinstance(rows, pd.DataFrame):
        return {str(name): rows[name] for name in rows.columns}
    names = {name for row in rows for name in row}
    return {name: [row.get(name) for row in rows] for name in names}


def _array(table: sa.Table, column: sa.Column[Any], values: Any, height: int) -> pa.ChunkedArray:
    kind = arrow_type(column.type)
    if values is None:
        array = pa.nulls(height, kind)
    else:
        try:
            array = _json_text(values) if isinstance(column.type, sa.JSON) else _typed(values, kind)
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, TypeError) as error:
            raise ColumnsError(f"{table.name}.{column.name} takes {kind}, but was given others: {error}") from error
    if not column.nullable and array.null_count:
        raise ColumnsError(
            f"{table.name}.{column.name} must be given, but {array.null_count} of {height} rows lack it."
        )
    if pa.types.is_string(array.type) and pc.any(pc.match_substring(array, "\0")).as_py():
        array = pc.replace_substring(array, "\0", "\ufffd")
    return array


def _typed(values: Any, kind: pa.DataType) -> pa.ChunkedArray:
    if isinstance(values, pd.Series):
        values = pa.Array.from_pandas(values)
    if isinstance(values, pa.ChunkedArray | pa.Array):
        return values if values.type == kind else values.cast(kind)
    return pa.array(values, kind)


def _json_text(values: Any) -> pa.ChunkedArray:
    if isinstance(values, pa.ChunkedArray | pa.Array):
        if pa.types.is_string(values.type) or pa.types.is_null(values.type) or pa.types.is_dictionary(values.type):
            return values.cast(pa.string())
        values = values.to_pylist()
    return pa.array([_dump(value) for value in values], pa.string())


def _dump(value: Any) -> str | None:
    if value is None or isinstance(value, str) or (isinstance(value, float) and value != value):  # noqa: PLR0124
        return value if isinstance(value, str) else None
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

"""Arrow into and out of an open connection, on either engine."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from duckdb_sqlalchemy.bulk import insert_from_arrow

from include.warehouse import postgres
from include.warehouse.columns import arrow_type
from include.warehouse.schema import metric_point

_POINT_COLUMNS = metric_point.c.keys()


def is_duckdb(connection: sa.Connection) -> bool:
    """Return whether the connection's engine is DuckDB; it is PostgreSQL otherwise."""
    return connection.dialect.name == "duckdb"


def fetch(connection: sa.Connection, statement: sa.Select[Any]) -> pa.Table:
    """Return the rows of a select as Arrow, without a Python object per row.

    Types follow the select's own columns, alike on both engines; JSON comes as its text.
    """
    columns = statement.selected_columns
    schema = {name: kind for name, column in columns.items() if (kind := arrow_type(column.type)) is not None}
    if is_duckdb(connection):
        rows = connection.execution_options(duckdb_arrow=True).execute(statement).arrow  # type: ignore[attr-defined]
        fields = [pa.field(field.name, schema.get(field.name, field.type)) for field in rows.schema]
        return rows.cast(pa.schema(fields))
    if [column for column in columns] == list(metric_point.c):  # noqa: C416
        return postgres.read_points(connection, statement)
    return postgres.read_rows(connection, statement, schema)


def insert(connection: sa.Connection, table: sa.Table, rows: pa.Table) -> int:
    """Append rows of exactly the table's columns; return how many."""
    if rows.num_rows:
        if is_duckdb(connection):
            insert_from_arrow(connection, table, rows)
        elif table is metric_point:
            postgres.copy_points(connection, rows)
        else:
            postgres.copy_rows(connection, table.name, rows)
    return int(rows.num_rows)


@contextmanager
def staged(connection: sa.Connection, table: sa.Table, rows: pa.Table) -> Iterator[sa.TableClause]:
    """Offer rows of the table's columns as something that SQL on this connection can select from."""
    name = f"stage_{uuid.uuid4().hex}"
    clause = sa.table(name, *(sa.column(column.name, column.type) for column in table.c))
    if is_duckdb(connection):
        raw = connection.connection.dbapi_connection
        raw.register(name, rows)  # type: ignore[union-attr]
        try:
            yield clause
        finally:
            raw.unregister(name)  # type: ignore[union-attr]
    else:
        connection.exec_driver_sql(f'create temporary table "{name}" (like "{table.name}") on commit drop')
        postgres.copy_rows(connection, name, rows)
        yield clause

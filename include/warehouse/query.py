"""A person's own SQL, read only: one statement that selects, on a connection that cannot write."""

from typing import Any

import duckdb
import pandas as pd
import sqlalchemy as sa

from include.errors import AlmanacError
from include.warehouse import transfer
from include.warehouse.engine import Warehouse


class QueryRefusedError(AlmanacError):
    """SQL that is not one statement that only reads."""


class QueryFailedError(AlmanacError):
    """SQL that the database does not understand."""


def query(warehouse: Warehouse, statement: str, limit: int) -> pd.DataFrame:
    """Return the first rows that a person's select gives, at most `limit`.

    Raises `QueryRefusedError` for what is not one select, `QueryFailedError` with the database's own sentence else.
    """
    with warehouse.reading() as connection:
        if transfer.is_duckdb(connection):
            _refuse_all_but_select(statement)
            connection.exec_driver_sql("set enable_external_access = false")  # no files, no network
        try:
            result = connection.execute(_literally(statement))
            if not result.returns_rows:
                raise QueryRefusedError("Only a statement that gives rows runs here. Write a select.")
            rows: list[Any] = [tuple(row) for row in result.fetchmany(limit)]
        except sa.exc.DBAPIError as error:
            if "read-only transaction" in str(error.orig):
                raise QueryRefusedError(
                    "This statement writes, and people's SQL only reads. Write a select."
                ) from error
            raise QueryFailedError(f"The warehouse refuses this statement: {error.orig}") from error
        return pd.DataFrame(rows, columns=list(result.keys()))


def _refuse_all_but_select(statement: str) -> None:
    try:
        kinds = [parsed.type for parsed in duckdb.extract_statements(statement)]
    except duckdb.Error as error:
        raise QueryFailedError(f"The warehouse does not understand this statement: {error}") from error
    if kinds != [duckdb.StatementType.SELECT]:
        raise QueryRefusedError("People's SQL only reads: give one statement, a select.")


def _literally(statement: str) -> sa.TextClause:
    return sa.text(statement.replace(":", r"\:"))  # a colon is a colon, not a parameter

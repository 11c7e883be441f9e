"""A person's own SQL, read only: one statement that selects, on a connection that cannot write."""

from typing import Any

import duckdb
import pandas as pd
import psycopg

from include.errors import AlmanacError
from include.warehouse import transfer
from include.warehouse.engine import Warehouse


class QueryRefusedError(AlmanacError):
    """SQL that is not one statement that only reads."""


class QueryFailedError(AlmanacError):
    """SQL that the database does not understand or does not allow."""


def query(warehouse: Warehouse, statement: str, limit: int) -> pd.DataFrame:
    """Return the first rows that a person's select gives, at most `limit`.

    Raises `QueryRefusedError` for what is not one select, `QueryFailedError` with the database's own sentence else.
    """
    bounded = f"select * from (\n{statement.strip().rstrip(';')}\n) as answer limit {limit}"  # noqa: S608  the person's own
    with warehouse.reading() as connection:
        raw: Any = connection.connection.driver_connection
        try:
            if transfer.is_duckdb(connection):
                _refuse_all_but_select(statement)
                raw.execute("set enable_external_access = false")  # no files, no network
                cursor = raw.execute(bounded)
            else:
                cursor = raw.execute(bounded, prepare=True)  # a prepared statement is one statement, never several
            return pd.DataFrame(cursor.fetchall(), columns=[column[0] for column in cursor.description])
        except (duckdb.Error, psycopg.Error) as error:
            first = str(error).splitlines()[0]
            raise QueryFailedError(f"The warehouse says: {first}. Give one select that only reads.") from error


def _refuse_all_but_select(statement: str) -> None:
    if [parsed.type for parsed in duckdb.extract_statements(statement)] != [duckdb.StatementType.SELECT]:
        raise QueryRefusedError("People's SQL only reads: give one statement, a select.")

"""The state of a warehouse for people: its tables, last loads, revision, and who holds it."""

from typing import Any

import pandas as pd
import sqlalchemy as sa

from include.warehouse import migrate, transfer
from include.warehouse.engine import Warehouse
from include.warehouse.schema import load_log, metadata

_TIMES = ("ts", "updated_at", "finished_at", "recorded_at", "built_at", "window_end", "last_seen")


def tables(warehouse: Warehouse) -> pd.DataFrame:
    """Return [table, rows, newest, bytes] of every table; newest is the greatest time in it, bytes its size on disk."""
    with warehouse.reading() as connection:
        sizes = _duckdb_bytes if transfer.is_duckdb(connection) else _postgres_bytes
        return pd.DataFrame(
            [
                {"table": table.name, **_rows_and_newest(connection, table), "bytes": sizes(connection, table.name)}
                for table in metadata.sorted_tables
            ]
        )


def last_loads(warehouse: Warehouse, limit: int) -> pd.DataFrame:
    """Return the last loads, newest first."""
    names = (
        "finished_at",
        "source",
        "query",
        "window_start",
        "window_end",
        "status",
        "rows_loaded",
        "rows_quarantined",
    )
    columns = [load_log.c[name] for name in names]
    return warehouse.frame(sa.select(*columns).order_by(load_log.c.finished_at.desc()).limit(limit))


def revision(warehouse: Warehouse) -> str:
    """Return the schema's revision."""
    with warehouse.reading() as connection:
        return migrate.current(connection) or "none"


def _rows_and_newest(connection: sa.Connection, table: sa.Table) -> dict[str, Any]:
    time = next((table.c[name] for name in _TIMES if name in table.c), None)
    newest = sa.null() if time is None else sa.func.max(time)
    rows, at = connection.execute(sa.select(sa.func.count(), newest).select_from(table)).one()
    return {"rows": rows, "newest": at}


def _duckdb_bytes(connection: sa.Connection, table: str) -> int:
    blocks = sa.text(
        "select count(distinct block_id) * (select block_size from pragma_database_size()) "
        "from pragma_storage_info(:name) where persistent"
    )
    return int(connection.scalar(blocks, {"name": table}) or 0)


def _postgres_bytes(connection: sa.Connection, table: str) -> int:
    parts = sa.text("select sum(pg_total_relation_size(relid)) from pg_partition_tree(cast(:name as regclass))")
    whole = sa.text("select pg_total_relation_size(cast(:name as regclass))")
    return int(connection.scalar(parts, {"name": table}) or connection.scalar(whole, {"name": table}) or 0)

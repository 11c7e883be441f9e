import re
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from include.warehouse import Warehouse
from include.warehouse.columns import arrow_type
from include.warehouse.engine import WarehouseUnreachableError, WarehouseUrlError
from include.warehouse.migrate import DatabaseNewerError, DatabaseNotMigratedError, current, revisions
from include.warehouse.schema import DIMENSIONS, FACTS, LEDGERS, RECORDS, RESULTS, metadata


def test_the_migrated_database_is_what_the_schema_says(warehouse: Warehouse) -> None:
    def ours(name: str | None, kind: str, _parents: object) -> bool:
        return not (kind in {"table", "index"} and re.search(r"_\d{8}(_|$)|_by_(ts|trace)$", str(name)))

    def differs(*columns: Any) -> bool:  # DuckDB has one type for all text
        return arrow_type(columns[3]) != arrow_type(columns[4])

    with warehouse.reading() as connection:
        compare = differs if warehouse.is_duckdb else True
        context = MigrationContext.configure(connection, opts={"compare_type": compare, "include_name": ours})
        assert compare_metadata(context, metadata) == []
        found = sa.inspect(connection)
        for table in metadata.sorted_tables:
            columns = {column["name"]: column["nullable"] for column in found.get_columns(table.name)}
            assert columns == {column.name: column.nullable for column in table.c}
            assert set(found.get_pk_constraint(table.name)["constrained_columns"]) == set(table.primary_key.c.keys())


def test_every_table_has_one_way_to_be_written() -> None:
    ways = [*DIMENSIONS, *FACTS, *RECORDS, *RESULTS, *LEDGERS]
    assert len(ways) == len(set(ways))
    assert set(ways) == set(metadata.tables.values())


def test_migrating_again_changes_nothing(warehouse: Warehouse) -> None:
    warehouse.migrate()
    with warehouse.reading() as connection:
        assert current(connection) == revisions()[-1]


def test_a_database_newer_than_the_code_is_refused_with_a_clear_message(
    warehouse: Warehouse, warehouse_url: str
) -> None:
    with warehouse._open(shared=False) as connection, connection.begin():
        connection.exec_driver_sql("update alembic_version set version_num = '9999'")
    newer = Warehouse(warehouse_url)
    for use in (newer.migrate, lambda: newer.read(sa.select(sa.literal(1)))):
        with pytest.raises(DatabaseNewerError, match="database newer than the code: it is at revision 9999"):
            use()
    with pytest.raises(DatabaseNewerError), newer.transaction():
        pass


def test_an_empty_database_says_how_to_migrate(warehouse_url: str) -> None:
    with pytest.raises(DatabaseNotMigratedError, match=r"python -m include.warehouse migrate"):
        Warehouse(warehouse_url).read(sa.select(sa.literal(1)))


@pytest.mark.parametrize("url", ["duckdb:///:memory:", "duckdb://", "sqlite:///a.db", "no url"])
def test_a_url_that_is_no_warehouse_lists_what_is(url: str) -> None:
    with pytest.raises(WarehouseUrlError, match=r"Write duckdb:////folder/warehouse.duckdb or postgresql://"):
        Warehouse(url)


def test_a_server_that_does_not_answer_is_named_without_its_password() -> None:
    with pytest.raises(WarehouseUnreachableError, match="Check that the server runs") as error:
        Warehouse("postgresql://someone:secret@127.0.0.1:1/none").migrate()
    assert "secret" not in str(error.value)


def test_a_missing_folder_is_made_by_migrating_only(tmp_path: Path) -> None:
    warehouse = Warehouse(f"duckdb:///{tmp_path / 'new' / 'w.duckdb'}")
    with pytest.raises(DatabaseNotMigratedError), warehouse.transaction():
        pass
    assert not (tmp_path / "new").exists()
    warehouse.migrate()
    assert (tmp_path / "new" / "w.duckdb").exists()

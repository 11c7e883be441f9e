import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from include.datasets import UTC_TIME
from include.warehouse import Warehouse, postgres
from include.warehouse.columns import conform
from include.warehouse.schema import metric_point, slo
from include.warehouse.transfer import fetch, insert
from tests.warehouse.shop import HOUR, load, minutes

FINITE = st.floats(allow_nan=False, width=64)
INT64 = st.integers(-(2**63), 2**63 - 1)
TIMES = st.datetimes(datetime(2026, 11, 1), datetime(2026, 11, 4), timezones=st.just(UTC))
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=20)
EVERY_TIME = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@EVERY_TIME
@given(points=st.lists(st.tuples(INT64, TIMES, FINITE), max_size=30))
def test_points_come_back_as_they_went_in(warehouse: Warehouse, points: list[tuple[int, datetime, float]]) -> None:
    points = sorted(points, key=lambda point: point[1])
    columns = [list(column) for column in zip(*points, strict=True)] or [[], [], []]
    rows = conform(metric_point, dict_table(columns))
    if not warehouse.is_duckdb and rows.num_rows:
        warehouse._create_partitions("metric_point", rows)
    with warehouse._open(shared=False) as connection:
        insert(connection, metric_point, rows)
        back = fetch(connection, sa.select(metric_point)).to_pylist()
        connection.rollback()
    key = [(row["series_id"], row["ts"], math.copysign(1, row["value"]), row["value"]) for row in back]
    assert sorted(key) == sorted((i, t, math.copysign(1, v), v) for i, t, v in points)


def dict_table(columns: list[list[object]]) -> pa.Table:
    types = (pa.int64(), UTC_TIME, pa.float64())
    names = ("series_id", "ts", "value")
    return pa.table({n: pa.array(c, t) for n, c, t in zip(names, columns, types, strict=True)})


@EVERY_TIME
@given(
    rows=st.lists(
        st.tuples(TEXT, TEXT, st.none() | TEXT, st.none() | st.dictionaries(TEXT, TEXT)),
        unique_by=lambda r: r[0],
        min_size=1,
        max_size=9,
    )
)
def test_text_of_any_script_comes_back_as_it_went_in(
    warehouse: Warehouse, rows: list[tuple[str, str, str | None, dict[str, str] | None]]
) -> None:
    given_rows = conform(slo, [dict(zip(slo.c.keys(), row, strict=True)) for row in rows])
    with warehouse._open(shared=False) as connection:
        insert(connection, slo, given_rows)
        back = fetch(connection, sa.select(slo))
        connection.rollback()
    assert back.sort_by("name").to_pylist() == given_rows.sort_by("name").to_pylist()


def test_a_point_is_thirty_eight_bytes_as_the_manual_says() -> None:
    ts = np.array([946_684_800_000_001])  # a microsecond after 2000-01-01
    data = postgres.encode_points(np.array([258]), ts, np.array([1.0]))
    assert (
        data.hex(" ", 2)
        == "0003 0000 0008 0000 0000 0000 0102 0000 0008 0000 0000 0000 0001 0000 0008 3ff0 0000 0000 0000"
    )


@pytest.mark.needs("postgres")
def test_points_lie_in_daily_partitions_with_a_block_range_index(postgres_url: str) -> None:
    warehouse = Warehouse(postgres_url)
    warehouse.migrate()
    load(warehouse, minutes(HOUR), HOUR)
    load(warehouse, minutes(HOUR.shifted(timedelta(days=1))), HOUR.shifted(timedelta(days=1)))
    with warehouse.reading() as connection:
        found = sa.inspect(connection)
        parts = connection.scalars(
            sa.text("select relid::regclass::text from pg_partition_tree('metric_point') where isleaf order by 1")
        ).all()
        assert parts == ["metric_point_20261105", "metric_point_20261106"]
        for part in parts:
            assert [index["dialect_options"]["postgresql_using"] for index in found.get_indexes(part)] == ["brin"]
            assert connection.scalar(sa.select(sa.func.count()).select_from(sa.table(part))) == 120

from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from include.warehouse import Warehouse, points, points_of, series_frame
from include.warehouse.schema import alert, service
from include.warehouse.write import in_shard
from include.window import Window, shard_of
from tests.warehouse.shop import HOUR, NEXT_HOUR, load, minutes

JOBS = tuple(f"job-{number}" for number in range(9))
INT64 = st.integers(-(2**63), 2**63 - 1)


@pytest.fixture
def filled(warehouse: Warehouse) -> Warehouse:
    for query in ("errors", "latency"):
        for window in (HOUR, NEXT_HOUR):
            load(warehouse, minutes(window, JOBS), window, query=query)
    return warehouse


def test_points_come_sorted_by_series_and_time_and_of_the_window_only(filled: Warehouse) -> None:
    rows = points(filled, HOUR)
    assert rows.schema == pa.schema({"series_id": pa.int64(), "ts": pa.timestamp("us", "UTC"), "value": pa.float64()})
    assert rows.num_rows == 2 * 9 * 60
    assert rows.sort_by([("series_id", "ascending"), ("ts", "ascending")]) == rows
    assert rows["ts"].to_pylist()[0] == HOUR.start
    assert points(filled, HOUR.shifted(timedelta(days=3))).num_rows == 0


def test_shards_are_disjoint_and_together_everything(filled: Warehouse) -> None:
    parts = [points(filled, HOUR, shard, 4) for shard in range(4)]
    for shard, part in enumerate(parts):
        assert {shard_of(identity, 4) for identity in part["series_id"].to_pylist()} <= {shard}
    together = pa.concat_tables(parts).sort_by([("series_id", "ascending"), ("ts", "ascending")])
    assert together == points(filled, HOUR)


def test_some_series_are_read_by_their_ids(filled: Warehouse) -> None:
    window = Window(HOUR.start, NEXT_HOUR.end)
    wanted = points(filled, window, 1, 2, ["latency"])
    ids = np.unique(wanted["series_id"]).tolist()
    assert points_of(filled, window, ids) == wanted
    assert points_of(filled, window, []).num_rows == 0


def test_series_come_with_the_calendar_of_their_service(filled: Warehouse) -> None:
    with filled.transaction() as tx:
        tx.replace_dimension(
            service, [{"name": "JOB-3", "owner": "payments", "tier": 1, "time_zone": "Europe/Berlin", "holidays": "DE"}]
        )
    frame = series_frame(filled, queries=["latency"])
    assert len(frame) == 9
    assert frame["series_id"].is_monotonic_increasing
    known = frame[frame["service"] == "JOB-3"].iloc[0]
    assert (known["time_zone"], known["holidays"], known["owner"], known["step_seconds"]) == (
        "Europe/Berlin",
        "DE",
        "payments",
        60,
    )
    assert set(frame.loc[frame["service"] != "JOB-3", "time_zone"]) == {"UTC"}


def test_a_read_has_the_same_types_on_both_engines_with_and_without_rows(filled: Warehouse) -> None:
    empty = filled.read(sa.select(alert.c.alert_id, alert.c.updated_at, alert.c.deleted))
    expected = {"alert_id": pa.string(), "updated_at": pa.timestamp("us", "UTC"), "deleted": pa.bool_()}
    assert empty.schema == pa.schema(expected)
    one = filled.read(
        sa.select(
            sa.func.count().label("n"),
            sa.literal("").label("empty"),
            sa.null().cast(sa.Text).label("nothing"),
            sa.literal(True).label("yes"),
            sa.literal(HOUR.start).label("at"),
            sa.literal('a, "b"\n\\.').label("text"),
        )
    )
    nothing = {"n": 1, "empty": "", "nothing": None, "yes": True, "at": HOUR.start, "text": 'a, "b"\n\\.'}
    assert one.to_pylist() == [nothing]


def test_readers_cannot_write(filled: Warehouse) -> None:
    with filled.reading() as connection, pytest.raises(sa.exc.DBAPIError, match="read-only"):
        connection.exec_driver_sql("delete from series")


@pytest.fixture(scope="module")
def connections() -> list[sa.Connection]:
    return [sa.create_engine("duckdb:///:memory:").connect()]


@given(INT64, st.integers(1, 64))
def test_the_shard_filter_in_sql_is_shard_of(connections: list[sa.Connection], identity: int, shards: int) -> None:
    for connection in connections:
        right = sa.select(in_shard(sa.literal(identity, sa.BigInteger), shard_of(identity, shards), shards))
        wrong = sa.select(in_shard(sa.literal(identity, sa.BigInteger), shard_of(identity, shards) + 1, shards))
        assert (connection.scalar(right), connection.scalar(wrong)) == (True, False)


@pytest.mark.needs("postgres")
def test_the_shard_filter_in_postgresql_is_shard_of_at_the_extremes(postgres_url: str) -> None:
    engine = sa.create_engine(postgres_url)
    with engine.connect() as connection:
        for identity in (-(2**63), -(2**63) + 1, -1, 0, 1, 2**63 - 1):
            for shards in (1, 2, 3, 7, 64):
                mine = in_shard(sa.literal(identity, sa.BigInteger), shard_of(identity, shards), shards)
                assert connection.scalar(sa.select(mine)) is True
    engine.dispose()


def test_points_stay_sorted_when_the_engine_groups_them_in_several_blocks(warehouse: Warehouse) -> None:
    window = Window(HOUR.start, HOUR.start + timedelta(days=1))
    jobs = tuple(f"job-{number}" for number in range(250))
    load(warehouse, minutes(window, jobs), window)
    rows = points(warehouse, window)
    assert rows.num_rows == 360_000
    series_id, ts = rows["series_id"].to_numpy(), rows["ts"].cast(pa.int64()).to_numpy()
    assert ((np.diff(series_id) > 0) | ((np.diff(series_id) == 0) & (np.diff(ts) > 0))).all()

from datetime import timedelta
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
import sqlalchemy as sa

from include.datasets import UTC_TIME
from include.warehouse import Warehouse
from include.warehouse.columns import ColumnsError, conform
from include.warehouse.schema import (
    alert,
    anomaly,
    capacity_status,
    delivery,
    forecast_point,
    lineage,
    metric_point,
    report,
    series,
    service,
    slo,
)
from include.warehouse.write import WrongWayError
from include.window import Window, shard_of
from tests.warehouse.shop import HOUR, NEXT_HOUR, START, load, minutes, scope

DAY = Window(HOUR.start - timedelta(hours=7), HOUR.start + timedelta(hours=17))


def anomalies(window: Window, score: float, subjects: tuple[int, ...] = (1, 2, 3, 4)) -> pd.DataFrame:
    hours = int(window.duration / timedelta(hours=1))
    return pd.DataFrame(
        [
            {
                "subject_kind": "series",
                "subject_id": subject,
                "service": "cart",
                "query": "latency_p95",
                "ts": window.start + timedelta(hours=hour),
                "score": score,
                "severity": "HIGH",
                "trend": "flat",
                "detector": "forest",
                "model_version": "1",
                "reason": "far above its band",
            }
            for subject in subjects
            for hour in range(hours)
        ]
    )


def forecast(series_id: int, expected: float) -> dict[str, Any]:
    values = {"ts": NEXT_HOUR.start, "lower": 0.0, "expected": expected, "upper": 9.0, "model": "theta"}
    return {"series_id": series_id, **values}


def test_results_are_replaced_by_producer_and_window(warehouse: Warehouse) -> None:
    for producer, window, value in [("a", HOUR, 1.0), ("b", HOUR, 2.0), ("a", NEXT_HOUR, 3.0), ("a", HOUR, 4.0)]:
        with warehouse.transaction() as tx:
            tx.replace_results(forecast_point, producer, window, [forecast(1, value)], run_id="r")
    rows = warehouse.frame(sa.select(forecast_point))
    assert sorted(rows["expected"]) == [2.0, 3.0, 4.0]
    assert set(rows["run_id"]) == {"r"}


def test_an_hour_replaces_its_part_of_a_wide_window_where_results_have_a_time(warehouse: Warehouse) -> None:
    with warehouse.transaction() as tx:
        tx.replace_results(anomaly, "detect", DAY, anomalies(DAY, 0.5), run_id="wide")
        tx.replace_results(anomaly, "detect", HOUR, anomalies(HOUR, 0.9), run_id="hour")
    rows = warehouse.frame(sa.select(anomaly.c.ts, anomaly.c.score, anomaly.c.run_id))
    assert len(rows) == 4 * 24
    assert set(rows.loc[rows["ts"] == HOUR.start, "run_id"]) == {"hour"}
    assert (rows["run_id"] == "wide").sum() == 4 * 23


def test_a_wide_run_that_stamps_regular_windows_is_replaced_by_them(warehouse: Warehouse) -> None:
    rows = [
        {**forecast(1, 1.0), "window_start": window.start, "window_end": window.end} for window in (HOUR, NEXT_HOUR)
    ]
    with warehouse.transaction() as tx:
        tx.replace_results(forecast_point, "p", DAY, rows, run_id="wide")
        tx.replace_results(forecast_point, "p", HOUR, [forecast(1, 2.0)], run_id="hour")
    assert sorted(warehouse.frame(sa.select(forecast_point))["expected"]) == [1.0, 2.0]


def test_shards_replace_only_their_own_subjects_even_when_their_number_changes(warehouse: Warehouse) -> None:
    for shards in (1, 2, 3):
        for shard in range(shards):
            mine = tuple(subject for subject in (1, -2, 3, 4) if shard_of(subject, shards) == shard)
            rows = pa.Table.from_pandas(anomalies(HOUR, shards / 10, mine or (5,)), preserve_index=False)
            with warehouse.transaction() as tx:
                tx.replace_results(anomaly, "detect", HOUR, rows.slice(0, len(mine)), run_id="r", shard=(shard, shards))
    rows = warehouse.frame(sa.select(anomaly).order_by(anomaly.c.subject_id))
    assert list(rows["subject_id"]) == [-2, 1, 3, 4]
    assert set(rows["score"]) == {0.3}


def test_a_dimension_becomes_exactly_the_rows_given(warehouse: Warehouse) -> None:
    def rows(**tiers: int) -> list[dict[str, Any]]:
        return [
            {"name": name, "owner": "storefront", "tier": tier, "time_zone": "UTC", "aliases": {"shop": ["a", "/b/"]}}
            for name, tier in tiers.items()
        ]

    changed = []
    for given in (rows(cart=1, auth=2), rows(cart=1, auth=2), rows(cart=3, search=2), []):
        with warehouse.transaction() as tx:
            changed.append(tx.replace_dimension(service, given))
            seen = tx.frame(sa.select(service.c.name, service.c.tier, service.c.aliases).order_by(service.c.name))
        assert [(r.name_, r.tier) for r in seen.rename(columns={"name": "name_"}).itertuples()] == sorted(
            (row["name"], row["tier"]) for row in given
        )
        assert all(text == '{"shop":["a","/b/"]}' for text in seen["aliases"])
    assert changed == [2, 0, 3, 2]


def test_a_series_seen_again_only_widens_what_was_seen(warehouse: Warehouse) -> None:
    load(warehouse, minutes(NEXT_HOUR, ("cart",)), NEXT_HOUR)
    load(warehouse, minutes(HOUR, ("cart",)), HOUR)
    row = warehouse.frame(sa.select(series)).iloc[0]
    assert (row["first_seen"], row["last_seen"]) == (START, START + timedelta(minutes=119))


def test_a_delivery_changes_state_by_its_key_and_never_goes_back(warehouse: Warehouse) -> None:
    def row(state: str, minute: int) -> dict[str, Any]:
        who = {"delivery_id": "d", "report_id": "r", "name": "slo", "audience": "payments", "channel": "mail"}
        when = {"window_start": HOUR.start, "window_end": HOUR.end, "updated_at": START + timedelta(minutes=minute)}
        return {**who, **when, "state": state, "attempts": minute}

    changed = []
    for state, minute in [("due", 0), ("sent", 2), ("failed", 1)]:
        with warehouse.transaction() as tx:
            changed.append(tx.merge_records(delivery, [row(state, minute)]))
    assert changed == [1, 1, 0]
    assert warehouse.read(sa.select(delivery.c.state))["state"].to_pylist() == ["sent"]


def test_ledgers_are_appended_with_json_as_text(warehouse: Warehouse) -> None:
    row = {
        "run_id": "r",
        "producer": "detect",
        "window_start": HOUR.start,
        "window_end": HOUR.end,
        "loads": ["l1", "l2"],
        "config_hash": "c",
        "code_version": "v",
        "recorded_at": START,
    }
    for _ in range(2):
        with warehouse.transaction() as tx:
            assert tx.append(lineage, [row]) == 1
    assert warehouse.read(sa.select(lineage.c.loads))["loads"].to_pylist() == ['["l1","l2"]'] * 2


def test_each_table_is_written_its_own_way_only(warehouse: Warehouse) -> None:
    with warehouse.transaction() as tx:
        with pytest.raises(WrongWayError, match="alert is not written by append"):
            tx.append(alert, [])
        with pytest.raises(WrongWayError, match="lineage is not written by merge_records"):
            tx.merge_records(lineage, [])
        with pytest.raises(WrongWayError, match="metric_point is not written by replace_results"):
            tx.replace_results(metric_point, "p", HOUR, [], run_id="r")
        with pytest.raises(WrongWayError, match="report is not written by replace_dimension"):
            tx.replace_dimension(report, [])


def test_a_transaction_that_raises_leaves_nothing(warehouse: Warehouse) -> None:
    load(warehouse, minutes())

    def fail_on_the_way() -> None:
        with warehouse.transaction() as tx:
            tx.replace_facts(metric_point, scope(), [])
            tx.replace_dimension(slo, [{"name": "a", "service": "cart"}])
            raise RuntimeError("on the way")

    with pytest.raises(RuntimeError, match="on the way"):
        fail_on_the_way()
    assert warehouse.read(sa.select(metric_point)).num_rows == 120
    assert warehouse.read(sa.select(slo)).num_rows == 0


def test_points_of_many_days_in_any_order_are_all_there(warehouse: Warehouse) -> None:
    load(warehouse, minutes(HOUR, ("cart",)), HOUR)
    month = Window(HOUR.start - timedelta(days=15), HOUR.start + timedelta(days=15))
    with warehouse.transaction() as tx:
        own = tx.read(sa.select(series.c.series_id))["series_id"][0].as_py()
        times = [month.start + timedelta(hours=7 * hour % 720) for hour in range(720)]
        points = {"series_id": [own] * 720, "ts": pa.array(times, UTC_TIME), "value": [float(i) for i in range(720)]}
        assert tx.replace_facts(metric_point, scope(month), pa.table(points)) == 720
    rows = warehouse.frame(sa.select(metric_point).order_by(metric_point.c.ts))
    assert list(rows["ts"]) == sorted(times)
    assert sorted(rows["value"]) == [float(i) for i in range(720)]


def test_old_rows_expire(warehouse: Warehouse) -> None:
    load(warehouse, minutes())
    with warehouse.transaction() as tx:
        assert tx.expire(metric_point, "ts", START + timedelta(minutes=10)) == 20
    assert warehouse.read(sa.select(metric_point)).num_rows == 100


def test_rows_that_do_not_fit_are_refused_with_the_column_named() -> None:
    with pytest.raises(ColumnsError, match=r"slo has no column nmae. Its columns are name, service"):
        conform(slo, [{"nmae": "a"}])
    with pytest.raises(ColumnsError, match=r"slo.service must be given, but 1 of 1 rows lack it"):
        conform(slo, [{"name": "a"}])
    with pytest.raises(ColumnsError, match=r"capacity_status.series_id takes int64"):
        conform(capacity_status, [{"series_id": "text"}])

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from include.capacity import assess_configured
from include.capacity.read import read_hours, read_resources
from include.config import Config, MetricQuery, Service
from include.config.limit import ResourceLimit
from include.datasets import Scope
from include.warehouse import Warehouse
from include.warehouse.schema import metric_point
from include.window import Window

AS_OF = datetime(2026, 11, 5, 7, tzinfo=UTC)
START = AS_OF - timedelta(days=15)


def query(name: str, kind: str) -> MetricQuery:
    return MetricQuery.model_validate({"name": name, "sources": ["s"], "expr": name, "kind": kind, "unit": "bytes"})


CONFIG = Config(
    services={"cart": Service(name="cart", owner="storefront")},
    queries={"used": query("used", "usage"), "size": query("size", "limit")},
    limits=(ResourceLimit(name="disk", query="used", resource="disk", limit_query="size"),),
)


@pytest.fixture
def warehouse(warehouse_url: str) -> Warehouse:
    made = Warehouse(warehouse_url)
    made.migrate()
    minutes = 15 * 1440
    ts = pd.date_range(START, periods=minutes, freq="min")
    values = {
        1: ("used", np.tile(np.arange(60.0), minutes // 60)),
        2: ("size", np.repeat([500.0, 1000.0], minutes // 2)),
    }
    for identity, (name, value) in values.items():
        row = {"series_id": identity, "source": "s", "query": name, "kind": "usage", "unit": "bytes", "service": "cart",
               "service_alias": "cart", "labels": {"instance": "a"}, "step_seconds": 60, "first_seen": START,
               "last_seen": AS_OF}  # fmt: skip
        with made.transaction() as tx:
            tx.merge_series([row])
            points = pd.DataFrame({"series_id": identity, "ts": ts, "value": value})
            tx.replace_facts(metric_point, Scope("s", "metric_point", name, Window(START, AS_OF)), points)
    return made


def test_a_limit_from_a_metric_is_its_latest_value(warehouse: Warehouse) -> None:
    found = read_resources(warehouse, CONFIG, AS_OF)
    assert found[["series_id", "limit_value", "limit_source"]].to_numpy().tolist() == [[1, 1000.0, "size"]]
    assert read_resources(warehouse, CONFIG, AS_OF - timedelta(days=10))["limit_value"].tolist() == [500.0]


def test_an_hour_is_its_95th_percentile_and_the_hour_that_runs_is_left_out(warehouse: Warehouse) -> None:
    found = read_hours(warehouse, [1], AS_OF - timedelta(minutes=30))
    assert len(found) == 15 * 24 - 1
    assert set(found["value"]) == {56.05}
    assert found["ts"].max() == pd.Timestamp(AS_OF - timedelta(hours=2))


def test_the_state_of_a_configured_resource_and_only_of_its_shard(warehouse: Warehouse) -> None:
    found = assess_configured(warehouse, CONFIG, AS_OF)
    assert found.status[["resource", "owner", "status", "current"]].to_numpy().tolist() == [
        ["disk", "storefront", "adequate", 56.05]
    ]
    assert len(found.forecast) == 720
    assert len(assess_configured(warehouse, CONFIG, AS_OF, shard=(1, 2)).status) == 1
    assert len(assess_configured(warehouse, CONFIG, AS_OF, shard=(0, 2)).status) == 0


def test_an_empty_warehouse_gives_empty_frames(warehouse_url: str) -> None:
    empty = Warehouse(warehouse_url)
    empty.migrate()
    assert len(assess_configured(empty, CONFIG, AS_OF).status) == 0

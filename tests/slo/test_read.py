from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from include.config import Config, MetricQuery, Service
from include.config.slo import Objective, RatioIndicator, Slo, SloMetric, ThresholdIndicator, TimeWindow
from include.datasets import Scope
from include.slo import assess_configured
from include.warehouse import Warehouse
from include.warehouse.schema import metric_point
from include.window import Window

AS_OF = datetime(2026, 11, 5, tzinfo=UTC)
START = AS_OF - timedelta(days=1)


def query(name: str, unit: str = "requests", step: str = "1m") -> MetricQuery:
    return MetricQuery.model_validate(
        {"name": name, "sources": ["s"], "expr": name, "kind": "traffic", "unit": unit, "step": step}
    )


def slo(name: str, indicator: Any, method: str = "Occurrences", **objective: Any) -> Slo:
    return Slo(
        name=name,
        service="cart",
        budgeting_method=method,  # type: ignore[arg-type]
        time_window=TimeWindow(count=1, unit="d", is_rolling=True),
        indicator=indicator,
        objectives=(Objective(name="goal", target=0.99, **objective),),
    )


def config(*slos: Slo, unit: str = "requests", step: str = "1m") -> Config:
    queries = [query("requests", unit, step), query("errors", unit, step), query("latency", "seconds")]
    return Config(
        services={"cart": Service(name="cart", owner="storefront")},
        queries={item.name: item for item in queries},
        slos=slos,
    )


@pytest.fixture
def warehouse(warehouse_url: str) -> Warehouse:
    made = Warehouse(warehouse_url)
    made.migrate()
    return made


def fill(warehouse: Warehouse, name: str, values: dict[tuple[str, str], Any], step: str = "1min") -> None:
    """Write one series per (service, instance) of a query, from START on."""
    rows, points = [], []
    for (service, instance), numbers in values.items():
        identity = abs(hash((name, service, instance)))
        rows.append(
            {"series_id": identity, "source": "s", "query": name, "kind": "traffic", "unit": "requests",
             "service": service,
             "service_alias": service, "labels": {"instance": instance}, "step_seconds": 60, "first_seen": START,
             "last_seen": AS_OF}
        )  # fmt: skip
        ts = pd.date_range(START, periods=len(numbers), freq=step)
        points.append(pd.DataFrame({"series_id": identity, "ts": ts, "value": np.asarray(numbers, float)}).dropna())
    with warehouse.transaction() as tx:
        tx.merge_series(rows)
        tx.replace_facts(metric_point, Scope("s", "metric_point", name, Window(START, AS_OF)), pd.concat(points))


def test_bad_of_total_is_summed_over_the_services_series_and_no_others(warehouse: Warehouse) -> None:
    fill(warehouse, "requests", {("cart", "a"): [10] * 1440, ("cart", "b"): [30] * 1440, ("search", "a"): [99] * 1440})
    fill(warehouse, "errors", {("cart", "a"): [1] * 10, ("cart", "b"): [2] * 10, ("search", "a"): [99] * 1440})
    ratio = RatioIndicator(total=SloMetric(query="requests"), bad=SloMetric(query="errors"))
    found = assess_configured(warehouse, config(slo("availability", ratio)), AS_OF).status.iloc[0]
    assert (found["good"], found["total"]) == (57_570.0, 57_600.0)
    assert (found["owner"], found["status"], found["coverage"]) == ("storefront", "healthy", 1.0)


def test_labels_pick_series_and_two_objectives_share_one_query(warehouse: Warehouse) -> None:
    fill(warehouse, "requests", {("cart", "a"): [10] * 1440, ("cart", "b"): [30] * 1440})
    fill(warehouse, "errors", {("cart", "a"): [1] * 1440, ("cart", "b"): [0] * 1440})
    only_a = {"labels": {"instance": "a"}}
    narrow = RatioIndicator(total=SloMetric(query="requests", **only_a), bad=SloMetric(query="errors", **only_a))
    broad = RatioIndicator(total=SloMetric(query="requests"), bad=SloMetric(query="errors"))
    found = assess_configured(warehouse, config(slo("a-only", narrow), slo("whole", broad)), AS_OF).status
    assert found.set_index("slo")["actual"].to_dict() == {"a-only": 0.9, "whole": 0.975}


def test_a_threshold_counts_the_samples_that_meet_it(warehouse: Warehouse) -> None:
    fill(warehouse, "latency", {("cart", "a"): [0.2] * 1430 + [0.5] * 10})
    below = ThresholdIndicator(metric=SloMetric(query="latency"))
    slos = [slo("fast", below, op="lte", value=0.2), slo("faster", below, op="lt", value=0.2)]
    found = assess_configured(warehouse, config(*slos), AS_OF).status.set_index("slo")
    assert found["good"].to_dict() == {"fast": 1430.0, "faster": 0.0}
    assert found["total"].tolist() == [1440.0, 1440.0]


def test_a_counter_counts_increases_and_survives_a_restart(warehouse: Warehouse) -> None:
    fill(warehouse, "requests", {("cart", "a"): [100, 110, 120, 5, 15]})
    fill(warehouse, "errors", {("cart", "a"): [7, 7, 8, 0, 0]})
    ratio = RatioIndicator(total=SloMetric(query="requests"), bad=SloMetric(query="errors"), counter=True)
    found = assess_configured(warehouse, config(slo("availability", ratio)), AS_OF).status.iloc[0]
    assert (found["total"], found["good"]) == (35.0, 34.0)


def test_rates_per_second_are_counts_of_their_step(warehouse: Warehouse) -> None:
    fill(warehouse, "requests", {("cart", "a"): [2] * 288}, step="5min")
    fill(warehouse, "errors", {("cart", "a"): [1] * 288}, step="5min")
    ratio = RatioIndicator(total=SloMetric(query="requests"), bad=SloMetric(query="errors"))
    found = assess_configured(
        warehouse, config(slo("availability", ratio), unit="requests/s", step="5m"), AS_OF
    ).status.iloc[0]
    assert (found["total"], found["good"], found["coverage"]) == (172_800.0, 86_400.0, 1.0)


def test_a_minute_with_a_total_and_no_good_count_is_unknown_and_reported(warehouse: Warehouse) -> None:
    fill(warehouse, "requests", {("cart", "a"): [10] * 1440})
    fill(warehouse, "errors", {("cart", "a"): [10] * 1438})
    ratio = RatioIndicator(total=SloMetric(query="requests"), good=SloMetric(query="errors"))
    found = assess_configured(warehouse, config(slo("availability", ratio)), AS_OF)
    assert found.set_aside["reason"].tolist() == ["not a finite count"] * 2
    assert found.status.iloc[0]["actual"] == 1.0


def test_a_query_without_any_series_gives_no_data(warehouse: Warehouse) -> None:
    ratio = RatioIndicator(total=SloMetric(query="requests"), bad=SloMetric(query="errors"))
    found = assess_configured(warehouse, config(slo("availability", ratio)), AS_OF).status.iloc[0]
    assert (found["status"], found["coverage"]) == ("no_data", 0.0)

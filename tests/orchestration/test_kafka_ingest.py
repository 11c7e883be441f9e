"""A topic by the hour, from the brokers to the warehouse: read again, late, and after the brokers were gone."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from include.orchestration.ingest import load_piece
from include.warehouse.schema import alert, quarantine_row
from include.window import Window
from tests.fakes.kafka import FakeKafka, know_times
from tests.orchestration.shop import EIGHT, SEVEN, Shop, no_credentials


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeKafka]:
    with FakeKafka() as fake:
        know_times(monkeypatch, fake)
        yield fake


@pytest.fixture
def bus(shop: Shop, cluster: FakeKafka) -> Shop:
    return shop.configure(
        "sources.yaml",
        f"""
        sources:
          shop:
            type: kafka
            timeout: 2s
            options: {{brokers: {cluster.brokers}, topic: metrics}}
            layout: {{metric: name, value: value, labels: {{job: job}}}}
            feeds:
              alerts:
                dataset: alert
                options: {{topic: alerts}}
                layout:
                  columns: {{alert_id: id, fingerprint: id, name: name, service: job, severity: level, status: status}}
        """,
    )


def measure(cluster: FakeKafka, minute: float, value: float = 7.0, partition: int = 0) -> None:
    text = json.dumps({"name": "requests", "value": value, "job": "shop/cart"})
    cluster.write("metrics", text, SEVEN.start + timedelta(minutes=minute), partition=partition)


def load(shop: Shop, window: Window, dataset: str = "metric_point", again: bool = False) -> dict[str, Any]:
    piece = {"source": "shop", "window": window.key, **({"again": "yes"} if again else {})}
    return load_piece(shop.rt, piece, [dataset], no_credentials)


def test_an_hour_of_a_topic_is_loaded_and_reading_it_again_changes_nothing(bus: Shop, cluster: FakeKafka) -> None:
    for minute in range(120):
        measure(cluster, minute, partition=minute % 4)
    cluster.settle()
    assert load(bus, SEVEN) == {"source": "shop", "window": SEVEN.key, "rows": 60, "loaded": 1, "unchanged": 2}
    assert load(bus, SEVEN)["unchanged"] == 3
    assert load(bus.again(), SEVEN, again=True)["unchanged"] == 3
    assert len(bus.points(SEVEN)) == 60
    assert len(bus.points(EIGHT)) == 0


def test_a_straggler_is_loaded_into_its_own_hour_and_what_is_too_late_is_set_apart(
    bus: Shop, cluster: FakeKafka
) -> None:
    for minute in range(59):
        measure(cluster, minute)
    cluster.settle()
    load(bus, SEVEN)
    for minute in (60, 59, 61, 62, 66, 30):
        measure(cluster, minute)
    cluster.settle()
    load(bus, EIGHT)
    load(bus, SEVEN, again=True)
    assert len(bus.points(SEVEN)) == 60
    assert sorted(bus.points(EIGHT)["ts"].dt.minute) == [0, 1, 2, 6]
    apart = bus.rows(quarantine_row)
    assert list(apart["rule"]) == ["inside_window"]
    assert "2026-11-05T07:30:00" in apart["raw"][0]


def test_alerts_of_a_topic_are_records_of_their_hour(bus: Shop, cluster: FakeKafka) -> None:
    said = {"id": "a1", "name": "High errors", "job": "shop/cart", "level": "SEV1"}
    for minute, status in ((5, "firing"), (25, "resolved")):
        cluster.write("alerts", json.dumps({**said, "status": status}), SEVEN.start + timedelta(minutes=minute))
    cluster.settle()
    assert load(bus, SEVEN, "alert")["loaded"] == 1
    rows = bus.rows(alert, sa.true())
    assert list(zip(rows["alert_id"], rows["service"], rows["status"], strict=True)) == [("a1", "cart", "resolved")]

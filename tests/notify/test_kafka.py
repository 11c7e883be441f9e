"""Findings on a topic, on both engines and a real protocol: each version once, and nothing forgotten."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from include.clock import FixedClock
from include.config.mail import Mail
from include.notify.delivery import deliver
from include.notify.kafka import CannotPublish, Finding, NotPublished, Published, publish
from include.warehouse import Warehouse
from include.warehouse.schema import delivery
from include.window import Window
from tests.fakes.kafka import FakeKafka

NOW = FixedClock(datetime(2026, 11, 5, 9, tzinfo=UTC))
HOUR = Window.parse("2026-11-05T08")


@pytest.fixture
def warehouse(warehouse_url: str) -> Warehouse:
    opened = Warehouse(warehouse_url)
    opened.migrate()
    return opened


@pytest.fixture
def cluster() -> Iterator[FakeKafka]:
    with FakeKafka() as fake:
        yield fake


def found(identity: str, **content: Any) -> Finding:
    return Finding("episode", identity, HOUR, {"state": "open", **content})


def tell(warehouse: Warehouse, cluster: FakeKafka, topic: str, *findings: Finding) -> Published:
    settings = {"bootstrap.servers": cluster.brokers[0], "log_level": 0}
    return publish(warehouse, findings, topic, settings, NOW, timeout=10)


def ledger(warehouse: Warehouse) -> list[tuple[str, str, int]]:
    rows = warehouse.frame(sa.select(delivery).order_by(delivery.c.report_id, delivery.c.updated_at))
    return list(zip(rows["report_id"], rows["state"], rows["attempts"], strict=True))


def test_a_finding_that_is_published_twice_is_on_the_topic_once(warehouse: Warehouse, cluster: FakeKafka) -> None:
    assert tell(warehouse, cluster, "once", found("a"), found("b")) == Published(2, 0, 0)
    assert tell(warehouse, cluster, "once", found("a"), found("b")) == Published(0, 2, 0)
    messages = sorted(cluster.values("once"), key=lambda one: one["key"])
    assert [one["key"] for one in messages] == [b"a", b"b"]
    version = found("a").version
    said = {"kind": "episode", "id": "a", "version": version, "state": "open"}
    assert json.loads(messages[0]["value"]) == said
    assert dict(messages[0]["headers"]) == {"kind": b"episode", "version": version.encode()}
    assert ledger(warehouse) == [("a", "sent", 1), ("b", "sent", 1)]


def test_a_finding_that_has_changed_is_a_new_version(warehouse: Warehouse, cluster: FakeKafka) -> None:
    tell(warehouse, cluster, "versions", found("a", points=3))
    assert tell(warehouse, cluster, "versions", found("a", points=4)) == Published(1, 0, 0)
    assert [json.loads(one["value"])["points"] for one in cluster.values("versions")] == [3, 4]


def test_what_the_brokers_do_not_take_stays_pending_until_they_do(warehouse: Warehouse, cluster: FakeKafka) -> None:
    settings = {"bootstrap.servers": "127.0.0.1:1", "log_level": 0}
    with pytest.raises(NotPublished, match="2 of 2 findings were not taken by topic 'later'"):
        publish(warehouse, [found("a"), found("b")], "later", settings, NOW, timeout=1)
    assert ledger(warehouse) == [("a", "pending", 1), ("b", "pending", 1)]
    assert tell(warehouse, cluster, "later", found("a"), found("b")) == Published(2, 0, 0)
    assert len(cluster.values("later")) == 2
    assert ledger(warehouse) == [("a", "sent", 2), ("b", "sent", 2)]


def test_one_that_is_refused_does_not_hold_up_the_others(warehouse: Warehouse, cluster: FakeKafka) -> None:
    with pytest.raises(NotPublished, match=r"1 of 2 findings .*too large"):
        tell(warehouse, cluster, "large", found("a", text="x" * 2_000_000), found("b"))
    assert ledger(warehouse) == [("a", "pending", 1), ("b", "sent", 1)]
    assert [one["key"] for one in cluster.values("large")] == [b"b"]


def test_a_pending_version_that_a_newer_one_has_overtaken_is_never_written(
    warehouse: Warehouse, cluster: FakeKafka
) -> None:
    with pytest.raises(NotPublished):
        publish(
            warehouse,
            [found("a", points=1)],
            "newest",
            {"bootstrap.servers": "127.0.0.1:1", "log_level": 0},
            NOW,
            timeout=1,
        )
    assert tell(warehouse, cluster, "newest", found("a", points=2)) == Published(1, 0, 1)
    assert [json.loads(one["value"])["points"] for one in cluster.values("newest")] == [2]


def test_mail_leaves_findings_that_are_pending_alone(warehouse: Warehouse) -> None:
    nowhere = {"bootstrap.servers": "127.0.0.1:1", "log_level": 0}
    for points in (1, 2):
        with pytest.raises(NotPublished):
            publish(warehouse, [found("a"), found("b", points=points)], "t", nowhere, NOW, timeout=1)
    before = ledger(warehouse)
    outcome = deliver(warehouse, Mail(enabled=True), NOW, lambda _: pytest.fail("a letter"), lambda _: None)
    assert (outcome.superseded, ledger(warehouse)) == ([], before)


def test_settings_that_cannot_be_used_are_said_to_be(warehouse: Warehouse) -> None:
    with pytest.raises(CannotPublish, match=r"publish.yaml: its settings cannot be used .*ssl.nonsense"):
        publish(warehouse, [found("a")], "t", {"ssl.nonsense": "x"}, NOW)

"""Alerts from a real Alertmanager, and their past from a real Prometheus with back-filled `ALERTS`."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from include.config.source import SourceConfig
from include.sources import SourceRejected
from include.sources.prometheus.firings import fingerprint
from include.window import Window
from tests.servers import Server, openmetrics, running_prometheus
from tests.sources.conftest import Ask, at

START = 1_790_812_800  # 2026-10-01T00:00:00Z
FIRING = 'ALERTS{alertname="HighErrors",alertstate="firing",job="shop/cart",severity="page"}'
PENDING = 'ALERTS{alertname="HighErrors",alertstate="pending",job="shop/cart",severity="page"}'
LABELS = {"alertname": "HighErrors", "job": "shop/cart", "severity": "page"}


def post(server: Server, path: str, body: Any) -> Any:
    answer = httpx.post(f"{server.url}{path}", json=body, trust_env=False)
    answer.raise_for_status()
    return answer.json() if answer.content else None


def past(server: Server, window: Window) -> list[dict[str, Any]]:
    source = Ask.feed({"type": "prometheus", "url": server.url}, {"dataset": "alert"})
    return Ask.rows(source, window)


@pytest.mark.needs("alertmanager")
def test_current_alerts_with_silences_as_suppressed(alertmanager: Server) -> None:
    now = datetime.now(UTC)
    loud = {
        "labels": LABELS,
        "annotations": {"summary": "Errors at 10.0.0.1, ask jane@example.org"},
        "startsAt": (now - timedelta(minutes=10)).isoformat(),
        "generatorURL": "http://prometheus/graph",
    }
    quiet = {"labels": {**LABELS, "job": "shop/auth"}, "startsAt": (now - timedelta(minutes=5)).isoformat()}
    over = {"labels": {**LABELS, "job": "shop/old"}, "startsAt": (now - timedelta(hours=5)).isoformat(),
            "endsAt": (now - timedelta(hours=4)).isoformat()}  # fmt: skip
    post(alertmanager, "/api/v2/alerts", [loud, quiet, over])
    matcher = {"name": "job", "value": "shop/auth", "isRegex": False, "isEqual": True}
    silence = {"matchers": [matcher], "startsAt": now.isoformat(), "endsAt": (now + timedelta(hours=1)).isoformat(),
               "createdBy": "me", "comment": "known"}  # fmt: skip
    post(alertmanager, "/api/v2/silences", silence)

    source = Ask.feed({"type": "alertmanager", "url": alertmanager.url}, {"dataset": "alert"})
    window = Window(now - timedelta(hours=1), now + timedelta(minutes=1))
    rows = {row["service"]: row for row in Ask.rows(source, window)}
    assert set(rows) == {"shop/cart", "shop/auth"}
    cart = rows["shop/cart"]
    assert cart["status"] == "firing"
    assert rows["shop/auth"]["status"] == "suppressed"
    assert cart["fingerprint"] == fingerprint(LABELS)
    assert cart["summary"] == "Errors at <ip>, ask <email>"
    assert (cart["name"], cart["severity"], cart["url"]) == ("HighErrors", "page", "http://prometheus/graph")
    assert cart["ends_at"] is None
    assert cart["raw"] is None
    assert window.start <= cart["updated_at"] < window.end
    assert cart["alert_id"].startswith(cart["fingerprint"])

    before = Window(now - timedelta(hours=3), now - timedelta(hours=2))
    assert Ask.rows(source, before) == []


@pytest.mark.needs("alertmanager")
def test_an_empty_alertmanager_gives_no_rows(alertmanager: Server) -> None:
    source = Ask.feed({"type": "alertmanager", "url": alertmanager.url}, {"dataset": "alert"})
    assert Ask.rows(source, Window.parse("2026-10-01T00")) == []


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Any:
    # Every 15 s: 00:10 to 00:25, 00:40 to 03:20, and pending before each.
    first = [START + 600 + 15 * i for i in range(60)]
    second = [START + 2400 + 15 * i for i in range(640)]
    pending = [START + 300 + 15 * i for i in range(20)]
    text = openmetrics({
        FIRING: ([*first, *second], [1.0] * 700),
        PENDING: (pending, [1.0] * 20),
    })  # fmt: skip
    # Back-filled series carry no staleness marks, so a firing seems to last five minutes longer than it did.
    with running_prometheus(tmp_path_factory.mktemp("history"), text) as server:
        yield server


@pytest.mark.needs("prometheus")
def test_the_past_has_each_firing_with_start_and_end(history: Server) -> None:
    rows = past(history, Window(at(START), at(START + 6 * 3600)))
    assert [(row["starts_at"], row["ends_at"], row["status"]) for row in rows] == [
        (at(START + 600), at(START + 1500 + 300), "resolved"),
        (at(START + 2400), at(START + 12_000 + 300), "resolved"),
    ]
    assert rows[0]["alert_id"] == f"{fingerprint(LABELS)}-20261001T001000Z"
    assert rows[0]["labels"] == '{"alertname":"HighErrors","job":"shop/cart","severity":"page"}'
    assert rows[0]["service"] == "shop/cart"


@pytest.mark.needs("prometheus")
def test_a_firing_keeps_its_id_over_windows_and_its_end_comes_once(history: Server) -> None:
    hours = [past(history, Window(at(START + 3600 * i), at(START + 3600 * (i + 1)))) for i in range(6)]
    second = [(i, row) for i, rows in enumerate(hours) for row in rows if row["starts_at"] == at(START + 2400)]
    assert [(i, row["status"]) for i, row in second] == [
        (0, "firing"), (1, "firing"), (2, "firing"), (3, "resolved")
    ]  # fmt: skip
    assert len({row["alert_id"] for _, row in second}) == 1
    assert [len(rows) for rows in hours] == [2, 1, 1, 1, 0, 0]
    for i, rows in enumerate(hours):
        assert all(row["updated_at"] in Window(at(START + 3600 * i), at(START + 3600 * (i + 1))) for row in rows)


@pytest.mark.needs("prometheus")
def test_a_firing_longer_than_the_look_back_keeps_its_start(tmp_path: Path) -> None:
    times = [START + 60 * i for i in range(3 * 1440)]
    with running_prometheus(tmp_path / "p", openmetrics({FIRING: (times, [1.0] * len(times))})) as server:
        rows = past(server, Window(at(START + 2 * 86_400), at(START + 2 * 86_400 + 3600)))
    assert [(row["starts_at"], row["status"]) for row in rows] == [(at(START), "firing")]


@pytest.mark.needs("prometheus", "alertmanager")
def test_alertmanager_adds_what_only_it_knows_to_the_past(alertmanager: Server, tmp_path: Path) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    base = int(now.timestamp()) // 60 * 60
    times = [base - 3600 + 15 * i for i in range(240)]
    alert = {"labels": LABELS, "annotations": {"summary": "Errors"}, "startsAt": at(base - 3600).isoformat()}
    post(alertmanager, "/api/v2/alerts", [alert])
    with running_prometheus(tmp_path / "p", openmetrics({FIRING: (times, [1.0] * 240)})) as server:
        history = SourceConfig.model_validate({"name": "prom", "type": "prometheus", "url": server.url})
        source = Ask.feed(
            {"type": "alertmanager", "url": alertmanager.url}, {"dataset": "alert"}, history=(history, None)
        )
        rows = Ask.rows(source, Window(at(base - 1800), at(base)))
    assert [(row["summary"], row["status"], row["starts_at"]) for row in rows] == [
        ("Errors", "firing", at(base - 3600))
    ]


def test_a_source_says_which_dataset_it_does_not_have() -> None:
    with pytest.raises(SourceRejected, match="type alertmanager has no incident"):
        Ask.feed({"type": "alertmanager", "url": "http://x"}, {"dataset": "incident"})

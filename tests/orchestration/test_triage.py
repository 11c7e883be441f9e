"""Triage: deliveries are there at once, provisional, and the window's own run makes them final, none twice."""

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from include.clock import FixedClock
from include.inbox import Delivery, Inbox, inbox_beside
from include.inbox.delivery import key_of
from include.orchestration.fill import plan_fill
from include.orchestration.ingest import LoadStopped, load_piece
from include.orchestration.maintain import prune_inbox
from include.orchestration.triage import load_provisionally, triage_window
from include.warehouse import gaps
from include.warehouse.schema import alert, load_log, quarantine_row
from include.window import Grid, Window
from tests.orchestration.shop import SEVEN, Shop, no_credentials

SOURCES = """
sources:
  shop:
    type: files
    path: shop
    layout: {files: metrics/*.csv, metric: metric, value: value, labels: {job: job}}
  pages:
    type: webhook
    connection: hook
    lateness: 1h
    options: {provider: alertmanager}
    feeds:
      pages: {dataset: alert}
"""
NINE_PAST = SEVEN.start + timedelta(minutes=9)
OWN = SEVEN.end + timedelta(minutes=2)


def received(shop: Shop, at: datetime, *alerts: dict[str, Any]) -> None:
    """Put a delivery into the inbox, as the way in does."""
    document = {"version": "4", "alerts": list(alerts)}
    key = key_of(None, json.dumps(document).encode())
    Inbox(inbox_beside(shop.rt.settings.landing)).put(Delivery("pages", at, key, document))


def page(fingerprint: str, status: str = "firing", **more: Any) -> dict[str, Any]:
    labels = {"alertname": f"Page {fingerprint}", "service": "cart", "severity": "critical"}
    return {"status": status, "labels": labels, "startsAt": "2026-11-05T07:05:00Z", "fingerprint": fingerprint, **more}


@pytest.fixture
def hooked(shop: Shop) -> Shop:
    return shop.configure("sources.yaml", SOURCES)


def at(shop: Shop, now: datetime, run_id: str = "triage/one") -> Shop:
    return Shop(replace(shop.rt, clock=FixedClock(now), run_id=run_id))


def triaged(shop: Shop, now: datetime) -> dict[str, Any]:
    rt = at(shop, now).rt
    return load_provisionally(rt, "pages", triage_window(rt, None))


def own_run(shop: Shop, window: Window = SEVEN, again: bool = False, now: datetime = OWN) -> dict[str, Any]:
    piece = {"source": "pages", "window": window.key} | ({"again": "yes"} if again else {})
    rt = at(shop, now, "ingest_events/one").rt
    return load_piece(rt, piece, ["alert"], no_credentials)


def states(shop: Shop) -> dict[str, tuple[str, bool]]:
    rows = shop.again().rows(alert)
    assert not rows.duplicated(["source", "alert_id"]).any()
    return {row.fingerprint: (row.status, bool(row.provisional)) for row in rows.itertuples()}


def test_an_alert_is_provisional_until_its_windows_own_run(hooked: Shop):
    received(hooked, NINE_PAST, page("a"))
    assert triaged(hooked, NINE_PAST + timedelta(seconds=2)) == {"window": SEVEN.key, "pages": 1}
    assert states(hooked) == {"a": ("firing", True)}
    received(hooked, NINE_PAST + timedelta(minutes=1), page("b"), page("a", "resolved", endsAt="2026-11-05T07:10:00Z"))
    assert triaged(hooked, NINE_PAST + timedelta(minutes=2))["pages"] == 2
    assert states(hooked) == {"a": ("resolved", True), "b": ("firing", True)}
    own_run(hooked)
    assert states(hooked) == {"a": ("resolved", False), "b": ("firing", False)}


def test_the_same_triage_again_changes_nothing(hooked: Shop):
    received(hooked, NINE_PAST, page("a"))
    for seconds in (2, 3, 4):
        triaged(hooked, NINE_PAST + timedelta(seconds=seconds))
    assert states(hooked) == {"a": ("firing", True)}


def test_a_triage_that_is_late_leaves_the_window_to_its_own_run(hooked: Shop):
    received(hooked, NINE_PAST, page("a"))
    own_run(hooked)
    rt = at(hooked, OWN + timedelta(seconds=1)).rt
    assert load_provisionally(rt, "pages", SEVEN) == {"window": SEVEN.key, "left_to": "ingest_events"}
    assert states(hooked) == {"a": ("firing", False)}
    rt = at(hooked, SEVEN.end + timedelta(seconds=30)).rt
    assert load_provisionally(rt, "pages", SEVEN)["window"] == SEVEN.key, "the triage of its last minute still runs"


def test_a_window_whose_own_run_failed_becomes_final_when_it_is_read_again(hooked: Shop):
    received(hooked, NINE_PAST, page("a"))
    triaged(hooked, NINE_PAST + timedelta(seconds=2))
    assert own_run(hooked, again=True, now=OWN + timedelta(hours=1))["loaded"] == 1
    assert states(hooked) == {"a": ("firing", False)}
    assert own_run(hooked, again=True, now=OWN + timedelta(hours=1))["unchanged"] == 1


def test_a_window_that_only_triages_have_seen_is_a_gap_until_its_own_run(hooked: Shop):
    received(hooked, NINE_PAST, page("a"))
    triaged(hooked, NINE_PAST + timedelta(seconds=2))
    tasks = [("pages", "pages", "alert")]
    assert gaps(hooked.again().rt.warehouse, SEVEN, tasks, Grid.HOUR)["reason"].tolist() == ["provisional"]
    assert [piece["query"] for piece in plan_fill(at(hooked, OWN).rt, SEVEN, ["pages"])] == ["pages"]
    own_run(hooked)
    assert gaps(hooked.again().rt.warehouse, SEVEN, tasks, Grid.HOUR).empty


def test_an_alert_of_the_next_window_stays_provisional_while_the_last_one_is_made_final(hooked: Shop):
    received(hooked, NINE_PAST, page("a"))
    later = SEVEN.end + timedelta(seconds=40)
    received(hooked, later, page("a", "resolved", endsAt="2026-11-05T08:00:10Z"))
    triaged(hooked, later + timedelta(seconds=1))
    assert states(hooked) == {"a": ("resolved", True)}
    own_run(hooked)
    assert states(hooked) == {"a": ("resolved", True)}, "the older version does not come back"
    eight = SEVEN.shifted(SEVEN.duration)
    own_run(hooked, eight, now=eight.end + timedelta(minutes=2))
    assert states(hooked) == {"a": ("resolved", False)}


def test_without_a_triage_the_windows_own_run_brings_everything(hooked: Shop):
    received(hooked, NINE_PAST, page("a"))
    own_run(hooked)
    assert states(hooked) == {"a": ("firing", False)}


def test_what_cannot_be_understood_is_quarantined_with_its_text(hooked: Shop):
    received(hooked, NINE_PAST, {"labels": {"alertname": "No start"}}, page("a"))
    triaged(hooked, NINE_PAST + timedelta(seconds=2))
    own_run(hooked)
    assert states(hooked) == {"a": ("firing", False)}
    rows = hooked.again().rows(quarantine_row)
    assert rows["raw"].tolist() == ['{"labels": {"alertname": "No start"}}']
    assert set(hooked.again().rows(load_log)["run_id"]) == {"triage/one", "ingest_events/one"}


@pytest.mark.parametrize("name", ["shop", "nobody", ""])
def test_what_is_no_webhook_is_not_triaged(hooked: Shop, name: str):
    with pytest.raises(LoadStopped, match="has no webhook"):
        load_provisionally(hooked.rt, name, SEVEN)


def test_deliveries_go_with_their_retention(hooked: Shop):
    received(hooked, NINE_PAST, page("a"))
    assert prune_inbox(hooked.rt) == {"deliveries": 0}
    assert prune_inbox(at(hooked, NINE_PAST + timedelta(days=121)).rt) == {"deliveries": 1}

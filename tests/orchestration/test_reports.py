"""Results and documents without a scheduler: computed for a window, built for each audience, due once."""

from datetime import timedelta
from pathlib import Path

import pytest

from include.orchestration.reports import (
    compute_slo,
    forecast_capacity,
    publish_capacity,
    publish_data,
    publish_slo,
)
from include.report import EVERYONE, Store
from include.warehouse.schema import capacity_status, delivery, lineage, report, slo_status
from include.window import Window
from tests.orchestration.shop import EIGHT, NINE, SEVEN, Shop


def test_a_budget_is_counted_as_of_the_end_of_the_window(loaded: Shop):
    assert compute_slo(loaded.rt, NINE) == {"healthy": 1}
    (row,) = loaded.rows(slo_status).to_dict("records")
    assert (row["slo"], row["service"], row["calculated_for"].hour) == ("checkout-availability", "checkout", 10)
    bad = 4 * 30.0
    total = sum(100.0 + minute % 7 for minute in range(240))
    assert (row["total"], row["good"]) == (total, total - bad)
    assert loaded.rows(lineage)["producer"].tolist() == ["report_slo"]


def test_computing_a_window_again_replaces_its_rows_and_no_others(loaded: Shop):
    for _ in range(2):
        compute_slo(loaded.rt, EIGHT)
        compute_slo(loaded.rt, NINE)
    assert sorted(loaded.rows(slo_status)["window_start"].dt.hour) == [8, 9]


def test_a_report_has_an_edition_for_everyone_and_one_for_each_owner_and_is_due_once(loaded: Shop):
    compute_slo(loaded.rt, NINE)
    first = publish_slo(loaded.rt, NINE)
    assert publish_slo(loaded.again().rt, NINE) == first
    store = Store(loaded.rt.settings.documents)
    assert [store.read("slo", one).audience for one in first] == [EVERYONE, "payments"]
    assert sorted(loaded.rows(report)["report_id"]) == sorted(first)
    ledger = loaded.rows(delivery)
    assert sorted(ledger["audience"]) == [EVERYONE, "payments"]
    assert set(ledger["state"]) == {"pending"}


def test_late_data_reach_the_page_and_make_no_second_delivery(loaded: Shop):
    compute_slo(loaded.rt, NINE)
    (everyone, _) = publish_slo(loaded.rt, NINE)
    store = Store(loaded.rt.settings.documents)
    was = store.read("slo", everyone).model_dump_json()
    worse = loaded.again("test/late")
    worse.measure("errors", "shop/checkout", Window.parse("2026-11-05T06:00/2026-11-05T10:00"), 100.0)
    worse.ingest(Window.parse("2026-11-05T06:00/2026-11-05T10:00"))
    compute_slo(worse.rt, NINE)
    assert publish_slo(worse.rt, NINE)[0] == everyone
    assert store.read("slo", everyone).model_dump_json() != was
    assert len(worse.rows(delivery)) == 2


def test_a_resource_with_a_limit_gets_a_status_even_when_history_is_too_short(loaded: Shop):
    day = Window(NINE.end - timedelta(days=1), NINE.end)
    assert sum(forecast_capacity(loaded.rt, day).values()) == 2
    status = loaded.rows(capacity_status)
    assert sorted(status["service"]) == ["cart", "checkout"]
    assert set(status["limit_value"]) == {1000.0}
    documents = publish_capacity(loaded.rt, day)
    store = Store(loaded.rt.settings.documents)
    assert [store.read("capacity", one).audience for one in documents] == [EVERYONE, "payments", "storefront"]


def test_the_data_page_shows_what_is_missing_and_why_and_nobody_is_mailed(shop: Shop):
    shop.usual(SEVEN)
    shop.ingest(SEVEN)
    shop.files.rename(Path(f"{shop.files}-away"))
    with pytest.raises(Exception, match="there is no folder"):
        shop.ingest(EIGHT)
    (page,) = publish_data(shop.rt, EIGHT)
    told = Store(shop.rt.settings.documents).read("data", page).model_dump_json()
    assert "load failed" in told
    assert "there is no folder" in told
    assert shop.rows(delivery).empty

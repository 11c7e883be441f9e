"""What a scope is held against: the configuration's limits, and the day before in the warehouse."""

from datetime import timedelta

import pyarrow as pa

from include.datasets import LOG_EVENT, SPAN, Scope, canonical_labels
from include.orchestration.expectations import expectation_for, expected_rows, recent_medians, usual_rows
from include.quality import Verdict
from include.warehouse import Load, load_verdict
from include.window import Window
from tests.orchestration.shop import EIGHT, NINE, SEVEN, Shop

NOTHING = pa.schema([("rule", pa.string()), ("raw", pa.string())]).empty_table()
REQUESTS = Scope("shop", "metric_point", "requests", EIGHT)


def test_a_series_is_known_by_the_median_of_the_day_before_its_window(shop: Shop):
    shop.measure("requests", "shop/cart", SEVEN, [10.0] * 59 + [9000.0])
    shop.measure("requests", "shop/cart", EIGHT, 77.0)
    shop.ingest(SEVEN)
    shop.ingest(EIGHT)
    assert recent_medians(shop.rt, REQUESTS) == {canonical_labels({"job": "shop/cart"}): 10.0}


def test_the_number_of_rows_to_expect_follows_from_the_series_that_were_there(shop: Shop):
    assert expected_rows(shop.rt, expectation_for(shop.rt, REQUESTS), REQUESTS) is None, "nothing is known yet"
    shop.usual(SEVEN)
    shop.ingest(SEVEN)
    assert expected_rows(shop.rt, expectation_for(shop.rt, REQUESTS), REQUESTS) == 120


def test_the_present_is_no_later_than_the_lateness_after_the_window(shop: Shop):
    assert expectation_for(shop.rt, REQUESTS).as_of == NINE.start + timedelta(hours=2)


def test_limits_names_and_leave_come_from_configuration_settings_and_form(shop: Shop):
    found = expectation_for(shop.again(max_series_per_query=7).rt, REQUESTS, allow_unit_change=True)
    assert (found.max_series, found.step_seconds, found.service_label) == (7, 60, "job")
    assert found.allow_unit_change
    assert found.resolve_service is not None
    assert found.resolve_service("shop/cart") == "cart"
    alerts = expectation_for(shop.rt, Scope("shop", "alert", "alerts", EIGHT))
    assert alerts.resolve_service is not None
    assert alerts.resolve_service("nobody") == "unresolved:nobody"


def facts(shop: Shop, dataset: str, window: Window, rows: int) -> None:
    """Load so many lines or spans, spread evenly over a window."""
    contract = {"log_event": LOG_EVENT, "span": SPAN}[dataset]
    whole = {"service": "cart", "message": "m", "trace_id": "t", "duration": 0.1, "operation": "GET", "error": False}
    usual = {name: whole.get(name) for name in contract.schema.names}
    listed = [{**usual, "ts": window.start + window.duration * at / rows, "span_id": str(at)} for at in range(rows)]
    listed = [{name: row[name] for name in contract.schema.names} for row in listed]
    scope = Scope("shop", dataset, "feed", window)
    verdict = Verdict(pa.Table.from_pylist(listed, schema=contract.schema), NOTHING, [], None)
    meaning = shop.rt.config.logs
    load_verdict(shop.rt.warehouse, scope, verdict, Load("l", "r"), resolve=str, clock=shop.rt.clock, meaning=meaning)


def ago(days: int) -> Window:
    return EIGHT.shifted(-timedelta(days=days))


def test_lines_to_expect_are_half_of_the_fewest_at_that_hour_of_the_last_week(shop: Shop):
    scope = Scope("shop", "log_event", "feed", EIGHT)
    for days, rows in ((1, 100), (3, 60)):
        facts(shop, "log_event", ago(days), rows)
    assert usual_rows(shop.rt, scope) is None, "two days are no habit"
    facts(shop, "log_event", ago(7), 80)
    facts(shop, "log_event", ago(8), 10)
    facts(shop, "log_event", SEVEN, 5)
    assert usual_rows(shop.rt, scope) == 30
    assert expected_rows(shop.rt, expectation_for(shop.rt, REQUESTS), REQUESTS) is None, "metrics have their own rule"


def test_spans_to_expect_come_from_wide_loads_too(shop: Shop):
    week = Window(ago(7).start, EIGHT.start - timedelta(hours=1))
    facts(shop, "span", week, 167 * 10)
    assert usual_rows(shop.rt, Scope("shop", "span", "feed", EIGHT)) == 5
    assert usual_rows(shop.rt, Scope("shop", "span", "other", EIGHT)) is None
    wide = Scope("shop", "span", "feed", Window(EIGHT.start, EIGHT.start + timedelta(days=2)))
    assert usual_rows(shop.rt, wide) is None


def test_a_day_that_is_loaded_in_part_only_says_nothing(shop: Shop):
    for days in (1, 2):
        facts(shop, "span", ago(days), 60)
    cut = Window(ago(3).start, ago(3).end - timedelta(minutes=15))
    facts(shop, "span", cut, 45)
    assert usual_rows(shop.rt, Scope("shop", "span", "feed", EIGHT)) is None
    facts(shop, "span", Window(cut.end, ago(3).end), 15)
    assert usual_rows(shop.rt, Scope("shop", "span", "feed", EIGHT)) == 30


def test_a_feed_that_is_silent_at_that_hour_is_never_short(shop: Shop):
    for days, rows in ((1, 100), (2, 60), (3, 0)):
        facts(shop, "log_event", ago(days), rows)
    assert usual_rows(shop.rt, Scope("shop", "log_event", "feed", EIGHT)) == 0

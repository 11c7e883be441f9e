"""What a scope is held against: the configuration's limits, and the day before in the warehouse."""

from datetime import timedelta

from include.datasets import Scope, canonical_labels
from include.orchestration.expectations import expectation_for, expected_rows, recent_medians
from tests.orchestration.shop import EIGHT, NINE, SEVEN, Shop

REQUESTS = Scope("shop", "metric_point", "requests", EIGHT)


def test_a_series_is_known_by_the_median_of_the_day_before_its_window(shop: Shop):
    shop.measure("requests", "shop/cart", SEVEN, [10.0] * 59 + [9000.0])
    shop.measure("requests", "shop/cart", EIGHT, 77.0)
    shop.ingest(SEVEN)
    shop.ingest(EIGHT)
    assert recent_medians(shop.rt, REQUESTS) == {canonical_labels({"job": "shop/cart"}): 10.0}


def test_the_number_of_rows_to_expect_follows_from_the_series_that_were_there(shop: Shop):
    assert expected_rows(expectation_for(shop.rt, REQUESTS), REQUESTS) is None, "nothing is known yet"
    shop.usual(SEVEN)
    shop.ingest(SEVEN)
    assert expected_rows(expectation_for(shop.rt, REQUESTS), REQUESTS) == 120


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

"""The configuration in the warehouse: written, kept equal, and applied again to what came before it was known."""

import json

import pandas as pd

from include.orchestration.dimensions import sync_dimensions
from include.warehouse.schema import alert, maintenance_window, resource_limit, series, service, slo
from tests.orchestration.shop import CONFIG, SEVEN, Shop


def test_services_objectives_limits_and_planned_times_become_those_of_the_configuration(shop: Shop):
    assert sync_dimensions(shop.rt) == 5
    assert sorted(shop.rows(service)["name"]) == ["cart", "checkout"]
    assert shop.rows(slo)["name"].tolist() == ["checkout-availability"]
    assert shop.rows(resource_limit)["limit_value"].tolist() == [1000.0]
    (planned,) = shop.rows(maintenance_window).to_dict("records")
    assert (planned["kind"], planned["starts_at"]) == ("maintenance", pd.Timestamp("2026-11-05T02:00Z"))
    assert sync_dimensions(shop.again().rt) == 0


def test_a_service_that_left_the_configuration_leaves_the_warehouse(shop: Shop):
    sync_dimensions(shop.rt)
    later = shop.configure("services.yaml", CONFIG["services.yaml"].replace("storefront", "orders"))
    assert sync_dimensions(later.rt) == 1
    assert set(later.rows(service)["owner"]) == {"orders", "payments"}


def test_names_that_nobody_knew_get_their_service_without_a_new_load(shop: Shop):
    shop.measure("requests", "shop/stock", SEVEN, 1.0)
    shop.alert("2026-11-05T07:10:00Z", job="Shop: Stock")
    shop.ingest(SEVEN)
    shop.ingest(SEVEN, "alert")
    assert shop.rows(series)["service"].tolist() == ["unresolved:shop/stock"]
    assert shop.rows(alert)["service"].tolist() == ["unresolved:Shop: Stock"]

    known = CONFIG["services.yaml"].rstrip() + (
        '\n          inventory: {owner: logistics, aliases: {shop: [shop/stock, "Shop: Stock"]}}\n'
    )
    later = shop.configure("services.yaml", known)
    assert sync_dimensions(later.rt) == 5 + 1 + 2  # all dimensions, one of them new, and the two that were unresolved
    assert later.rows(series)["service"].tolist() == ["inventory"]
    assert later.rows(alert)["service"].tolist() == ["inventory"]
    assert later.rows(alert)["service_alias"].tolist() == ["Shop: Stock"]
    assert sync_dimensions(later.rt) == 0


def test_an_alias_that_moves_to_another_service_takes_its_series_along(shop: Shop):
    shop.measure("requests", "shop/cart", SEVEN, 1.0)
    shop.ingest(SEVEN)
    assert shop.rows(series)["service"].tolist() == ["cart"]
    later = shop.configure("services.yaml", CONFIG["services.yaml"].replace("[shop/cart]", "[]").replace(
        "[shop/checkout,", "[shop/cart, shop/checkout,"))  # fmt: skip
    sync_dimensions(later.rt)
    assert later.rows(series)["service"].tolist() == ["checkout"]


def test_a_weekly_plan_stands_in_the_warehouse_once_for_each_time_that_it_comes(shop: Shop):
    weekly = """
        maintenance:
          patches:
            services: ["check*"]
            weekly: {days: [sun], start: "02:00", end: "04:00", time_zone: Europe/Berlin}
            reason: updates
            owner: platform
    """
    later = shop.configure("calendar.yaml", weekly).again(retention_days=14)
    sync_dimensions(later.rt)
    rows = later.rows(maintenance_window).sort_values("starts_at")
    assert rows["name"].tolist()[0] == "patches@2026-10-25T00:00Z"  # the night in which clocks go back
    assert len(rows) == 6
    assert rows["services"].map(json.loads).tolist() == [["checkout"]] * 6
    assert set(rows["owner"]) == {"platform"}
    assert sync_dimensions(later.again().rt) == 0

"""Filling gaps: only what is missing, failed or short is read again, in as few reads as may be."""

import pytest

from include.orchestration.fill import changed_since, last_days, plan_fill
from include.orchestration.ingest import LoadStopped, load_piece
from include.window import Window
from tests.orchestration.shop import EIGHT, NINE, SEVEN, Shop

MORNING = Window(SEVEN.start, NINE.end)


def test_a_whole_warehouse_has_nothing_to_fill(shop: Shop) -> None:
    shop.alert("2026-11-05T07:10:00Z")
    for window in (SEVEN, EIGHT, NINE):
        shop.usual(window)
        shop.ingest(window, "metric_point")
        shop.ingest(window, "alert")
    assert plan_fill(shop.rt, MORNING, None) == []


def test_windows_side_by_side_are_read_together_and_whole_ones_not_at_all(shop: Shop) -> None:
    shop.alert("2026-11-05T07:10:00Z")
    shop.usual(SEVEN)
    shop.ingest(SEVEN, "metric_point")
    shop.ingest(MORNING, "alert")
    pieces = plan_fill(shop.rt, MORNING, None)
    missing = Window(EIGHT.start, NINE.end).key
    assert pieces == [
        {"source": "shop", "query": query, "dataset": "metric_point", "window": missing}
        for query in ("errors", "memory", "requests")
    ]


def test_what_was_missing_is_there_afterwards_and_what_changed_is_known(shop: Shop) -> None:
    shop.alert("2026-11-05T07:10:00Z")
    shop.usual(SEVEN)
    shop.ingest(SEVEN, "metric_point")
    shop.ingest(MORNING, "alert")
    for window in (EIGHT, NINE):
        shop.usual(window)
    later = shop.again("test/fill")
    for piece in plan_fill(later.rt, MORNING, ["shop"]):
        load_piece(later.rt, piece, [piece["dataset"]], lambda _: None)  # type: ignore[arg-type, return-value]
    assert plan_fill(later.rt, MORNING, None) == []
    assert changed_since(later.rt, ["metric_point"]) == EIGHT.start
    assert changed_since(later.rt, ["alert"]) is None


def test_a_source_that_is_not_configured_is_named(shop: Shop) -> None:
    with pytest.raises(LoadStopped, match="has no shpo"):
        plan_fill(shop.rt, MORNING, ["shpo"])


def test_the_last_days_end_with_the_last_complete_step(shop: Shop) -> None:
    assert last_days(shop.rt, 2).key == "2026-11-03T12:00:00Z/2026-11-05T12:00:00Z"

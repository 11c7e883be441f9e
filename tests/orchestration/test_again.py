"""A late window read again costs next to nothing where nothing is new, and misses nothing that is."""

from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

from include.clock import FixedClock
from include.datasets import Scope
from include.landing import landed_partitions
from include.orchestration.ingest import LoadStopped, load_piece
from include.warehouse.schema import load_log, quality_result, quarantine_row
from include.window import Window
from tests.orchestration.shop import EIGHT, NOW, SEVEN, Shop, no_credentials

AGAIN = {"source": "shop", "window": SEVEN.key, "again": "yes"}
METRICS = ["metric_point"]


def read_again(shop: Shop) -> dict:
    return load_piece(shop.rt, AGAIN, METRICS, no_credentials)


def test_the_same_answer_is_not_judged_again_and_its_file_is_not_kept_twice(shop: Shop):
    shop.usual(SEVEN)
    shop.ingest(SEVEN)
    before, judged = shop.points(SEVEN), len(shop.rows(quality_result))
    assert read_again(shop) == {**AGAIN, "rows": 360, "unchanged": 3}
    pd.testing.assert_frame_equal(shop.points(SEVEN), before)
    assert len(shop.rows(quality_result)) == judged
    assert len(landed_partitions(shop.rt.settings.landing, newest=False)) == 3
    log = shop.rows(load_log)
    assert log["status"].tolist() == ["loaded"] * 3 + ["unchanged"] * 3
    assert all(Path(path).exists() for path in log["landed_at_path"])


def test_a_changed_point_is_loaded(shop: Shop):
    shop.usual(SEVEN)
    shop.ingest(SEVEN)
    shop.measure("errors", "shop/checkout", SEVEN, [float(minute % 2) for minute in range(59)] + [90.0])
    assert read_again(shop) == {**AGAIN, "rows": 360, "unchanged": 2, "loaded": 1}
    assert (shop.points(SEVEN)["value"] == 90.0).sum() == 1


def test_a_window_that_a_wide_load_has_replaced_since_is_judged_in_full(shop: Shop):
    shop.usual(SEVEN)
    shop.ingest(SEVEN)
    shop.usual(EIGHT)
    later = shop.again("test/wide", clock=FixedClock(NOW + timedelta(minutes=1)))
    later.ingest(Window(SEVEN.start, EIGHT.end))
    judged = len(shop.rows(quality_result))
    assert read_again(later)["unchanged"] == 3
    assert len(shop.rows(quality_result)) > judged


def test_where_the_landed_file_is_gone_the_window_is_judged_in_full(shop: Shop):
    shop.usual(SEVEN)
    shop.ingest(SEVEN)
    for landed in landed_partitions(shop.rt.settings.landing):
        Path(landed.path).with_name(f"{landed.load_id}.manifest.json").unlink()
    assert read_again(shop)["unchanged"] == 3
    assert {one.scope for one in landed_partitions(shop.rt.settings.landing)} == {
        Scope("shop", "metric_point", query, SEVEN) for query in ("errors", "memory", "requests")
    }


def test_what_a_failed_read_set_apart_goes_when_the_old_answer_comes_again(shop: Shop):
    shop.usual(SEVEN)
    shop.measure("memory", "shop/cart", SEVEN, [-1.0] * 3 + [500.0] * 57)
    shop.ingest(SEVEN)
    apart = shop.rows(quarantine_row)["raw"].tolist()
    assert len(apart) == 3
    shop.measure("memory", "shop/cart", SEVEN, -2.0)
    later = shop.again("test/failed", clock=FixedClock(NOW + timedelta(minutes=1)))
    with pytest.raises(LoadStopped, match="break their contract"):
        later.ingest(SEVEN)
    shop.measure("memory", "shop/cart", SEVEN, [-1.0] * 3 + [500.0] * 57)
    read_again(shop.again("test/again", clock=FixedClock(NOW + timedelta(minutes=2))))
    assert shop.rows(quarantine_row)["raw"].tolist() == apart

"""Housekeeping: rows beyond their retention, partitions that nobody would replay, and what killed tasks left."""

from collections import Counter
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa

from include.clock import FixedClock
from include.landing import landed_partitions
from include.orchestration.ingest import LoadStopped
from include.orchestration.maintain import compact_warehouse, expire_rows, prune_landing
from include.warehouse.schema import load_log, metric_point
from tests.orchestration.shop import EIGHT, NOW, SEVEN, Shop


def test_rows_beyond_their_retention_go_and_the_rest_stays(loaded: Shop):
    assert expire_rows(loaded.rt)["metric_point"] == 0
    later = loaded.again(clock=FixedClock(EIGHT.start + timedelta(days=7)), retention_days=7)
    gone = expire_rows(later.rt)
    assert (gone["metric_point"], gone["load_log"]) == (720, 0), "the two hours before eight; loads by their own time"
    assert later.rows(metric_point)["ts"].min() == EIGHT.start
    assert len(later.rows(load_log)) == 3


def test_a_superseded_partition_goes_after_a_day_and_the_newest_stays(shop: Shop):
    shop.usual(SEVEN)
    shop.ingest(SEVEN)
    shop.again(clock=FixedClock(NOW + timedelta(minutes=1))).ingest(SEVEN)
    assert prune_landing(shop.rt) == {"removed": 0, "unfinished": 0, "kept": 6}
    next_day = shop.again(clock=FixedClock(NOW + timedelta(days=1, hours=1)))
    newest = landed_partitions(next_day.rt.settings.landing)
    assert prune_landing(next_day.rt) == {"removed": 3, "unfinished": 0, "kept": 3}
    assert landed_partitions(next_day.rt.settings.landing, newest=False) == newest


def test_what_a_killed_task_left_goes_after_a_day_and_not_while_it_may_still_be_written(shop: Shop):
    shop.usual(SEVEN)
    shop.ingest(SEVEN)
    folder = Path(landed_partitions(shop.rt.settings.landing)[0].path).parent
    old, young = (
        folder / f".{at:%Y%m%dT%H%M%S%fZ}-0123abcd.parquet.part"
        for at in (NOW - timedelta(days=1, minutes=1), NOW - timedelta(hours=23))
    )
    for file in (old, young):
        file.write_bytes(b"half")
    assert prune_landing(shop.rt) == {"removed": 0, "unfinished": 1, "kept": 3}
    assert (old.exists(), young.exists()) == (False, True)


def test_compaction_keeps_every_row(loaded: Shop):
    before = len(loaded.rows(metric_point))
    compact_warehouse(loaded.rt)
    assert len(loaded.again().rows(metric_point)) == before == 1440


def test_a_partition_that_was_refused_or_failed_takes_no_good_one_with_it(shop: Shop):
    shop.usual(SEVEN)
    shop.ingest(SEVEN)
    shop.measure("requests", "shop/cart", SEVEN, [200.0] * 10)
    shop.measure("requests", "shop/checkout", SEVEN, [200.0] * 10)
    shop.measure("memory", "shop/cart", SEVEN, -1.0)
    with pytest.raises(LoadStopped, match="break their contract"):
        shop.again(clock=FixedClock(NOW + timedelta(minutes=1))).ingest(SEVEN)
    next_day = shop.again(clock=FixedClock(NOW + timedelta(days=1, hours=1)))
    assert prune_landing(next_day.rt)["removed"] == 2, "the errors that were read again, and the refused requests"
    left = landed_partitions(next_day.rt.settings.landing, newest=False)
    assert Counter(one.scope.query for one in left) == {"requests": 1, "errors": 1, "memory": 2}

    usual = next_day.points(SEVEN)
    with next_day.rt.warehouse._open(shared=False) as connection, connection.begin():
        connection.execute(sa.delete(metric_point))
    with pytest.raises(LoadStopped, match="break their contract"):
        next_day.ingest(SEVEN, replay=True)
    pd.testing.assert_frame_equal(next_day.points(SEVEN), usual)

"""Loads that meet: windows in any order, wide over narrow, two at once, and one that dies half-way."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import permutations
from random import Random

import pyarrow as pa
import pytest
import sqlalchemy as sa

from include.config.logs import LogRules
from include.datasets import LOG_EVENT, Scope
from include.quality import Verdict
from include.warehouse import Load, Warehouse, load_verdict
from include.warehouse.schema import (
    load_log,
    log_event,
    log_summary,
    log_template,
    quarantine_row,
    service_alias,
    source_column,
)
from include.window import Window, WindowError
from tests.warehouse.shop import CLOCK, HOUR, NOTHING, START

EVERY_LINE = LogRules(routine_sample=1.0)
HOURS = [HOUR.shifted(timedelta(hours=at)) for at in range(3)]
WHOLE = Window(HOURS[0].start, HOURS[-1].end)
EDGE = Window(START + timedelta(minutes=30), START + timedelta(minutes=90))
TABLES = (log_event, log_summary, log_template, service_alias)


def lines(window: Window) -> pa.Table:
    """Three lines a minute, the first on the minute, the last in its last second; each of another order."""
    minutes = int(window.duration / timedelta(minutes=1))
    times = [window.start + timedelta(minutes=at, seconds=second) for at in range(minutes) for second in (0, 7, 59)]
    rows = [{"ts": at, "message": f"read order {at:%H%M%S}", "service": "cart", "level": "info"} for at in times]
    return pa.Table.from_pylist(
        [{**dict.fromkeys(LOG_EVENT.schema.names), **row} for row in rows], schema=LOG_EVENT.schema
    )


def load(warehouse: Warehouse, window: Window, query: str = "feed", service: str = "cart") -> None:
    load_verdict(
        warehouse,
        Scope("shop", "log_event", query, window),
        Verdict(lines(window), NOTHING, [], None),
        Load(f"l-{window.key}", "run-1"),
        resolve=lambda _: service,
        clock=CLOCK,
        meaning=EVERY_LINE,
    )


def held(warehouse: Warehouse) -> list[list[dict[str, object]]]:
    return [warehouse.read(sa.select(table).order_by(*table.c)).to_pylist() for table in TABLES]


def test_windows_in_any_order_leave_the_same_rows_and_templates(warehouse: Warehouse) -> None:
    found = []
    for order in list(permutations(HOURS))[::2]:
        for window in order:
            load(warehouse, window)
        found.append(held(warehouse))
        with warehouse._open(shared=False) as connection, connection.begin():
            for table in (*TABLES, load_log, source_column):
                connection.execute(sa.delete(table))
    assert found[1:] == [found[0]] * (len(found) - 1)
    assert found[0][2][0]["example"] == "read order 070000"


@pytest.mark.parametrize(
    "order",
    [[WHOLE, EDGE], [EDGE, WHOLE], [*HOURS, EDGE], [EDGE, *HOURS], [WHOLE, HOURS[1], EDGE, WHOLE, HOURS[0]]],
    ids=["wide_narrow", "narrow_wide", "hours_across", "across_hours", "many"],
)
def test_windows_that_overlap_leave_each_line_once_and_count_it_once(warehouse: Warehouse, order: list[Window]) -> None:
    for window in order:
        load(warehouse, window)
    stored = warehouse.frame(sa.select(log_event.c.ts, log_event.c.message))
    assert Counter(stored["message"]) == Counter(lines(WHOLE)["message"].to_pylist())
    counted = warehouse.frame(sa.select(log_summary.c.ts, log_summary.c.lines))
    assert counted.groupby("ts")["lines"].sum().tolist() == [3] * 180


def test_lines_of_a_window_that_cuts_a_minute_are_refused(warehouse: Warehouse) -> None:
    with pytest.raises(WindowError, match="does not begin and end on a minute"):
        load(warehouse, Window(START + timedelta(seconds=30), HOUR.end))


def test_feeds_with_the_same_templates_load_at_once(warehouse: Warehouse, warehouse_url: str) -> None:
    def one(at: int) -> None:
        house = Warehouse(warehouse_url, lock_timeout_seconds=60, task=f"test {at}")
        load(house, HOURS[at % 3], f"feed{at % 2}")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(one, range(12)))
    counts = warehouse.frame(
        sa.select(log_summary.c.query, sa.func.sum(log_summary.c.lines).label("lines")).group_by(log_summary.c.query)
    )
    assert dict(zip(counts["query"], counts["lines"].astype(int), strict=True)) == {"feed0": 540, "feed1": 540}
    (template,) = warehouse.read(sa.select(log_template)).to_pylist()
    assert (template["first_seen"], template["example"]) == (START, "read order 070000")


@dataclass
class Dying:
    """A clock that stops in the middle of a load: after the rows are written, before the ledger is."""

    asked: int = 0

    def now(self) -> datetime:
        self.asked += 1
        if self.asked > 1:
            raise KeyboardInterrupt
        return CLOCK.now()


def test_a_load_that_dies_after_its_rows_were_written_leaves_nothing(warehouse: Warehouse) -> None:
    apart = pa.table({"rule": ["parsed"], "raw": ["?"]})
    with pytest.raises(KeyboardInterrupt):
        load_verdict(
            warehouse,
            Scope("shop", "log_event", "feed", HOUR),
            Verdict(lines(HOUR), apart, [], None),
            Load("l1", "run-1"),
            resolve=str,
            clock=Dying(),
            meaning=EVERY_LINE,
        )
    for table in (*TABLES, load_log, quarantine_row, source_column):
        assert warehouse.read(sa.select(table)).num_rows == 0
    load(warehouse, HOUR)
    assert warehouse.read(sa.select(log_event)).num_rows == 180


def test_a_name_keeps_its_service_until_all_that_carries_it_is_resolved_again(warehouse: Warehouse) -> None:
    load(warehouse, HOURS[0])
    load(warehouse, HOURS[1], service="basket")
    assert warehouse.read(sa.select(service_alias.c.service))["service"].to_pylist() == ["cart"]


def test_names_may_be_merged_while_they_are_resolved_again(warehouse: Warehouse, warehouse_url: str) -> None:
    names = [f"{'aB'[at % 2]}{at}" for at in range(40)]
    rows = [
        {"source": "shop", "alias": name, "service": "old", "first_seen": START, "last_seen": START} for name in names
    ]
    for row in Random(3).sample(rows, len(rows)):
        with warehouse.transaction() as tx:
            tx.merge_aliases([row])

    def merge(at: int) -> None:
        seen = [{**row, "last_seen": START + timedelta(seconds=at)} for row in rows]
        with Warehouse(warehouse_url, lock_timeout_seconds=60).transaction() as tx:
            tx.merge_aliases(seen)

    def resolve(at: int) -> None:
        with Warehouse(warehouse_url, lock_timeout_seconds=60).transaction() as tx:
            tx.resolve_again(service_alias, "shop", dict.fromkeys(names, f"now {at}"))

    with ThreadPoolExecutor(3) as pool:
        steps = [pool.submit((merge, resolve)[at % 2], at) for at in range(40)]
    for step in steps:
        step.result()

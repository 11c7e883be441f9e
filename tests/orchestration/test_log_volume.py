"""The log volume report, and how long lines of each class are kept."""

from dataclasses import replace
from datetime import datetime, timedelta

import pyarrow as pa
import pytest

from include.clock import FixedClock
from include.config.logs import LogRules
from include.datasets import LOG_EVENT, Scope
from include.orchestration.log_volume import publish_log_volume
from include.orchestration.maintain import expire_rows
from include.quality import Verdict
from include.report import Document, Store
from include.report.document import NumberColumn
from include.warehouse import Load, load_verdict
from include.warehouse.schema import log_event, log_summary
from include.window import Window
from tests.orchestration.shop import SEVEN, Shop

NOTHING = pa.schema([("rule", pa.string()), ("raw", pa.string())]).empty_table()
DAY = Window(SEVEN.end - timedelta(days=1), SEVEN.end)
ROUTINE = 1000


def load(shop: Shop, start: datetime, routine: int) -> None:
    """Load one failed payment and many routine lines of twenty bytes, a second apart."""
    rows = [{"ts": start, "message": "payment 123 declined", "level": "ERROR"}]
    rows += [
        {"ts": start + timedelta(seconds=at), "message": f"read the order {at:05}", "level": "INFO"}
        for at in range(routine)
    ]
    whole = [{**dict.fromkeys(LOG_EVENT.schema.names), "service": "cart", **row} for row in rows]
    window = Window(start, start + timedelta(hours=1))
    load_verdict(
        shop.rt.warehouse,
        Scope("shop", "log_event", "logs", window),
        Verdict(pa.Table.from_pylist(whole, schema=LOG_EVENT.schema), NOTHING, [], None),
        Load("l1", "run-1"),
        resolve=lambda alias: alias,
        clock=shop.rt.clock,
        meaning=shop.rt.config.logs,
    )


def report(shop: Shop) -> Document:
    (document_id,) = publish_log_volume(shop.rt, SEVEN)
    return Store(shop.rt.settings.documents).read("log_volume", document_id)


def numbers(document: Document, table: str, key: str) -> list[float | None]:
    (found,) = [one for one in document.tables if one.id == table]
    column = found.column(key)
    assert isinstance(column, NumberColumn)
    return column.values


def test_the_report_says_what_came_in_and_what_need_not_be_stored(shop: Shop) -> None:
    load(shop, SEVEN.start, ROUTINE)
    load(shop, SEVEN.start - timedelta(days=1), ROUTINE // 2)
    rules = LogRules(price_per_gib=2**30 / 1000)
    document = report(Shop(replace(shop.rt, config=replace(shop.rt.config, logs=rules))))
    assert numbers(document, "classes", "lines") == [1, 0, ROUTINE]
    critical, _, routine = numbers(document, "classes", "kept")
    assert critical == 1
    assert routine is not None
    assert 60 <= routine <= 140, "a tenth of the routine lines"
    saved = 20 * (ROUTINE - routine)
    said = document.verdict.text.replace("\u202f", " ")
    assert said.startswith(f"20 kB in 1,001 lines came in, {saved / 1000:.3g} kB of them")
    assert f"that saves {30 * saved / 1000:.0f} EUR in 30 such days" in said
    assert numbers(document, "services", "before") == [20.0 * (ROUTINE // 2 + 1)]


def test_a_service_that_writes_twice_as_much_as_the_day_before_is_named(shop: Shop) -> None:
    load(shop, SEVEN.start, ROUTINE)
    load(shop, SEVEN.start - timedelta(days=1), ROUTINE // 4)
    (action,) = report(shop).actions
    assert (action.subject, action.when) == ("cart", "3.99 times the day before")
    assert action.owner == "storefront"


def test_a_day_without_lines_says_so(shop: Shop) -> None:
    document = report(shop)
    assert document.verdict.text.startswith("No log line was read")
    assert document.charts == []


@pytest.mark.parametrize(("age", "left"), [(1, {"CRITICAL", "ROUTINE"}), (40, {"CRITICAL"}), (95, set())])
def test_lines_are_kept_as_long_as_their_class_says(shop: Shop, age: int, left: set[str]) -> None:
    load(shop, SEVEN.start, ROUTINE)
    rules = LogRules(critical_days=90, routine_days=30)
    clock = FixedClock(SEVEN.start + timedelta(days=age))
    later = Shop(replace(shop.rt, config=replace(shop.rt.config, logs=rules), clock=clock))
    expire_rows(later.rt)
    assert set(later.rows(log_event)["log_class"]) == left
    assert later.rows(log_summary)["lines"].sum() == ROUTINE + 1, "the counts stay"


def test_a_day_that_would_end_within_an_hour_ends_with_the_last_whole_one(shop: Shop) -> None:
    load(shop, SEVEN.start - timedelta(days=1), ROUTINE)
    load(shop, SEVEN.start, ROUTINE)
    quarter = Window(SEVEN.end + timedelta(minutes=15), SEVEN.end + timedelta(minutes=30))
    (document_id,) = publish_log_volume(shop.rt, quarter)
    document = Store(shop.rt.settings.documents).read("log_volume", document_id)
    assert (document.window_start, document.window_end) == (DAY.start, DAY.end)
    assert numbers(document, "classes", "lines") == [1, 0, ROUTINE]
    assert numbers(document, "services", "lines") == [ROUTINE + 1]
